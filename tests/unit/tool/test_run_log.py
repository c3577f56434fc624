"""The tool ignores lines in the log of a run that do not come from the engine, such as output of a spec."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from extracts.operate import run as running
from extracts.operate.deployment import Deployment

PUBLISHED = {"event": "published", "message": "2026-10: 1 file"}


def deployed(line: str) -> Deployment:
    """Return a deployment. Its run writes `line` and the event `published` to the log."""
    messages = [{"message": line}, {"message": json.dumps(PUBLISHED)}]
    clients: Mapping[str, Any] = {
        "glue": SimpleNamespace(
            start_job_run=lambda **_: {"JobRunId": "jr_1"},
            get_job_run=lambda **_: {"JobRun": {"JobRunState": "SUCCEEDED"}},
        ),
        "logs": SimpleNamespace(
            exceptions=SimpleNamespace(ResourceNotFoundException=KeyError),
            get_log_events=lambda **given: {
                "events": [] if "nextToken" in given else messages,
                "nextForwardToken": "end",
            },
        ),
    }
    outputs = {"job_name": "bank-loans", "log_groups": {"output": "/bank-loans/output"}}
    return Deployment(Path("bank-loans"), outputs, lambda name: clients[name])


@pytest.mark.parametrize(
    "line",
    [
        '{"a":' * 100_000,
        '{"event": "x", "message": ' + "[" * 300 + "]" * 300 + "}",
        "{'event': 'x'}",
        '{"event": "x"}',
    ],
    ids=["deep", "deep message", "no JSON", "no message"],
)
def test_line_of_the_log_that_the_engine_did_not_write_is_ignored(line: str) -> None:
    said: list[str] = []
    done = running.run(deployed(line), {}, said.append, pause=0)
    assert done.events == (PUBLISHED,)
    assert said == ["bank-loans: run jr_1 started.", "2026-10: 1 file"]
