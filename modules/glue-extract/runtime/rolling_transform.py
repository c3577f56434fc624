"""A transform changes the rows of the entity before Spark joins and aggregates them.

A transform gets one frame for all periods of the run. The frame has the rows that meet the extract's `where`.
If the anchor of the groups (`rolling_joins.anchor`) is the entity, the frame also has the rows before the
windows, in segment 0.

- The frame has the columns of the entity that the spec names, the columns in `transform_columns`, and
  `rolling_segment`. Each column has the same name as in the source. The first matching rule decides the type
  of a column:
  - A column that a metric or its condition uses as a number is decimal(38, digits).
  - A column of a whole-number type is bigint.
  - A numeric column with a declared scale is decimal(38, digits).
  - A boolean or date column keeps its type.
  - A timestamp column keeps its type if no file shows the column and no join compares it.
  - Every other column is text, in the form that PostgreSQL writes.
- A transform may remove, add and change rows. It must return at least the columns of the spec and
  `rolling_segment`. A number may become another decimal or whole number, but never a float. A row must stay
  in its segment.
- The returned rows replace the entity's rows, also in the control totals. Before the transform, the engine
  compares the rows of the frame with the totals of the database.
- For the same rows, a transform must always return the same rows. It runs more than once. If its results
  differ, the control totals do not reconcile.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import rolling_queries
import rolling_result
from rolling_columns import DECIMAL_DIGITS, decimal
from rolling_dialect import SPARK
from rolling_errors import ExtractError, listed
from rolling_expression import columns_of, digits_of
from rolling_frames import SEGMENT, VIEW, FrameRelations, RawRelations
from rolling_nodes import WHOLE
from rolling_quiet import quiet_executors
from rolling_refusals import condition_of
from rolling_relations import Relations
from rolling_resolved import Column, Resolved
from rolling_result import Facts
from rolling_source import Session
from rolling_span import Span

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_TIMESTAMPS = {"timestamp without time zone": "timestamp_ntz", "timestamp with time zone": "timestamp"}


class Transformed(NamedTuple):
    """The results of a transform.

    They are the resolved spec with the new types, the facts with the control totals of the new rows, and the
    large queries.
    """

    resolved: Resolved
    facts: Facts
    bodies: rolling_queries.Bodies


@dataclass(frozen=True, slots=True)
class Work:
    """Runs the transform of a spec after the read of the entity and before the large queries."""

    resolved: Resolved
    span: Span
    cutoff: datetime | None
    facts: Facts
    session: Session
    spark: SparkSession

    def relation(self) -> tuple[Any, Mapping[str, str]]:
        """Return the relation of the entity, and for each column of the relation its name in the source."""
        found = RawRelations(
            self.resolved, self.span, self.cutoff, SPARK, rolling_queries.rows_of(self.resolved)
        )
        names = {found.add_raw(column, kind): column.name for column, kind in self._kinds().items()}
        segment = found.segment
        if segment != "1":
            names[segment.partition(".")[2]] = SEGMENT
        return found.relations()[0], names

    def done(self, given: DataFrame, names: Mapping[str, str], views: Callable[..., None]) -> Transformed:
        """Transform the rows, and make the large queries over the rows that the transform returned.

        `views` makes the temporary views of relations.
        """
        from pyspark.sql import functions as F

        given = given.toDF(*(names[name] for name in given.columns))
        if SEGMENT not in given.columns:
            given = given.withColumn(SEGMENT, F.lit(1))
        quiet_executors(self.spark)
        given = given.localCheckpoint(eager=True)
        digits = self.facts.digits
        same = replace(
            self.resolved,
            measures=tuple(
                replace(measure, digits=measure.digits if measure.digits is not None else digits[i])
                for i, measure in enumerate(self.resolved.measures)
            ),
        )
        same = _typed(same, {column: _as_read(column, kind) for column, kind in self._kinds().items()})
        self._check_given(self._control(same, given, views))
        made = self._called(given)
        kept = {column: self._made(column, made) for column in self._kept()}
        made.createOrReplaceTempView(VIEW)
        changed = _typed(same, kept)
        changed = replace(changed, measures=tuple(_redigited(measure) for measure in changed.measures))
        changed = replace(
            changed,
            metrics=tuple(
                replace(metric, scale=2)
                if metric.scale is None
                and metric.aggregate in ("sum", "min", "max")
                and changed.measures[metric.measure].digits
                else metric
                for metric in changed.metrics
            ),
        )
        control = self._control(changed, made, views)
        not_finite = {n: sums for n, sums in self.facts.control.items() if sums.not_finite}
        facts = replace(
            self.facts,
            control={**control, **not_finite},
            digits=tuple(measure.digits or 0 for measure in changed.measures),
        )
        factory = self._factory()
        bodies = rolling_queries.bodies(changed, self.span, self.cutoff, "spark", facts.digits, factory)
        return Transformed(changed, facts, bodies)

    def _factory(self) -> Callable[..., Relations]:
        return lambda *given: FrameRelations(self.session, *given)

    # -- columns ---------------------------------------------------------------------------------------

    def _kept(self) -> list[Column]:
        """Return the columns of the entity that the spec needs after the transform."""
        resolved = self.resolved
        found = [resolved.recipient, *resolved.group_by.values()]
        found += [side for step in resolved.steps for side in step.lefts]
        found += columns_of(
            *(node for measure in resolved.measures for node in (measure.value, measure.where)),
            resolved.recipients_where,
            *([resolved.where] if any(c.alias != "t0" for c in columns_of(resolved.where)) else []),
        )
        if resolved.listing is not None:
            found += [*resolved.listing.columns, *resolved.listing.key]
        return list(dict.fromkeys(column for column in found if column.alias == "t0"))

    def _kinds(self) -> dict[Column, str]:
        """Return the Spark type of each column that the transform gets."""
        resolved = self.resolved
        listing = resolved.listing
        shown = {resolved.recipient, *resolved.group_by.values()}
        shown |= {side for step in resolved.steps for side in step.lefts}
        shown |= {*listing.columns, *listing.key} if listing is not None else set()
        numbers: dict[Column, int | None] = {}
        for i, measure in enumerate(resolved.measures):
            for column in columns_of(measure.value, measure.where):
                if column.category == "N" and not measure.counted_only:
                    numbers[column] = column.digits if column.digits is not None else self.facts.digits[i]
        found = {}
        for column in dict.fromkeys([*self._kept(), *resolved.transform_columns]):
            digits = numbers.get(column, column.digits)
            if column.type in WHOLE and column not in numbers:
                found[column] = "bigint"
            elif column in numbers or (column.type == "numeric" and digits is not None):
                if column in shown and column.digits is None:
                    raise ExtractError(
                        f'the column "{column.name}" is in the file and in a metric, but its type has no'
                        " scale; leave out the transform, or use a view that casts the column",
                        kind="contract",
                    )
                found[column] = decimal(digits or 0)
            elif column.type in ("boolean", "date"):
                found[column] = column.type
            elif column.type in _TIMESTAMPS and column not in shown:
                found[column] = _TIMESTAMPS[column.type]
            else:
                found[column] = "string"
        return found

    def _made(self, column: Column, made: DataFrame) -> Column:
        """Return a column with the type that it has after the transform."""
        from pyspark.sql import types

        kind = made.schema[column.name].dataType
        column = replace(column, not_null=False)
        if column.category != "N" or isinstance(kind, types.StringType):
            return column
        if isinstance(kind, types.DecimalType):
            return replace(column, type="numeric", digits=kind.scale)
        if isinstance(kind, types.ByteType | types.ShortType | types.IntegerType | types.LongType):
            return replace(column, type="bigint", digits=0)
        raise _refused(
            f'changed "{column.name}" to {kind.typeName()}; it must stay a decimal or a whole number'
        )

    # -- totals ----------------------------------------------------------------------------------------

    def _control(
        self, resolved: Resolved, frame: DataFrame, views: Callable[..., None]
    ) -> rolling_result.BySegment:
        """Return the control totals of a frame, computed by Spark."""
        frame.createOrReplaceTempView(VIEW)
        digits = [measure.digits or 0 for measure in resolved.measures]
        rows = rolling_queries.rows_of(resolved)
        relations = FrameRelations(self.session, resolved, self.span, self.cutoff, SPARK, rows, digits)
        sql = rolling_queries.control_body(relations, scales=False)
        views(relations.relations())
        quiet_executors(self.spark)
        found = self.spark.sql(sql).collect()
        lines = [[None if value is None else str(value) for value in row] for row in found]
        control, _, seen = rolling_result.totals_of(resolved, lines)
        return {
            number: replace(
                sums,
                sums=[
                    total * 10 ** (most - had)
                    for total, most, had in zip(sums.sums, digits, seen, strict=True)
                ],
            )
            for number, sums in control.items()
            if number > 0
        }

    def _check_given(self, found: rolling_result.BySegment) -> None:
        """Compare the rows that Spark has read with the database's totals, before the transform runs."""
        for number, source in self.facts.control.items():
            given = found.get(number)
            if source.not_finite or number < 1:
                continue
            if given is None or (given.rows, given.counts, given.sums) != (
                source.rows,
                source.counts,
                source.sums,
            ):
                rows = 0 if given is None else given.rows
                raise ExtractError(
                    f"in a part of the window, the database has {source.rows} rows, and Spark has read"
                    f" {rows} rows for the transform; the number or the totals of the rows differ",
                    kind="reconciliation",
                )

    # -- the call --------------------------------------------------------------------------------------

    def _called(self, frame: DataFrame) -> DataFrame:
        from pyspark.errors import AnalysisException
        from pyspark.sql import DataFrame

        transform = self.resolved.transform
        assert transform is not None
        try:
            with _active(frame.sparkSession):
                made = transform(frame)
        except Exception as error:
            # The transform is code of the project, so its error is reported as an error of the transform. The
            # report contains Spark's name of the error, but not the message, because a message may quote
            # rows. For example, after a pivot, values of rows are names of columns.
            condition = condition_of(str(error)) if isinstance(error, AnalysisException) else None
            said = f" [{condition}]" if condition else ""
            # A callable object that is not a function has no `__code__`.
            code = getattr(transform, "__code__", None)
            file = None if code is None else code.co_filename
            lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
            where = f" in line {lines[-1]}" if lines else ""
            raise _refused(f"failed with {type(error).__name__}{where}{said}") from error
        if not isinstance(made, DataFrame):
            raise _refused(f"returned {type(made).__name__}, not a DataFrame")
        needed = [*(column.name for column in self._kept()), SEGMENT]
        if missing := [name for name in needed if name not in made.columns]:
            raise _refused(f"removed the column {listed(missing)}; it must keep {listed(needed, 20)}")
        return made


def _as_read(column: Column, kind: str) -> Column:
    """Return a column with the type that it has in the frame for the transform."""
    if not kind.startswith("DECIMAL") or column.type in WHOLE:
        return column
    digits = int(kind.rpartition(",")[2].strip(" )"))
    return replace(column, type="numeric", digits=digits)


def _redigited(measure: Any) -> Any:
    """Return a measure with the digits that its values have after the transform."""
    if measure.value is None or measure.counted_only:
        return measure
    digits = digits_of(measure.value)
    if digits is None or digits >= DECIMAL_DIGITS:
        return measure
    return replace(measure, digits=digits, whole=digits == 0 and measure.divisor == 1)


def _typed(found: Any, columns: Mapping[Column, Column]) -> Any:
    """Return a copy of a value in which all columns are replaced, also columns in nested values."""
    if isinstance(found, Column):
        return columns.get(found, found)
    if isinstance(found, tuple) and not hasattr(found, "_fields"):
        return tuple(_typed(each, columns) for each in found)
    if isinstance(found, Mapping):
        return {name: _typed(each, columns) for name, each in found.items()}
    if is_dataclass(found) and not isinstance(found, type):
        changes = {f.name: _typed(getattr(found, f.name), columns) for f in fields(found) if f.init}
        return replace(found, **changes)
    return found


@contextmanager
def _active(session: SparkSession) -> Iterator[None]:
    """Make a session the active session of Spark during the block.

    In Spark 3.5, a cast in `expr` obeys the settings of the session that is active when `expr` makes the
    cast. Without ANSI mode, a cast that fails would become NULL.
    """
    from pyspark.sql import SparkSession

    before = SparkSession.getActiveSession()
    # PySpark has no public function that makes a session active. This call does so as a side effect.
    session.createDataFrame([], "x int")
    try:
        yield
    finally:
        if before is not None:
            before.createDataFrame([], "x int")


def _refused(what: str) -> ExtractError:
    return ExtractError(f"the spec's transform {what}", kind="transform")
