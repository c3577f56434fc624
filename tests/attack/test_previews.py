"""Stop previews at random times. No process, no running statement and no password remains."""

from __future__ import annotations

import functools
import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from extracts import preview_folder
from local_cloud import database
from local_cloud.demo import store

pytestmark = [
    pytest.mark.attack,
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are seen by /proc"),
]

SEED = os.environ.get("SEED") or str(random.SystemRandom().randrange(10**9))
PROJECT = Path(__file__).parents[2] / "examples/bank-loans"
TIMES = 6


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[database.Database]:
    with database.serve(tmp_path_factory.mktemp("store")) as found:
        store.load(found.url, store.generate(date(2026, 10, 1), loans=6_000), "unused")
        yield found


def marked(mark: str) -> dict[int, bytes]:
    """Return the environments of all processes whose environment contains `mark`, keyed by process ID."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            environment = (place / "environ").read_bytes()
        except OSError:
            continue
        if mark.encode() in environment and int(place.name) != os.getpid():
            found[int(place.name)] = environment
    return found


def until(true: Callable[[], object], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.05)
    return False


def none_of(mark: str) -> bool:
    return not marked(mark)


def idle(connection: psycopg.Connection[Any]) -> bool:
    """Return True if no run of the engine has a session on the server."""
    sessions = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'rolling-extract%'"
    return not connection.execute(sessions).fetchall()


def begun(served: database.Database, folder: Path, mark: str) -> subprocess.Popen[bytes]:
    url, _, rest = served.url.partition(f":{served.password}@")
    return subprocess.Popen(
        [sys.executable, "-m", "extracts", "preview", str(PROJECT), "--from", "2026-01", "--to", "2026-10",
         "--output", str(folder / "out"), "--database-url", f"{url}@{rest}"],
        env={**os.environ, "MARK": mark, "PGPASSWORD": served.password, "TMPDIR": str(folder / "temp")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda sign: sign.name)
def test_preview_that_a_signal_stops_leaves_no_process_and_no_temporary_file(
    served: database.Database, tmp_path: Path, sign: signal.Signals
) -> None:
    print(f"SEED={SEED}")
    dice = random.Random(f"{SEED}{sign}")
    (tmp_path / "temp").mkdir()
    seconds, ended = 20.0, 0
    for _ in range(TIMES):
        mark, began = uuid.uuid4().hex, time.monotonic()
        process = begun(served, tmp_path, mark)
        wait = dice.random() * seconds
        while process.poll() is None and time.monotonic() - began < wait:
            others = {n: e for n, e in marked(mark).items() if n != process.pid}
            assert [n for n, e in others.items() if served.password.encode() in e] == []
            time.sleep(0.1)
        if process.poll() is None:
            process.send_signal(sign)
            ended += 1
        else:
            seconds = time.monotonic() - began
        process.wait(30)
        assert until(functools.partial(none_of, mark), 15), marked(mark).keys()
        with psycopg.connect(served.url, autocommit=True) as connection:
            assert until(functools.partial(idle, connection), 15)
        before = sorted((tmp_path / "out").rglob("*"))
        time.sleep(1)
        assert sorted((tmp_path / "out").rglob("*")) == before, "something still publishes"
    assert ended > 0
    last = begun(served, tmp_path, "last")
    assert last.wait(180) == 0
    manifests = sorted((tmp_path / "out/_manifests").glob("*.json"))
    assert len(manifests) == 10
    assert all(json.loads(path.read_text())["complete"] for path in manifests)
    assert list((tmp_path / "out").rglob(".*")) == [tmp_path / "out" / preview_folder.RECORD]
    assert list((tmp_path / "temp").glob("rolling-extract-*")) == []
