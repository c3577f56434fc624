"""GitHub Actions as far as our workflows use it: `run` steps for real, actions by local equivalents.

A workflow is taken from the project that has it, called workflows from this repository. Jobs run in the
order of their `needs`, each in a checkout of its own; steps get the environment that the workflow gives them,
nothing of the user's, and the rights of their job: a call that GitHub would refuse is refused here too.
What a workflow uses and this runner does not know is an error, never passed over.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import yaml
from botocore import UNSIGNED
from botocore.config import Config

import extracts
from extracts import programs
from local_cloud import aws

ROOT = Path(__file__).resolve().parents[2]
HOME = "terraform-aws-extracts/terraform-aws-extracts"
ISSUER = "token.actions.githubusercontent.com"
JOB_KEYS = {
    "concurrency", "defaults", "environment", "if", "name", "needs", "outputs", "permissions", "runs-on",
    "steps", "strategy", "timeout-minutes", "uses", "with",
}  # fmt: skip
STEP_KEYS = {"env", "id", "if", "name", "run", "uses", "with"}

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


@dataclass(slots=True)
class GitHub:
    """A repository, its pull requests and comments, and the artifacts of its runs."""

    folder: Path
    cloud: aws.Cloud
    settings: Mapping[str, str]  # where Terraform finds its provider
    repository: str = "banking-group/bank-loans"
    variables: dict[str, str] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self._publish()
        (self.folder / "state.json").write_text(
            json.dumps({"comments": [], "heads": {}, "pulls": [], "releases": [], "runs": []})
        )
        _git(self.folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self.origin))
        bin_folder = self.folder / "bin"
        bin_folder.mkdir()
        python = shlex.quote(sys.executable)
        here = Path(__file__).parent
        for name, command in {
            "aws": shlex.quote(str(Path(sys.executable).with_name("aws"))),
            "gh": f"{python} {here / 'gh.py'}",
            "pipx": f"{python} {here / 'pipx.py'}",
            "python": python,
            "terraform": shlex.join(programs.terraform().command),
        }.items():
            (bin_folder / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            (bin_folder / name).chmod(0o755)

    @property
    def origin(self) -> Path:
        return self.folder / "origin.git"

    @property
    def home(self) -> Path:
        """Where this repository is cloned from: the working copy, under the tag that projects name."""
        return self.folder / "home"

    def _publish(self) -> None:
        unwanted = shutil.ignore_patterns(".terraform*", "__pycache__")
        for part in ("modules", "templates"):
            shutil.copytree(ROOT / part, self.home / part, ignore=unwanted)
        _git(self.home, "init", "--quiet")
        self.release(extracts.__version__)

    def release(self, version: str) -> None:
        """Release what is in this repository under a version."""
        settings = self.home / "templates/extract/cookiecutter.json"
        context = json.loads(settings.read_text()) | {"_version": version}
        settings.write_text(json.dumps(context, indent=2, ensure_ascii=False))
        _git(self.home, "add", "--all")
        _git(self.home, "commit", "--quiet", "--message", f"Release {version}")
        _git(self.home, "tag", f"v{version}")

    @property
    def redirected(self) -> dict[str, str]:
        """What leads git to that repository where a project names the public one."""
        return {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.file://{self.home}.insteadOf",
            "GIT_CONFIG_VALUE_0": f"https://github.com/{HOME}.git",
        }

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "state.json").read_text())
        return found

    def keep(self, state: dict[str, Any]) -> None:
        """Make that the state."""
        (self.folder / "state.json").write_text(json.dumps(state))

    def comments(self, number: int) -> list[str]:
        """The comments on a pull request, oldest first."""
        return [comment["body"] for comment in self.state["comments"] if comment["number"] == number]

    def push(self, files: Path, message: str, branch: str = "main") -> Event:
        """Make the branch's tree that of `files`, on top of main, and tell of the push."""
        work = self.folder / "work"
        if work.exists():
            shutil.rmtree(work)
        _git(self.folder, "clone", "--quiet", str(self.origin), str(work))
        if branch != "main":
            _git(work, "checkout", "--quiet", "-B", branch)
        for path in work.iterdir():
            if path.name != ".git":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(files, work, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".terraform", ".git"))
        _git(work, "add", "--all")
        _git(work, "commit", "--quiet", "--allow-empty", "--message", message)
        _git(work, "push", "--quiet", "--force", "origin", f"HEAD:{branch}")
        return Event("push", f"refs/heads/{branch}", _git(work, "rev-parse", "HEAD"))

    def pull_request(self, number: int, branch: str) -> Event:
        """Open a pull request, or tell that its branch has moved; what is checked out is the merge."""
        work = self.folder / "work"
        _git(work, "fetch", "--quiet", "origin")
        _git(work, "checkout", "--quiet", "--detach", "origin/main")
        _git(work, "merge", "--quiet", "--no-ff", "--message", f"Merge #{number}", f"origin/{branch}")
        _git(work, "push", "--quiet", "--force", "origin", f"HEAD:refs/pull/{number}/merge")
        sha = _git(work, "rev-parse", f"origin/{branch}")
        state = self.state
        state["heads"][str(number)] = sha
        self.keep(state)
        head = {"ref": branch, "sha": sha, "repo": {"full_name": self.repository}}
        payload = {"number": number, "pull_request": {"number": number, "head": head}}
        return Event("pull_request", f"refs/pull/{number}/merge", _git(work, "rev-parse", "HEAD"), payload)

    def merge(self, number: int) -> Event:
        """Merge a pull request into main."""
        sha = _git(self.origin, "rev-parse", f"refs/pull/{number}/merge")
        _git(self.origin, "update-ref", "refs/heads/main", sha)
        state = self.state
        pull = {"number": number, "sha": sha, "merged_at": "now", "base": {"ref": "main"}}
        state["pulls"].append({**pull, "head": {"sha": state["heads"][str(number)]}})
        self.keep(state)
        return Event("push", "refs/heads/main", sha)

    def tag(self, name: str) -> Event:
        """Tag what main is at, and tell of the push."""
        sha = _git(self.origin, "rev-parse", "main")
        _git(self.origin, "tag", "--annotate", "--message", name, name, sha)
        return Event("push", f"refs/tags/{name}", sha)

    def run(self, workflow: str, event: Event) -> Run:
        """Run a workflow of the repository, as it is at the event's commit."""
        text = _git(self.origin, "show", f"{event.sha}:.github/workflows/{workflow}")
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
                "referenced_workflows": list(_referenced(parsed)),
            }
        )
        self.keep(state)
        source = f"{self.repository}/.github/workflows/{workflow}@{event.ref}"
        jobs = _run(self, parsed, event, event.inputs, permitted=None, number=number, source=source)
        self.runs.append(Run(number, jobs))
        return self.runs[-1]

    def machines(self, run: Run) -> list[Path]:
        """The machines of a run, in the order of its jobs."""
        return sorted(
            (self.folder / "machines").glob(f"{run.number}-*"), key=lambda path: int(path.name.split("-")[1])
        )

    def shown(self, run: Run) -> list[Path]:
        """The plans that a run showed."""
        return list((self.folder / "artifacts" / str(run.number)).glob("shown-*/plan.txt"))

    def artifact(self, run: Run, name: str) -> Path:
        """Where the files of an artifact are."""
        return self.folder / "artifacts" / str(run.number) / name


def _run(
    github: GitHub,
    workflow: dict[Any, Any],
    event: Event,
    inputs: dict[str, Any],
    *,
    permitted: Mapping[str, str] | None,
    number: int,
    source: str,
) -> dict[str, Job]:
    """Run a workflow's jobs; `permitted` is what the calling job may do at most."""
    found: dict[str, Job] = {}
    ended: dict[str, Job] = {}  # of this workflow alone, what `needs` sees
    for name, job in _in_order(workflow["jobs"]):
        _know(job.keys(), JOB_KEYS, f"job {name}")
        needs = {other: ended[other] for other in _listed(job.get("needs", []))}
        contexts: Contexts = {
            "github": _github_context(github, event, number),
            "inputs": inputs,
            "needs": {k: {"result": v.result, "outputs": v.outputs} for k, v in needs.items()},
            "vars": github.variables,
        }
        permissions = job.get("permissions", workflow.get("permissions"))
        assert permissions is not None, f"{name} asks for nothing and gets GitHub's default"
        _within(permissions, permitted, name)
        contexts["status"] = all(job.result == "success" for job in needs.values())
        if not _holds(job.get("if", ""), contexts):
            ended[name] = found[name] = Job("skipped")
        elif "uses" in job:
            given = {key: interpolate(value, contexts) for key, value in job.get("with", {}).items()}
            called = _called(job["uses"])
            call = called[True]["workflow_call"] or {}  # YAML 1.1 reads the key `on` as true
            jobs = _run(
                github,
                called,
                event,
                _inputs(call, given),
                permitted=permissions,
                number=number,
                source=_path(job["uses"]),
            )
            found |= {f"{name} / {inner}": result for inner, result in jobs.items()}
            ended[name] = _as_one(jobs, call)
        else:
            jobs = {
                label: _Runner(github, event, workflow, job, permissions, number, source).run(
                    contexts | {"matrix": values}
                )
                for label, values in _matrix(name, job)
            }
            found |= jobs
            ended[name] = _as_one(jobs, {}) if "strategy" in job else jobs[name]
    return found


def _matrix(name: str, job: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """The runs of a job: one, or one for each value of its matrix."""
    if "strategy" not in job:
        yield name, {}
        return
    [(key, values)] = job["strategy"]["matrix"].items()
    for value in values:
        yield f"{name} ({value})", {key: value}


@dataclass(slots=True)
class _Runner:
    """One machine that runs one job."""

    github: GitHub
    event: Event
    workflow: dict[Any, Any]
    job: dict[str, Any]
    permissions: Mapping[str, str]
    number: int
    source: str  # the file of the job's workflow, as GitHub's token tells it
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
        commands: list[str] = []
        summary = self.place / "summary.md"
        for step in self.job["steps"]:
            _know(step.keys(), STEP_KEYS, "step")
            if not _holds(step.get("if", ""), contexts):
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

    def may(self, right: str, level: str) -> None:
        """As GitHub refuses a job what it did not ask for."""
        assert self.permissions.get(right) in (level, "write"), f"the job lacks {right}: {level}"

    def _execute(self, step: dict[str, Any], contexts: Contexts, summary: Path) -> tuple[dict[str, str], int]:
        defaults = self.workflow.get("defaults", {}).get("run", {}) | self.job.get("defaults", {}).get(
            "run", {}
        )
        output = self.place / "output"
        output.write_text("")
        script = self.place / "temp/step.sh"
        script.write_text(step["run"])
        # As the runner starts the shell: with `pipefail` only where the workflow names it.
        assert defaults.get("shell", "bash") == "bash"
        options = ["--noprofile", "--norc", "-eo", "pipefail"] if "shell" in defaults else ["-e"]
        place = str(interpolate(defaults.get("working-directory", "."), contexts))
        done = subprocess.run(
            ["bash", *options, str(script)],
            cwd=self.workspace / place,
            env={
                **self._machine(),
                **self.environment,
                "GITHUB_OUTPUT": str(output),
                "GITHUB_STEP_SUMMARY": str(summary),
                **{k: _text(interpolate(v, contexts)) for k, v in self.workflow.get("env", {}).items()},
                **{key: _text(interpolate(value, contexts)) for key, value in step.get("env", {}).items()},
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

    def _machine(self) -> dict[str, str]:
        """What is set on GitHub's machines, and where this one's AWS and Terraform provider are."""
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
            **{k: v for k, v in self.github.settings.items() if k.startswith(("TF_", "CHECKPOINT_"))},
            **addresses,
            **found,
        }


################################################################################
# Actions
################################################################################


def _checkout(runner: _Runner, given: dict[str, str]) -> None:
    """One commit and no tag, as GitHub's own does it; with `fetch-depth: 0` everything."""
    whole = given.get("fetch-depth") == "0"
    assert given == {"persist-credentials": "False", **({"fetch-depth": "0"} if whole else {})}
    runner.may("contents", "read")
    _git(runner.place, "init", "--quiet", str(runner.workspace))
    _git(runner.workspace, "remote", "add", "origin", f"file://{runner.github.origin}")
    wanted = ["--tags", "origin"] if whole else ["--depth", "1", "--no-tags", "origin", runner.event.sha]
    _git(runner.workspace, "fetch", "--quiet", *wanted)
    _git(runner.workspace, "checkout", "--quiet", runner.event.sha)


def _nothing(runner: _Runner, given: dict[str, str]) -> None:
    """Set up already: the machine that runs this has Terraform and Python."""


def _credentials(runner: _Runner, given: dict[str, str]) -> None:
    """The role, assumed with the token that GitHub would sign for this job."""
    runner.may("id-token", "write")
    repository, event = runner.github.repository, runner.event
    subject = f"repo:{repository}:ref:{event.ref}"
    if runner.deploys_to:
        subject = f"repo:{repository}:environment:{runner.deploys_to}"
    elif event.name == "pull_request":
        subject = f"repo:{repository}:pull_request"
    assumed = assume(runner.github.cloud, given["role-to-assume"], subject, runner.source)
    runner.environment |= {
        "AWS_ACCESS_KEY_ID": assumed["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": assumed["SecretAccessKey"],
        "AWS_SESSION_TOKEN": assumed["SessionToken"],
        "AWS_REGION": given["aws-region"],
        "AWS_DEFAULT_REGION": given["aws-region"],
    }


def assume(cloud: aws.Cloud, role_arn: str, subject: str, workflow: str) -> dict[str, str]:
    """Credentials for the token that GitHub signs for this subject and the workflow that a job is of."""
    claims = {
        "iss": f"https://{ISSUER}",
        "aud": "sts.amazonaws.com",
        "sub": subject,
        "job_workflow_ref": workflow,
    }
    parts = ({"alg": "none"}, claims)
    token = ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts)
    sts = boto3.client(
        "sts",
        endpoint_url=cloud.endpoint,
        region_name=aws.REGION,
        verify=str(cloud.authority),
        config=Config(signature_version=UNSIGNED),
    )
    found: dict[str, str] = sts.assume_role_with_web_identity(
        RoleArn=role_arn, RoleSessionName="GitHubActions", WebIdentityToken=f"{token}."
    )["Credentials"]
    return found


def _sarif(runner: _Runner, given: dict[str, str]) -> None:
    runner.may("security-events", "write")
    assert given["sarif_file"].endswith(".sarif")


def _cache(runner: _Runner, given: dict[str, str]) -> None:
    assert re.fullmatch(r"[\w-]+-Linux-[0-9a-f]{64}", given["key"]), "what the key is made of is not there"


def _upload(runner: _Runner, given: dict[str, str]) -> dict[str, str]:
    assert given["overwrite"] == "True"
    assert re.fullmatch(r"[^\":<>|*?\r\n\\/]+", given["name"]), "GitHub takes no such name"
    target = runner.github.folder / "artifacts" / str(runner.number) / given["name"]
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(runner.workspace / given["path"], target, ignore=shutil.ignore_patterns(".*"))
    assert any(target.iterdir())
    runs = f"https://github.com/{runner.github.repository}/actions/runs"
    return {"artifact-url": f"{runs}/{runner.number}/artifacts/1"}


def _download(runner: _Runner, given: dict[str, str]) -> None:
    source = runner.github.folder / "artifacts" / str(runner.number) / given["name"]
    shutil.copytree(source, runner.workspace / given["path"])


ACTIONS: dict[str, Callable[[_Runner, dict[str, str]], dict[str, str] | None]] = {
    "actions/cache": _cache,
    "actions/checkout": _checkout,
    "actions/download-artifact": _download,
    "actions/setup-python": _nothing,
    "actions/upload-artifact": _upload,
    "aws-actions/configure-aws-credentials": _credentials,
    "github/codeql-action/upload-sarif": _sarif,
    "hashicorp/setup-terraform": _nothing,
    "terraform-linters/setup-tflint": _nothing,
}

################################################################################
# Workflows
################################################################################


def _called(uses: str) -> dict[Any, Any]:
    """A called workflow: ours, by its tag or from within ours."""
    path = uses.removeprefix("$/").removeprefix(f"{HOME}/").partition("@")[0]
    assert path.startswith(".github/workflows/"), uses
    found: dict[Any, Any] = yaml.safe_load((ROOT / path).read_text())
    return found


def _path(uses: str) -> str:
    """A called workflow's file with its version; one that is called from within ours is of the same."""
    if uses.startswith("$/"):
        return f"{HOME}/{uses.removeprefix('$/')}@refs/tags/v{extracts.__version__}"
    return uses


def _referenced(workflow: dict[Any, Any]) -> Iterator[dict[str, str]]:
    """The workflows that are called, as the API tells of a run; those within ours are of the same version."""
    for job in workflow["jobs"].values():
        if "uses" in job:
            path = _path(job["uses"])
            name = path.partition("@")[0].rpartition("/")[2]
            text = (ROOT / ".github/workflows" / name).read_text()
            yield {"path": path, "sha": hashlib.sha1(text.encode()).hexdigest()}
            yield from _referenced(yaml.safe_load(text))


def _inputs(call: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The inputs as GitHub hands them over: none that is unknown, none missing, each of its type."""
    declared = call.get("inputs", {})
    _know(given.keys(), set(declared), "inputs")
    found = {}
    for name, entry in declared.items():
        if name in given:
            # A variable that nobody has set is an empty text.
            value = "" if given[name] is None and entry["type"] == "string" else given[name]
            wanted = {"string": str, "boolean": bool, "number": int}[entry["type"]]
            assert isinstance(value, wanted), f"{name} is a {entry['type']}, not {value!r}"
            found[name] = value
        else:
            assert not entry.get("required"), f"the input {name} is missing"
            found[name] = entry["default"]
    return found


def _as_one(jobs: dict[str, Job], call: dict[str, Any]) -> Job:
    """A called workflow as the calling one sees it."""
    results = {job.result for job in jobs.values()}
    worst = next(r for r in ("failure", "success", "skipped") if r in results)
    contexts = {"jobs": {name: {"outputs": job.outputs} for name, job in jobs.items()}}
    outputs = {k: str(interpolate(v["value"], contexts) or "") for k, v in call.get("outputs", {}).items()}
    return Job(worst, outputs)


def _within(permissions: Mapping[str, str], permitted: Mapping[str, str] | None, name: str) -> None:
    """A called workflow cannot have more rights than its caller: GitHub refuses to start it."""
    if permitted is None:
        return
    for right, level in permissions.items():
        assert permitted.get(right) in (level, "write"), (
            f"{name} asks for {right}: {level}; its caller has less"
        )


def _in_order(jobs: dict[str, dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    left = dict(jobs)
    while left:
        ready = [
            name for name in left if not any(need in left for need in _listed(left[name].get("needs", [])))
        ]
        assert ready, f"jobs that wait for each other: {sorted(left)}"
        for name in ready:
            yield name, left.pop(name)


def _github_context(github: GitHub, event: Event, number: int) -> dict[str, Any]:
    return {
        "event": {"repository": {"default_branch": "main"}, **event.payload},
        "event_name": event.name,
        "ref": event.ref,
        "ref_name": event.ref_name,
        "repository": github.repository,
        "run_id": str(number),
        "sha": event.sha,
    }


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _know(used: Any, known: set[str], what: str) -> None:
    if unknown := set(used) - known:
        raise LookupError(f"{what}: the local runner does not know {sorted(unknown)}")


def _git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=A developer", "-c", "user.email=developer@example.com")
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


################################################################################
# Expressions
################################################################################

TOKENS = re.compile(r"\s*(?:('(?:[^']|'')*')|(\d+)|([A-Za-z_][\w-]*)|(==|!=|&&|\|\||[!().*,]))")


def interpolate(value: Any, contexts: Contexts) -> Any:
    """The value with its `${{ }}` filled in; one that is nothing but an expression keeps its type."""
    if not isinstance(value, str):
        return value
    whole = re.fullmatch(r"\$\{\{(.*?)\}\}", value.strip(), re.DOTALL)
    if whole:
        return _Expression(whole[1], contexts).value()
    return re.sub(r"\$\{\{(.*?)\}\}", lambda m: _text(_Expression(m[1], contexts).value()), value)


def _holds(condition: str, contexts: Contexts) -> bool:
    """Whether a job or step runs: without a word about status, only after success."""
    text = str(condition).strip()
    text = re.sub(r"^\$\{\{(.*)\}\}$", r"\1", text, flags=re.DOTALL)
    if not re.search(r"\b(always|failure|cancelled|success)\(\)", text):
        text = f"success() && ({text})" if text else "success()"
    return bool(_Expression(text, contexts).value())


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(slots=True)
class _Expression:
    """A recursive descent over GitHub's expressions."""

    text: str
    contexts: Contexts
    tokens: list[str] = field(default_factory=list)

    def value(self) -> Any:
        place = 0
        while self.text[place:].strip():
            match = TOKENS.match(self.text, place)
            if not match:
                raise LookupError(f"expression: {self.text[place:]!r} in {self.text!r}")
            self.tokens.append(match[0].strip())
            place = match.end()
        found = self._or()
        assert not self.tokens, f"expression: {self.tokens} left of {self.text!r}"
        return found

    def _take(self, *wanted: str) -> bool:
        if self.tokens and self.tokens[0] in wanted:
            self.tokens.pop(0)
            return True
        return False

    def _or(self) -> Any:
        left = self._and()
        while self._take("||"):
            right = self._and()
            left = left or right
        return left

    def _and(self) -> Any:
        left = self._equal()
        while self._take("&&"):
            right = self._equal()
            left = left and right
        return left

    def _equal(self) -> Any:
        left = self._not()
        while self.tokens and self.tokens[0] in ("==", "!="):
            operator = self.tokens.pop(0)
            same = _text(left).casefold() == _text(self._not()).casefold()
            left = same if operator == "==" else not same
        return left

    def _not(self) -> Any:
        if self._take("!"):
            return not self._not()
        if self._take("("):
            found = self._or()
            assert self._take(")"), self.text
            return found
        return self._leaf()

    def _leaf(self) -> Any:
        token = self.tokens.pop(0)
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if token.isdigit():
            return int(token)
        if token in ("true", "false"):
            return token == "true"
        if self._take("("):
            return self._call(token)
        if token not in self.contexts:
            raise LookupError(f"expression: the context {token} is not there in {self.text!r}")
        found = self.contexts[token]
        while self._take("."):
            name = self.tokens.pop(0)
            if name == "*":
                assert self._take("."), self.text
                name = self.tokens.pop(0)
                found = [one.get(name) for one in found.values()]
            else:
                found = (found or {}).get(name)
        return found

    def _call(self, name: str) -> Any:
        given = []
        while not self._take(")"):
            given.append(self._or())
            self._take(",")
        status = self.contexts["status"]
        known: dict[str, Callable[..., Any]] = {
            "always": lambda: True,
            "failure": lambda: not status,
            "hashFiles": self._hash,
            "join": lambda values, between: between.join(map(_text, values)),
            "success": lambda: status,
        }
        if name not in known:
            raise LookupError(f"expression: the function {name} in {self.text!r}")
        return known[name](*given)

    def _hash(self, path: str) -> str:
        """Nothing where there is no such file, as on GitHub."""
        file = self.contexts["workspace"] / path
        return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
