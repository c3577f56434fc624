"""The next run repairs a publication that was killed at any point."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from rolling_errors import ExtractError
from rolling_store import FolderStore
from tests.support.engine.publisher import (
    Publisher,
    Watched,
    beside,
    lives,
    overwrite,
)

FIRST: tuple[dict[str, str], ...] = ({}, {"Alpha": "a", "Beta": "b"}, {"Alpha": "later", "Beta": "b"})
AGAIN = (
    {"Alpha": "a", "Beta": "b", "Gone": "g"},
    {"Alpha": "a2", "Beta": "b", "New": "n"},
    {"Alpha": "a3", "Beta": "b"},
)


@pytest.mark.parametrize(
    ("before", "killed", "later", "same"),
    [(*FIRST, True), (*FIRST, False), (*AGAIN, False)],
    ids=["first, then the same", "first, then others", "restated, then others"],
)
def test_a_run_killed_before_any_call_is_repaired_by_the_next(
    publisher: Publisher,
    before: dict[str, str],
    killed: dict[str, str],
    later: dict[str, str],
    same: bool,
) -> None:
    """A process of its own, ended by SIGKILL before its first call, its second, ... until one lives."""
    # What a run would do that found nothing half done: so it must look like after the repair.
    whole = killed if same else later
    for calls in range(60):
        publisher.store = beside(publisher.store, str(calls))
        if before:
            publisher.run(before)
        if lives(publisher, calls, killed, restate=bool(before)):
            break
        found = publisher.texts()  # half done or not, a manifest is never wrong
        assert found in ((before or None), None, killed)
        if found == before:
            publisher.run(whole, restate=True)  # nothing begun, so nothing to repair
        elif found != whole:
            publisher.run(whole, restate=found == killed)
        assert publisher.texts() == whole
        assert {name for name in ("Alpha", "Beta", "Gone", "New") if publisher.lies(name)} == set(whole)
        assert publisher.revision() == (1 if before else 0) + (1 if found != killed or same else 2)
    else:
        pytest.fail("no run lived: it has more calls than the loop kills")
    assert calls > 10


def test_an_order_to_restate_outlives_its_run(publisher: Publisher) -> None:
    publisher(Alpha="a")
    assert not lives(publisher, 12, {"Alpha": "new"}, restate=True)
    assert publisher.texts() is None
    assert publisher(Alpha="new") == "restated: 1 file, 1 line, revision 2"


def test_files_that_no_run_of_ours_left_are_not_replaced_unasked(publisher: Publisher) -> None:
    overwrite(publisher, "bank_name=Alpha/year=2026/month=10/Alpha_20261031.csv", b"theirs")
    with pytest.raises(ExtractError, match=r"Alpha_20261031\.csv is there with other bytes and no manifest"):
        publisher(Alpha="a", Beta="b")
    assert publisher(Alpha="a", Beta="b", restate=True).endswith("revision 1")
    assert publisher.text("Alpha") == "a"


def test_what_another_hand_put_beside_a_claim_is_not_replaced_unasked(publisher: Publisher) -> None:
    assert not lives(publisher, 8, {"Alpha": "a"}, restate=False)
    overwrite(publisher, "bank_name=Beta/year=2026/month=10/Beta_20261031.csv", b"theirs")
    with pytest.raises(ExtractError, match=r"^Beta_20261031\.csv is there with other bytes and no manifest"):
        publisher(Alpha="later", Beta="b")


def test_an_answer_that_got_lost_is_no_defeat(publisher: Publisher) -> None:
    """S3 did it, the answer was a 500, and the client asked again: that one is refused as already done."""
    publisher(Alpha="a", Gone="g")
    twice = Watched(publisher.store)
    for name in ("create", "replace", "remove", "commit"):
        method = getattr(publisher.store, name)
        setattr(twice, name, lambda *given, method=method: method(*given) and method(*given))
    assert publisher(Alpha="b", New="n", restate=True, through=twice).startswith("restated: 2 files")
    assert publisher.texts() == {"Alpha": "b", "New": "n"}


def test_parts_of_a_run_that_was_killed_are_swept_away(tmp_path: Path) -> None:
    """Killed in the middle of a write, and while another run writes."""
    publisher = Publisher(FolderStore(tmp_path / "out"), tmp_path)
    publisher(Alpha="a")
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        store = FolderStore(tmp_path / "out")
        with store._aside(publisher.files(Beta="b")[0].path):
            os.write(ready[1], b".")
            os.read(go[0], 1)
    os.read(ready[0], 1)
    publisher(Alpha="b", restate=True)
    assert len(list((tmp_path / "out").glob(".*.part"))) == 1  # of a run that lives
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    publisher(Alpha="c", restate=True)
    assert list((tmp_path / "out").rglob(".*")) == []
