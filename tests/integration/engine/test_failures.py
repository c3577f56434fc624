"""A failure of the job itself, such as a full disk, is reported in one sentence."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import pytest

import rolling_database
import rolling_jdbc
import rolling_psycopg
import rolling_refusals
from extracts import programs
from tests.support.bank import LOANS, Engine, Store

DRIVERS = {"psycopg": rolling_psycopg.PsycopgConnection, "jdbc": rolling_jdbc.JdbcConnection}


class FullDisk:
    """A path to a file on a full disk."""

    def open(self, mode: str) -> IO[bytes]:
        return Path("/dev/full").open("wb", 0)

    def __str__(self) -> str:
        return "/dev/full"


RUNTIME = Path(__file__).resolve().parents[3] / "modules/glue-extract/runtime"


def test_error_of_spark_about_a_full_disk_is_reported() -> None:
    database = rolling_database.from_url("postgresql://u:p@h:1/d")
    error = RuntimeError("Job aborted: java.io.IOException: No space left on device")
    found = rolling_refusals.explained(error, database)
    assert (found.kind, found.sentence[:27]) == ("disk_full", "the job's own disk is full ")


@pytest.mark.parametrize("driver", ["psycopg", "jdbc"])
def test_full_disk_is_reported_while_the_engine_reads_the_source(
    store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch, driver: str
) -> None:
    store.branch()
    connection: Any = DRIVERS[driver]
    copy = connection.copy
    monkeypatch.setattr(connection, "copy", lambda self, query, path: copy(self, query, FullDisk()))
    engine = replace(engine, driver=driver)
    sentence = engine.refusal("2026-10")
    assert "the job's own disk" in sentence
    assert "No space left on device" in sentence
    assert sentence.endswith(
        "give the job a larger worker, or free space on that disk. Nothing was published."
    )
    assert engine.log[-1]["kind"] == "disk_full"


def test_full_disk_is_reported_while_the_engine_writes_files(
    store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every write to /dev/full fails with ENOSPC."""
    store.branch()
    opened = Path.open

    def on_a_full_disk(path: Path, *mode: Any, **more: Any) -> Any:
        return opened(Path("/dev/full"), "wb", 0) if "/files-" in str(path) else opened(path, *mode, **more)

    monkeypatch.setattr(Path, "open", on_a_full_disk)
    sentence = engine.refusal("2026-10")
    assert "cannot write the files on the job's own disk" in sentence
    assert "No space left on device" in sentence
    assert engine.log[-1]["kind"] == "disk_full"
    assert not engine.folder.exists()


def test_unexpected_error_is_reported_in_one_sentence(
    store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rolling_resolve.resolve", lambda *_: dict[str, int]()["boom"])
    sentence = engine.refusal("2026-10")
    assert re.fullmatch(
        r"2026-10: unexpected KeyError in test_failures\.py, line \d+\. Nothing was published\.", sentence
    )
    assert "rolling_extract.py, line " in engine.log[-1]["cause"]
    assert "boom" not in sentence + json.dumps(
        engine.log
    )  # the text of the error may contain a value of a row, so the log must not contain it


def test_missing_driver_jar_is_reported_in_one_sentence(store: Store, tmp_path: Path) -> None:
    done = ended_in_spark(store, store.url, tmp_path)
    assert done.stderr.splitlines()[-1].endswith(
        "Spark has no PostgreSQL driver (org.postgresql.Driver); add the jar of the driver,"
        " e.g. with spark.jars. Nothing was published."
    )
    assert "Traceback" not in done.stdout.replace("cause", "") + done.stderr


def test_error_of_a_run_is_the_last_line_after_the_messages_of_spark(store: Store, tmp_path: Path) -> None:
    done = ended_in_spark(store, "postgresql://u:p@127.0.0.1:1/x", tmp_path)
    assert "cannot reach the database at 127.0.0.1:1/x" in done.stderr.splitlines()[-1]


def ended_in_spark(store: Store, url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `python etl.py`, which must fail, in a separate process. Its Spark has no PostgreSQL driver."""
    script = folder / "etl.py"
    spec = replace(LOANS, aggregate_in="spark", schema=store.schema)
    script.write_text(f"from rolling_extract import *\n\nrun({spec!r})\n")
    environment = {
        "PATH": os.environ["PATH"],
        "JAVA_HOME": str(programs.java_home()),
        "PYTHONPATH": str(RUNTIME),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    done = subprocess.run(
        [sys.executable, script, "--database-url", url, "--output", folder / "out"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    return done
