"""Whole runs with files of random formats.

Each file of a run is read back and compared with the rows of the source.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import hypothesis
from hypothesis import given

from rolling_extract import File
from tests.support.bank import Engine, Store
from tests.support.engine import formats
from tests.support.engine.formats import COLUMNS, METRICS, SPEC, Cells, Unreadable

# For each group: the recipient, the values of the group, and the amounts in its rows.
GROUPS: tuple[tuple[tuple[str, str, str | None, str | None, str | None], tuple[str | None, ...]], ...] = (
    (("Alpha", "-7", "0.5", "2026-02-28", "Main St 1"), ("1000.50", "-0.25", "0.01")),
    (("Alpha", "3", "-12.25", None, ""), ("1234567.89", "0.02")),
    (("Alpha", "12", None, "1999-12-31", "NULL"), (None,)),
    (("Alpha", "40000", "1e+20", None, None), ("-9999999.99", "0.05", None)),
    (("Łódź 1", "5", "1000", "2031-01-01", "é; 'b'-c"), ("0.01", "0.02", "0.02", "0.02")),
    (("Łódź 1", "6", "3", "2026-10-05", "a/b.c"), ("-0.01",)),
)


@hypothesis.settings(max_examples=40)
@given(file=formats.files())
def test_file_in_a_random_format_is_read_back_with_the_expected_rows(
    file: File, bare_store: Store, engine: Engine
) -> None:
    load(bare_store)
    shutil.rmtree(engine.folder, ignore_errors=True)
    run = replace(engine, spec=replace(SPEC, file=file))
    recipients = ("Alpha", "Łódź 1")
    try:
        wanted = {name: formats.expected(rows(name), name.replace(" ", ""), file) for name in recipients}
    except Unreadable:
        assert run.refusal("2026-10").endswith(". Nothing was published.")
        assert not [path for path in engine.folder.rglob("*") if path.is_file()]
        return
    manifest = run("2026-10").manifest()
    assert [entry["recipient"] for entry in manifest["files"]] == [*recipients]
    for entry in manifest["files"]:
        read = formats.read(file_at(engine.folder, entry["key"]).read_bytes(), file)
        assert read.rows == wanted[entry["recipient"]]
        if read.last is not None:
            assert [int(read.last[1]), int(read.last[2])] == [
                entry["rows"],
                entry["totals"]["metrics"]["fees_sum"]["count"],
            ]


def load(store: Store) -> None:
    store.sql("DROP TABLE IF EXISTS fees")
    store.sql(
        """CREATE TABLE fees (owner text, id int, rate double precision, day date, address text,
                              amount numeric(12,2), made date)"""
    )
    for group, amounts in GROUPS:
        for amount in amounts:
            store.sql("INSERT INTO fees VALUES (%s, %s, %s, %s, %s, %s, '2026-10-05')", *group, amount)


def rows(recipient: str) -> list[Cells]:
    """Return the expected rows of the recipient's file, in order."""
    made: list[Cells] = []
    for (owner, *group), amounts in GROUPS:
        known = [Decimal(amount) for amount in amounts if amount is not None]
        figures = {"fees_count": str(len(known)), "fees_sum": None, "fees_avg": None}
        if known:
            total = sum(known, Decimal(0))
            average = (total / len(known)).quantize(Decimal("0.001"), ROUND_HALF_UP)
            figures |= {"fees_sum": f"{total:.2f}", "fees_avg": f"{average}"}
        fixed = ("2026-10", "2026-10-01", "2026-10-31")
        values = (owner, *group, *fixed, *(figures[name] for name in METRICS))
        if owner == recipient:
            made.append(dict(zip(COLUMNS, values, strict=True)))
    return made


def file_at(folder: Path, key: str) -> Path:
    return folder / key.removeprefix(f"{folder}/")
