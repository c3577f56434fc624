"""What a run of a workflow is about: what started it, how its jobs ended, and where our repository is."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
HOME = "terraform-aws-extracts/terraform-aws-extracts"
ISSUER = "token.actions.githubusercontent.com"

Contexts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """What started a run, and at which commit."""

    name: str
    ref: str
    sha: str
    payload: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)

    @property
    def ref_name(self) -> str:
        """The branch or tag, without the folder that it is in."""
        return re.sub(r"^refs/(heads|tags)/", "", self.ref)


@dataclass(frozen=True, slots=True)
class Job:
    """How a job ended, and what a person could read of it."""

    result: str  # success, failure or skipped
    outputs: dict[str, str] = field(default_factory=dict)
    log: str = ""
    summary: str = ""
    commands: tuple[str, ...] = ()  # the run steps that were executed, as the workflow has them
    environment: str = ""  # where somebody had to approve

    @property
    def errors(self) -> list[str]:
        """What the run's page shows in red."""
        return re.findall(r"^::error::(.+)$", self.log, re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a workflow: its jobs by name, those of called workflows as `caller / job`."""

    number: int
    jobs: dict[str, Job]

    @property
    def failures(self) -> dict[str, str]:
        """The jobs that failed, with the end of what they said."""
        return {name: job.log[-2000:] for name, job in self.jobs.items() if job.result == "failure"}


def know(used: Any, known: set[str], what: str) -> None:
    if unknown := set(used) - known:
        raise LookupError(f"{what}: the local runner does not know {sorted(unknown)}")


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=A developer", "-c", "user.email=developer@example.com")
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
