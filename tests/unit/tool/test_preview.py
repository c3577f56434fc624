"""What a preview reports about its run, from the engine's log."""

from __future__ import annotations

import json
from pathlib import Path

from extracts.preview import Preview, tell_message

LATE = {"event": "late_data", "level": "warning", "period": "2026-09", "message": "1 row is late"}
NO_HISTORY = {"event": "history_failed", "level": "info", "message": "2026-09: 1 orphan"}
LOG = (
    {"event": "started", "level": "info", "periods": ["2026-10"], "message": "October"},
    {"event": "spec", "level": "info"},
    LATE,
    {"event": "published", "level": "info", "period": "2026-10", "message": "2026-10: published"},
    NO_HISTORY,
)


def test_json_has_the_warnings_and_the_failure_of_earlier_months(tmp_path: Path) -> None:
    assert Preview(tmp_path, None, LOG, None).as_json()["warnings"] == [
        {"event": "late_data", "period": "2026-09", "message": "1 row is late"},
        {"event": "history_failed", "period": None, "message": "2026-09: 1 orphan"},
    ]


def test_messages_name_the_failure_of_earlier_months() -> None:
    told: list[str] = []
    for entry in LOG:
        tell_message(json.dumps(entry), told.append)
    tell_message("a line that Spark wrote", told.append)
    assert told == [
        "October",
        "1 row is late",
        "2026-10: published",
        "no earlier months: 2026-09: 1 orphan",
    ]
