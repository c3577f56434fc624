"""One snapshot for many connections: all parts of a parallel read use the same snapshot.

Without a common snapshot, every part would read the source as it is when the part begins. If an amount moved
from one row to another in the meantime, the run would count the amount twice or not at all. The session of
the run exports its snapshot, and every connection of the read imports the snapshot. The session must stay
open until the last part is read, because Spark may retry a task and read a part again.
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

# Spark reads a joined table with at most this many rows over one connection, and broadcasts the table.
FEW_ROWS = 100_000
_FETCHED_AT_ONCE = 10_000
# Maximum number of parts if the spec has no `partitions`. A server allows 100 connections by default.
_MOST_PARTS = 32

_EXPORT = r"""SELECT pg_export_snapshot(), pg_postmaster_start_time()::text,
    (SELECT reset_val ~ '^pg_catalog *(, *pg_temp *)?$' FROM pg_settings WHERE name = 'search_path')::text,
    (SELECT string_agg('-c ' || name || '=' || boot_val, ' ') FROM pg_settings
     WHERE CASE name WHEN 'standard_conforming_strings' THEN reset_val = 'off'
        WHEN 'statement_timeout' THEN reset_val::int BETWEEN 1 AND 999
        WHEN 'lock_timeout' THEN reset_val::int BETWEEN 1 AND 999 END)"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of the source at one moment. It can be read until the session ends."""

    session: Session
    spark: SparkSession
    identifier: str
    server: str  # start time of the server in microseconds, which is different for each server
    # Whether the role's own search_path has only schemas that nobody else can write to. If not, each login
    # must set another search_path, which a pooler may refuse.
    is_safe: bool = False
    # Startup options for a login. With some settings of a role or database, Spark could not ask for the
    # columns of a query. The options replace these settings. A pooler may refuse options, so the text is
    # empty if no setting must be replaced.
    options: str = ""

    @classmethod
    def exported(cls, session: Session, spark: SparkSession) -> Snapshot:
        [[identifier, server, is_safe, options]] = session.rows(_EXPORT, reads_rows=False)
        return cls(session, spark, str(identifier), str(server), is_safe == "true", options or "")

    def read(self, query: str, conditions: Sequence[str]) -> DataFrame:
        """Return the rows of a query as a lazy frame. Spark reads one part for each condition.

        Each part has its own connection. The fetch size is necessary: with it, Spark runs
        sessionInitStatement and the query in one transaction. Without it, the query would not use the
        snapshot, and there would be no error.
        """
        source = self.session.source
        login = rolling_jdbc.properties(source.database.fresh(), source.application, source.limit)
        if not self.is_safe:
            # The login sets the search_path, because Spark asks for the columns of the query on a connection
            # without sessionInitStatement.
            login["currentSchema"] = SEARCH_PATH
        if self.options:
            login["options"] = self.options
        # Spark changes the names of properties to lower case, and the driver does not know the changed names.
        # So these properties are in the URL, which Spark does not change.
        named = {name: value for name, value in login.items() if name != name.lower()}
        url = source.database.url
        url += ("&" if "?" in url else "?") + urlencode(named, quote_via=quote)
        properties = {
            **{name: value for name, value in login.items() if name not in named},
            "driver": DRIVER,
            "fetchsize": str(_FETCHED_AT_ONCE),
            "sessionInitStatement": self._import(),
            # Spark asks for the columns on a connection without sessionInitStatement. Without this timeout,
            # Spark could wait forever for a lock.
            "queryTimeout": str(source.statement_timeout),
        }
        return self.spark.read.jdbc(
            url, f"({query}) relation", predicates=list(conditions), properties=properties
        )

    def conditions(self, resolved: Resolved, relation: Relation) -> list[str]:
        """Return conditions on `part`. Every row of the relation meets exactly one of them.

        There is no gap between the ranges. The first range has no lower limit, and the last range has no
        upper limit. So no row is lost or read twice, whatever its value is.
        """
        estimate = resolved.table(relation.name).estimate
        is_small = relation.name != "t0" and 0 <= estimate <= FEW_ROWS
        # Each part costs a login. More parts than cores would not be read at the same time.
        parts = resolved.partitions or min(self.spark.sparkContext.defaultParallelism, _MOST_PARTS)
        count = 1 if relation.part is None or is_small else parts
        inner = self._inner(relation, count) if count > 1 else []
        if not inner:
            return ["true"]
        between = [f"part >= {low} AND part < {high}" for low, high in pairwise(inner)]
        return [f"part < {inner[0]} OR part IS NULL", *between, f"part >= {inner[-1]}"]

    def _inner(self, relation: Relation, count: int) -> list[str]:
        """Return the limits between the parts, as SQL."""
        query = f"SELECT min(part)::text, max(part)::text FROM ({relation.sql}) relation"
        [[least, most]] = self.session.rows(query)
        if least is None or most is None:
            return []
        try:
            low, high = int(least), int(most)
        except ValueError:
            try:
                first, days = date.fromisoformat(least[:10]), _days(least, most)
            except ValueError:  # the date is infinity, or its year is before 1 or after 9999
                return []
            limits = [first + timedelta(days * i // count) for i in range(1, count)]
            return list(dict.fromkeys(f"DATE '{limit}'" for limit in limits))
        return list(dict.fromkeys(str(low + (high - low) * i // count) for i in range(1, count)))

    def _import(self) -> str:
        # One host name can lead to several servers, and another server could have a snapshot with the same
        # identifier. So the block compares the start times of the servers.
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
