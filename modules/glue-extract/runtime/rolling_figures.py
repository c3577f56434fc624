"""The figures: months rolled up to windows, rounded once, and held against the source.

The frame comes from one statement in the database, or from `rolling_parallel`.

Spark adds the months up as exact decimals of up to 38 digits; the one division and the one rounding are done
on whole numbers in Python, line by line. Spark's own division would round to its result type first and to the
scale second, and twice rounded is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Context, Decimal, InvalidOperation
from fractions import Fraction
from typing import TYPE_CHECKING

from rolling_contract import Contract
from rolling_errors import ExtractError, listed
from rolling_period import Period, Span
from rolling_source import Source, too_long
from rolling_spec import Extract
from rolling_statement import Shape, Statement

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Row

# A JDBC result beyond this many rows is fetched through a cursor, and its lines are sorted in several
# partitions, so that neither an executor nor the driver has to hold them all at once.
_FEW_ROWS = 100_000
DIGITS = 38  # the most that a Spark decimal bears
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
    """One read of the source: the facts, and per period the lines.

    `percentile` says that the frame holds a row for every value, instead of one for every month.
    """

    facts: Facts
    span: Span
    shape: Shape
    digits: int
    _frame: DataFrame = field(repr=False)
    _source: Source = field(repr=False)
    percentile: Fraction | None = None

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
        amount = f"decimal({DIGITS},{self.digits})"
        groups = [f"g{i}" for i in range(1, self.shape.group_width + 1)]
        keys = dict.fromkeys((*self.shape.order, "recipient", *groups))
        frame = self._frame.where(F.col("kind").isin("line", "loose"))
        if self.shape.groups_have_a_beginning:
            frame = frame.where(F.col("month") <= numbers[-1])
        if self.percentile is not None:
            frame = _between(frame, inside, self.percentile, [*keys])
        stays = F.max(F.col("kind") == "line").alias("stays")
        rolled = frame.groupBy(*keys).agg(
            F.sum(F.when(inside, F.col("row_count"))).alias("row_count"),
            F.sum(F.when(inside, F.col("value_count"))).alias("value_count"),
            F.sum(F.when(inside, F.col("total").cast(amount))).alias("total"),
            F.min(F.when(inside, F.col("least").cast(amount))).alias("least"),
            F.max(F.when(inside, F.col("most").cast(amount))).alias("most"),
            *([stays] if self.shape.has_loose_lines else []),
        )
        if self.shape.has_loose_lines:
            # Else a back-fill would show an empty line where a run for this period alone shows none.
            rolled = rolled.where("stays OR row_count > 0").drop("stays")
        measures = ("row_count", "value_count", "total", "least", "most")
        with self._source.errors_explained():
            # Partition by partition to the driver, which holds one of them at a time.
            ordered = rolled.orderBy(*self.shape.order).select("recipient", *groups, *measures)
            # By position: a Row's names are looked up in a list, a million times over.
            for recipient, *group, rows, values, total, least, most in ordered.toLocalIterator():
                if values and total is None:
                    raise too_long()  # Spark 3.5 adds up to NULL, ANSI or not, where 4.1 raises
                totals = Totals(rows or 0, values or 0, total or Decimal(0))
                yield Line(recipient, tuple(group), totals, least, most)


def _between(frame: DataFrame, inside: Column, percentile: Fraction, keys: list[str]) -> DataFrame:
    """The rows, with those two of each line marked that the percentile lies between.

    With n values, counted from 0, it lies at `percentile * (n - 1)`. That is in whole numbers here: which two
    must not depend on a float.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    up, of = percentile.as_integer_ratio()
    counts = inside & F.col("total").isNotNull()
    line = Window.partitionBy(*keys, "counts")
    return (
        frame.withColumn("counts", counts)
        .withColumn("size", F.count("*").over(line))
        .withColumn("place", F.row_number().over(line.orderBy("total")))
        .withColumn("lower", F.expr(f"1 + ((size - 1) * {up}) div {of}"))
        .withColumn("least", F.expr("if(counts AND place = lower, total, NULL)"))
        .withColumn("most", F.expr("if(counts AND place = least(lower + 1, size), total, NULL)"))
    )


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
    facts = facts_of(rows)
    return Figures(facts, span, statement.shape, digits_of(contract, facts), frame, source)


def digits_of(contract: Contract, facts: Facts) -> int:
    """Digits of the metric after the point: by its type, else as many as the rows have."""
    for control in facts.control.values():
        if not control.total.is_finite():
            raise ExtractError(
                f'metric "{contract.metric.name}" holds NaN or Infinity in the window, which no sum can bear',
                kind="contract",
            )
    digits = facts.digits if contract.metric.digits is None else contract.metric.digits
    if digits >= DIGITS:
        raise ExtractError(
            f"the metric has values with {digits} digits after the point; {DIGITS - 1} are the most that"
            " can be added exactly",
            kind="contract",
        )
    return digits


def facts_of(rows: list[Row]) -> Facts:
    snapshot, recipients, control, orphans, undated, repeated, strays = "", {}, {}, {}, Totals(), {}, 0
    digits = 0
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
                digits = max(digits, int(str(row["line"] or 0)))
            case "orphan":
                orphans[int(str(row["month"]))] = totals
            case "undated":
                undated = totals
            case "hop":
                repeated[int(str(row["line"]))] = count
            case "stray":
                strays = count
    return Facts(snapshot, recipients, control, orphans, undated, repeated, strays, digits)


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
