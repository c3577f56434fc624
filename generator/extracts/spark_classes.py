"""Make an archive of Spark's classes, so that Java needs only half the processor time to start Spark.

At each start of Spark, Java reads thousands of classes from 300 JAR files and checks them. With an archive,
Java maps the classes into its memory (application class-data sharing). Java ignores an archive that was made
from other JAR files or by another Java. So the name of the archive contains a digest of the JAR files and of
Java. The archive has 160 MB. It is in the folder of pyspark, so it is deleted together with the Python
environment.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shlex
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from extracts import children, programs
from extracts.errors import ExtractsError

# Without this option, Java prints a warning if it does not use an archive.
_QUIET = "-Xlog:cds*=off"


def archive() -> Path | None:
    """Return the archive for this Spark and this Java, if `make` has made one."""
    path = _path()
    return path if path is not None and path.is_file() else None


def can_be_made() -> bool:
    """Return whether the archive is missing and can be made with this Java in this folder."""
    path = _path()
    # Our archive extends the archive of Java's own classes. A reduced Java does not contain that archive, so
    # our archive cannot be made.
    base = programs.java_home() / "lib/server/classes.jsa"
    return path is not None and not path.is_file() and os.access(path.parent, os.W_OK) and base.is_file()


def make(variables: Mapping[str, str]) -> None:
    """Make the archive, which takes as long as three starts of Spark.

    The process that makes the archive gets `variables` as its environment.
    """
    path = _path()
    assert path is not None
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="classes-") as folder:
        made = Path(folder) / path.name
        java = f"-XX:ArchiveClassesAtExit={shlex.quote(str(made))}"
        fast = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
        options = shlex.join(["--conf", f"spark.driver.extraJavaOptions={java} {fast} {_QUIET}"])
        given = {**variables, "PYSPARK_SUBMIT_ARGS": f"{options} {variables['PYSPARK_SUBMIT_ARGS']}"}
        done = children.run(children.python("extracts.spark_warm_up"), variables=given, folder=Path(folder))
        if done.returncode or not made.is_file():
            raise ExtractsError(f"Java could not create an archive of Spark's classes: {done.stderr[-500:]}")
        # Write the archive to disk before it gets its final name. Otherwise the archive could be incomplete
        # after a power failure, and Java would crash.
        with made.open("rb") as file:
            os.fsync(file.fileno())
        for old in path.parent.glob("classes-*.jsa"):
            old.unlink(missing_ok=True)
        made.rename(path)


def options() -> str | None:
    """Return the Java options for the archive, or None if there is no archive.

    Spark splits the text at spaces as a shell does, so the path is quoted.
    """
    path = archive()
    return None if path is None else f"-XX:SharedArchiveFile={shlex.quote(str(path))} {_QUIET}"


def _path() -> Path | None:
    """Return the path of the archive for this Spark and this Java, or None without Spark."""
    java = programs.java()
    return _path_for(java.path, java.version)


@functools.cache
def _path_for(java: Path, version: str) -> Path | None:
    found = find_spec("pyspark")
    if found is None or found.origin is None:
        return None
    home = Path(found.origin).parent
    parts = [str(java), version]
    for jar in sorted((home / "jars").glob("*.jar")):
        state = jar.stat()
        parts.append(f"{jar.name} {state.st_size} {state.st_mtime_ns}")
    return home / f"classes-{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()[:16]}.jsa"
