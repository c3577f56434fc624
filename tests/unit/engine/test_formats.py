"""Files with random formats and rows are read back with the correct values, records and markers."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import cast

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolling_blocks import Block, blocks_of
from rolling_errors import ExtractError
from rolling_format import Csv, File, FixedWidth
from rolling_period import Period
from rolling_resolved import Resolved
from rolling_result import Result
from rolling_span import Span
from rolling_spec_check import check
from rolling_totals import Row, Tally
from rolling_writing import write_files
from tests.support.engine import formats
from tests.support.engine.formats import COLUMNS, SPEC, Cells, Unreadable
from tests.support.engine.handmade import column, measure, metric, resolved, tables

OCTOBER = Period(2026, 10)
RESOLVED = resolved(
    tables=tables("fees"),
    date=column("t0", "day", "date"),
    recipient_label="bank",
    recipient=column("t0", "owner"),
    group_by={
        "id": column("t0", "id", "integer"),
        "rate": column("t0", "rate", "double precision"),
        "day": column("t0", "day", "date"),
        "address": column("t0", "address"),
    },
    measures=(measure(column("t0", "amount", "numeric", 2)),),
    metrics=(
        metric("count", scale=None, name="fees_count"),
        metric("sum", name="fees_sum"),
        metric("avg", scale=3, name="fees_avg"),
    ),
    columns=COLUMNS,
    defuse_formulas=False,
)
RECIPIENTS = ("Alpha", "Łódź 1")
LATIN = st.text(" ;|.-/'*0aZé", max_size=9)
TEXTS = st.text(" \";,|\t.-/'*0aZ=éŁ€𝄞", max_size=9)
WILD = st.text(' ";,|\t\r\n\x85\u2028aé', max_size=9)


@st.composite
def rows(draw: st.DrawFn) -> Row:
    """Return a random row. Some of its cells can have any value that a source can have."""
    cents, count = draw(st.integers(-(10**10), 10**10)), draw(st.integers(0, 5))
    average = Decimal(draw(st.integers(-(10**8), 10**8))).scaleb(-3)
    day = draw(st.one_of(st.none(), st.dates(min_value=date(1900, 1, 1)).map(str)))
    rate = draw(st.sampled_from((None, "0.5", "-12.25", "1000", "-3")))
    usual = st.sampled_from((None, "", "NULL", "Main St 1", "x"))
    text = draw(st.one_of(usual, usual, usual, usual, LATIN, LATIN, LATIN, TEXTS, WILD))
    group = (str(draw(st.integers(-99, 99999))), rate, day, text)
    values = (str(count), f"{Decimal(cents).scaleb(-2)}", f"{average}") if count else ("0", "", "")
    return Row(
        draw(st.sampled_from(("Alpha", "Alpha", *RECIPIENTS))),
        group,
        values,
        (count, count, cents if count else 0),
    )


class Found:
    """The result of the queries of the source, with the rows that the test gives."""

    def __init__(self, file: File, found: list[Row]) -> None:
        self.resolved: Resolved = replace(RESOLVED, file=file)
        self.span = Span((OCTOBER,), (1,))
        self._rows = found

    def blocks(self, _: Period) -> Iterator[Block]:
        return blocks_of(self._rows)

    def tally(self) -> Tally:
        return Tally(self.resolved, (2,))


def cells(row: Row) -> Cells:
    fixed = ("2026-10", "2026-10-01", "2026-10-31")
    values = (row.recipient, *row.group, *fixed, *(value or None for value in row.values))
    return dict(zip(COLUMNS, values, strict=True))


@hypothesis.settings(max_examples=10_000 if os.environ.get("HYPOTHESIS_PROFILE") == "deep" else 300)
@given(file=formats.files(), found=st.lists(rows(), max_size=5))
def test_file_of_any_format_is_read_back_with_the_rows_that_were_written(
    file: File, found: list[Row]
) -> None:
    check(replace(SPEC, file=file))
    found.sort(key=lambda row: row.recipient)
    by_recipient = {name: [row for row in found if row.recipient == name] for name in RECIPIENTS}
    with tempfile.TemporaryDirectory() as folder:
        made = (cast(Result, Found(file, found)), OCTOBER, RECIPIENTS, Path(folder) / "files")
        try:
            wanted = {
                name: formats.expected([cells(row) for row in rows], name.replace(" ", ""), file)
                for name, rows in by_recipient.items()
            }
        except Unreadable:
            with pytest.raises(ExtractError):
                write_files(*made)
            return
        written, _ = write_files(*made)
        for one in written:
            assert one.sha256 == hashlib.sha256(one.path.read_bytes()).hexdigest()
            assert one.bytes == one.path.stat().st_size
        plain = {one.name: one for one in written if not one.marker}
        assert [one.recipient for one in plain.values()] == [*RECIPIENTS]
        for one in plain.values():
            read = formats.read(one.path.read_bytes(), file)
            assert read.rows == wanted[one.recipient]
            assert read.titles == (list(COLUMNS) if file.format.header else None)
            for letter, record in (("H", read.first), ("T", read.last)):
                if record is not None:
                    check_record(record[:-1], letter, one.recipient, read, file.format)
                    others = [read.titles, read.first, read.last]
                    assert int(record[-1]) == len(read.rows) + 3 - others.count(None)
        markers = [(one.name, one.path.read_bytes()) for one in written if one.marker]
        assert markers == [
            (f"{one.name}.{kind}", f"{one.sha256}  {one.name}\n".encode() if kind == "sha256" else b"")
            for kind in file.markers
            for one in plain.values()
        ]


def check_record(
    record: list[str], letter: str, recipient: str, read: formats.Content, form: Csv | FixedWidth
) -> None:
    """Compare the first or last record of a file with the totals of the rows in the same file."""
    thousands = form.thousands if isinstance(form, Csv) else ""
    total = record[3].replace(thousands, "") if thousands else record[3]
    sums = [Decimal(row["fees_sum"] or 0) for row in read.rows]
    counts = [int(row["fees_count"] or 0) for row in read.rows]
    assert [record[0], *record[4:]] == [letter, "20261031", recipient.replace(" ", "")]
    assert (int(record[1]), int(record[2])) == (len(read.rows), sum(counts))
    if isinstance(form, FixedWidth) and form.field("fees_sum").implied:
        assert Decimal(total).scaleb(-2) == sum(sums)
    else:
        assert Decimal(total.replace(form.decimal, ".")) == sum(sums)
