"""A repository on the emulated GitHub, with its pull requests, comments, runs and artifacts."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

import extracts
from extracts import programs
from local_cloud import aws
from tests.support.github.model import HOME, ROOT, Event, Run, git
from tests.support.github.workflows import referenced, run_jobs


@dataclass(slots=True)
class GitHub:
    """A repository with its pull requests, comments, runs and artifacts."""

    folder: Path
    cloud: aws.Cloud
    settings: Mapping[str, str]  # environment variables with which Terraform finds its provider
    repository: str = "banking-group/bank-loans"
    ids: tuple[int, int] = (123456, 456789)  # the IDs of the owner and the repository
    terraform: Path | None = None  # path of the program; by default, the Terraform on this machine
    variables: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)  # keyed by environment
    runs: list[Run] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self._publish()
        (self.folder / "state.json").write_text(
            json.dumps({"comments": [], "heads": {}, "pulls": [], "releases": [], "runs": []})
        )
        git(self.folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self.origin))
        bin_folder = self.folder / "bin"
        bin_folder.mkdir()
        python = shlex.quote(sys.executable)
        here = Path(__file__).parent
        for name, command in {
            "aws": shlex.quote(str(Path(sys.executable).with_name("aws"))),
            "gh": f"{python} {here / 'gh.py'}",
            "pipx": f"{python} {here / 'pipx.py'}",
            "python": python,
            "terraform": shlex.quote(str(self.terraform or programs.terraform().command[0])),
        }.items():
            (bin_folder / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            (bin_folder / name).chmod(0o755)

    @property
    def subject(self) -> str:
        """The start of the subject in tokens of this repository. Since 15 July 2026, it contains the IDs."""
        parts = zip(self.repository.split("/"), self.ids, strict=True)
        return "repo:" + "/".join(f"{name}@{number}" for name, number in parts)

    @property
    def origin(self) -> Path:
        return self.folder / "origin.git"

    @property
    def home(self) -> Path:
        """Return a clone of this repository.

        The clone has the files of the working copy, and the tag that projects use.
        """
        return self.folder / "home"

    def _publish(self) -> None:
        unwanted = shutil.ignore_patterns(".terraform*", "__pycache__")
        for part in ("modules", "templates"):
            shutil.copytree(ROOT / part, self.home / part, ignore=unwanted)
        git(self.home, "init", "--quiet")
        self.release(extracts.__version__)

    def release(self, version: str) -> None:
        """Commit the files of this repository, and tag the commit with a version."""
        settings = self.home / "templates/extract/cookiecutter.json"
        context = json.loads(settings.read_text()) | {"_version": version}
        settings.write_text(json.dumps(context, indent=2, ensure_ascii=False))
        git(self.home, "add", "--all")
        git(self.home, "commit", "--quiet", "--message", f"Release {version}")
        git(self.home, "tag", f"v{version}")

    @property
    def redirected(self) -> dict[str, str]:
        """Return settings that make git clone the local repository instead of the public repository."""
        return {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.file://{self.home}.insteadOf",
            "GIT_CONFIG_VALUE_0": f"https://github.com/{HOME}.git",
        }

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "state.json").read_text())
        return found

    def write_state(self, state: dict[str, Any]) -> None:
        """Write the state of the emulated GitHub."""
        (self.folder / "state.json").write_text(json.dumps(state))

    def comments(self, number: int) -> list[str]:
        """Return the comments on a pull request, oldest first."""
        return [comment["body"] for comment in self.state["comments"] if comment["number"] == number]

    def push(self, files: Path, message: str, branch: str = "main") -> Event:
        """Replace the files of a branch with one commit after main. Return the event of the push."""
        work = self.folder / "work"
        if work.exists():
            shutil.rmtree(work)
        git(self.folder, "clone", "--quiet", str(self.origin), str(work))
        if branch != "main":
            git(work, "checkout", "--quiet", "-B", branch)
        for path in work.iterdir():
            if path.name != ".git":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(files, work, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".terraform", ".git"))
        git(work, "add", "--all")
        git(work, "commit", "--quiet", "--allow-empty", "--message", message)
        git(work, "push", "--quiet", "--force", "origin", f"HEAD:{branch}")
        return Event("push", f"refs/heads/{branch}", git(work, "rev-parse", "HEAD"))

    def pull_request(self, number: int, branch: str) -> Event:
        """Open or update a pull request. Its event has the merge commit with main, as on GitHub."""
        work = self.folder / "work"
        git(work, "fetch", "--quiet", "origin")
        git(work, "checkout", "--quiet", "--detach", "origin/main")
        git(work, "merge", "--quiet", "--no-ff", "--message", f"Merge #{number}", f"origin/{branch}")
        git(work, "push", "--quiet", "--force", "origin", f"HEAD:refs/pull/{number}/merge")
        sha = git(work, "rev-parse", f"origin/{branch}")
        state = self.state
        state["heads"][str(number)] = sha
        self.write_state(state)
        head = {"ref": branch, "sha": sha, "repo": {"full_name": self.repository}}
        payload = {"number": number, "pull_request": {"number": number, "head": head}}
        return Event("pull_request", f"refs/pull/{number}/merge", git(work, "rev-parse", "HEAD"), payload)

    def merge(self, number: int) -> Event:
        """Merge a pull request into main. Return the event of the push."""
        sha = git(self.origin, "rev-parse", f"refs/pull/{number}/merge")
        git(self.origin, "update-ref", "refs/heads/main", sha)
        state = self.state
        pull = {"number": number, "sha": sha, "merged_at": "now", "base": {"ref": "main"}}
        state["pulls"].append({**pull, "head": {"sha": state["heads"][str(number)]}})
        self.write_state(state)
        return Event("push", "refs/heads/main", sha)

    def tag(self, name: str, at: str = "main") -> Event:
        """Tag the last commit of a branch. Return the event of the push."""
        sha = git(self.origin, "rev-parse", at)
        git(self.origin, "tag", "--annotate", "--message", name, name, sha)
        return Event("push", f"refs/tags/{name}", sha)

    def run(self, workflow: str, event: Event) -> Run:
        """Run a workflow from the commit of the event."""
        text = git(self.origin, "show", f"{event.sha}:.github/workflows/{workflow}")
        number = len(self.runs) + 1
        parsed = yaml.safe_load(text)
        state = self.state
        head = event.payload["pull_request"]["head"]["sha"] if event.name == "pull_request" else event.sha
        state["runs"].append(
            {
                "id": number,
                "event": event.name,
                "head_sha": head,
                "path": f".github/workflows/{workflow}",
                "referenced_workflows": list(referenced(parsed)),
                "jobs": [],
            }
        )
        self.write_state(state)
        source = f"{self.repository}/.github/workflows/{workflow}@{event.ref}"
        jobs, _ = run_jobs(self, parsed, event, event.inputs, permitted=None, number=number, source=source)
        state = self.state
        # Find the run by its ID, because a test may have removed other runs from the state.
        [own] = [run for run in state["runs"] if run["id"] == number]
        ended = datetime.now(UTC).isoformat()
        own["jobs"] = [
            {"id": place, "name": name, "conclusion": job.result, "completed_at": ended}
            for place, (name, job) in enumerate(jobs.items(), start=1)
        ]
        self.write_state(state)
        self.runs.append(Run(number, jobs))
        return self.runs[-1]

    def shown(self, run: Run) -> list[Path]:
        """Return the files that contain the plans of a run as text."""
        return list((self.folder / "artifacts" / str(run.number)).glob("shown-plan-*/plan.txt"))

    def artifact(self, run: Run, name: str) -> Path:
        """Return the folder with the files of an artifact."""
        return self.folder / "artifacts" / str(run.number) / name
