"""A line in the output of Terraform can begin with `::error::`, because it is part of a value.

The workflows stop GitHub from running such a line as a command.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

WORKFLOWS = Path(__file__).parents[3] / ".github/workflows"
TERRAFORM = """\
#!/bin/sh
echo "+ description = <<-EOT"
echo "    ::error::forged"
echo "    ::add-mask::a"
exit $CODE
"""


def step(workflow: str, job: str, name: str) -> str:
    """Return the script of a step in a workflow."""
    jobs: Any = yaml.safe_load((WORKFLOWS / workflow).read_text())["jobs"]
    [found] = [step["run"] for step in jobs[job]["steps"] if step.get("name") == name]
    return str(found)


def commands(log: str) -> list[str]:
    """Return the lines of a log that a runner of GitHub runs as commands.

    The runner ignores blanks before a command.
    """
    found, stopped = [], ""
    for line in map(str.strip, log.splitlines()):
        if stopped:
            stopped = "" if line == f"::{stopped}::" else stopped
        elif match := re.fullmatch("::stop-commands::(.+)", line):
            stopped = match[1]
        elif line.startswith("::"):
            found.append(line)
    assert not stopped
    return found


@pytest.mark.parametrize(
    ("workflow", "job", "name", "code"),
    [
        ("extract-plan.yml", "plan", "terraform plan", 1),
        ("extract-apply.yml", "apply", "terraform apply", 1),
        ("extract-drift.yml", "drift", "terraform plan", 0),
        ("extract-drift.yml", "drift", "terraform plan", 1),
    ],
)
def test_workflow_commands_in_the_output_of_terraform_are_not_executed(
    workflow: str, job: str, name: str, code: int, tmp_path: Path
) -> None:
    (tmp_path / "terraform").write_text(TERRAFORM)
    (tmp_path / "terraform").chmod(0o755)
    (tmp_path / "step.sh").write_text(step(workflow, job, name))
    done = subprocess.run(
        ["bash", "-eo", "pipefail", str(tmp_path / "step.sh")],
        cwd=tmp_path,
        env={
            "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
            "APPROVED_FILES": "files",
            "CODE": str(code),
            "FILES": "echo files",
            "RUNNER_TEMP": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert "::error::forged" in done.stdout
    assert commands(done.stdout) == []
    assert done.returncode == code
