"""The title and the summary of a backfill show its approver what will run."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.github.expressions import interpolate
from tests.support.invisible import SHAPELESS

WORKFLOW = yaml.safe_load((Path(__file__).parents[3] / ".github/workflows/extract-backfill.yml").read_text())


def request(folder: Path, period: str, *, restate: bool = False, reason: str = "") -> tuple[str, Any]:
    """Run the steps of the job `request`. Return its summary and the arguments for the Glue job."""
    shared = {
        "PATH": os.environ["PATH"],
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "JOB": "bank-loans",
        "PERIOD": period,
        "RESTATE": str(restate).lower(),
        "REASON": reason,
        **WORKFLOW["env"],
    }
    for step in WORKFLOW["jobs"]["request"]["steps"]:
        given = {"ARGUMENTS": written(folder)} if "ARGUMENTS" in step["env"] else {}
        subprocess.run(
            ["bash", "-eo", "pipefail", "-c", step["run"]], env=shared | given, check=True, text=True
        )
    return (folder / "summary.md").read_text(), json.loads(written(folder))


def written(folder: Path) -> str:
    [line] = (folder / "output").read_text().splitlines()
    return line.removeprefix("arguments=")


def test_summary_shows_the_request_for_a_backfill_before_the_approval(tmp_path: Path) -> None:
    summary, arguments = request(tmp_path, "2026-01..2026-09", restate=True, reason="späte Buchungen")
    assert summary == (
        "### Backfill of 2026-01..2026-09\n\n"
        "**It replaces months that are already published.** The job and its arguments:\n\n"
        '````\nbank-loans\n{\n  "--from": "2026-01",\n  "--to": "2026-09",\n  "--restate": "true",\n'
        '  "--reason": "späte Buchungen"\n}\n````\n\n'
    )
    assert arguments["--reason"] == "späte Buchungen"
    jobs = WORKFLOW["jobs"]
    assert "environment" not in jobs["request"], "an approval would come first"
    assert (jobs["backfill"]["needs"], "environment" in jobs["backfill"]) == ("request", True)


def test_backfill_starts_the_job_only_with_the_arguments_that_the_approver_saw() -> None:
    [start] = [step for step in WORKFLOW["jobs"]["backfill"]["steps"] if step.get("id") == "start"]
    assert start["env"] == {
        "ARGUMENTS": "${{ needs.request.outputs.arguments }}",
        "JOB": "${{ inputs.job_name }}",
    }


@pytest.mark.parametrize(
    "reason",
    [
        '"\n}\n````\n**It replaces no published month.**\n',
        "`" * 60,
        "a\u202eb\u200b\x1b[2J\U000e0041\r<!--",
        "$(touch forged); `id`",
        SHAPELESS,
    ],
)
def test_reason_of_a_backfill_cannot_end_the_code_block_or_hide_text(tmp_path: Path, reason: str) -> None:
    summary, arguments = request(tmp_path, "2026-10", restate=True, reason=reason)
    assert arguments["--reason"] == reason
    lines = summary.splitlines()
    fence = lines[4]
    assert re.fullmatch("`{4,}", fence)
    inside = lines[5 : lines.index(fence, 5)]
    assert json.loads("".join(inside[1:])) == arguments
    assert all(character.isprintable() and character not in SHAPELESS for line in lines for character in line)
    assert fence not in "".join(inside)


@pytest.mark.parametrize(
    ("restate", "title"),
    [(False, "backfill of 2026-10"), (True, "backfill of 2026-10, replaces published months")],
)
def test_title_of_the_run_names_the_months_and_says_if_it_replaces_them(
    stamp: Callable[..., Path], restate: bool, title: str
) -> None:
    workflow = yaml.safe_load((stamp() / ".github/workflows/backfill.yml").read_text())
    assert interpolate(workflow["run-name"], {"inputs": {"period": "2026-10", "restate": restate}}) == title
