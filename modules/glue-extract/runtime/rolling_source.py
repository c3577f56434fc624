"""The source: how the store is reached through Spark, and what its errors mean in a sentence."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rolling_contract import CatalogRow, literal
from rolling_copy import Connection
from rolling_database import Database, unreachable
from rolling_errors import ExtractError, one_line

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

DRIVER = "org.postgresql.Driver"


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
        with self.errors_explained():
            rows = [[text or "" for text in row] for row in connection.rows(query)]
        return [
            CatalogRow(row[0], row[1], row[2], row[3], row[4], row[5] == "t", int(row[6])) for row in rows
        ]

    def check_condition(self, connection: Connection, probe: str, condition: str) -> None:
        """Let PostgreSQL parse the spec's condition, in a statement that reads nothing."""
        try:
            with self.errors_explained():
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
        with self.errors_explained():
            registry = jvm.org.apache.spark.sql.execution.datasources.jdbc.DriverRegistry
            registry.register(DRIVER)
            properties = jvm.java.util.Properties()
            for name, value in self.properties().items():
                properties.setProperty(name, value)
            java = registry.get(DRIVER).connect(self.database.url, properties)
        try:
            connection = Connection(jvm, java)
            with self.errors_explained():
                connection.execute(self.settings())
            yield connection
        finally:
            java.close()

    def properties(self) -> dict[str, str]:
        """What the driver is told for every connection."""
        return {
            "ApplicationName": f"rolling-extract {self.run_id}",
            "connectTimeout": "15",
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
        return "; ".join(f"SET {name} = {literal(value)}" for name, value in settings.items())

    @contextmanager
    def errors_explained(self) -> Iterator[None]:
        """Turn what Spark, Py4J and the driver raise into one sentence, and keep their text as the cause."""
        try:
            yield
        except ExtractError:
            raise
        except Exception as error:
            raise explained(error, self.database) from None


# What one SQLSTATE, or none, has several reasons for: told by the text.
_BY_TEXT = (
    ("locked", r"due to lock timeout"),
    ("slow", r"due to statement timeout"),
    ("conflict", r"conflict with recovery"),
    ("disk", r"No space left on device|could not extend file|could not write to file|temp_file_limit"),
    (
        "lost",
        r"terminating connection|while sending to the backend|This connection has been closed"
        r"|server closed the connection|EOFException",
    ),
)
# Told by SQLSTATE where the driver's exception can be reached, by the text where only Spark's summary of a
# failed task can. The text is English unless the server's lc_messages says otherwise; then the general
# sentence at the end of `explained` is what is left.
_BY_STATE = (
    (
        "authentication",
        ("28P01", "28000"),
        r"password authentication failed|no pg_hba\.conf entry|authentication",
    ),
    ("no_database", ("3D000",), r"database \"[^\"]*\" does not exist"),
    (
        "unreachable",
        ("08001", "08004", "08006", "57P03"),
        r"Connection to \S+ refused|connection attempt failed|I/O error occurred",
    ),
    ("permission", ("42501",), r"permission denied"),
    ("too_many", ("53300",), r"too many (?:clients|connections)|remaining connection slots"),
    ("cancelled", ("57014",), r"canceling statement"),
    ("conflict", ("40001",), r"conflict with recovery"),
    ("disk", ("53100",), r"No space left"),
    ("lost", ("57P01", "57P02"), r"terminating connection"),
    ("zone", ("22023",), r"time zone \"[^\"]*\" not recognized|invalid value for parameter \"TimeZone\""),
)


def explained(error: Exception, database: Database) -> ExtractError:
    """The sentence for a failure of the store, of the driver or of Spark."""
    state, text = _sql_state(error)
    cause = _without_secret(f"{type(error).__name__} {state or '-----'} {text}", database)
    said = _without_secret(_driver_message(text), database)
    found = (
        next((what for what, pattern in _BY_TEXT if state != "08001" and re.search(pattern, text)), None)
        or next((what for what, states, _ in _BY_STATE if state in states), None)
        or next((what for what, _, by in _BY_STATE if not state and re.search(by, said, re.IGNORECASE)), None)
    )
    if "ClassNotFoundException" in text and DRIVER in text:
        return ExtractError(
            f"Spark has no PostgreSQL driver ({DRIVER}); give it the driver's jar, e.g. with spark.jars",
            kind="driver",
            cause=cause,
        )
    if "[ARITHMETIC_OVERFLOW]" in text or "[NUMERIC_VALUE_OUT_OF_RANGE" in text:
        return too_long(cause)
    match found:
        case "authentication":
            return ExtractError(
                f'database {database.place} refused user "{database.user}": {said};'
                f" check the {database.credentials}",
                kind="authentication",
                cause=cause,
            )
        case "no_database":
            return ExtractError(
                f"there is no such database at {database.place}: {said}", kind="unreachable", cause=cause
            )
        case "unreachable":
            return unreachable(database.place, said, cause)
        case "permission":
            return ExtractError(f'{said}; grant it to role "{database.user}"', kind="permission", cause=cause)
        case "too_many":
            return ExtractError(
                f"the database at {database.place} takes no more connections; start the run again later",
                kind="database",
                cause=cause,
            )
        case "locked":
            return ExtractError(
                f"a table of the extract stayed locked ({said}); start the run again when whoever works on it"
                " has ended, or with a longer --lock-timeout",
                kind="locked",
                cause=cause,
            )
        case "slow":
            return ExtractError(
                f"the read took too long ({said}); look for an index on the date column, or start the run"
                " with a longer --statement-timeout",
                kind="timeout",
                cause=cause,
            )
        case "conflict":
            return ExtractError(
                f"the replica cancelled the read ({said}); start the run again, raise"
                " max_standby_streaming_delay there, or read from the writer",
                kind="conflict",
                cause=cause,
            )
        case "cancelled":
            return ExtractError(
                f"somebody cancelled the read ({said}); start the run again", kind="database", cause=cause
            )
        case "lost":
            return ExtractError(
                f"the connection to the database at {database.place} was lost in the middle of the read"
                f" ({said}); start the run again",
                kind="lost",
                cause=cause,
            )
        case "disk":
            if "PSQLException" in text:
                sentence = (
                    f"the database at {database.place} ran out of disk space ({said}); make room there and"
                    " start the run again"
                )
            else:
                sentence = (
                    f"the job's own disk is full ({said}); give the job a larger worker, or make room there"
                )
            return ExtractError(sentence, kind="disk_full", cause=cause)
        case "zone":
            return ExtractError(
                f"the database does not know the extract's time zone ({said})", kind="spec", cause=cause
            )
        case _:
            what = (
                "the database refused the read"
                if "PSQLException" in text or state
                else "Spark could not finish the read"
            )
            return ExtractError(f"{what}: {said}", kind="database", cause=cause)


def too_long(cause: str = "") -> ExtractError:
    """A sum that no decimal of Spark's can hold."""
    sentence = "a sum of the metric takes more than the 38 digits that Spark can add exactly"
    return ExtractError(sentence, kind="contract", cause=cause)


def _sql_state(error: Exception) -> tuple[str, str]:
    """SQLSTATE and text of a Java exception and its causes.

    PySpark hides it in one of two attributes, by the kind of error.
    """
    java = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    state, texts = "", [] if java is not None else [str(error)]
    for _ in range(10):
        if java is None:
            break
        texts.append(str(java.toString()))
        if java.getClass().getName() == "org.postgresql.util.PSQLException":
            state = state or str(java.getSQLState() or "")
        java = java.getCause()
    return state, "\n".join(texts)


def _driver_message(text: str) -> str:
    """The driver's own words out of a Java text; of those, the first line without the server's severity."""
    match = re.search(r"PSQLException: (.*)", text)
    line = (
        match[1] if match else next((line for line in text.splitlines() if line.strip()), "no reason given")
    )
    line = re.sub(r"^(?:ERROR|FATAL|PANIC): ", "", line.strip())
    return one_line(line).rstrip(".")[:300]


def _without_secret(text: str, database: Database) -> str:
    password = database.properties.get("password", "")
    text = text.replace(password, "***") if password else text
    return re.sub(r"X-Amz-Signature=\w+", "X-Amz-Signature=***", text)[:4000]  # a token that has followed
