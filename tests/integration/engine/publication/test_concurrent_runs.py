"""If two runs are concurrent, one publishes and the other ends with an error."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import pytest

import rolling_publication
from rolling_errors import ExtractError
from rolling_publication import Plan
from rolling_store import FolderStore
from tests.support.engine.publisher import (
    BETA,
    CLAIM,
    MANIFEST,
    OCTOBER,
    Publisher,
    Watched,
    attempt,
    beside,
)

ONE = {"Alpha": "a1", "Beta": "b1", "Gamma": "g"}
OTHER = {"Alpha": "a2", "Beta": "b", "Delta": "d"}


@pytest.mark.parametrize(
    ("before", "other"),
    [({}, ONE), ({}, OTHER), ({"Alpha": "a", "Beta": "b"}, OTHER)],
    ids=["first, the same", "first, others", "restated, others"],
)
def test_only_one_of_two_concurrent_runs_publishes(
    publisher: Publisher, before: dict[str, str], other: dict[str, str]
) -> None:
    """The second run starts and ends between two calls of the first run to the target.

    The test repeats this before each call of the first run.
    """
    for calls in range(60):
        publisher.store = beside(publisher.store, str(calls))
        if before:
            publisher.run(before)
        second: list[str] = []

        def step(call: int, calls: int = calls, second: list[str] = second) -> None:
            # Earlier rounds of the loop have already checked the target before the calls with lower numbers.
            if call >= calls:
                publisher.published()
            if call == calls:
                second.append(attempt(publisher, other, restate=bool(before)))

        first = attempt(publisher, ONE, through=Watched(publisher.store, step), restate=bool(before))
        if not second:
            break
        check_one_won(publisher, before, (first, ONE), (second[0], other))
    else:
        pytest.fail("the first run has more calls than the loop interrupts")
    assert calls > 10


@pytest.mark.parametrize("before", [{}, {"Alpha": "a", "Beta": "b"}], ids=["first", "restated"])
def test_only_one_of_two_interleaved_runs_publishes(tmp_path: Path, before: dict[str, str]) -> None:
    """Each of two runs is paused once, before one of its calls to the target.

    The test tries about 300 combinations of a call of the first run and a call of the second run.
    """
    for stop_first, stop_second in itertools.product(range(36), range(0, 36, 5)):
        scratch = tmp_path / f"{stop_first}-{stop_second}"
        scratch.mkdir()
        publisher = Publisher(FolderStore(scratch / "out"), scratch)
        if before:
            publisher.run(before)
        ends: dict[str, str] = {}
        turns = Turns()

        def run(
            name: str, texts: dict[str, str], stop: int, publisher: Publisher = publisher,
            turns: Turns = turns, ends: dict[str, str] = ends,
        ) -> None:  # fmt: skip
            def step(call: int) -> None:
                # Earlier rounds have already checked the target before the calls with lower numbers.
                if call >= (stop if name == "first" else stop - 4):
                    publisher.published()
                if call == stop:
                    turns.give(name)

            turns.wait(name)
            through = Watched(publisher.store, step)
            ends[name] = attempt(publisher, texts, through=through, restate=bool(before))
            turns.end(name)

        threads = [
            threading.Thread(target=run, args=("first", ONE, stop_first)),
            threading.Thread(target=run, args=("second", OTHER, stop_second)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        check_one_won(publisher, before, (ends["first"], ONE), (ends["second"], OTHER))


class Turns:
    """Let only one of two threads run at a time.

    If the running thread calls `give` or ends, the other thread runs.
    """

    def __init__(self) -> None:
        self._ready = {"first": threading.Semaphore(1), "second": threading.Semaphore(0)}
        self._ended = False

    def wait(self, name: str) -> None:
        assert self._ready[name].acquire(timeout=60)

    def give(self, name: str) -> None:
        if not self._ended:
            self._other(name).release()
            self.wait(name)

    def end(self, name: str) -> None:
        self._ended = True
        self._other(name).release()

    def _other(self, name: str) -> threading.Semaphore:
        return self._ready["second" if name == "first" else "first"]


def check_one_won(publisher: Publisher, before: dict[str, str], *runs: tuple[str, dict[str, str]]) -> None:
    """Check that all published files are from one run, and that the message of each run is correct."""
    done = [texts for said, texts in runs if said.startswith(("published", "restated"))]
    failed = [said for said, _ in runs if said.startswith("failed")]
    assert len(done) + len(failed) + sum(said.startswith("nothing") for said, _ in runs) == 2, runs
    # Both runs may have published, one after the other.
    assert len(done) == 1 or publisher.revision() == (3 if before else 2), runs
    assert publisher.texts() in done, runs
    assert all(
        "another run" in said or "--restate" in said or "another process deleted" in said for said in failed
    ), runs
    lying = {name for name in ("Alpha", "Beta", "Gamma", "Delta") if publisher.lies(name)}
    assert lying == set(publisher.texts() or {}), runs


def test_paused_run_changes_nothing_if_another_run_publishes_during_the_pause(publisher: Publisher) -> None:
    """The run is paused after it removed the old manifest, and before its next call."""
    publisher(Alpha="a", Beta="b")

    def sleep(call: int) -> None:
        if slow.writes and slow.writes[-1] == MANIFEST and slow.calls == call and not woken:
            woken.append(publisher(Alpha="a2", Beta="b", restate=True))

    woken: list[str] = []
    slow = Watched(publisher.store, sleep)
    said = attempt(publisher, {"Alpha": "a1", "Beta": "b1"}, through=slow, restate=True)
    assert (said[:6], publisher.texts()) == ("failed", {"Alpha": "a2", "Beta": "b"})


@pytest.mark.parametrize("later", [0, 1, 2, 3])
def test_second_run_removes_a_file_that_the_first_run_created_after_the_second_run_planned(
    publisher: Publisher, later: int
) -> None:
    """The second run plans before the first run creates the file.

    The first run creates the file and makes `later` more calls to the target. Then the second run takes over
    the claim of the first run.
    """
    publisher(Alpha="a")
    looked: list[Plan] = []
    made: list[int] = []
    took: list[str] = []

    def step(call: int) -> None:
        if first.writes == [CLAIM] and not looked:
            files = publisher.files(Alpha="x")
            looked.append(rolling_publication.plan(publisher.store, OCTOBER, files, restate=True))
        if not made and publisher.lies("Own"):
            made.append(call)
        if made and call == made[0] + later:
            took.append(publisher.publish(looked[0]))

    first = Watched(publisher.store, step)
    said = attempt(publisher, {"Own": "o", "Alpha": "y"}, through=first, restate=True)
    assert (said[:6], len(took), publisher.texts()) == ("failed", 1, {"Alpha": "x"})
    assert not publisher.lies("Own")


def test_third_run_cannot_replace_published_files_after_a_late_second_run_failed(
    publisher: Publisher,
) -> None:
    """The second run plans before the first run has published, and starts to publish afterwards.

    The second run fails. A third run without --restate is still refused.
    """
    late: list[Plan] = []

    def look(call: int) -> None:
        if slow.writes[-1:] == [BETA] and not late:
            files = publisher.files(Alpha="late", Beta="b")
            late.append(rolling_publication.plan(publisher.store, OCTOBER, files, restate=False))

    slow = Watched(publisher.store, look)
    publisher(Alpha="a", Beta="b", through=slow)
    with pytest.raises(ExtractError, match="another run started to publish 2026-10"):
        publisher.publish(late[0])
    with pytest.raises(ExtractError, match="already published with different bytes"):
        publisher(Alpha="late", Beta="b")
    assert publisher.texts() == {"Alpha": "a", "Beta": "b"}
