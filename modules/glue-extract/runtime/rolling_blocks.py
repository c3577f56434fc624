"""Blocks of rows of a file. A block stores its values by column.

With millions of groups, a run would spend most of its time on work for each row. A block has thousands of
rows of one recipient, so that most work is done for a whole column at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import eq
from pathlib import Path
from typing import NamedTuple

from rolling_copy import value_of
from rolling_totals import Row

_READ = 1 << 20  # bytes that are read from a file at once
_ROWS = 2000  # number of rows in a block that is made from single rows

Cells = list[str | None]


class Block(NamedTuple):
    """Consecutive rows of a file, before their columns are chosen and ordered.

    `columns` are the recipient, the columns of the group and the metrics, or the columns of a listing.
    `measured` has the sums over the rows for `Tally.add`.
    """

    recipient: str
    rows: int
    columns: list[Cells]
    measured: Sequence[int]


class Lines(NamedTuple):
    """Lines of a result that a COPY wrote. The values are stored by column.

    If consecutive lines have equal labels, `lines_of` yields all of them in one `Lines` object.
    """

    size: int
    columns: list[list[str]]

    def part(self, start: int, end: int | None = None) -> Lines:
        """Return the lines from `start` up to the line before `end`."""
        if start == 0 and end in (None, self.size):
            return self
        columns = [column[start:end] for column in self.columns]
        return Lines(len(columns[0]), columns)

    def cells(self, column: int) -> Cells:
        """Return the values of a column."""
        texts = self.columns[column]
        if "\\" in "".join(texts):
            return [value_of(text) for text in texts]
        return [*texts]

    def rows(self) -> Iterator[Cells]:
        """Yield each line as the list of its values."""
        return map(list, zip(*map(self.cells, range(len(self.columns))), strict=True))


def blocks_of(rows: Iterable[Row]) -> Iterator[Block]:
    """Yield the rows in blocks, each with rows of one recipient."""
    found: list[Row] = []
    for row in rows:
        if found and (len(found) == _ROWS or row.recipient != found[0].recipient):
            yield _block(found)
            found = []
        found.append(row)
    if found:
        yield _block(found)


def _block(rows: Sequence[Row]) -> Block:
    recipient = rows[0].recipient
    columns = [
        [*column] for column in zip(*((recipient, *row.group, *row.values) for row in rows), strict=True)
    ]
    measured = [sum(column) for column in zip(*(row.measured for row in rows), strict=True)]
    return Block(recipient, len(rows), columns, measured)


def lines_of(path: Path, labels: int) -> Iterator[Lines]:
    """Yield the lines of a file that a COPY wrote. `labels` is the number of columns before the segment."""
    waiting: list[str] = []  # fields of the last lines: the next lines may have the same labels
    width = 0
    with path.open("rb") as file:
        # Each line ends with a line feed and contains no other line feed.
        while read := file.read(_READ):
            text = (read + file.readline()).decode()
            width = width or text.partition("\n")[0].count("\t") + 1
            fields = waiting + text[:-1].replace("\n", "\t").split("\t")
            kept = _same_at_end(fields, width, labels)
            waiting = fields[len(fields) - kept * width :]
            if count := len(fields) // width - kept:
                yield _lines(fields[: count * width], width)
    if waiting:
        yield _lines(waiting, width)


def _lines(fields: list[str], width: int) -> Lines:
    return Lines(len(fields) // width, [fields[column::width] for column in range(width)])


def _same_at_end(fields: list[str], width: int, labels: int) -> int:
    """Return how many lines at the end have the same labels. The first column, the kind, is ignored."""
    last = fields[len(fields) - width + 1 : len(fields) - width + labels]
    count = 1
    for start in range(len(fields) - 2 * width, -1, -width):
        if fields[start + 1 : start + labels] != last:
            break
        count += 1
    return count


def repeats(columns: Sequence[list[str]]) -> bool:
    """Return whether any two consecutive lines are equal in all of these columns.

    >>> repeats([["1", "1", "2"], ["a", "b", "b"]]), repeats([["1", "1"], ["a", "a"]])
    (False, True)
    """
    # If one column has no equal values in consecutive lines, no two consecutive lines are equal. In
    # most files, such a column exists, so this fast check is enough.
    if not all(any(map(eq, column, column[1:])) for column in columns):
        return False
    lines = [*zip(*columns, strict=True)]
    return any(map(eq, lines, lines[1:]))


def runs(column: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the start and the end of each sequence of equal texts.

    >>> [*runs(["a", "a", "b"])]
    [(0, 2), (2, 3)]
    """
    if column and column.count(column[0]) == len(column):
        yield 0, len(column)
        return
    start = 0
    for _, same in groupby(column):
        end = start + sum(1 for _ in same)
        yield start, end
        start = end
