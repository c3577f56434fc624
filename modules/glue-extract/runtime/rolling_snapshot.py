"""One snapshot for many connections: what the parts of a parallel read share.

Without it, every part would read the source as it is when the part begins. An amount that moves from one row
to another in the meantime would be counted twice or not at all. The session of the run exports its snapshot,
and every connection of the read imports it. The session must stay open until the last part is read, also if
Spark retries a task and reads a part again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import rolling_jdbc
from rolling_expression import literal
from rolling_refusals import DRIVER
from rolling_relations import Relation
from rolling_resolved import Resolved
from rolling_source import SEARCH_PATH, Session, local_settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FEW_ROWS = 100_000  # up to which a table is read over one connection, and sent to where the rows are
_FETCHED_AT_ONCE = 10_000

_EXPORT = r"""SELECT pg_export_snapshot(), pg_postmaster_start_time()::text,
    (SELECT reset_val ~ '^pg_catalog *(, *pg_temp *)?$' FROM pg_settings WHERE name = 'search_path')::text"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The source as it was at one moment, for as long as the session lasts."""

    session: Session
    spark: SparkSession
    identifier: str
    server: str  # since when it runs: no two servers have that to the microsecond in common
    # Whether the role's own search_path has only schemas that nobody else can write to. If not, each login
    # sets another path, and a pooler may refuse that.
    is_safe: bool = False

    @classmethod
    def exported(cls, session: Session, spark: SparkSession) -> Snapshot:
        [[identifier, server, is_safe]] = session.rows(_EXPORT, reads_rows=False)
        return cls(session, spark, str(identifier), str(server), is_safe == "true")

    def read(self, query: str, conditions: Sequence[str]) -> DataFrame:
        """Return the rows of a query as a lazy frame: a part, and a connection, for each of the conditions.

        Only with a fetch size does Spark open a transaction, and run the first statement of the session and
        the query in it. Without one, the snapshot would silently be gone before the query.
        """
        source = self.session.source
        login = rolling_jdbc.properties(source.database.fresh(), source.application, source.limit)
        if not self.is_safe:
            login["currentSchema"] = SEARCH_PATH  # at the login: also for Spark's question for the columns
        # Spark makes the names of properties lower-case, and the driver ignores such names. A URL keeps them.
        named = {name: value for name, value in login.items() if name != name.lower()}
        url = source.database.url
        url += ("&" if "?" in url else "?") + urlencode(named, quote_via=quote)
        properties = {
            **{name: value for name, value in login.items() if name not in named},
            "driver": DRIVER,
            "fetchsize": str(_FETCHED_AT_ONCE),
            "sessionInitStatement": self._import(),
            # Spark asks for the columns on a connection that does not run the session's first statement, and
            # would wait for a lock without end.
            "queryTimeout": str(source.statement_timeout),
        }
        return self.spark.read.jdbc(
            url, f"({query}) relation", predicates=list(conditions), properties=properties
        )

    def conditions(self, resolved: Resolved, relation: Relation) -> list[str]:
        """Return conditions on `part` that every row of the relation meets one of.

        The ranges leave no gap and are open at both ends, so that no row is lost or read twice, whatever is
        in the column.
        """
        estimate = resolved.table(relation.name).estimate
        is_small = relation.name != "t0" and 0 <= estimate <= FEW_ROWS
        count = 1 if relation.part is None or is_small else resolved.partitions
        inner = self._inner(relation, count) if count > 1 else []
        if not inner:
            return ["true"]
        between = [f"part >= {low} AND part < {high}" for low, high in pairwise(inner)]
        return [f"part < {inner[0]} OR part IS NULL", *between, f"part >= {inner[-1]}"]

    def _inner(self, relation: Relation, count: int) -> list[str]:
        """Return the limits between the parts."""
        query = f"SELECT min(part)::text, max(part)::text FROM ({relation.sql}) relation"
        [[least, most]] = self.session.rows(query)
        if least is None or most is None:
            return []
        try:
            low, high = int(least), int(most)
        except ValueError:
            try:
                first, days = date.fromisoformat(least[:10]), _days(least, most)
            except ValueError:  # infinity, or a year before 1 or after 9999
                return []
            limits = [first + timedelta(days * i // count) for i in range(1, count)]
            return list(dict.fromkeys(f"DATE '{limit}'" for limit in limits))
        return list(dict.fromkeys(str(low + (high - low) * i // count) for i in range(1, count)))

    def _import(self) -> str:
        # Behind a name that leads to several servers, another one could know a snapshot of the same name.
        source = self.session.source
        return f"""
        SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;
        SET TRANSACTION SNAPSHOT {literal(self.identifier)};
        {local_settings(source.time_zone, source.limits)};
        DO $$BEGIN
          IF pg_postmaster_start_time()::text <> {literal(self.server)} THEN
            RAISE EXCEPTION 'the snapshot is of another server';
          END IF;
        END$$
        """


def _days(least: str, most: str) -> int:
    return (date.fromisoformat(most[:10]) - date.fromisoformat(least[:10])).days + 1
