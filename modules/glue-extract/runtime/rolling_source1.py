"""The source: how the store is reached through Spark, and what its errors mean in a sentence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rolling_contract1 import CatalogRow, literal
from rolling_copy1 import Connection
from rolling_database import Database
from rolling_errors import ExtractError
from rolling_refusals import DRIVER, explained

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

__all__ = ["DRIVER", "Source", "spark_context", "spark_session"]

_LOGIN = 30  # seconds from the first packet to a session
_GRACE = 30  # seconds that a server may need to tell that a statement's time is over
_WATCH = "5s"  # how often a server looks whether the client of a running statement is still there


def spark_context() -> SparkContext:
    """Whatever Spark there is: Glue's, a notebook's, or a new one.

    Only a Spark that we start ourselves is tuned from the ground up. Glue hands us a Java process that runs
    already (that is what the gateway's port says) and keeps its settings.
    """
    from pyspark import SparkConf, SparkContext

    configuration = SparkConf().setAppName("rolling-extract")
    started_here = SparkContext._active_spark_context is None and "PYSPARK_GATEWAY_PORT" not in os.environ
    if started_here:
        configuration.set("spark.ui.enabled", "false").set("spark.ui.showConsoleProgress", "false")
        # Half of a short run on two cores is Java compiling what it will not run again: 11 s instead of 20.
        configuration.set("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
    context = SparkContext.getOrCreate(configuration)
    if started_here:
        # A failure is told in one sentence, and its cause goes to our log: no stack traces on the terminal.
        context.setLogLevel("OFF")
    return context


def spark_session() -> SparkSession:
    """A session of our own: our settings are not everybody's."""
    from pyspark.sql import SparkSession

    ours = SparkSession(spark_context()).newSession()
    ours.conf.set("spark.sql.ansi.enabled", "true")
    ours.conf.set("spark.sql.session.timeZone", "UTC")
    # Glue's defaults suit terabytes. A result of a few thousand rows is done sooner by one task that nobody
    # re-plans.
    ours.conf.set("spark.sql.shuffle.partitions", "1")
    ours.conf.set("spark.sql.adaptive.enabled", "false")
    ours.conf.set("spark.sql.codegen.wholeStage", "false")
    return ours


@dataclass(frozen=True, slots=True)
class Source:
    """A database as it is reached through Spark."""

    context: SparkContext
    database: Database
    time_zone: str
    run_id: str
    statement_timeout: int  # seconds, as is the next
    lock_timeout: int

    def catalog(self, connection: Connection, query: str) -> list[CatalogRow]:
        """The small read of the contract check."""
        with self.errors_explained(reads_rows=False):
            rows = [([text or "" for text in row], row[7]) for row in connection.rows(query)]
        return [
            CatalogRow(row[0], row[1], row[2], row[3], row[4], row[5] == "t", int(row[6]), collation)
            for row, collation in rows
        ]

    def check_condition(self, connection: Connection, probe: str, condition: str) -> None:
        """Let PostgreSQL parse the spec's condition, in a statement that reads nothing."""
        try:
            with self.errors_explained(reads_rows=False):
                connection.rows(probe)
        except ExtractError as found:
            if found.kind != "database":
                raise
            said = found.sentence.removeprefix("the database refused the read: ")
            sentence = f'where="{condition}" is no condition on the entity: {said}'
            raise ExtractError(sentence, kind="spec", cause=found.cause) from None

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """A login of the driver's own; what is wrong with the way to the store shows here.

        What it is used for belongs inside `errors_explained`. One is enough for a run: Java takes longer over
        a login than over the contract check.

        The driver is asked for by Spark's own registry. `java.sql.DriverManager` called from Python does not
        see one that came by `spark.jars` (it asks the wrong class loader); Spark's registry does, under Glue
        and on a laptop alike.
        """
        jvm = self.context._jvm
        assert jvm is not None
        with self.errors_explained(reads_rows=False):
            registry = jvm.org.apache.spark.sql.execution.datasources.jdbc.DriverRegistry
            registry.register(DRIVER)
            properties = jvm.java.util.Properties()
            for name, value in self.properties().items():
                properties.setProperty(name, value)
            java = registry.get(DRIVER).connect(self.database.url, properties)
        try:
            connection = Connection(jvm, java)
            with self.errors_explained(reads_rows=False):
                connection.execute(self.settings())
            yield connection
        finally:
            java.close()

    def properties(self) -> dict[str, str]:
        """What the driver is told for every connection."""
        return {
            "ApplicationName": f"rolling-extract {self.run_id}",
            "connectTimeout": "15",
            "loginTimeout": str(_LOGIN),
            # The server ends a statement that takes too long. If it does not say so, the way to it is dead.
            "socketTimeout": str(self.statement_timeout + _GRACE),
            "tcpKeepAlive": "true",
            **self.database.fresh().properties,
        }

    @property
    def limits(self) -> dict[str, str]:
        """How long a statement may take, and wait."""
        return {"statement_timeout": f"{self.statement_timeout}s", "lock_timeout": f"{self.lock_timeout}s"}

    def settings(self) -> str:
        """What `::text` makes of dates, floats and bytes depends on the session; here it is the same for
        every role and server.
        """
        settings = {
            "default_transaction_read_only": "on",
            **self.limits,
            "TimeZone": self.time_zone,
            "DateStyle": "ISO, YMD",
            "IntervalStyle": "iso_8601",
            "extra_float_digits": "1",
            "lc_monetary": "C",
            # Compiling the statement takes PostgreSQL longer than it saves, unless it runs for a minute.
            "jit": "off",
            "standard_conforming_strings": "on",
        }
        # A run that is killed leaves no statement behind: from PostgreSQL 14 on, where the system can tell.
        watch = (
            f"SELECT set_config(name, {literal(_WATCH)}, false) FROM pg_catalog.pg_settings"
            " WHERE name = 'client_connection_check_interval'"
        )
        return "; ".join([*(f"SET {name} = {literal(value)}" for name, value in settings.items()), watch])

    @contextmanager
    def errors_explained(self, *, reads_rows: bool = True) -> Iterator[None]:
        """Turn what Spark, Py4J and the driver raise into one sentence.

        Where a statement reads rows of the store, words that may quote them are left out.
        """
        try:
            yield
        except ExtractError:
            raise
        except Exception as error:
            raise explained(error, self.database, reads_rows=reads_rows) from None
