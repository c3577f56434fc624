"""A manifest in the target may be forged, and a restatement deletes the files that it names."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

import rolling_manifest
import rolling_publication
from rolling_errors import ExtractError
from rolling_period import Period
from rolling_store import FolderStore

AUGUST, SEPTEMBER = "_manifests/2026-08.json", "_manifests/2026-09.json"


@pytest.mark.parametrize(
    "key",
    [
        AUGUST,
        f"./{AUGUST}",
        f".//{AUGUST}",
        f"bank_name=Alpha/.././{AUGUST}",
        "_manifests/./2026-08.json",
        "_manifests//2026-08.json",
        "_MANIFESTS/2026-08.json",  # the same file on macOS
        "bank_name=Alpha/./Alpha.csv",
        "bank_name=Alpha//Alpha.csv",
        "bank_name=Alpha/Alpha.csv/",
        ".",
    ],
)
def test_manifest_that_names_another_months_manifest_is_refused(key: str, tmp_path: Path) -> None:
    content = b'{"revision": 1, "files": []}'
    for place in (AUGUST, "bank_name=Alpha/Alpha.csv"):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_bytes(content)
    entry = {"key": key, "sha256": hashlib.sha256(content).hexdigest()}
    (tmp_path / SEPTEMBER).write_text(json.dumps({"revision": 1, "files": [entry]}))
    with pytest.raises(ExtractError, match=r"2026-09.json is there but is no manifest"):
        rolling_publication.plan(FolderStore(tmp_path), Period(2026, 9), [], restate=True)


def test_manifest_that_names_its_files_is_read(tmp_path: Path) -> None:
    place = "bank_name=Alpha/year=2026/month=09/Alpha_20260930.csv"
    (tmp_path / SEPTEMBER).parent.mkdir()
    entry = {"key": place, "sha256": "0" * 64}
    (tmp_path / SEPTEMBER).write_text(json.dumps({"revision": 1, "files": [entry]}))
    made = rolling_publication.plan(FolderStore(tmp_path), Period(2026, 9), [], restate=True)
    assert made.withdrawn == (place,)


@pytest.mark.parametrize(
    "place", ["", ".", "/", "//x", "./x", "x/", "x/./y", "x//y", "_manifests", "_manifests/x"]
)
def test_location_of_a_file_in_a_bucket_has_one_spelling(place: str) -> None:
    assert not rolling_manifest.is_file_place(place)
    assert rolling_manifest.is_file_place("x/y")
