"""The result of a run's queries: rows in temporary files, and totals that a run compares with the rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, dropwhile, takewhile
from pathlib import Path
from typing import Protocol

import rolling_blocks
import rolling_partials
import rolling_values
from rolling_blocks import Block
from rolling_copy import rows_of
from rolling_labels import EXCLUDED, GROUP, ORPHAN, TOTAL
from rolling_partials import Family
from rolling_period import Period
from rolling_queries import Bodies, Checks
from rolling_resolved import Resolved
from rolling_rollup import Rollup
from rolling_span import Span
from rolling_totals import Row, Tally, pairs_of

NOT_FINITE = frozenset(("NaN", "Infinity", "-Infinity"))

Line = list[str | None]


class Session(Protocol):
    """The part of `rolling_source.Session` that this module uses."""

    def rows(self, query: str) -> list[Line]:
        """Return all rows of a small result, each value as the text that PostgreSQL writes."""
        ...


Copy = Callable[[str, Path], None]
"""A function that runs a query body and writes its rows to a new file in the text format of COPY."""


@dataclass(slots=True)
class Sums:
    """Totals of one segment: the number of rows, and for each measure the number of values and their sum.

    A sum is a whole number, in units of the measure's last digit. `not_finite` are the measures that have NaN
    or Infinity among their values.
    """

    rows: int
    counts: list[int]
    sums: list[int]
    not_finite: set[int] = field(default_factory=set)

    def add(self, other: Sums) -> None:
        self.rows += other.rows
        self.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        self.sums = [a + b for a, b in zip(self.sums, other.sums, strict=True)]
        self.not_finite |= other.not_finite


BySegment = Mapping[int, Sums]


@dataclass(frozen=True, slots=True)
class Facts:
    """The results of the small queries, `rolling_queries.Checks`.

    The keys of `recipients` are the names of the recipients that get a file. Each value is the number of rows
    in the recipient's table that have this name. `recipients` is None if the recipient is a column of the
    entity. In this case, the run finds the names of recipients only in the rows of the result.
    """

    snapshot_time: str  # ISO 8601, UTC
    recipients: Mapping[str, int] | None
    control: BySegment
    undated: Sums
    repeated: Mapping[str, int]  # by alias of a joined table: number of key values that are not unique
    strays: int  # number of groups without a recipient
    digits: tuple[int, ...]  # for each measure, the number of digits after the point that its values have
    # By recipient: for each column in `recipient_columns`, at most two of the different values that the
    # column has for this recipient. None stands for NULL.
    recipient_values: Mapping[str, Sequence[frozenset[str | None]]] = field(default_factory=dict)
    # By recipient: the SHA-256 of its key, if exactly one row of the recipient's table has its name.
    recipient_keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """The result of the queries for all periods of a span, from one snapshot of the source."""

    resolved: Resolved
    span: Span
    facts: Facts
    losses: Mapping[int, BySegment]  # by kind, ORPHAN or EXCLUDED, the totals of rows that are in no file
    path: Path  # file with the rows of the aggregates or the listing
    family_paths: tuple[tuple[Family, Path], ...]

    @property
    def snapshot_time(self) -> str:
        return self.facts.snapshot_time

    @property
    def recipients(self) -> Mapping[str, int] | None:
        return self.facts.recipients

    def blocks(self, period: Period) -> Iterator[Block]:
        """Yield the rows of one period in blocks, in their final order, one recipient after another.

        The method may be called several times.
        """
        if self.resolved.listing is None and not self.family_paths:
            rollup = Rollup(self.resolved, self.span, period, self.facts.digits)
            if rollup.one_segment:
                labels = 2 + len(self.resolved.group_by)
                return rollup.blocks(rolling_blocks.lines_of(self.path, labels))
        return rolling_blocks.blocks_of(self.rows(period))

    def rows(self, period: Period) -> Iterator[Row]:
        """Yield the rows of one period, with the values and in the order of `blocks`."""
        lines = dropwhile(lambda line: line[0] in ("-1", "0", "1"), rows_of(self.path))
        if self.resolved.listing is not None:
            segments = {str(number) for number in self.span.longest(period)}
            return (Row(line[1] or "", (), tuple(line[3:]), (1,)) for line in lines if line[2] in segments)
        rollup = Rollup(self.resolved, self.span, period, self.facts.digits)
        families = [(family, rows_of(path)) for family, path in self.family_paths]
        return rollup.rows(lines, families)

    def tally(self) -> Tally:
        """Return an empty tally for the rows of one period."""
        return Tally(self.resolved, self.facts.digits)

    def control(self, period: Period) -> Tally:
        """Return the totals of all rows in the period's windows, read without the joins to the recipient."""
        return self._tally(self.facts.control, period)

    def orphans(self, period: Period) -> Tally:
        """Return the totals of the rows in the period's windows that reach no recipient."""
        return self._tally(self.losses[ORPHAN], period)

    def excluded(self, period: Period) -> Tally:
        """Return the totals of the rows in the period's windows that `recipients_where` excludes."""
        return self._tally(self.losses[EXCLUDED], period)

    @property
    def undated(self) -> int:
        """The number of all entity rows without a date."""
        return self.facts.undated.rows

    def not_finite(self, period: Period) -> list[str]:
        """Return the names of the metrics that have a value NaN or Infinity in their window."""
        return [
            metric.name
            for metric in self.resolved.metrics
            if any(
                metric.measure in self.facts.control[number].not_finite
                for number in self.span.numbers(period, metric.window)
                if number in self.facts.control
            )
        ]

    def _tally(self, found: BySegment, period: Period) -> Tally:
        def total(numbers: Iterable[int]) -> Sums:
            sums = _nothing(self.resolved)
            for number in numbers:
                if number in found:
                    sums.add(found[number])
            return sums

        measured = [total(self.span.longest(period)).rows]
        for pair in pairs_of(self.resolved):
            sums = total(self.span.numbers(period, pair.window))
            measured += [sums.counts[pair.measure], sums.sums[pair.measure]]
        return Tally(self.resolved, self.facts.digits, measured)


def facts(resolved: Resolved, checks: Checks, session: Session) -> Facts:
    """Run the queries in `checks`, and return their results."""
    [[snapshot_time]] = session.rows(checks.snapshot)
    recipients, values, keys = None, {}, {}
    if checks.recipients is not None:
        lines = session.rows(checks.recipients)
        recipients = {line[0] or "": int(line[1] or 0) for line in lines}
        ends = 2 + 3 * len(resolved.recipient_columns)
        values = {line[0] or "": _different(line[:ends]) for line in lines if resolved.recipient_columns}
        keys = {line[0] or "": _key(line[ends:]) for line in lines if line[1] == "1" and line[ends:]}
    control, undated, digits = totals_of(resolved, session.rows(checks.control))
    return Facts(
        snapshot_time or "",
        recipients,
        control,
        undated,
        {alias: _count(session, sql) for alias, sql in checks.join_checks.items()},
        0 if checks.strays is None else _count(session, checks.strays),
        digits,
        values,
        keys,
    )


def _key(values: Line) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def _different(line: Line) -> list[frozenset[str | None]]:
    """Return at most two different values of each column in `recipient_columns`, for one recipient."""
    found: list[frozenset[str | None]] = []
    for i in range(2, len(line), 3):
        values = {line[i + 1], line[i + 2]}
        found.append(frozenset(values if line[i] == line[1] else {*values, None}))
    return found


def read(resolved: Resolved, span: Span, found: Facts, bodies: Bodies, copy: Copy, folder: Path) -> Result:
    """Run the queries in `bodies` with `copy`, store their rows in `folder`, and return the result."""
    path = folder / "rows"
    body = bodies.aggregates if bodies.listing is None else bodies.listing
    assert body is not None
    copy(body, path)
    family_paths = []
    for i, (family, sql) in enumerate(zip(rolling_partials.families(resolved), bodies.windows, strict=True)):
        family_paths.append((family, folder / f"window{i}"))
        copy(sql, folder / f"window{i}")
    totals = _lines_of(TOTAL, path)
    broken = []
    if bodies.broken is not None and _rows_are_missing(resolved, found.control, totals):
        copy(bodies.broken, folder / "broken")
        # The lines of this query begin with the segment. Add the columns before it (kind, recipient, groups),
        # so that the lines have the same columns as the lines of the aggregates.
        start = [str(ORPHAN), *[None] * (1 + len(resolved.group_by))]
        broken = [[*start, *line] for line in rows_of(folder / "broken")]
    if not bodies.relations and resolved.listing is None:
        found = _with_joined_measures(resolved, found, [*totals, *broken])
    losses = _losses(resolved, found.digits, chain(broken, rows_of(path)))
    return Result(resolved, span, found, losses, path, tuple(family_paths))


def _lines_of(kind: int, path: Path) -> list[Line]:
    """Return the lines at the beginning of the file `path` that have the kind `kind`."""
    return list(takewhile(lambda line: line[0] == str(kind), rows_of(path)))


def _rows_are_missing(resolved: Resolved, control: BySegment, totals: Sequence[Line]) -> bool:
    place = 2 + len(resolved.group_by)
    joined = {int(line[place] or 0): int(line[place + 1] or 0) for line in totals}
    return any(joined.get(segment, 0) != sums.rows for segment, sums in control.items())


def _with_joined_measures(resolved: Resolved, found: Facts, lines: Sequence[Line]) -> Facts:
    """Return the facts, with control totals also for the measures that use joined tables.

    The totals of these measures come from `lines`.
    """
    missing = rolling_partials.uncontrolled(resolved)
    if not missing:
        return found
    place = 2 + len(resolved.group_by)
    partials = rolling_partials.partials(resolved)
    digits = list(found.digits)
    for line in lines:
        for partial, value in zip(partials, line[place + 2 :], strict=True):
            if partial.part == "sum" and partial.measure in missing and value not in (None, *NOT_FINITE):
                digits[partial.measure] = max(digits[partial.measure], rolling_values.digits_in(value or ""))
    for line in lines:
        values = [(p.measure, p.part, value) for p, value in zip(partials, line[place + 2 :], strict=True)]
        sums = _sums(resolved, digits, line[place + 1], values)
        segment = int(line[place] or 0)
        if segment in found.control:
            control = found.control[segment]
            for index in missing:
                control.counts[index] += sums.counts[index]
                control.sums[index] += sums.sums[index]
            control.not_finite |= sums.not_finite
    return replace(found, digits=tuple(digits))


def totals_of(resolved: Resolved, lines: Sequence[Line]) -> tuple[BySegment, Sums, tuple[int, ...]]:
    """Return the control totals by segment, the totals of undated rows, and the digits of each measure."""
    scales = resolved.aggregate_in == "spark"
    # Spark writes every value with all digits of its type, so the type determines the number of digits.
    # PostgreSQL writes only the digits of the value. For example, it writes the minimum of 0.25 and 0 as "0".
    digits = [(measure.digits or 0) if scales else 0 for measure in resolved.measures]
    columns: list[tuple[int, str]] = []
    for index in rolling_partials.controlled(resolved):
        measure = resolved.measures[index]
        if not rolling_partials.counts_rows(measure):
            columns.append((index, "count"))
        if rolling_partials.has_sum(measure):
            columns.append((index, "sum"))
            if scales and measure.digits is None:
                columns.append((index, "scale"))
    undated = _nothing(resolved)
    dated = []
    for line in lines:
        if line[0] is None:
            undated.rows += int(line[1] or 0)
        else:
            dated.append(line)
    for line in dated:
        for (index, part), value in zip(columns, line[2:], strict=True):
            if value is None or part == "count" or value in NOT_FINITE:
                continue
            seen = int(value) if part == "scale" else rolling_values.digits_in(value)
            digits[index] = max(digits[index], seen)
    control = {}
    for line in dated:
        values = [(index, part, value) for (index, part), value in zip(columns, line[2:], strict=True)]
        control[int(line[0] or 0)] = _sums(resolved, digits, line[1], values)
    return control, undated, tuple(digits)


def _losses(resolved: Resolved, digits: Sequence[int], lines: Iterator[Line]) -> dict[int, BySegment]:
    """Return the totals of the rows that are in no file. The lines of these rows are the first of `lines`."""
    orphans: dict[int, Sums] = {}
    excluded: dict[int, Sums] = {}
    partials = rolling_partials.partials(resolved)
    place = 2 if resolved.listing is not None else 2 + len(resolved.group_by)
    for line in lines:
        if int(line[0] or 0) >= GROUP:
            break
        if line[0] == str(TOTAL):
            continue
        if resolved.listing is not None:
            sums = Sums(1, [], [])
        else:
            values = [
                (p.measure, p.part, value) for p, value in zip(partials, line[place + 2 :], strict=True)
            ]
            sums = _sums(resolved, digits, line[place + 1], values)
        segment = int(line[place] or 0)
        found = orphans if line[0] == str(ORPHAN) else excluded
        found.setdefault(segment, _nothing(resolved)).add(sums)
    return {ORPHAN: orphans, EXCLUDED: excluded}


def _sums(
    resolved: Resolved,
    digits: Sequence[int],
    rows: str | None,
    values: Iterable[tuple[int, str, str | None]],
) -> Sums:
    found = _nothing(resolved)
    found.rows = int(rows or 0)
    found.counts = [
        found.rows if rolling_partials.counts_rows(measure) else 0 for measure in resolved.measures
    ]
    for index, part, value in values:
        if value is None:
            continue
        if part == "count":
            found.counts[index] = int(value)
        elif value in NOT_FINITE:
            found.not_finite.add(index)
        elif part == "sum":
            found.sums[index] = rolling_values.scaled(value, digits[index])
    return found


def _nothing(resolved: Resolved) -> Sums:
    count = len(resolved.measures)
    return Sums(0, [0] * count, [0] * count)


def _count(session: Session, sql: str) -> int:
    [[count]] = session.rows(sql)
    return int(count or 0)
