"""Reading rows in blocks gives the same result as reading rows one after another."""

from __future__ import annotations

import tempfile
from itertools import groupby
from pathlib import Path
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

import rolling_blocks
from rolling_period import Period
from rolling_result import Facts, Result, Sums
from rolling_span import Span
from tests.support.engine.handmade import column, loans, measure, metric

# The parts of a row: its kind, its group-by columns, its segment and its numbers.
Line = tuple[str, tuple[str, ...], str, tuple[str, ...]]

OCTOBER = Period(2026, 10)
AMOUNT = measure(column("t0", "Amount", "numeric", 2), needs=frozenset({"sum", "min"}))
OTHER = measure(column("t1", "Balance", "integer"))
SPEC = loans(
    measures=(AMOUNT, OTHER),
    metrics=(
        *(metric("count", 0, 3), metric("sum", 0, 3), metric("min", 0, 3, 4), metric("avg", 0, 3, 1)),
        metric("avg", 1, 3),
    ),
)
# Segment 0 is before the window, segment 1 is in the window, and segment 2 is after the window.
SEGMENTS = st.sampled_from(["1", "1", "1", "0", "2"])
LABELS = st.tuples(
    st.sampled_from(["Alpha", "Beta", r"Ga\\m\tma"]),
    st.sampled_from(["1", "2", "3", r"\N"]),
    st.sampled_from(["Main Road", r"\N", ""]),
)
AMOUNTS = st.sampled_from(["0.00", "-1.05", "10.5", "3", "12345678901234567890.99"])
# The number of rows; the count, sum and minimum of AMOUNT; the count and sum of OTHER.
NUMBERS = st.tuples(st.just("7"), st.just("3"), AMOUNTS, AMOUNTS, st.just("2"), st.sampled_from(["-5", "9"]))
NOTHING = (r"\N",) * 6
GROUPS = st.tuples(st.just("2"), LABELS, SEGMENTS, NUMBERS | st.just(("7", "0", r"\N", r"\N", "0", r"\N")))
EMPTY = st.tuples(st.just("2"), LABELS, st.just("0"), st.just(NOTHING))
UNASSIGNED = st.tuples(st.just("3"), st.just(("None", r"\N", r"\N")), SEGMENTS, NUMBERS)
BEFORE = st.tuples(st.sampled_from(["-1", "0", "1"]), st.just((r"\N", r"\N", r"\N")), st.just("1"), NUMBERS)


def result(path: Path) -> Result:
    nothing = Sums(0, [0, 0], [0, 0])
    facts = Facts("", None, {}, nothing, {}, 0, (2, 0))
    return Result(SPEC, Span.of(SPEC, [OCTOBER]), facts, {}, path, ())


@settings(max_examples=100)
@given(
    groups=st.lists(GROUPS | EMPTY, max_size=8),
    others=st.lists(BEFORE | UNASSIGNED, max_size=2),
    read=st.sampled_from([1, 80, 1 << 20]),
)
def test_rows_read_in_blocks_equal_rows_read_one_by_one(
    groups: list[Line], others: list[Line], read: int
) -> None:
    before = sorted(line for line in others if line[0] != "3")
    lines = [
        *before,
        *sorted(groups, key=lambda line: line[1:]),
        *(each for each in others if each[0] == "3"),
    ]
    with tempfile.TemporaryDirectory() as folder, patch.object(rolling_blocks, "_READ", read):
        path = Path(folder) / "rows"
        text = "".join(
            "\t".join([kind, *labels, segment, *rest]) + "\n" for kind, labels, segment, rest in lines
        )
        path.write_text(text)
        found = result(path)
        rows, blocks = [*found.rows(OCTOBER)], [*found.blocks(OCTOBER)]
    cells = [(row.recipient, *row.group, *row.values) for row in rows]
    assert [cell for block in blocks for cell in zip(*block.columns, strict=True)] == cells
    assert [key for key, _ in groupby(block.recipient for block in blocks)] == [
        key for key, _ in groupby(row.recipient for row in rows)
    ]
    tallies = found.tally(), found.tally()
    for row in rows:
        tallies[0].add(row)
    for block in blocks:
        tallies[1].add(block)
    assert tallies[0].measured == tallies[1].measured
