"""An archive of Spark's classes, with which Java starts Spark in half of the processor time.

At each start of Spark, Java reads thousands of classes from 300 JAR files and checks them. From an archive it
maps them into its memory (application class-data sharing). It ignores an archive of other JAR files or of
another Java, so the name of the archive has a digest of both. It has 160 MB and lies in the folder of
pyspark, which is deleted with its environment.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import sys
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from extracts import children, programs
from extracts.errors import ExtractsError

# Does what a run does, so that its classes are loaded. Derby is a database that Spark brings.
_PROGRAM = r"""
from pyspark.sql import SparkSession, functions as F
spark = SparkSession.builder.getOrCreate()
spark.conf.set("spark.sql.ansi.enabled", "true")
rows = "(VALUES (1, 10, 'a'), (2, 20, 'b')) relation (c0, c1, c2)"
given = {"driver": "org.apache.derby.jdbc.EmbeddedDriver", "fetchsize": "10"}
for name in ("t0", "t1"):
    frame = spark.read.jdbc("jdbc:derby:memory:classes;create=true", rows, predicates=["C0 < 2", "C0 >= 2"],
        properties=given)
    frame = frame.select(F.col("C0").alias("c0"), F.col("C1").cast("DECIMAL(38, 2)").alias("c1"), "C2")
    frame.createOrReplaceTempView(name)
for joined in ("t1", "u1"):
    query = f'''
        WITH figures AS (SELECT t0.c0 AS k, count(*) AS n, sum(t0.c1) AS s FROM t0
          LEFT JOIN {joined} ON {joined}.c0 = t0.c0 GROUP BY 1)
        SELECT coalesce(m.c2, 'x') AS c2, CASE WHEN n IS NULL THEN 0 ELSE 1 END AS g, CAST(s AS string) AS s
        FROM t1 m FULL JOIN figures f ON f.k = m.c0 ORDER BY c2 NULLS FIRST, g'''
    frame = spark.sql(query).selectExpr("concat_ws('\t', c2, replace(s, '.', ','), CAST(g AS string))")
    assert len(list(frame.toLocalIterator())) == 2
    F.broadcast(spark.table("t1")).createOrReplaceTempView("u1")
spark.stop()
java = spark.sparkContext._gateway.proc
java.stdin.close()  # ends it, and then it writes the archive
java.wait()
"""


def archive() -> Path | None:
    """Return the archive for this Spark and this Java, if `make` has made one."""
    path = _path()
    return path if path is not None and path.is_file() else None


def can_be_made() -> bool:
    """Return whether there is no archive yet, and Java and the folder allow one."""
    path = _path()
    # Java's archive of its own classes, on which ours builds. A trimmed Java has none.
    base = programs.java_home() / "lib/server/classes.jsa"
    return path is not None and not path.is_file() and os.access(path.parent, os.W_OK) and base.is_file()


def make(variables: Mapping[str, str]) -> None:
    """Make the archive, in the time of three starts of Spark. `variables` are those of a process with it."""
    path = _path()
    assert path is not None
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="classes-") as folder:
        made = Path(folder) / path.name
        java = f"-XX:ArchiveClassesAtExit={shlex.quote(str(made))}"
        fast = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
        options = shlex.join(["--conf", f"spark.driver.extraJavaOptions={java} {fast} {_QUIET}"])
        given = {**variables, "PYSPARK_SUBMIT_ARGS": f"{options} {variables['PYSPARK_SUBMIT_ARGS']}"}
        done = children.run([sys.executable, "-c", _PROGRAM], variables=given, folder=Path(folder))
        if done.returncode or not made.is_file():
            raise ExtractsError(f"Java did not make an archive of Spark's classes: {done.stderr[-500:]}")
        # A part of an archive, left by a power failure, would crash Java.
        with made.open("rb") as file:
            os.fsync(file.fileno())
        for old in path.parent.glob("classes-*.jsa"):
            old.unlink(missing_ok=True)
        made.rename(path)


# Without a word about an archive that it does not use.
_QUIET = "-Xlog:cds*=off"


def options() -> str | None:
    """Return the options of Java for the archive, as Spark splits them, if there is one."""
    path = archive()
    return None if path is None else f"-XX:SharedArchiveFile={shlex.quote(str(path))} {_QUIET}"


def _path() -> Path | None:
    found = find_spec("pyspark")
    if found is None or found.origin is None:
        return None
    home = Path(found.origin).parent
    java = programs.java()
    parts = [str(java.path), java.version]
    for jar in sorted((home / "jars").glob("*.jar")):
        state = jar.stat()
        parts.append(f"{jar.name} {state.st_size} {state.st_mtime_ns}")
    return home / f"classes-{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()[:16]}.jsa"
