"""The scan of a plan fails if checkov read no resource, because checkov accepts an unreadable file."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

WORKFLOW = Path(__file__).parents[3] / ".github/workflows/scan-plan.yml"
INNER = '{"child_modules": [{"resources": [{"values": {"bucket": "bank-loans"}}]}]}'
CHANGED = f'{{"planned_values": {{"root_module": {INNER}}}}}'
DESTROYED = '{"planned_values": {"root_module": {}}}'
SEEN = "Passed checks: 12, Failed checks: 0, Skipped checks: 0"


def scan(folder: Path, plan: str, said: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the scan of a plan. A stub of checkov prints `said` and exits with `code`."""
    (folder / "plan").mkdir()
    (folder / "plan/plan.json").write_text(plan)
    (folder / "pipx").write_text(f'#!/bin/sh\necho "{said}"\nexit {code}\n')
    (folder / "pipx").chmod(0o755)
    step = yaml.safe_load(WORKFLOW.read_text())["jobs"]["scan"]["steps"][-1]
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder,
        env={"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("plan", "said", "code"),
    [(CHANGED, SEEN, 0), (DESTROYED, "", 0), (CHANGED, SEEN, 1)],
    ids=["seen", "nothing is left to see", "found"],
)
def test_scan_has_the_exit_code_of_checkov(tmp_path: Path, plan: str, said: str, code: int) -> None:
    done = scan(tmp_path, plan, said, code)
    assert (done.returncode, "::error::" in done.stdout) == (code, False)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (CHANGED, ""),
        (CHANGED, "Passed checks: 0, Failed checks: 0, Skipped checks: 0, Parsing errors: 1"),
        (CHANGED, f"{SEEN}, Parsing errors: 1"),
        ('{"broken', ""),
    ],
    ids=["nothing", "no resource", "a part", "not JSON"],
)
def test_scan_fails_if_checkov_did_not_read_all_resources(tmp_path: Path, plan: str, said: str) -> None:
    done = scan(tmp_path, plan, said)
    assert done.returncode == 1
    assert "::error::The scan could not see the resources of the plan." in done.stdout
