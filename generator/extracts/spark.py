"""The environment of a process that uses Spark: Java, the JDBC driver, and loopback addresses only."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from extracts import programs


def environment(libraries: Path, *, cores: str = "*", settings: Sequence[str] = ()) -> dict[str, str]:
    """Return variables for a process that imports `libraries`; `settings` are Spark's, `name=value`."""
    local = ("spark.ui.enabled=false", "spark.driver.host=127.0.0.1", "spark.driver.bindAddress=127.0.0.1")
    options = [part for setting in (*settings, *local) for part in ("--conf", setting)]
    options += ["--jars", str(programs.jdbc_driver()), "--master", f"local[{cores}]", "pyspark-shell"]
    return {
        "JAVA_HOME": str(programs.java_home()),
        "PYTHONPATH": str(libraries),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_SUBMIT_ARGS": shlex.join(options),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
