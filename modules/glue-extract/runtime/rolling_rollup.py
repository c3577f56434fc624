"""Make the rows of one period: merge partial aggregates of segments into windows, and write them as text.

If a run has one period and all its windows have the same length, there is one segment. Then each line becomes
one row. Such lines are converted in blocks, column by column, which is much faster than the loop in
`Rollup.rows`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from operator import add

import rolling_blocks
import rolling_partials
from rolling_blocks import Block, Cells, Lines
from rolling_copy import NULL
from rolling_errors import ExtractError
from rolling_labels import GROUP, UNASSIGNED
from rolling_partials import Family
from rolling_period import Period
from rolling_resolved import Resolved
from rolling_span import Span
from rolling_totals import Row, pairs_of
from rolling_values import COUNT, LOW, MAX, MIN, SQUARES, SUM, Aggregates, formatter, scaled, scaled_all

_PLACES = {"count": COUNT, "sum": SUM, "min": MIN, "max": MAX, "squares": SQUARES, "wide": SQUARES}
_MERGED: dict[int, Callable[[int, int], int]] = {COUNT: add, SUM: add, SQUARES: add, MIN: min, MAX: max}
_NONE = (0,) * 7
_OWNED = (str(GROUP), str(UNASSIGNED))  # kinds of lines that become rows of a file

Line = list[str | None]


class Rollup:
    """Makes the rows of one period from the lines of the queries. The lines are in the order of the file."""

    def __init__(self, resolved: Resolved, span: Span, period: Period, digits: Sequence[int]) -> None:
        self._resolved = resolved
        self._number = span.periods.index(period)
        self._digits = digits
        self._pairs = pairs_of(resolved)
        self._from_entity = rolling_partials.starts_at_entity(resolved)
        self._end = span.longest(period)[-1]
        longest = set(span.longest(period))
        windows = [set(span.numbers(period, pair.window)) for pair in self._pairs]
        # For each segment of the longest window: indexes into `_pairs` of the pairs whose windows contain the
        # segment. The key is the number of the segment as text.
        self._in_window = {
            str(number): [i for i, window in enumerate(windows) if number in window] for number in longest
        }
        self._segment = 2 + len(resolved.group_by)
        self._columns = [self._columns_of(pair.measure) for pair in self._pairs]
        # For each metric: the index of its pair in `_pairs`, and the function that formats its value.
        self._metrics = []
        for metric in resolved.metrics:
            pair = next(i for i, p in enumerate(self._pairs) if p == (metric.measure, metric.window))
            write = formatter(metric, resolved.measures[metric.measure], digits[metric.measure])
            self._metrics.append((pair, write))

    def _columns_of(self, measure: int) -> list[tuple[int, int, int]]:
        """Return three numbers for each column that a line has for the measure.

        They are the index of the column in the line, the index of its value in `Aggregates`, and the number
        of digits after the point.
        """
        first, digits = self._segment + 1, self._digits[measure]
        found = []
        if rolling_partials.counts_rows(self._resolved.measures[measure]):
            found.append((first, COUNT, 0))
        for i, partial in enumerate(rolling_partials.partials(self._resolved), start=first + 1):
            if partial.measure == measure:
                place = _PLACES[partial.part]
                scale = {COUNT: 0, SQUARES: 2 * digits}.get(place, digits)
                if partial.part == "wide":
                    # With these digits, the value is converted to units of the last digit of a square.
                    scale = partial.place * rolling_partials.GROUP_DIGITS
                found.append((i, place, scale))
        return found

    def rows(self, lines: Iterator[Line], families: Sequence[tuple[Family, Iterator[Line]]]) -> Iterator[Row]:
        """Yield the rows. `lines` are the lines of groups and of unassigned rows."""
        singles = [
            _Singles(family, self._resolved, found, self._number, self._digits[family.measure])
            for family, found in families
        ]
        segment, rows_at = self._segment, self._segment + 1
        in_window, from_entity, end = self._in_window, self._from_entity, self._end
        last: Line | None = None
        nothing: list[list[int] | None] = [None] * len(self._pairs)
        exists, rows, found = False, 0, nothing.copy()
        for line in lines:
            labels = line[1:segment]
            if labels != last:
                if exists:
                    assert last is not None
                    yield self._row(last, rows, found, singles)
                last = labels
                exists, rows, found = False, 0, nothing.copy()
            number = line[segment]
            if from_entity:
                exists = exists or int(number or 0) <= end
            elif line[0] == "2":
                exists = True
            pairs = in_window.get(number or "")
            if pairs is None:
                continue
            exists = True
            rows += int(line[rows_at] or 0)
            for pair in pairs:
                self._merge(found, pair, line)
        if exists:
            assert last is not None
            yield self._row(last, rows, found, singles)
        for single in singles:
            single.check_ended()

    @property
    def one_segment(self) -> bool:
        """Whether every window of the period is exactly segment 1."""
        return self._in_window == {"1": [*range(len(self._pairs))]}

    def blocks(self, chunks: Iterator[Lines]) -> Iterator[Block]:
        """Yield the rows in blocks. `chunks` contain all lines of the result, also lines of totals.

        There must be one segment, and each metric must be computable from partial aggregates.
        """
        for chunk in chunks:
            # The first lines are totals, orphan rows and excluded rows, which do not become rows of a file.
            kinds = chunk.columns[0]
            lines = chunk.part(next((i for i, kind in enumerate(kinds) if kind in _OWNED), len(kinds)))
            if not self._is_row_by_row(lines):
                yield from rolling_blocks.blocks_of(self.rows(lines.rows(), ()))
                continue
            for start, end in rolling_blocks.runs(lines.columns[1]):
                yield self._block(lines.part(start, end))

    def _is_row_by_row(self, lines: Lines) -> bool:
        """Return whether every line has its own group, and all values are from the window."""
        columns = lines.columns
        segments, rows = columns[self._segment], columns[self._segment + 1]
        return (
            columns[0].count(str(GROUP)) == lines.size
            and segments.count("1") + segments.count("0") == lines.size
            and [text == "0" for text in segments] == [text == NULL for text in rows]
            and not rolling_blocks.repeats(columns[1 : self._segment])
        )

    def _block(self, lines: Lines) -> Block:
        """Return a block of lines of one recipient. Each line is one row."""
        measured = [sum(map(int, _figures(lines.columns[self._segment + 1], 0)))]
        aggregates = []
        for columns in self._columns:
            found: dict[int, list[int]] = {}
            for column, place, digits in columns:
                numbers = scaled_all(_figures(lines.columns[column], digits), digits)
                found[place] = [*map(add, found[place], numbers)] if place in found else numbers
            measured += [sum(found.get(place, ())) for place in (COUNT, SUM)]
            aggregates.append([*zip(*(found.get(place, repeat(0)) for place in range(7)), strict=False)])
        metrics: list[Cells] = [[*map(write, aggregates[pair])] for pair, write in self._metrics]
        labels = [lines.cells(column) for column in range(1, self._segment)]
        recipient = labels[0][0] or ""
        labels[0] = [recipient] * lines.size
        return Block(recipient, lines.size, [*labels, *metrics], measured)

    def _merge(self, found: list[list[int] | None], pair: int, line: Line) -> None:
        values = found[pair]
        if values is None:
            values = found[pair] = [0] * 7
            for column, place, digits in self._columns[pair]:
                if (text := line[column]) is not None:
                    values[place] += scaled(text, digits) if digits else int(text)
            return
        had = values[COUNT]
        for column, place, digits in self._columns[pair]:
            if (text := line[column]) is not None:
                value = scaled(text, digits) if digits else int(text)
                if had or place in (COUNT, SUM, SQUARES):
                    value = _MERGED[place](values[place], value)
                values[place] = value

    def _row(
        self,
        labels: Line,
        rows: int,
        found: list[list[int] | None],
        singles: Sequence[_Singles],
    ) -> Row:
        if len(found) == 1 and not singles:
            values = found[0] or _NONE
            texts = tuple([write(values) for _, write in self._metrics])
            return Row(labels[0] or "", tuple(labels[1:]), texts, (rows, values[COUNT], values[SUM]))
        made: list[Aggregates] = [values or _NONE for values in found]
        values_of: list[str | None] = [write(made[pair]) for pair, write in self._metrics]
        measured = [rows]
        for aggregates in made:
            measured += aggregates[:MIN]
        for single in singles:
            pair = self._pairs.index((single.family.measure, single.family.window))
            for metric, low, high in single.of(labels, made[pair][COUNT]):
                values_of[metric] = self._metrics[metric][1]([*made[pair][:LOW], low, high])
        return Row(labels[0] or "", tuple(labels[1:]), tuple(values_of), measured)


class _Singles:
    """Reads the lines of one `Family` of metrics for one period.

    The lines have the same order as the groups, and each group with values has one line.
    """

    def __init__(
        self, family: Family, resolved: Resolved, lines: Iterator[Line], period: int, digits: int
    ) -> None:
        self.family = family
        self._distinct = [resolved.metrics[number].aggregate == "count_distinct" for number in family.metrics]
        self._width = 1 + len(resolved.group_by)
        self._digits = digits
        self._lines = (line for line in lines if line[self._width] == str(period))
        self._next = next(self._lines, None)

    def of(self, labels: Line, count: int) -> list[tuple[int, int, int]]:
        """Return index, low and high value of each metric for a group. Return [] if it has no values."""
        line = self._next
        if line is None or line[: self._width] != labels:
            if count:
                raise _differs()
            return []
        if int(line[self._width + 1] or 0) != count:
            raise _differs()
        self._next = next(self._lines, None)
        found, at = [], self._width + 2
        for metric, distinct in zip(self.family.metrics, self._distinct, strict=True):
            low = line[at] or "0"
            if distinct:
                found.append((metric, int(low), 0))
                at += 1
            else:
                high = line[at + 1] or "0"
                found.append((metric, scaled(low, self._digits), scaled(high, self._digits)))
                at += 2
        return found

    def check_ended(self) -> None:
        """Refuse lines that belong to no group."""
        if self._next is not None:
            raise _differs()


def _figures(texts: list[str], digits: int) -> list[str]:
    """Return numbers as texts, with zero instead of NULL."""
    if NULL not in texts:
        return texts
    nothing = f"0.{'0' * digits}" if digits else "0"
    return [nothing if text == NULL else text for text in texts]


def _differs() -> ExtractError:
    return ExtractError(
        "percentiles and distinct counts were computed from different values than the other aggregates",
        kind="reconciliation",
    )
