"""Failures of the job itself, such as a full disk, become one sentence."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import rolling_database
import rolling_refusals
from extracts import programs
from rolling_copy import Connection
from tests.support.bank import LOANS, Engine, Store

RUNTIME = Path(__file__).resolve().parents[3] / "modules/glue-extract/runtime"


def test_a_full_disk_under_sparks_own_files_is_told() -> None:
    database = rolling_database.from_url("postgresql://u:p@h:1/d")
    error = RuntimeError("Job aborted: java.io.IOException: No space left on device")
    found = rolling_refusals.explained(error, database)
    assert (found.kind, found.sentence[:27]) == ("disk_full", "the job's own disk is full ")


def test_a_full_disk_under_what_the_database_sends_is_told(
    store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.branch()
    copy = Connection.copy
    monkeypatch.setattr(
        Connection, "copy", lambda connection, query, path: copy(connection, query, Path("/dev/full"))
    )
    assert engine.refusal("2026-10") == (
        "2026-10: the job's own disk is full (java.io.IOException: No space left on device); give the job a"
        " larger worker, or make room there. Nothing was published."
    )
    assert engine.log[-1]["kind"] == "disk_full"


def test_a_full_disk_under_the_files_to_be_is_told(
    store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/dev/full is a disk with no room; the kernel says so to whoever writes."""
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


def test_a_defect_of_ours_is_still_one_sentence(
    store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rolling_contract.resolve", lambda *_: dict[str, int]()["boom"])
    sentence = engine.refusal("2026-10")
    assert re.fullmatch(
        r"2026-10: unexpected KeyError in test_failures\.py, line \d+\. Nothing was published\.", sentence
    )
    assert "rolling_extract.py, line " in engine.log[-1]["cause"]
    assert "boom" not in sentence + json.dumps(engine.log)  # it could be a value of a row


def test_without_the_drivers_jar_one_sentence_says_so(tmp_path: Path) -> None:
    """In a process of its own: a plain `python etl.py`, with nothing that gives Spark the driver."""
    script = tmp_path / "etl.py"
    script.write_text(f"from rolling_extract import Extract, Join, run\n\nrun({LOANS!r})\n")
    environment = {
        "PATH": os.environ["PATH"],
        "JAVA_HOME": str(programs.java_home()),
        "PYTHONPATH": str(RUNTIME),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    done = subprocess.run(
        [
            sys.executable,
            script,
            "--database-url",
            "postgresql://u:p@127.0.0.1:1/x",
            "--output",
            tmp_path / "out",
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        "Spark has no PostgreSQL driver (org.postgresql.Driver); give it the driver's jar,"
        " e.g. with spark.jars. Nothing was published."
    )
    assert "Traceback" not in done.stdout.replace("cause", "") + done.stderr
