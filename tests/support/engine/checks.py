"""Compare a publication with the expected result of the oracle."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Protocol

from tests.support.engine.oracle import Case, Expected, Month, Tables, oracle, written

Totals = Mapping[str, Any]


class Delivered(Protocol):
    def lines(self, recipient: str, period: str) -> list[dict[str, str]]: ...

    def manifest(self, period: str) -> dict[str, Any]: ...


def check(case: Case, tables: Tables, periods: tuple[Month, ...], delivered: Delivered) -> None:
    """Compare the files and the totals in the manifest with the oracle. Fail if they differ.

    The comparison includes the values and the order of rows and columns.
    """
    for month, period in zip(periods, written(periods), strict=True):
        expected = oracle(case, tables, month)
        manifest = delivered.manifest(period)
        assert {entry["recipient"] for entry in manifest["files"]} == set(expected.files)
        for recipient, rows in expected.files.items():
            found = delivered.lines(recipient.replace(" ", ""), period)
            assert found == rows, recipient
            # A comparison of dictionaries ignores the order of keys. So also compare the order of columns.
            assert [list(row) for row in found] == [list(row) for row in rows]
        check_totals(case, expected, manifest)


def check_totals(case: Case, expected: Expected, manifest: Totals) -> None:
    source = manifest["source"]
    assert source["rows"] == expected.rows
    assert manifest["undated_rows"] == expected.undated
    assert manifest["orphans"]["rows"] == expected.orphans
    assert manifest["excluded"]["rows"] == expected.excluded
    for name, metric in case.metrics.items():
        found = source["metrics"][name]
        assert found["count"] == expected.counts[name], name
        if "sum" in found or metric.aggregate not in ("count", "count_distinct"):
            # If a sum has infinitely many digits, the engine writes 20 digits after the decimal point.
            difference = Fraction(found["sum"]) - (expected.sums[name] or 0)
            assert abs(difference) < Fraction(1, 10**19), (name, found, expected.sums[name])
