"""The figures: months rolled up to windows, rounded once, and held against the source.

They come from one statement in the database, or from `rolling_parallel1`. Sums are exact, and the one division
and the one rounding are done on whole numbers, line by line. A division of decimals would round to its result
type first and to the scale second, and twice rounded is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact, InvalidOperation
from fractions import Fraction
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from rolling_contract1 import Contract
from rolling_copy1 import Connection, Row, rows_of
from rolling_errors import ExtractError, listed
from rolling_period import Period, Span
from rolling_source1 import Source
from rolling_spec1 import Extract
from rolling_statement1 import Shape, Statement

_LINES = ("line", "loose")
_DIGITS = 2_000
_EXACT = Context(prec=_DIGITS)
_EXACT.traps[Inexact] = True


@dataclass(frozen=True, slots=True)
class Totals:
    """What is compared: rows, rows whose metric is not NULL, and the exact sum of the metric."""

    rows: int = 0
    values: int = 0
    total: Decimal = Decimal(0)

    def __add__(self, other: Totals) -> Totals:
        return Totals(self.rows + other.rows, self.values + other.values, exact_sum(self.total, other.total))


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file, before it is text.

    All is exact; what is to be divided is divided when it is rounded. `least` and `most` are the extremes, or
    for a percentile the two values that it lies between.
    """

    recipient: str
    group: tuple[str | None, ...]
    totals: Totals
    least: Decimal | None
    most: Decimal | None


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything in the snapshot that is not a line."""

    snapshot_time: str
    recipients: dict[
        str, int
    ]  # name to how many rows of its table bear it; empty when recipients are read off the entity
    control: dict[int, Totals]  # by month number
    orphans: dict[int, Totals]
    undated: Totals
    repeated: dict[int, int]  # hop number to how many values of its right side are not unique
    strays: int
    digits: int  # of the metric after the point, as far as the rows of the span say


@dataclass(frozen=True, slots=True)
class Figures:
    """One read of the source: the facts, and per period the lines."""

    facts: Facts
    span: Span
    _lines: Callable[[range], Iterator[Line]] = field(repr=False)

    def lines(self, period: Period) -> Iterator[Line]:
        """The lines of one period in their final order, streamed: recipients one after the other, groups by
        their key.
        """
        return self._lines(self.span.numbers(period))

    def source_totals(self, period: Period) -> Totals:
        return _of(self.facts.control, self.span.numbers(period))

    def orphan_totals(self, period: Period) -> Totals:
        return _of(self.facts.orphans, self.span.numbers(period))


def read(source: Source, connection: Connection, statement: Statement, span: Span, folder: Path) -> Figures:
    """Run the statement once and keep its result in `folder`, however long it is."""
    path = folder / "statement"
    with source.errors_explained():
        connection.copy(statement.sql, path)
    facts, start = [], 0
    for row, after in rows_of(path):
        if row[0] in _LINES:
            break
        facts.append(row)
        start = after
    found = facts_of(statement.shape, facts)
    return Figures(found, span, lambda numbers: _rolled(path, start, statement.shape, numbers))


def _rolled(path: Path, start: int, shape: Shape, numbers: range) -> Iterator[Line]:
    """The months of each line rolled up to the window.

    Of ten million lines this loop is what takes the time, so it makes no object that it can do without.
    """
    rows = (row for row, _ in rows_of(path, start))
    for _, months in groupby(rows, key=itemgetter(1)):
        exists, row_count, value_count, total = False, 0, 0, Decimal(0)
        least = most = None
        for row in months:
            recipient, group = row[2], row[3:-6]
            month, count, values, amount, low, high = row[-6:]
            number = int(month or 0)
            if shape.groups_have_a_beginning and number > numbers[-1]:
                continue
            # Loose lines are there only with rows in the window. Else a back-fill would show an empty line
            # where a run for this period alone shows none.
            exists = exists or row[0] == "line" or number in numbers
            if number in numbers:
                row_count += int(count or 0)
                value_count += int(values or 0)
                total = exact_sum(total, _decimal(amount))
                if low is not None and high is not None:
                    lowest, highest = Decimal(low), Decimal(high)
                    least = lowest if least is None or lowest < least else least
                    most = highest if most is None or highest > most else most
        if exists:
            yield Line(recipient or "", tuple(group), Totals(row_count, value_count, total), least, most)


def facts_of(shape: Shape, rows: Iterable[Row]) -> Facts:
    """The facts among the statement's rows, as PostgreSQL wrote them."""
    snapshot, recipients, control, orphans, undated, repeated, strays = "", {}, {}, {}, Totals(), {}, 0
    digits = 0
    for values in rows:
        row = dict(zip(shape.columns, values, strict=True))
        count = int(row["row_count"] or 0)
        totals = Totals(count, int(row["value_count"] or 0), _decimal(row["total"]))
        line, month = int(row["line"] or 0), int(row["month"] or 0)
        match row["kind"]:
            case "snapshot":
                snapshot = row["recipient"] or ""
            case "recipient":
                recipients[row["recipient"] or ""] = count
            case "control":
                control[month] = totals
                digits = max(digits, line)
            case "orphan":
                orphans[month] = totals
            case "undated":
                undated = totals
            case "hop":
                repeated[line] = count
            case "stray":
                strays = count
    return Facts(snapshot, recipients, control, orphans, undated, repeated, strays, digits)


def check_finite(contract: Contract, totals: Iterable[Totals]) -> None:
    """NaN and Infinity are numbers to PostgreSQL, and no sum to anybody."""
    if not all(month.total.is_finite() for month in totals):
        raise ExtractError(
            f'metric "{contract.metric.name}" holds NaN or Infinity in the window, which no sum can bear',
            kind="contract",
        )


def check_hops(contract: Contract, facts: Facts, spec: Extract) -> None:
    """A hop leads from many to one.

    One that leads to many would count a row several times, so it fails by name.
    """
    for number, values in sorted(facts.repeated.items()):
        hop = contract.hops[number - 1]
        names = " and ".join(f'"{right.name}"' for right in hop.rights)
        column = f'{names} of {spec.schema}."{hop.rights[0].table}"'
        raise ExtractError(
            f"the hop {hop.name} would multiply rows: {values} {'value' if values == 1 else 'values'} of"
            f" {column}"
            f" {'is' if values == 1 else 'are'} not unique",
            kind="hop_not_unique",
        )


def check_orphans(spec: Extract, figures: Figures, period: Period) -> None:
    """Rows that reach no recipient are money that nobody is told about; more than allowed is a failure."""
    orphans, undated = figures.orphan_totals(period), figures.facts.undated
    count = orphans.rows + undated.rows
    if count <= spec.max_orphan_rows:
        return
    parts = []
    if orphans.rows:
        source = figures.source_totals(period).rows
        goal = (
            "recipient" if spec.split(spec.metric)[0] == spec.entity else f'recipient or no "{spec.metric}"'
        )
        parts.append(f"{orphans.rows} of {source} rows of the window {_reach(orphans.rows)} no {goal}")
    if undated.rows:
        rows = "row" if undated.rows == 1 else "rows"
        parts.append(f'{undated.rows} {rows} {_reach(undated.rows)} no "{spec.date_column}"')
    raise ExtractError(
        f"{' and '.join(parts)} ({spec.sum_label} {plain(orphans.total + undated.total)}), more than"
        " max_orphan_rows="
        f"{spec.max_orphan_rows}; mend the keys on the way"
        f" {listed(list(spec.names), 9).replace(', ', ' -> ')}",
        kind="orphans",
    )


def _reach(count: int) -> str:
    return "reaches" if count == 1 else "reach"


def check_totals(spec: Extract, period: Period, delivered: Totals, orphans: Totals, source: Totals) -> None:
    """What the files hold, plus the orphans, is what the source holds; else nothing is written."""
    held = delivered + orphans
    if held == source:
        return
    raise ExtractError(
        f"control totals of {period} do not reconcile: the source has {source.rows} rows with"
        f" {spec.sum_label}"
        f" {plain(source.total)} in the window, files and orphans have {held.rows} with {plain(held.total)}",
        kind="reconciliation",
    )


def figure(spec: Extract, line: Line) -> str:
    """The aggregate over the window as text: rounded once, empty when there is nothing to aggregate."""
    totals = line.totals
    if totals.values == 0:
        return ""
    match spec.aggregate:
        case "count":
            return str(totals.values)
        case "min" | "max":
            extreme = line.least if spec.aggregate == "min" else line.most
            assert extreme is not None
            return rounded(extreme, 1, spec.scale)
        case "sum":
            return rounded(totals.total, 1, spec.scale)
        case "avg":
            return rounded(totals.total, totals.values, spec.scale)
        case _:
            return rounded(_interpolated(spec, line), 1, spec.scale)


def _interpolated(spec: Extract, line: Line) -> Fraction:
    """A percentile as PostgreSQL's `percentile_cont` defines it, but exact: on the straight line between the
    two values that it lies between.
    """
    assert spec.percentile is not None
    assert line.least is not None
    assert line.most is not None
    beyond = spec.percentile * (line.totals.values - 1) % 1
    least, most = Fraction(line.least), Fraction(line.most)
    return least + (most - least) * beyond


def rounded(total: Decimal | Fraction, count: int, scale: int) -> str:
    """total / count with `scale` digits after the point, half up (away from zero), from the exact quotient.

    >>> rounded(Decimal("0.01"), 2, 2), rounded(Decimal("-0.01"), 2, 2), rounded(Decimal(10), 3, 0)
    ('0.01', '-0.01', '3')
    """
    numerator, denominator = total.as_integer_ratio()
    numerator, denominator = numerator * 10**scale, denominator * count
    whole, rest = divmod(abs(numerator), denominator)
    if 2 * rest >= denominator:
        whole += 1
    try:
        digits = str(whole).rjust(scale + 1, "0")
    except ValueError:  # sys.get_int_max_str_digits
        raise ExtractError("a value of the metric has more than 4000 digits", kind="contract") from None
    text = f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits
    return f"-{text}" if numerator < 0 and whole else text


def exact_sum(a: Decimal, b: Decimal) -> Decimal:
    """a + b without the 28 digits of Python's default context: a grand total may be longer than any line."""
    try:
        return _EXACT.add(a, b)
    except Inexact:
        raise ExtractError(
            f"a sum of the metric has more than {_DIGITS} digits, and would not be exact", kind="contract"
        ) from None


def plain(amount: Decimal) -> str:
    """An exact amount without an exponent.

    >>> plain(Decimal("1E+3")), plain(Decimal("1.50"))
    ('1000', '1.50')
    """
    return f"{amount:f}"


def _of(months: dict[int, Totals], numbers: range) -> Totals:
    return sum((months.get(number, Totals()) for number in numbers), Totals())


def _decimal(text: str | None) -> Decimal:
    if text is None:
        return Decimal(0)
    try:
        return Decimal(text)
    except InvalidOperation:  # "-Infinity" and the like parse; this would be a driver that made up a format
        raise ExtractError(f'the database sent "{text}" for a sum', kind="database") from None
