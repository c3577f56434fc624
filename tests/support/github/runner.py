"""A runner of the emulated GitHub. It runs the steps of one job."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.github.actions import ACTIONS
from tests.support.github.expressions import holds, interpolate, text
from tests.support.github.model import Contexts, Event, Job, check_supported

if TYPE_CHECKING:
    from tests.support.github.repository import GitHub

STEP_KEYS = {"env", "id", "if", "name", "run", "uses", "with"}


@dataclass(slots=True)
class Runner:
    """A runner for one job."""

    github: GitHub
    event: Event
    workflow: dict[Any, Any]
    job: dict[str, Any]
    permissions: Mapping[str, str]
    number: int
    source: str  # the workflow file of the job, in the form of the claim `job_workflow_ref`
    log: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    place: Path = Path()
    deploys_to: str = ""

    def run(self, contexts: Contexts) -> Job:
        self.place = self.github.folder / "machines" / f"{self.number}-{len(list(self._machines()))}"
        for folder in ("workspace", "temp", "home"):
            (self.place / folder).mkdir(parents=True)
        contexts["runner"] = {"os": "Linux", "temp": str(self.place / "temp")}
        contexts["workspace"] = self.workspace
        contexts["github"]["token"] = json.dumps(self.permissions)
        contexts["steps"] = {}
        contexts["status"] = True
        self.deploys_to = str(interpolate(self.job.get("environment", ""), contexts))
        contexts["secrets"] = self.github.secrets.get(self.deploys_to, {})
        commands: list[str] = []
        summary = self.place / "summary.md"
        for step in self.job["steps"]:
            check_supported(step.keys(), STEP_KEYS, "step")
            if not holds(step.get("if", ""), contexts):
                continue
            if "uses" in step:
                name, _, _ = step["uses"].partition("@")
                if name not in ACTIONS:
                    raise LookupError(f"no local equivalent of the action {name}")
                given = {
                    key: str(interpolate(value, contexts)) for key, value in step.get("with", {}).items()
                }
                made = ACTIONS[name](self, given)
                if "id" in step:
                    contexts["steps"][step["id"]] = {"outputs": made or {}}
                continue
            commands.append(step["run"])
            outputs, code = self._execute(step, contexts, summary)
            if "id" in step:
                contexts["steps"][step["id"]] = {"outputs": outputs}
            if code:
                contexts["status"] = False
        return Job(
            "success" if contexts["status"] else "failure",
            {key: str(interpolate(value, contexts)) for key, value in self.job.get("outputs", {}).items()},
            self.log,
            summary.read_text() if summary.exists() else "",
            tuple(commands),
            self.deploys_to,
        )

    def _machines(self) -> Iterator[Path]:
        return (self.github.folder / "machines").glob(f"{self.number}-*")

    @property
    def workspace(self) -> Path:
        return self.place / "workspace"

    def require(self, permission: str, level: str) -> None:
        """Fail, as GitHub does, if the job does not declare a permission that it needs."""
        assert self.permissions.get(permission) in (level, "write"), f"the job lacks {permission}: {level}"

    def _execute(self, step: dict[str, Any], contexts: Contexts, summary: Path) -> tuple[dict[str, str], int]:
        defaults = self.workflow.get("defaults", {}).get("run", {}) | self.job.get("defaults", {}).get(
            "run", {}
        )
        output = self.place / "output"
        output.write_text("")
        script = self.place / "temp/step.sh"
        script.write_text(step["run"])
        # The runner of GitHub sets `pipefail` only if the workflow names the shell.
        assert defaults.get("shell", "bash") == "bash"
        options = ["--noprofile", "--norc", "-eo", "pipefail"] if "shell" in defaults else ["-e"]
        place = str(interpolate(defaults.get("working-directory", "."), contexts))
        done = subprocess.run(
            ["bash", *options, str(script)],
            cwd=self.workspace / place,
            env={
                **self._variables(),
                **self.environment,
                "GITHUB_OUTPUT": str(output),
                "GITHUB_STEP_SUMMARY": str(summary),
                **{k: text(interpolate(v, contexts)) for k, v in self.workflow.get("env", {}).items()},
                **{key: text(interpolate(value, contexts)) for key, value in step.get("env", {}).items()},
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.log += f"$ {step.get('name', step['run'])}\n{done.stdout}"
        outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
        return outputs, done.returncode

    def _variables(self) -> dict[str, str]:
        """Return the environment variables of a GitHub runner, of the local cloud and of the AWS provider."""
        cloud = self.github.cloud.environment
        found = {key: os.environ[key] for key in ("CHECKOV",) if key in os.environ}
        addresses = {key: value for key, value in cloud.items() if "KEY" not in key and "REGION" not in key}
        return {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            **self.github.redirected,
            "GITHUB_REF_NAME": self.event.ref_name,
            "GITHUB_REPOSITORY": self.github.repository,
            "GITHUB_RUN_ID": str(self.number),
            "GITHUB_SHA": self.event.sha,
            "HOME": str(self.place / "home"),
            "LANG": "C.UTF-8",
            "LOCAL_GITHUB": str(self.github.folder),
            "PATH": os.pathsep.join([str(self.github.folder / "bin"), "/usr/local/bin", "/usr/bin", "/bin"]),
            "RUNNER_TEMP": str(self.place / "temp"),
            **{k: v for k, v in self.github.settings.items() if k.startswith(("TF_", "CHECKPOINT_", "GOGC"))},
            **addresses,
            **found,
        }
