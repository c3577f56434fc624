"""The figures: months rolled up to windows, rounded once, and held against the source.

Spark adds the months up as exact decimals of up to 38 digits; the one division and the one rounding are done
on whole numbers in Python, line by line. Spark's own division would round to its result type first and to the
scale second, and twice rounded is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING

from rolling_contract import Contract
from rolling_errors import ExtractError, listed
from rolling_period import Period, Span
from rolling_source import Source, too_long
from rolling_spec import Extract
from rolling_statement import Statement

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# A JDBC result beyond this many rows is fetched through a cursor, and its lines are sorted in several
# partitions, so that neither an executor nor the driver has to hold them all at once.
_FEW_ROWS = 100_000
_DIGITS = 38  # the most that a Spark decimal bears
_PARTITIONS = 32  # for more than a few
_EXACT = Context(prec=2_000)


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

    `figure` is exact for all but avg, whose division waits for the rounding.
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


@dataclass(frozen=True, slots=True)
class Figures:
    """One read of the source: the facts, and per period the lines."""

    facts: Facts
    span: Span
    statement: Statement
    digits: int
    _frame: DataFrame = field(repr=False)
    _source: Source = field(repr=False)

    def source_totals(self, period: Period) -> Totals:
        return _of(self.facts.control, self.span.numbers(period))

    def orphan_totals(self, period: Period) -> Totals:
        return _of(self.facts.orphans, self.span.numbers(period))

    def lines(self, period: Period) -> Iterator[Line]:
        """The lines of one period in their final order, streamed: recipients one after the other, groups by
        their key.
        """
        from pyspark.sql import functions as F

        numbers = self.span.numbers(period)
        inside = F.col("month").between(numbers[0], numbers[-1])
        amount = f"decimal({_DIGITS},{self.digits})"
        groups = [f"g{i}" for i in range(1, self.statement.group_width + 1)]
        frame = self._frame.where(F.col("kind").isin("line", "loose"))
        if self.statement.groups_have_a_beginning:
            frame = frame.where(F.col("month") <= numbers[-1])
        stays = F.max(F.col("kind") == "line").alias("stays")
        rolled = frame.groupBy("line", "recipient", *groups).agg(
            F.sum(F.when(inside, F.col("row_count"))).alias("row_count"),
            F.sum(F.when(inside, F.col("value_count"))).alias("value_count"),
            F.sum(F.when(inside, F.col("total").cast(amount))).alias("total"),
            F.min(F.when(inside, F.col("least").cast(amount))).alias("least"),
            F.max(F.when(inside, F.col("most").cast(amount))).alias("most"),
            *([stays] if self.statement.has_loose_lines else []),
        )
        if self.statement.has_loose_lines:
            # Else a back-fill would show an empty line where a run for this period alone shows none.
            rolled = rolled.where("stays OR row_count > 0").drop("stays")
        with self._source.errors_explained():
            # Partition by partition to the driver, which holds one of them at a time.
            ordered = rolled.orderBy("line")
            # By position: a Row's names are looked up in a list, a million times over.
            for _, recipient, *group, rows, values, total, least, most in ordered.toLocalIterator():
                if values and total is None:
                    raise too_long()  # Spark 3.5 adds up to NULL, ANSI or not, where 4.1 raises
                totals = Totals(rows or 0, values or 0, total or Decimal(0))
                yield Line(recipient, tuple(group), totals, least, most)


def read(source: Source, contract: Contract, statement: Statement, span: Span) -> Figures:
    """Run the statement once and keep its result.

    A local checkpoint rather than a cache: a cached part that is evicted is computed again, which would be a
    second read of the source and a second snapshot. A checkpoint that is lost fails the run instead.
    """
    from pyspark.sql import functions as F

    few = statement.expected_rows is not None and statement.expected_rows <= _FEW_ROWS
    if not few:
        source.spark.conf.set("spark.sql.shuffle.partitions", str(_PARTITIONS))
        source.spark.conf.set("spark.sql.codegen.wholeStage", "true")
    with source.errors_explained():
        frame = source.read(statement.sql, fetch_size=0 if few else 10_000).localCheckpoint(eager=True)
        rows = frame.where(~F.col("kind").isin("line", "loose")).collect()
    facts = _facts([row.asDict() for row in rows])
    for control in facts.control.values():
        if not control.total.is_finite():
            raise ExtractError(
                f'metric "{contract.metric.name}" holds NaN or Infinity in the window, which no sum can bear',
                kind="contract",
            )
    digits = contract.metric.digits
    with source.errors_explained():
        if digits is None:
            digits = _digits_needed(frame)
    return Figures(facts, span, statement, digits, frame, source)


def _digits_needed(frame: DataFrame) -> int:
    """Digits after the point where the column's type does not fix them: as many as the data has."""
    from pyspark.sql import functions as F

    amounts = [F.col(name) for name in ("total", "least", "most")]
    after = [F.length(F.substring_index(amount, ".", -1)) for amount in amounts]
    widest = [
        F.max(F.when(amount.contains("."), length)) for amount, length in zip(amounts, after, strict=True)
    ]
    row = frame.agg(*widest).collect()[0]
    digits = max((found for found in row if found is not None), default=0)
    if digits >= _DIGITS:
        raise ExtractError(
            f"the metric has values with {digits} digits after the point; {_DIGITS - 1} are the most that"
            " can be added exactly",
            kind="contract",
        )
    return digits


def _facts(rows: list[dict[str, object]]) -> Facts:
    snapshot, recipients, control, orphans, undated, repeated, strays = "", {}, {}, {}, Totals(), {}, 0
    for row in rows:
        count = int(str(row["row_count"] or 0))
        totals = Totals(count, int(str(row["value_count"] or 0)), _decimal(row["total"]))
        match row["kind"]:
            case "snapshot":
                snapshot = str(row["recipient"])
            case "recipient":
                recipients[str(row["recipient"])] = count
            case "control":
                control[int(str(row["month"]))] = totals
            case "orphan":
                orphans[int(str(row["month"]))] = totals
            case "undated":
                undated = totals
            case "hop":
                repeated[int(str(row["line"]))] = count
            case "stray":
                strays = count
    return Facts(snapshot, recipients, control, orphans, undated, repeated, strays)


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
        parts.append(f"{orphans.rows} of {source} rows of the window {_reach(orphans.rows)} no recipient")
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
        case _:
            return rounded(totals.total, totals.values, spec.scale)


def rounded(total: Decimal, count: int, scale: int) -> str:
    """total / count with `scale` digits after the point, half up (away from zero), from the exact quotient.

    >>> rounded(Decimal("0.01"), 2, 2), rounded(Decimal("-0.01"), 2, 2), rounded(Decimal(10), 3, 0)
    ('0.01', '-0.01', '3')
    """
    numerator, denominator = total.as_integer_ratio()
    numerator, denominator = numerator * 10**scale, denominator * count
    whole, rest = divmod(abs(numerator), denominator)
    if 2 * rest >= denominator:
        whole += 1
    digits = str(whole).rjust(scale + 1, "0")
    text = f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits
    return f"-{text}" if numerator < 0 and whole else text


def exact_sum(a: Decimal, b: Decimal) -> Decimal:
    """a + b without the 28 digits of Python's default context: a grand total may be longer than any line."""
    return _EXACT.add(a, b)


def plain(amount: Decimal) -> str:
    """An exact amount without an exponent.

    >>> plain(Decimal("1E+3")), plain(Decimal("1.50"))
    ('1000', '1.50')
    """
    return f"{amount:f}"


def _of(months: dict[int, Totals], numbers: range) -> Totals:
    return sum((months.get(number, Totals()) for number in numbers), Totals())


def _decimal(text: object) -> Decimal:
    if text is None:
        return Decimal(0)
    try:
        return Decimal(str(text))
    except InvalidOperation:  # "-Infinity" and the like parse; this would be a driver that made up a format
        raise ExtractError(f'the database sent "{text}" for a sum', kind="database") from None
