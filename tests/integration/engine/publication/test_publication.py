"""What a publication writes, which publications are refused, and what a restatement replaces."""

from __future__ import annotations

from pathlib import Path

import pytest

from rolling_errors import ExtractError
from tests.support.engine.publisher import (
    CLAIM,
    MANIFEST,
    Publisher,
    Watched,
    overwrite,
    remove,
)


def test_first_publication_writes_the_manifest_last(publisher: Publisher) -> None:
    watched = Watched(publisher.store)
    publisher(Alpha="a", Beta="b", through=watched)
    assert (watched.writes[0], watched.writes[-1], len(watched.writes)) == (CLAIM, MANIFEST, 4)
    assert (publisher.texts(), publisher.revision()) == ({"Alpha": "a", "Beta": "b"}, 1)


def test_second_run_with_the_same_bytes_writes_nothing(publisher: Publisher) -> None:
    publisher(Alpha="a")
    watched = Watched(publisher.store)
    assert publisher(Alpha="a", through=watched) == (
        "nothing to write: 2026-10 is already published with the same bytes (revision 1, 2026-11-01)"
    )
    assert watched.writes == []


def test_error_for_a_run_with_different_bytes_lists_the_differences(publisher: Publisher) -> None:
    publisher(Alpha="a", Beta="b")
    with pytest.raises(ExtractError) as refusal:
        publisher(Alpha="aaa", Gamma="c")
    assert str(refusal.value) == (
        "already published with different bytes (revision 1, 2026-11-01): "
        '"Alpha_20261031.csv" differs (sum of amount_sum 1 -> 3), "Beta_20261031.csv" would be removed, '
        '"Gamma_20261031.csv" would be added; to replace the published files, start the run with --restate'
    )
    assert publisher.text("Alpha") == "a"


def test_restatement_replaces_files_and_increments_the_revision(publisher: Publisher) -> None:
    publisher(Alpha="a", Beta="b")
    assert publisher(Alpha="new", Beta="b", restate=True) == "restated: 2 files, 2 rows, revision 2"
    assert (publisher.text("Alpha"), publisher.text("Beta"), publisher.revision()) == ("new", "b", 2)


def test_restatement_with_the_same_bytes_writes_nothing(publisher: Publisher) -> None:
    publisher(Alpha="a")
    watched = Watched(publisher.store)
    assert publisher(Alpha="a", restate=True, through=watched).startswith("nothing to write")
    assert watched.writes == []


def test_restatement_removes_the_old_manifest_before_it_replaces_files(publisher: Publisher) -> None:
    publisher(Alpha="a", Beta="b")
    watched = Watched(publisher.store)
    publisher(Alpha="new", Beta="b", restate=True, through=watched)
    assert [place.rpartition("/")[2] for place in watched.writes] == [
        *("2026-10.claim", "2026-10.json", "Alpha_20261031.csv", "2026-10.json")
    ]
    assert publisher.published()["replaces"]["revision"] == 1  # type: ignore[index]


def test_file_of_a_removed_recipient_is_deleted_and_listed_in_the_manifest(
    publisher: Publisher,
) -> None:
    publisher(Alpha="a", Gone="g")
    publisher(Alpha="a", restate=True)
    found = publisher.published()
    assert found is not None
    assert found["withdrawn"] == [publisher.store.key("bank_name=Gone/year=2026/month=10/Gone_20261031.csv")]
    assert (publisher.lies("Alpha"), publisher.lies("Gone")) == (True, False)


def test_missing_file_of_a_published_period_is_written_again(publisher: Publisher, tmp_path: Path) -> None:
    publisher(Alpha="a", Beta="b")
    remove(publisher, "bank_name=Alpha/year=2026/month=10/Alpha_20261031.csv")
    assert publisher(Alpha="a", Beta="b") == (
        "restored 1 missing file of 2; the period still has revision 1, 2026-11-01"
    )
    assert publisher.text("Alpha") == "a"


def test_changed_published_file_is_reported_and_kept(publisher: Publisher) -> None:
    publisher(Alpha="a")
    overwrite(publisher, "bank_name=Alpha/year=2026/month=10/Alpha_20261031.csv", b"forged")
    with pytest.raises(ExtractError, match=r'"Alpha_20261031\.csv" differs from the manifest \(revision 1'):
        publisher(Alpha="a")
    assert publisher(Alpha="a", restate=True) == "restated: 1 file, 1 row, revision 2"
    assert publisher.text("Alpha") == "a"
