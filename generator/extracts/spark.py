"""Make the environment of a process that uses Spark.

The environment contains the paths of Java and of the JDBC driver. It restricts Spark to loopback addresses.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from extracts import children, programs, spark_classes
from extracts.errors import ExtractsError


def environment(
    libraries: Path, *, cores: str = "*", settings: Sequence[str] = (), archived: bool = True
) -> dict[str, str]:
    """Return variables for a process that imports Python modules from the folder `libraries`.

    Each item of `settings` is a setting of Spark in the form `name=value`. If `archived` is true and the
    archive of Spark's classes exists, Java uses the archive.
    """
    local = ["spark.ui.enabled=false", "spark.authenticate=true"]
    local += ["spark.driver.host=127.0.0.1", "spark.driver.bindAddress=127.0.0.1"]
    if archived and (java := spark_classes.options()) is not None:
        local.append(f"spark.driver.defaultJavaOptions={java}")
    options = [part for setting in (*settings, *local) for part in ("--conf", setting)]
    options += ["--jars", str(programs.jdbc_driver()), "--master", f"local[{cores}]", "pyspark-shell"]
    return {
        "JAVA_HOME": str(programs.java_home()),
        "PYTHONPATH": str(libraries),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_SUBMIT_ARGS": shlex.join(options),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }


def prepare() -> None:
    """Make the archive of Spark's classes if it does not exist. Without it, Spark starts more slowly."""
    if spark_classes.can_be_made():
        try:
            spark_classes.make({**children.environment(), **environment(Path())})
        except ExtractsError as error:
            print(f"Spark will start slowly: {error}", file=sys.stderr)


if __name__ == "__main__":
    prepare()
