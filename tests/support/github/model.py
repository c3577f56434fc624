"""Events, jobs and runs of the emulated GitHub, and the address of our repository."""

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
    """The event that started a run, and its commit."""

    name: str
    ref: str
    sha: str
    payload: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)

    @property
    def ref_name(self) -> str:
        """Return the name of the branch or tag."""
        return re.sub(r"^refs/(heads|tags)/", "", self.ref)


@dataclass(frozen=True, slots=True)
class Job:
    """The result of a job, and the texts that the page of the job shows."""

    result: str  # "success", "failure" or "skipped"
    outputs: dict[str, str] = field(default_factory=dict)
    log: str = ""
    summary: str = ""
    commands: tuple[str, ...] = ()  # the texts of all `run` steps that were executed
    environment: str = ""  # the GitHub environment, whose reviewers approve the job

    @property
    def errors(self) -> list[str]:
        """Return the errors that the page of the run shows."""
        return re.findall(r"^::error::(.+)$", self.log, re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a workflow, with its jobs by name.

    A job of a called workflow has the name `caller / job`.
    """

    number: int
    jobs: dict[str, Job]

    @property
    def failures(self) -> dict[str, str]:
        """Return the jobs that failed, with the end of their logs."""
        return {name: job.log[-2000:] for name, job in self.jobs.items() if job.result == "failure"}


def check_supported(used: Any, known: set[str], what: str) -> None:
    if unknown := set(used) - known:
        raise LookupError(f"{what}: the local runner does not support {sorted(unknown)}")


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=A developer", "-c", "user.email=developer@example.com")
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
