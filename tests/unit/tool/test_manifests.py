"""The page of a preview shows only valid manifests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from extracts import manifests
from extracts.errors import ExtractsError

TOTALS = {"rows": 3, "metrics": {"amount_sum": {"count": 2, "sum": "12.50"}}}
FILE = {"key": "x/Alpha.csv", "recipient": "Alpha", "bytes": 9, "rows": 1, "sha256": "0", "totals": TOTALS}
MANIFEST = {
    "revision": 1,
    "complete": True,
    "window": {"start": "2026-08-01", "end": "2026-10-31", "time_zone": "Etc/GMT"},
    "totals": TOTALS,
    "source": TOTALS,
    "orphans": TOTALS,
    "undated_rows": 0,
    "groups_without_recipient": 0,
    "snapshot_time": "2026-11-01",
    "engine_version": "0.1.0",
    "run_id": "jr_1",
    "files": [FILE],
}


def written(folder: Path, content: str) -> Path:
    (folder / "_manifests").mkdir()
    (folder / "_manifests/2026-10.json").write_text(content)
    return folder


def test_valid_manifest_is_returned(tmp_path: Path) -> None:
    assert manifests.read(written(tmp_path, json.dumps(MANIFEST)), "2026-10") == MANIFEST


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"revision": True}, "revision is missing or has a wrong type"),
        ({"window": None}, "window is missing or has a wrong type"),
        ({"window": {}}, "window.start is missing or has a wrong type"),
        ({"files": {}}, "files is missing or has a wrong type"),
        ({"files": [FILE, {**FILE, "rows": "1"}]}, "files.rows is missing or has a wrong type"),
        ({"files": [{**FILE, "totals": {}}]}, "files.totals.rows is missing or has a wrong type"),
        (
            {"totals": {"rows": 1, "metrics": {"a": {"count": 1, "sum": "1e9"}}}},
            "totals.metrics.a.sum must be a number in quotes",
        ),
        ({"run_id": 1.5}, "run_id is missing or has a wrong type"),
        ({"undated_rows": int("9" * 4300)}, "undated_rows is missing or has a wrong type"),
    ],
)
def test_forged_manifest_is_refused(changed: dict[str, Any], why: str, tmp_path: Path) -> None:
    folder = written(tmp_path, json.dumps({**MANIFEST, **changed}))
    with pytest.raises(ExtractsError) as refused:
        manifests.read(folder, "2026-10")
    assert str(refused.value) == f"{folder}/_manifests/2026-10.json is not a manifest: {why}; move it away."


@pytest.mark.parametrize("content", ["", "[]", "7" * 5_000, "[" * 3_000 + "]" * 3_000, "{}"])
def test_content_that_is_not_a_manifest_is_refused_in_one_sentence(content: str, tmp_path: Path) -> None:
    with pytest.raises(ExtractsError, match=r"2026-10.json is not a manifest: \S.*; move it away\.$"):
        manifests.read(written(tmp_path, content), "2026-10")
