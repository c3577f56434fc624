"""Make the result with `aggregate_in="spark"`: Spark reads rows in parallel, joins and aggregates them.

Aggregation in Spark reduces the load of the source, and a `transform` requires it. The large queries have the
same SQL as in PostgreSQL, over temporary views `t0`, `t1`, ... of the relations. PostgreSQL runs the small
queries on the snapshot that Spark reads. The control totals come from these small queries, so they show
whether Spark has read all rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import rolling_queries
import rolling_result
import rolling_transform
from rolling_columns import DECIMAL_DIGITS
from rolling_errors import ExtractError
from rolling_jdbc import spark_context
from rolling_log import log
from rolling_quiet import quiet_executors
from rolling_relations import Relation
from rolling_resolved import Resolved
from rolling_result import Facts, Result
from rolling_snapshot import FEW_ROWS, Snapshot
from rolling_source import Session
from rolling_span import Span

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_PARTITIONS = 32  # number of partitions of a shuffle
# Maximum size in bytes of all broadcast tables that have more than `FEW_ROWS` rows. A driver with 1 GB of
# memory, Spark's default, has space for these tables.
_BROADCAST = 256_000_000
# Maximum bytes of a value in a broadcast row, by type. Other types, such as texts, count as unlimited.
_BYTES = {"boolean": 8, "smallint": 8, "int": 8, "bigint": 8, "date": 8, "decimal": 24}
_ROW = 40  # bytes of a row without its values: its header and its place in the hash table


def read(
    resolved: Resolved, span: Span, cutoff: datetime | None, facts: Facts, session: Session, folder: Path
) -> Result:
    """Run the large queries in Spark, while `session` keeps open the snapshot that all parts read."""
    _check_digits(resolved, facts)
    spark = spark_session(resolved, facts)
    with session.source.errors_explained():
        reader = _Reader(resolved, Snapshot.exported(session, spark))
        if resolved.transform is None:
            bodies = rolling_queries.bodies(resolved, span, cutoff, "spark", facts.digits)
        else:
            work = rolling_transform.Work(resolved, span, cutoff, facts, session, reader.snapshot.spark)
            relation, names = work.relation()
            [frame] = reader.frames([relation])
            resolved, facts, bodies = work.done(frame, names, reader.make_views)
        reader.make_views(bodies.relations, is_shared=len(bodies.windows) > 0)
        return rolling_result.read(resolved, span, facts, bodies, _Copy(reader.snapshot.spark), folder)


def spark_session(resolved: Resolved, facts: Facts) -> SparkSession:
    """Return a Spark session with its own settings. Other sessions are not changed."""
    from pyspark.sql import SparkSession

    ours = SparkSession(spark_context()).newSession()
    rows = sum(segment.rows for segment in facts.control.values())
    is_small = max(rows, *(table.estimate for table in resolved.tables)) <= FEW_ROWS
    settings = {
        "ansi.enabled": "true",
        "session.timeZone": "UTC",
        # A product with too many digits must be an error or NULL. It must never be rounded.
        "decimalOperations.allowPrecisionLoss": "false",
        # The common type of two decimals keeps the digits after the point, as in versions before Spark 4.
        "legacy.decimal.retainFractionDigitsOnTruncate": "true",
        # The defaults of Glue are for terabytes. For a few thousand rows, one task with a fixed plan is
        # faster.
        "shuffle.partitions": "1" if is_small else str(_PARTITIONS),
        "adaptive.enabled": str(not is_small).lower(),
        "codegen.wholeStage": str(not is_small).lower(),
        # The read of a broadcast table from a slow source can take longer than the default of five minutes.
        "broadcastTimeout": "-1",
    }
    for name, value in settings.items():
        ours.conf.set(f"spark.sql.{name}", value)
    return ours


@dataclass(frozen=True, slots=True)
class _Reader:
    """Makes temporary views of the relations."""

    resolved: Resolved
    snapshot: Snapshot

    def make_views(self, relations: Sequence[Relation], *, is_shared: bool = False) -> None:
        """Make the view of each relation.

        `is_shared` means that several queries read the entity. Then Spark reads the rows of the entity from
        the source only once.
        """
        transformed = [each for each in relations if each.name == "t0" and self.resolved.transform]
        for relation in transformed:
            self.snapshot.spark.sql(relation.sql).createOrReplaceTempView(relation.name)
        read = [relation for relation in relations if relation not in transformed]
        for relation, frame in zip(read, self.frames(read), strict=True):
            if is_shared and relation.name == "t0":
                # A cache is not sufficient: if Spark evicts a part of a cache, it reads the part from the
                # source again. So a checkpoint is used.
                quiet_executors(self.snapshot.spark)
                frame = frame.localCheckpoint(eager=True)
            frame.createOrReplaceTempView(relation.name)

    def frames(self, relations: Sequence[Relation]) -> list[DataFrame]:
        """Return the relations as DataFrames with Spark's types.

        For each relation, Spark logs in to read its columns. These logins take place at the same time.
        """
        from pyspark.sql import functions as F

        conditions = [self.snapshot.conditions(self.resolved, relation) for relation in relations]
        for relation, parts in zip(relations, conditions, strict=True):
            count = "1 part" if len(parts) == 1 else f"{len(parts)} parts"
            log("statement", f"reading {relation.name} from one snapshot, in {count}", sql=relation.sql)
            # The connections of Spark do not check their settings, but the session does. So the session runs
            # this query. It detects code in a table that changes a setting while PostgreSQL plans the read.
            self.snapshot.session.rows(f"SELECT 1 FROM ({relation.sql}) relation LIMIT 0")
        names = [relation.name for relation in relations]
        with ThreadPoolExecutor() as pool:
            frames = dict(zip(names, pool.map(self._frame, relations, conditions), strict=True))
        small = self._small(frames)
        return [F.broadcast(frame) if name in small else frame for name, frame in frames.items()]

    def _small(self, frames: Mapping[str, DataFrame]) -> set[str]:
        """Return the joined tables that fit into the memory of each executor.

        A join to a table that is broadcast needs no shuffle of the entity's rows.
        """
        found, used = set(), 0.0
        rows = {name: self.resolved.table(name).estimate for name in frames if name != "t0"}
        for name, count in sorted(rows.items(), key=lambda item: item[1]):
            size = count * _row_bytes(frames[name])
            if 0 <= count <= FEW_ROWS:
                found.add(name)
            elif count > 0 and used + size <= _BROADCAST:
                found.add(name)
                used += size
        return found

    def _frame(self, relation: Relation, conditions: Sequence[str]) -> DataFrame:
        """Return a relation with Spark's types."""
        from pyspark.sql import functions as F

        frame = self.snapshot.read(relation.sql, conditions).drop("part")
        typed = [
            F.col(name).cast(relation.types[name]).alias(name) if name in relation.types else F.col(name)
            for name in frame.columns
        ]
        return frame.select(*typed)


def _row_bytes(frame: DataFrame) -> float:
    """Return the size of a row in a broadcast. It is infinite if a type is not in `_BYTES`."""
    return _ROW + sum(_BYTES.get(kind.partition("(")[0], math.inf) for _, kind in frame.dtypes)


class _Copy:
    """Writes the rows of a query in the text format of COPY.

    Spark converts each row to one line of text. The driver reads one partition after another.
    """

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark

    def __call__(self, sql: str, path: Path) -> None:
        log("statement", "reading the source with one query in Spark", sql=sql)
        quiet_executors(self._spark)
        frame = self._spark.sql(sql)
        frame = frame.toDF(*(f"c{i}" for i, _ in enumerate(frame.columns)))
        columns = [_escaped(name, kind) for name, kind in frame.dtypes]
        frame = frame.selectExpr(f"concat_ws('\\t', {', '.join(columns)}) AS line")
        with path.open("x", encoding="utf-8", newline="") as file:
            for (line,) in frame.toLocalIterator():
                file.write(line + "\n")


def _escaped(name: str, kind: str) -> str:
    """Return the SQL of a column in the text format of COPY."""
    text = f"CAST({name} AS string)"
    if kind == "string":
        for character, escape in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
            text = f"replace({text}, {_text(character)}, {_text(escape)})"
    return f"coalesce({text}, {_text(chr(92) + 'N')})"


def _text(value: str) -> str:
    """
    >>> _text("\\\\N")
    "'\\\\\\\\N'"
    """
    escapes = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
    return "'" + "".join(escapes.get(character, character) for character in value) + "'"


def _check_digits(resolved: Resolved, facts: Facts) -> None:
    for measure, digits in zip(resolved.measures, facts.digits, strict=True):
        most = digits if measure.digits is None else measure.digits
        if most >= DECIMAL_DIGITS:
            raise ExtractError(
                f"a metric has values with {most} digits after the point; Spark can add at most"
                f' {DECIMAL_DIGITS - 1} digits exactly; use aggregate_in="database"',
                kind="contract",
            )
