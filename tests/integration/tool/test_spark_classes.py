"""The archive of Spark's classes, which makes the start of Spark faster."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from extracts import programs, spark, spark_classes

START = """
from pyspark.sql import SparkSession
assert SparkSession.builder.getOrCreate().range(3).count() == 3
"""


@pytest.fixture(scope="module")
def archive() -> Path:
    spark.prepare()
    found = spark_classes.archive()
    assert found is not None
    return found


def start(log: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Start Spark with the environment of a run. Java logs the place from which it loads each class."""
    given = {**os.environ, **spark.environment(Path()), **variables}
    given["PYSPARK_SUBMIT_ARGS"] = (
        f"--conf spark.driver.extraJavaOptions=-Xlog:class+load:file={log} {given['PYSPARK_SUBMIT_ARGS']}"
    )
    return subprocess.run(
        [sys.executable, "-c", START], env=given, capture_output=True, text=True, check=True
    )


@pytest.mark.usefixtures("archive")
def test_spark_starts_with_the_classes_of_the_archive(tmp_path: Path) -> None:
    start(tmp_path / "log")
    lines = [line for line in (tmp_path / "log").read_text().splitlines() if " org.apache.spark." in line]
    shared = [line for line in lines if "shared objects file (top)" in line]
    # The archive cannot contain classes that a program creates while it runs.
    assert len(shared) > 0.8 * len([line for line in lines if "Lambda" not in line and "$$" not in line])


@pytest.mark.usefixtures("archive")
def test_java_prints_no_message_if_it_ignores_the_archive_of_another_class_path(tmp_path: Path) -> None:
    options = spark_classes.options()
    assert options is not None
    command = [*programs.java().command, *shlex.split(options), "-cp", str(tmp_path), "-version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, "archive" in done.stderr) == ("", False)


@pytest.mark.usefixtures("archive")
def test_another_java_version_does_not_use_the_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    other = programs.Program("Java", Path("/opt/java/bin/java"), "21.0.1", "PATH")
    monkeypatch.setattr(programs, "java", lambda: other)
    assert spark_classes.archive() is None
    assert not any("SharedArchiveFile" in value for value in spark.environment(Path()).values())


def test_java_without_a_default_archive_creates_no_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trimmed = programs.Program("Java", tmp_path / "bin/java", "17.0.9", "wheel")
    monkeypatch.setattr(programs, "java", lambda: trimmed)
    assert not spark_classes.can_be_made()
