"""Connections with the JDBC driver in the JVM of Spark, for runs on Glue and whenever Spark aggregates."""

from __future__ import annotations

import atexit
import functools
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rolling_copy
import rolling_file
from rolling_database import Database
from rolling_log import log
from rolling_quiet import quiet_bridge, quiet_driver
from rolling_refusals import DRIVER
from rolling_source import LOGIN

if TYPE_CHECKING:
    from pyspark import SparkConf, SparkContext

# TieredStopAtLevel=1 turns off Java's second compiler. With this option, Java decrypts only 10 MB/s with
# AES-GCM, but 50 MB/s with ChaCha20. A server with OpenSSL prefers AES with 256 bits to ChaCha20, so the list
# for TLS 1.3 does not contain AES with 256 bits. The list contains AES with 128 bits, because every server
# that supports TLS 1.3 supports this cipher.
_CIPHERS = (
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_GCM_SHA256",
    # Ciphers for a server that supports only TLS 1.2:
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
)


_starting = threading.Lock()
_announced: set[str] = set()  # IDs of the applications whose start is in the log


@contextmanager
def spark_starting() -> Iterator[None]:
    """Start Spark while PostgreSQL answers the first queries.

    If Spark does not start, `spark_context` tries again and raises the error. The `with` block ends only
    after the start is complete or has failed. So Spark writes nothing to the terminal after the error message
    of a failed run.
    """
    with ThreadPoolExecutor(1) as pool:
        pool.submit(_context)
        yield


def spark_context() -> SparkContext:
    """Return the Spark context of Glue or of a notebook if one exists, else a new one."""
    context = _context()
    if context.applicationId not in _announced:
        _announced.add(context.applicationId)
        log("spark_started", f"Spark {context.version} started")
    return context


def _context() -> SparkContext:
    """Return the Spark context, and write nothing to the log.

    The engine changes Spark's settings only if it starts Spark itself. In a notebook, Spark runs already.
    Under Glue, a Java process runs already: its port is in PYSPARK_GATEWAY_PORT. Both keep their settings,
    except for their log level.
    """
    from pyspark import SparkConf, SparkContext

    with _starting:
        configuration = SparkConf().setAppName("rolling-extract")
        if SparkContext._active_spark_context is None and "PYSPARK_GATEWAY_PORT" not in os.environ:
            _set_up(configuration)
        context = SparkContext.getOrCreate(configuration)
        # Turn off Spark's own log. The engine itself reports a failure in one sentence, and logs the cause.
        quiet_driver(context)
    return context


def _set_up(configuration: SparkConf) -> None:
    """Add the settings of a Spark that the engine starts."""
    configuration.set("spark.ui.enabled", "false").set("spark.ui.showConsoleProgress", "false")
    # Through Spark's ports, another user could read rows and the login of the source. With this setting,
    # Spark generates a secret that clients of the ports need.
    configuration.set("spark.authenticate", "true")
    configuration.set("spark.driver.bindAddress", "127.0.0.1").set("spark.driver.host", "127.0.0.1")
    configuration.set("spark.local.dir", _local_folder())
    # In a short run on two cores, Java spends half of the time compiling code that never runs again.
    # These options reduce a run from 20 s to 11 s.
    ciphers = f"-Djdk.tls.client.cipherSuites={','.join(_CIPHERS)}"
    configuration.set("spark.driver.extraJavaOptions", f"-XX:TieredStopAtLevel=1 -XX:+UseSerialGC {ciphers}")


@functools.cache
def _local_folder() -> str:
    """Return a folder for the files of Spark, which contain rows. It is deleted when this process ends.

    Without this folder, every user of the machine could read the files, and the files would remain if the
    process of Spark is killed.
    """
    ended = ExitStack()
    folder = ended.enter_context(rolling_file.scratch())
    ended.callback(_end_spark)
    atexit.register(ended.close)
    return str(folder)


def _end_spark() -> None:
    """End the process of Spark, so that it writes no more files."""
    from pyspark import SparkContext

    process = getattr(SparkContext._gateway, "proc", None)
    if process is not None:
        quiet_bridge()
        process.kill()
        process.wait()


def connect(database: Database, application: str, limit: int) -> JdbcConnection:
    """Log in with the driver from Spark's registry of drivers.

    If Python calls `java.sql.DriverManager`, this class uses the wrong class loader and does not find a
    driver in `spark.jars`. Spark's registry finds the driver, both under Glue and on a laptop.
    """
    jvm = spark_context()._jvm
    assert jvm is not None
    registry = jvm.org.apache.spark.sql.execution.datasources.jdbc.DriverRegistry
    registry.register(DRIVER)
    given = jvm.java.util.Properties()
    for name, value in properties(database, application, limit).items():
        given.setProperty(name, value)
    # In the mode `simple`, the driver sends several SET statements in one message. It also leaves no prepared
    # statement on a connection that a pooler gives to other clients.
    given.setProperty("preferQueryMode", "simple")
    return JdbcConnection(jvm, registry.get(DRIVER).connect(database.url, given))


def properties(database: Database, application: str, limit: int) -> dict[str, str]:
    """Return the properties that the driver needs for every connection."""
    return {
        "ApplicationName": application,
        # Without assumeMinServerVersion, the driver would set the application's name after the login, and a
        # pooler would keep this name for the next client of the connection.
        "assumeMinServerVersion": "12",
        "connectTimeout": "15",
        "loginTimeout": str(LOGIN),
        "socketTimeout": str(limit),
        "tcpKeepAlive": "true",
        **database.properties,
    }


@dataclass(frozen=True, slots=True)
class JdbcConnection:
    jvm: Any
    java: Any  # org.postgresql.jdbc.PgConnection

    def execute(self, statement: str) -> None:
        self.java.createStatement().execute(statement)

    def copy(self, query: str, path: Path) -> None:
        stream = self.jvm.java.io.BufferedOutputStream(self.jvm.java.io.FileOutputStream(str(path)))
        try:
            self.java.getCopyAPI().copyOut(f"COPY ({query}) TO STDOUT", stream)
        finally:
            stream.close()

    def rows(self, query: str) -> list[rolling_copy.Row]:
        text = self.jvm.java.io.StringWriter()
        self.java.getCopyAPI().copyOut(f"COPY ({query}) TO STDOUT", text)
        return rolling_copy.rows_in(str(text.toString()))

    def close(self) -> None:
        self.java.close()
