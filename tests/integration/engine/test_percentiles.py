"""Median and percentiles are exact."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

import pytest

from tests.support.bank import Engine, Store


@pytest.mark.parametrize(
    ("aggregate", "amounts", "figure"),
    [
        ("median", ("1.00", "10.00", "2.00"), "2.00"),
        ("median", ("0.01", "0.02"), "0.02"),  # exactly 0.015, which is rounded half up
        ("median", ("-0.01", "-0.02"), "-0.02"),
        ("median", ("7.10",), "7.10"),
        ("p90", ("1.00", "2.00", "3.00"), "2.80"),
        ("p25", ("0.00", "0.10", "0.20", "0.30"), "0.08"),  # 0.075
        ("p99", ("99999999999999.99", "0.00"), "98999999999999.99"),
    ],
)
def test_percentile_is_interpolated_linearly(
    bare_store: Store, in_spark: Engine, aggregate: str, amounts: tuple[str, ...], figure: str
) -> None:
    bare_store.create(amount="numeric(16,2)")
    branch = bare_store.branch()
    for month, amount in zip((8, 9, 10, 10), amounts, strict=False):
        bare_store.loan(branch, f"2026-{month:02d}-05", amount)
    bare_store.loan(branch, "2026-10-05", None)
    bare_store.loan(branch, "2026-07-31", 1000)
    bare_store.branch(bank="Beta")
    delivered = in_spark("2026-10", aggregate=aggregate)
    [line] = delivered.lines("Alpha")
    assert line[f"amount_{aggregate}"] == figure
    assert line["amount_sum"] == str(sum(map(Decimal, amounts)))
    [empty] = delivered.lines("Beta")
    assert (empty["loans_count"], empty[f"amount_{aggregate}"]) == ("0", "")


def test_percentiles_match_percentile_cont_of_postgresql(store: Store, in_spark: Engine) -> None:
    branch = store.branch()
    for amount in range(0, 1000, 7):
        store.loan(branch, "2026-10-05", amount * amount % 1013)
    for hundredths, aggregate in ((50, "median"), (1, "p1"), (37, "p37")):
        [[theirs]] = store.connection.execute(
            'SELECT percentile_cont(%s::float8 / 100) WITHIN GROUP (ORDER BY "Amount") FROM "Loans"',
            [hundredths],
        ).fetchall()
        folder = in_spark.folder / aggregate
        [line] = replace(in_spark, folder=folder)("2026-10", aggregate=aggregate).lines("Alpha")
        assert Decimal(line[f"amount_{aggregate}"]) == Decimal(repr(theirs)).quantize(
            Decimal("0.01"), ROUND_HALF_UP
        )
