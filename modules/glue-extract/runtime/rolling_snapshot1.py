"""One snapshot for many connections: what the parts of a parallel read have to share.

Left to themselves, the parts would each see the store at the moment they begin, and money that is moved
between two rows meanwhile would be counted twice or not at all. So one connection holds a transaction open
and exports its snapshot, and every connection of the read imports it. The transaction has to stay until the
last part is read, a part that is read again by a retried task included.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rolling_contract1 import literal
from rolling_copy1 import Connection
from rolling_source1 import DRIVER, Source, spark_session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_FETCHED_AT_ONCE = 10_000

_EXPORT = """
SELECT pg_export_snapshot(), pg_postmaster_start_time()::text,
       to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The store as it was at one moment, for as long as `exported` holds it."""

    source: Source
    connection: Connection  # the one that holds it
    spark: SparkSession
    identifier: str
    server: str  # since when it runs: no two servers have that to the microsecond in common
    time: str

    def read(self, query: str, partitions: Sequence[str] = ("true",)) -> DataFrame:
        """The rows of a query as a lazy frame: a part, and a connection, for each of the conditions.

        Only with a fetch size does Spark open a transaction, and run the first statement of the session and
        the query in it; without, the snapshot would silently be gone before the query.
        """
        # Spark asks for the columns on a connection that does not run the session's first statement, and
        # would wait for a lock without end.
        limits = " ".join(f"-c {name}={value}" for name, value in self.source.limits.items())
        properties = {
            "driver": DRIVER,
            "options": limits,
            "fetchsize": str(_FETCHED_AT_ONCE),
            "sessionInitStatement": self._session(),
            **self.source.properties(),
        }
        reader, table = self.spark.read, f"({query}) part"
        return reader.jdbc(
            self.source.database.url, table, predicates=list(partitions), properties=properties
        )

    def _session(self) -> str:
        # Behind a name that leads to several servers, another one could know a snapshot of the same name.
        return f"""
        SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;
        SET TRANSACTION SNAPSHOT {literal(self.identifier)};
        {self.source.settings()};
        DO $$BEGIN
          IF pg_postmaster_start_time()::text <> {literal(self.server)} THEN
            RAISE EXCEPTION 'the snapshot is of another server';
          END IF;
        END$$
        """


@contextmanager
def exported(source: Source) -> Iterator[Snapshot]:
    """Hold a snapshot for as long as the block lasts, and say so if that is not possible."""
    with source.errors_explained(), source.connected() as connection:
        # It will be idle for as long as the parts are read, which is what it is there for.
        connection.execute("SET idle_in_transaction_session_timeout = 0")
        connection.java.setAutoCommit(False)
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        [(identifier, server, time)] = connection.rows(_EXPORT)
        yield Snapshot(source, connection, spark_session(), str(identifier), str(server), str(time))
