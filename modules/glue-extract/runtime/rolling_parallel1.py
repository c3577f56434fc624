"""The second way to the figures, `aggregate_in="spark"`: the rows themselves are read, over several
connections at once, and Spark joins and aggregates them.

For a store whose processor must be spared, for figures that no month can be reduced to (median, percentiles),
and for a `transform`. What comes out is what the database's statement gives, so that all that follows is the
same: lines, orphans, control totals, and the bytes.

All is read from one snapshot. The control totals are the database's own sums of the window, so that they also
tell if a part of the rows was lost on the way.

**A transform** is given the entity's rows of the window that meet `where`, in one frame for all periods of
the run; where groups are read off the entity, also the rows before the window, whose groups exist
(`rolling_month` is 0 and the metric NULL then).

- Its columns are those of the entity that the spec names and `transform_columns`, as the store spells them,
  and `rolling_month`. Whole numbers are bigint; numeric with a declared scale is decimal(38, scale), and so
  is the metric, always; date and boolean are what they are, and so are timestamps, unless a line bears them
  or a hop compares them; all else is text, as PostgreSQL writes it.
- It gives back rows, fewer or more or others, with at least the spec's columns and `rolling_month`. The
  metric may become another decimal or whole number, never a float. A row stays in its month.
- What it gives back are the entity's rows from then on: the control totals, `source` in the manifest, are
  taken after it. What it was given is held against the database's own sums before.
- It must give the same for the same rows: it is run twice, and if it does not, the totals do not reconcile.
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import rolling_snapshot1
import rolling_statement1
from rolling_contract1 import WHOLE, Contract, Hop, in_order
from rolling_contract1 import Column as StoreColumn
from rolling_errors import ExtractError, listed, one_line
from rolling_figures1 import Facts, Figures, Line, Totals, facts_of, plain
from rolling_log import log
from rolling_period import Span
from rolling_refusals import too_long
from rolling_snapshot1 import Snapshot
from rolling_source1 import Source
from rolling_spec1 import Extract
from rolling_statement1 import Reads, Shape

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

DIGITS = 38  # the most that a Spark decimal bears

# Up to so many rows of the window and of each table, Spark works on one part at a time and compiles nothing;
# a table of so many goes to where the rows are, instead of both being sorted.
_FEW_ROWS = 100_000
_PARTITIONS = 32

_MONTH = "rolling_month"


def read(source: Source, spec: Extract, contract: Contract, span: Span, cap: datetime | None) -> Figures:
    """Read the source once, whichever number of connections that takes, and keep what was made of it.

    A local checkpoint rather than a cache: a cached part that is evicted is computed again, and the snapshot
    is given back at the end of this function. A checkpoint that is lost fails the run instead.
    """
    shape = Shape(len(contract.group), contract.anchor == "t0", contract.has_loose_lines)
    with rolling_snapshot1.exported(source) as snapshot:
        reads = _reads(spec, contract, span, cap, snapshot)
        log("statement", f"reading it in {len(reads.partitions)} parts of one snapshot", sql=reads.rows)
        facts = facts_of(shape, snapshot.connection.rows(reads.facts))
        facts = replace(facts, snapshot_time=snapshot.time)
        _tune(snapshot.spark, contract, facts)
        work = _Work(contract, reads, snapshot, _digits_of(contract, facts))
        rows = work.measured(snapshot.read(reads.rows, reads.partitions).drop("rolling_by"))
        if spec.transform is not None:
            rows = rows.localCheckpoint(eager=True)
            _check_given(work.totals(rows), facts)
            rows = _transformed(rows, spec.transform, contract, reads)
            facts = replace(facts, control={**work.totals(rows), **_beyond_numbers(facts)})
        lines = work.lines(rows, reduced=spec.percentile is None)
        frame = work.in_order(lines).localCheckpoint(eager=True)
        facts = _with_losses(facts, frame)
    lines_of = functools.partial(_rolled, source, frame, shape, spec.percentile)
    return Figures(facts, span, lines_of)


def _reads(spec: Extract, contract: Contract, span: Span, cap: datetime | None, snapshot: Snapshot) -> Reads:
    keys = None
    if contract.partition is not None:
        [(least, most)] = snapshot.connection.rows(rolling_statement1.key_range(contract))
        keys = None if least is None or most is None else (int(least), int(most))
    return rolling_statement1.reads(contract, span, spec.time_zone, cap, spec.partitions, keys)


def _tune(spark: SparkSession, contract: Contract, facts: Facts) -> None:
    rows = sum(control.rows for control in facts.control.values())
    if max(rows, *contract.estimates) > _FEW_ROWS:
        spark.conf.set("spark.sql.shuffle.partitions", str(_PARTITIONS))
        spark.conf.set("spark.sql.adaptive.enabled", "true")
        spark.conf.set("spark.sql.codegen.wholeStage", "true")


def _amount(digits: int) -> str:
    return f"decimal({DIGITS},{digits})"


def _scale(frame: DataFrame, name: str) -> int:
    from pyspark.sql.types import DecimalType

    kind = frame.schema[name].dataType
    assert isinstance(kind, DecimalType)
    return kind.scale


# -- the spec's transform ----------------------------------------------------------------------------------


def _transformed(
    rows: DataFrame, transform: Callable[[DataFrame], DataFrame], contract: Contract, reads: Reads
) -> DataFrame:
    """What the spec's transform makes of the entity's rows."""
    from pyspark.sql import functions as F

    made = _called(transform, _view(rows, contract, reads))
    metric, on_entity = contract.metric, contract.metric.alias == "t0"
    kept = [column for column in reads.columns["t0"] if column not in contract.carried]
    needed = list(
        dict.fromkeys([*(column.name for column in kept), *([metric.name] if on_entity else []), _MONTH])
    )
    if missing := [name for name in needed if name not in made.columns]:
        raise _refused(f"lost the column {listed(missing)}; it must keep {listed(needed, 20)}")
    columns = [
        F.col(_quoted(column.name))
        .cast("bigint" if column.type in WHOLE else "string")
        .alias(reads.name(column))
        for column in kept
    ]
    if on_entity:
        amount = F.col(_quoted(metric.name)).cast(_amount(_digits(made, metric.name)))
        columns.append(F.when(F.col(_MONTH) > 0, amount).alias("metric"))
    return made.select(*columns, F.col(_MONTH).cast("int").alias(_MONTH))


def _called(transform: Callable[[DataFrame], DataFrame], frame: DataFrame) -> DataFrame:
    from pyspark.errors import AnalysisException
    from pyspark.sql import DataFrame

    try:
        made = transform(frame)
    except Exception as error:
        # Somebody else's code: what it raises is told as its own. Only of the plan's errors also the words,
        # which are about columns; those of others may quote rows.
        said = f": {one_line(str(error))[:300]}" if isinstance(error, AnalysisException) else ""
        lines = [
            f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == _file(transform)
        ]
        where = f" in line {lines[-1]}" if lines else ""
        raise _refused(f"failed with {type(error).__name__}{where}{said}") from error
    if not isinstance(made, DataFrame):
        raise _refused(f"gave back {type(made).__name__}, not a DataFrame")
    return made


def _file(transform: Callable[[DataFrame], DataFrame]) -> str | None:
    code = getattr(transform, "__code__", None)  # not every callable is a function
    return None if code is None else str(code.co_filename)


def _digits(made: DataFrame, name: str) -> int:
    """Digits after the point of what the metric has become."""
    from pyspark.sql import types

    kind = made.schema[name].dataType
    if isinstance(kind, types.DecimalType):
        return kind.scale
    if isinstance(kind, types.ByteType | types.ShortType | types.IntegerType | types.LongType):
        return 0
    raise _refused(f'made "{name}" a {kind.simpleString()}; it must stay a decimal or a whole number')


def _view(rows: DataFrame, contract: Contract, reads: Reads) -> DataFrame:
    """The rows as a transform sees them: by the store's names, and with Spark's types."""
    from pyspark.sql import functions as F

    metric = contract.metric
    shown = {*contract.group, contract.recipient, *(left for hop in contract.hops for left in hop.lefts)}
    columns = []
    for column in reads.columns["t0"]:
        if column != metric:
            value = F.col(reads.name(column)).cast(_type(column, plain=column in shown))
            columns.append(value.alias(column.name))
    if metric.alias == "t0":
        columns.append(F.col("metric").alias(metric.name))
    return rows.select(*columns, _MONTH)


def _type(column: StoreColumn, *, plain: bool) -> str:
    if column.type in WHOLE:
        return "bigint"
    if column.type == "numeric" and column.digits is not None:
        return _amount(column.digits)
    known = {
        "date": "date",
        "timestamp without time zone": "timestamp_ntz",
        "timestamp with time zone": "timestamp",
    }
    return "boolean" if column.type == "boolean" else "string" if plain else known.get(column.type, "string")


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _check_given(found: dict[int, Totals], facts: Facts) -> None:
    """What was read against the database's own totals, while that can still be seen."""
    beyond = _beyond_numbers(facts)
    given, source = (
        sum((month for number, month in months.items() if number not in beyond), Totals())
        for months in (found, facts.control)
    )
    if given != source:
        raise ExtractError(
            f"the database counts {source.rows} rows with a sum of {plain(source.total)} in the window, but"
            f" {given.rows} with {plain(given.total)} were read",
            kind="reconciliation",
        )


def _beyond_numbers(facts: Facts) -> dict[int, Totals]:
    """The months with NaN or Infinity in the metric. No period that they are in gets any further."""
    return {number: month for number, month in facts.control.items() if not month.total.is_finite()}


def _refused(what: str, cause: str = "") -> ExtractError:
    return ExtractError(f"the spec's transform {what}", kind="transform", cause=cause)


# -- joins, and lines --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Work:
    """Joins rows and makes lines of them: what `rolling_statement1` has PostgreSQL do, and as it does."""

    c: Contract
    reads: Reads
    snapshot: Snapshot
    digits: int  # of the metric, as the store has it

    def measured(self, rows: DataFrame) -> DataFrame:
        """A table's rows with the metric as an exact decimal; for the entity, NULL before the window."""
        from pyspark.sql import functions as F

        if "metric" not in rows.columns:
            return rows
        amount = F.col("metric").cast(_amount(self.digits))
        return rows.withColumn(
            "metric", F.when(F.col(_MONTH) > 0, amount) if _MONTH in rows.columns else amount
        )

    def totals(self, rows: DataFrame) -> dict[int, Totals]:
        """By month, without any hop that leads to a recipient."""
        from pyspark.sql import functions as F

        metric = F.col("metric")
        sums = (F.count("*"), F.count(metric), F.sum(metric))
        rows = self._joined(rows, self.c.path(self.c.metric.alias)[1:])
        found = rows.where(f"{_MONTH} > 0").groupBy(_MONTH).agg(*sums).collect()
        return {month: _sum(*totals) for month, *totals in found}

    def lines(self, rows: DataFrame, *, reduced: bool) -> DataFrame:
        """Lines, loose lines, orphans and strays, in the columns of the database's result.

        `reduced` to a row for each line and month, else with a row for every row.
        """
        from pyspark.sql import functions as F

        groups = [f"g{i}" for i, _ in enumerate(self.c.group, start=1)]
        labels = ["kind", "recipient", *groups, "month"]
        found = self._labelled(rows)
        if reduced:
            metric = F.col("metric")
            found = found.groupBy(*labels).agg(
                F.count("*").alias("row_count"),
                F.count(metric).alias("value_count"),
                F.sum(metric).alias("total"),
                F.min(metric).alias("least"),
                F.max(metric).alias("most"),
            )
        else:
            found = found.selectExpr(
                *labels,
                "1L AS row_count",
                "if(metric IS NULL, 0L, 1L) AS value_count",
                *(f"metric AS {name}" for name in ("total", "least", "most")),
            )
        if self.c.anchor == "t0":
            return found
        amount = _amount(_scale(found, "total"))
        nothing = [f"CAST(NULL AS {amount}) AS {name}" for name in ("total", "least", "most")]
        members = self._members().selectExpr(*labels, "1L AS row_count", "0L AS value_count", *nothing)
        return found.unionByName(members)

    def in_order(self, lines: DataFrame) -> DataFrame:
        """With what each group column is ordered by, where that is not its text."""
        from pyspark.sql import functions as F

        for i, column in enumerate(self.c.group, start=1):
            if i in self.reads.places:
                places = self.snapshot.read(self.reads.places[i])
                places = places.select(F.col("label").alias(f"label{i}"), F.col("place").alias(f"s{i}"))
                lines = lines.join(places, F.col(f"g{i}") == F.col(f"label{i}"), "left").drop(f"label{i}")
            elif column.type in WHOLE:
                lines = lines.withColumn(f"s{i}", F.expr(f"try_cast(g{i} AS bigint)"))
            else:
                lines = lines.withColumn(f"s{i}", F.col(f"g{i}"))
        return lines

    def _labelled(self, rows: DataFrame) -> DataFrame:
        """Every row with whose it is: kind, recipient, group and month, and its metric."""
        from pyspark.sql import functions as F

        c, anchor = self.c, self.c.anchor
        measured_by, far = c.path(c.metric.alias)[1:], c.far(anchor)
        before = [alias for alias in c.path(anchor)[1:] if alias != anchor]
        needed = in_order({*c.path(anchor)[1:], *far, *measured_by})
        frame = self._joined(rows, needed)
        loose, recipient, owned = F.lit(False), self._recipient(), self._owned()
        if anchor != "t0":
            owned = self._reached(anchor) & owned
        if c.has_loose_lines:
            key = c.hop_to(anchor)
            excused = self._unbroken(before)
            if not key.optional:
                excused &= ~self._reached(key.start)
            loose = ~self._reached(anchor)
            recipient = F.when(loose, F.lit(c.unassigned)).otherwise(recipient)
            owned = F.when(loose, excused).otherwise(owned)
        owned = F.coalesce(owned & self._unbroken(measured_by), F.lit(False))
        month = F.col(_MONTH)
        kind = F.when(~owned, "orphan").when(loose, "loose").otherwise("line")
        found = frame.select(
            kind.alias("kind"),
            F.when(owned, recipient).alias("recipient"),
            *(F.when(owned, label).alias(f"g{i}") for i, label in enumerate(self._groups(), start=1)),
            month.alias("month"),
            F.when(month > 0, F.col("metric")).alias("metric"),
        )
        return found.where("kind <> 'orphan' OR month > 0")

    def _members(self) -> DataFrame:
        """The groups that exist, with or without rows; strays are those that reach no recipient."""
        from pyspark.sql import functions as F

        far = self.c.far(self.c.anchor)
        owned = F.coalesce(self._owned(), F.lit(False))
        return self._joined(self._table(self.c.anchor), far).select(
            F.when(owned, "line").otherwise("stray").alias("kind"),
            self._recipient().alias("recipient"),
            *(label.alias(f"g{i}") for i, label in enumerate(self._groups(), start=1)),
            F.lit(0).alias("month"),
        )

    # -- small pieces ----------------------------------------------------------------------------------

    def _table(self, alias: str) -> DataFrame:
        from pyspark.sql import functions as F

        table = self.measured(self.snapshot.read(self.reads.tables[alias]))
        if 0 <= self.c.estimates[int(alias[1:])] <= _FEW_ROWS:
            return F.broadcast(table)
        return table

    def _joined(self, frame: DataFrame, aliases: Iterable[str]) -> DataFrame:
        for alias in aliases:
            hop = self.c.hop_to(alias)
            frame = frame.join(self._table(alias), self._same(hop), "left")
        return frame

    def _same(self, hop: Hop) -> Column:
        pairs = zip(hop.lefts, hop.rights, strict=True)
        return _all(self._key(left, right) == self._key(right, left) for left, right in pairs)

    def _key(self, column: StoreColumn, other: StoreColumn) -> Column:
        """A column so that two are equal exactly when PostgreSQL says so: `_compares_in_spark` saw to it."""
        from pyspark.sql import functions as F

        key = F.col(self.reads.name(column))
        if "numeric" not in (column.type, other.type):
            return key
        # 5.10, 5.1 and 5 are to be written alike.
        return F.regexp_replace(F.regexp_replace(key.cast("string"), r"(\.\d*?)0+$", "$1"), r"\.$", "")

    def _reached(self, alias: str) -> Column:
        from pyspark.sql import functions as F

        return F.col(self.reads.name(self.c.hop_to(alias).rights[0])).isNotNull()

    def _unbroken(self, aliases: Iterable[str]) -> Column:
        conditions = []
        for alias, excuse in self.c.mandatory([*aliases]):
            reached = self._reached(alias)
            conditions.append(reached if excuse is None else reached | ~self._reached(excuse))
        return _all(conditions)

    def _recipient(self) -> Column:
        from pyspark.sql import functions as F

        c = self.c
        name = F.col(self.reads.name(c.recipient)).cast("string")
        far = c.far(c.anchor)
        if not any(c.hop_to(alias).optional for alias in c.path(c.recipient.alias) if alias in far):
            return name
        return F.when(self._reached(c.recipient.alias), name).otherwise(F.lit(c.unassigned))

    def _owned(self) -> Column:
        return self._recipient().isNotNull() & self._unbroken(self.c.far(self.c.anchor))

    def _groups(self) -> list[Column]:
        from pyspark.sql import functions as F

        return [F.col(self.reads.name(column)).cast("string") for column in self.c.group]


def _all(conditions: Iterable[Column]) -> Column:
    from pyspark.sql import functions as F

    return functools.reduce(lambda a, b: a & b, conditions, F.lit(True))


def _with_losses(facts: Facts, frame: DataFrame) -> Facts:
    """The facts with what reached nobody: orphans by month, and how many groups."""
    from pyspark.sql import functions as F

    lost = frame.where(F.col("kind").isin("orphan", "stray")).groupBy("kind", "month")
    sums = lost.agg(*(F.sum(name) for name in ("row_count", "value_count", "total"))).collect()
    orphans = {month: _sum(*totals) for kind, month, *totals in sums if kind == "orphan"}
    return replace(facts, orphans=orphans, strays=sum(row[2] for row in sums if row["kind"] == "stray"))


def _sum(count: int, values: int, total: object) -> Totals:
    if values and total is None:
        raise too_long()  # Spark 3.5 adds up to NULL, ANSI or not, where 4.1 raises
    return Totals(count, values, Decimal(str(total or 0)))


# -- months, or values, rolled up to the window ------------------------------------------------------------


def _rolled(
    source: Source, frame: DataFrame, shape: Shape, percentile: Fraction | None, numbers: range
) -> Iterator[Line]:
    """The lines of the period whose window has these months, in their order."""
    from pyspark.sql import functions as F

    order = ["recipient", *(f"{what}{i}" for i in range(1, shape.group_width + 1) for what in "sg")]
    inside = F.col("month").between(numbers[0], numbers[-1])
    frame = frame.where(F.col("kind").isin("line", "loose"))
    if shape.groups_have_a_beginning:
        frame = frame.where(F.col("month") <= numbers[-1])
    if percentile is not None:
        frame = _between(frame, inside, percentile, order)
    stays = F.max(F.col("kind") == "line").alias("stays")
    rolled = frame.groupBy(*order).agg(
        F.sum(F.when(inside, F.col("row_count"))).alias("row_count"),
        F.sum(F.when(inside, F.col("value_count"))).alias("value_count"),
        F.sum(F.when(inside, F.col("total"))).alias("total"),
        F.min(F.when(inside, F.col("least"))).alias("least"),
        F.max(F.when(inside, F.col("most"))).alias("most"),
        *([stays] if shape.has_loose_lines else []),
    )
    if shape.has_loose_lines:
        # Else a back-fill would show an empty line where a run for this period alone shows none.
        rolled = rolled.where("stays OR row_count > 0")
    measures = ("row_count", "value_count", "total", "least", "most")
    with source.errors_explained():
        # Partition by partition to the driver, which holds one of them at a time.
        ordered = rolled.orderBy(*order).select("recipient", *shape.groups, *measures)
        # By position: a Row's names are looked up in a list, a million times over.
        for recipient, *group, rows, values, total, least, most in ordered.toLocalIterator():
            yield Line(recipient, tuple(group), _sum(rows or 0, values or 0, total), least, most)


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


def _digits_of(contract: Contract, facts: Facts) -> int:
    """Digits of the metric after the point: by its type, else as many as the rows have."""
    digits = facts.digits if contract.metric.digits is None else contract.metric.digits
    if digits >= DIGITS:
        raise ExtractError(
            f"the metric has values with {digits} digits after the point; {DIGITS - 1} are the most that"
            ' Spark can add exactly; leave out aggregate_in="spark"',
            kind="contract",
        )
    return digits
