"""The JDBC driver of the JVM that Spark runs in: under Glue, and wherever Spark does the work."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rolling_copy
from rolling_database import Database
from rolling_log import log
from rolling_quiet import quiet_driver
from rolling_refusals import DRIVER
from rolling_source import LOGIN

if TYPE_CHECKING:
    from pyspark import SparkContext

# Without its second compiler, Java decrypts 10 MB/s by AES-GCM and 50 MB/s by ChaCha20. OpenSSL at the server
# prefers AES with 256 bits to ChaCha20, so that is not offered. Every server of TLS 1.3 has the second one.
_CIPHERS = (
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_GCM_SHA256",
    # For a server that has TLS 1.2 only:
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
)


def spark_context() -> SparkContext:
    """Return the context of Glue or of a notebook if there is one, else a new one.

    Only a Spark that we start ourselves gets settings. Glue hands us a Java process that runs already (the
    gateway's port says so) and keeps its settings, except for the level of its log.
    """
    from pyspark import SparkConf, SparkContext

    configuration = SparkConf().setAppName("rolling-extract")
    is_running = SparkContext._active_spark_context is not None
    started_here = not is_running and "PYSPARK_GATEWAY_PORT" not in os.environ
    if started_here:
        configuration.set("spark.ui.enabled", "false").set("spark.ui.showConsoleProgress", "false")
        # Half of a short run on two cores is Java compiling what it will not run again: 11 s instead of 20.
        ciphers = f"-Djdk.tls.client.cipherSuites={','.join(_CIPHERS)}"
        configuration.set(
            "spark.driver.extraJavaOptions", f"-XX:TieredStopAtLevel=1 -XX:+UseSerialGC {ciphers}"
        )
    context = SparkContext.getOrCreate(configuration)
    # A failure is one sentence, and its cause goes to our log.
    quiet_driver(context)
    if not is_running:
        log("spark_started", f"Spark {context.version} started")
    return context


def connect(database: Database, application: str, limit: int) -> JdbcConnection:
    """Log in with the driver of Spark's own registry.

    `java.sql.DriverManager` called from Python does not find a driver that came by `spark.jars`, because it
    asks the wrong class loader. Spark's registry does, under Glue and on a laptop.
    """
    jvm = spark_context()._jvm
    assert jvm is not None
    registry = jvm.org.apache.spark.sql.execution.datasources.jdbc.DriverRegistry
    registry.register(DRIVER)
    given = jvm.java.util.Properties()
    for name, value in properties(database, application, limit).items():
        given.setProperty(name, value)
    # Several SET in one message, and no prepared statement left on the connection of a pooler.
    given.setProperty("preferQueryMode", "simple")
    return JdbcConnection(jvm, registry.get(DRIVER).connect(database.url, given))


def properties(database: Database, application: str, limit: int) -> dict[str, str]:
    """Return what the driver needs to know for every connection."""
    return {
        "ApplicationName": application,
        # Else the driver sets the application's name after the login, for the pooler's next client, too.
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
