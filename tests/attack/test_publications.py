"""Kill runs at random times, and start parallel runs. Each published period is always complete."""

from __future__ import annotations

import os
import random
import signal
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from rolling_store import BucketStore, FolderStore
from tests.support.clouds import cloud
from tests.support.engine.packed import PackedPublisher
from tests.support.engine.publisher import Publisher, afresh, attempt, beside, bucket

__all__ = ["bucket", "cloud"]  # fixtures

pytestmark = pytest.mark.attack

SEED = os.environ.get("SEED") or str(random.SystemRandom().randrange(10**9))
KILLS = 60
RACES = 20
TEXTS = {"Alpha": "a" * 200_000, "Beta": "b", "Gamma": "g" * 50_000}


@pytest.fixture(params=["folder", "bucket", "folder-packed", "bucket-packed"])
def publisher(request: pytest.FixtureRequest, tmp_path: Path) -> Publisher:
    """Return a publisher that writes plain or encrypted files to a folder or a bucket."""
    (tmp_path / "scratch").mkdir()
    target, _, packed = request.param.partition("-")
    kind = PackedPublisher if packed else Publisher
    if target == "folder":
        return kind(FolderStore(tmp_path / "out"), tmp_path / "scratch")
    s3 = request.getfixturevalue("cloud").client("s3")
    name = request.getfixturevalue("bucket")
    return kind(BucketStore(name, f"attack/{tmp_path.name}", s3), tmp_path / "scratch")


@pytest.fixture
def dice() -> random.Random:
    print(f"SEED={SEED}")  # pytest shows this line only if the test fails
    return random.Random(SEED)


def started(publisher: Publisher, texts: dict[str, str]) -> int:
    """Start a process that restates a period. Return its ID."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            publisher.store = afresh(publisher.store)
            attempt(publisher, texts, restate=True)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return child


def rounds(dice: random.Random, count: int) -> Iterator[tuple[dict[str, str], float]]:
    """Yield random texts to publish, and the number of seconds before the kill."""
    for number in range(count):
        chosen = {name: f"{text}{number}" for name, text in TEXTS.items() if dice.random() < 0.8}
        yield chosen or {"Alpha": str(number)}, dice.random()


def test_published_period_is_complete_or_absent_after_a_restatement_is_killed(
    publisher: Publisher, dice: random.Random
) -> None:
    known = [TEXTS]
    publisher.run(TEXTS)
    took, killed = 0.3, 0
    for texts, part in rounds(dice, KILLS):
        began = time.monotonic()
        child = started(publisher, texts)
        time.sleep(took * part * 1.2)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            killed += 1
        else:
            took = time.monotonic() - began
        known.append(texts)
        assert publisher.texts() in (None, *known[-2:])
        # If a run is killed after it removed the old manifest, there is no manifest. The next run publishes.
        if publisher.texts() is None:
            publisher.run(texts)
            assert publisher.texts() == texts
        known.append(publisher.texts() or {})
        for name in TEXTS:
            assert publisher.lies(name) is (name in known[-1])
    assert killed > KILLS // 4
    if isinstance(publisher.store, FolderStore):
        publisher.run({"Alpha": "last"}, restate=True)
        assert list(publisher.store._root.rglob(".*")) == []


@pytest.mark.parametrize("runs", [2, 3])
def test_parallel_restatements_publish_the_files_of_exactly_one_run(
    publisher: Publisher, dice: random.Random, runs: int
) -> None:
    for number in range(RACES):
        publisher.store = beside(publisher.store, f"{runs}-{number}")
        publisher.run(TEXTS)
        orders = [{"Alpha": f"a{run}", f"Own{run}": "o", "Beta": f"b{run}"} for run in range(runs)]
        children = []
        for texts in orders:
            children.append(started(publisher, texts))
            time.sleep(dice.random() * 0.05)
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * runs
        assert publisher.texts() in orders
        left = {name for name in ("Alpha", "Beta", "Gamma", "Own0", "Own1", "Own2") if publisher.lies(name)}
        assert left == set(publisher.texts() or {})


def test_files_of_five_thousand_recipients_are_published_and_restated(tmp_path: Path) -> None:
    publisher = Publisher(FolderStore(tmp_path / "out"), tmp_path)
    many = {f"R{number}": str(number) for number in range(5_000)}
    assert publisher.run(many) == "published: 5000 files, 5000 rows, revision 1"
    assert publisher.run({**many, "R7": "other"}, restate=True).endswith("revision 2")
    assert publisher.texts() == {**many, "R7": "other"}
