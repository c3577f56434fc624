"""If a run was killed at any point of a publication, the next run repairs the target."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from rolling_errors import ExtractError
from rolling_store import FolderStore
from tests.support.engine.packed import PackedPublisher
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
def test_next_run_repairs_the_target_after_a_run_is_killed_before_any_of_its_calls(
    publisher: Publisher,
    before: dict[str, str],
    killed: dict[str, str],
    later: dict[str, str],
    same: bool,
) -> None:
    """The first process gets SIGKILL before its first call, the second before its second call, and so on."""
    repair(publisher, before, killed, later, same=same)


def test_next_run_repairs_the_target_if_the_killed_run_writes_marker_files(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    publisher = PackedPublisher(FolderStore(tmp_path / "out"), tmp_path / "scratch")
    repair(publisher, *AGAIN, same=False)


def repair(
    publisher: Publisher,
    before: dict[str, str],
    killed: dict[str, str],
    later: dict[str, str],
    *,
    same: bool,
) -> None:
    """Kill a run before each of its calls. Check that the next run repairs the target each time."""
    # After the repair, the target must contain exactly these files.
    whole = killed if same else later
    for calls in range(200):
        publisher.store = beside(publisher.store, str(calls))
        if before:
            publisher.run(before)
        if lives(publisher, calls, killed, restate=bool(before)):
            break
        found = publisher.texts()  # a manifest is always correct, even after an incomplete publication
        assert found in ((before or None), None, killed)
        if found == before:
            # The killed run has not removed the old manifest, so the period is still published.
            publisher.run(whole, restate=True)
        elif found != whole:
            publisher.run(whole, restate=found == killed)
        assert publisher.texts() == whole
        assert {name for name in ("Alpha", "Beta", "Gone", "New") if publisher.lies(name)} == set(whole)
        assert publisher.revision() == (1 if before else 0) + (1 if found != killed or same else 2)
    else:
        pytest.fail("no run lived: it has more calls than the loop kills")
    assert calls > 10


def test_next_run_completes_a_killed_restatement(publisher: Publisher) -> None:
    publisher(Alpha="a")
    assert not lives(publisher, 12, {"Alpha": "new"}, restate=True)
    assert publisher.texts() is None
    assert publisher(Alpha="new") == "restated: 1 file, 1 row, revision 2"


def test_file_that_no_run_wrote_is_replaced_only_if_the_option_restate_is_set(publisher: Publisher) -> None:
    overwrite(publisher, "bank_name=Alpha/year=2026/month=10/Alpha_20261031.csv", b"theirs")
    with pytest.raises(
        ExtractError,
        match=r'"Alpha_20261031\.csv" is in the target with different bytes, but in no manifest and',
    ):
        publisher(Alpha="a", Beta="b")
    assert publisher(Alpha="a", Beta="b", restate=True).endswith("revision 1")
    assert publisher.text("Alpha") == "a"


def test_file_that_no_run_wrote_is_not_replaced_even_if_a_claim_exists(publisher: Publisher) -> None:
    assert not lives(publisher, 8, {"Alpha": "a"}, restate=False)
    overwrite(publisher, "bank_name=Beta/year=2026/month=10/Beta_20261031.csv", b"theirs")
    with pytest.raises(
        ExtractError,
        match=r'^"Beta_20261031\.csv" is in the target with different bytes, but in no manifest and',
    ):
        publisher(Alpha="later", Beta="b")


def test_retry_after_lost_response_succeeds(publisher: Publisher) -> None:
    """S3 executes a request but answers with status 500.

    The client repeats the request, and S3 refuses it.
    """
    publisher(Alpha="a", Gone="g")
    twice = Watched(publisher.store)
    for name in ("create", "replace", "remove", "commit"):
        method = getattr(publisher.store, name)
        setattr(twice, name, lambda *given, method=method: method(*given) and method(*given))
    assert publisher(Alpha="b", New="n", restate=True, through=twice).startswith("restated: 2 files")
    assert publisher.texts() == {"Alpha": "b", "New": "n"}


def test_temporary_files_of_killed_runs_are_removed(tmp_path: Path) -> None:
    """The next run removes temporary files of a killed run, but keeps those of a live run."""
    publisher = Publisher(FolderStore(tmp_path / "out"), tmp_path)
    publisher(Alpha="a")
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        store = FolderStore(tmp_path / "out")
        with store._aside(iter([publisher.files(Beta="b")[0].path.read_bytes()])):
            os.write(ready[1], b".")
            os.read(go[0], 1)
    os.read(ready[0], 1)
    publisher(Alpha="b", restate=True)
    assert len(list((tmp_path / "out").glob(".*.part"))) == 1  # the file of the run that is still alive
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    publisher(Alpha="c", restate=True)
    assert list((tmp_path / "out").rglob(".*")) == []
