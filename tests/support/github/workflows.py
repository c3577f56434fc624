"""Run the jobs of a workflow in the order of their `needs`, including the workflows that they call."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import yaml

import extracts
from tests.support.github.expressions import holds, interpolate
from tests.support.github.model import HOME, ROOT, Contexts, Event, Job, check_supported
from tests.support.github.runner import Runner

if TYPE_CHECKING:
    from tests.support.github.repository import GitHub

JOB_KEYS = {
    "concurrency", "defaults", "environment", "if", "name", "needs", "outputs", "permissions", "runs-on",
    "steps", "strategy", "timeout-minutes", "uses", "with",
}  # fmt: skip


def run_jobs(
    github: GitHub,
    workflow: dict[Any, Any],
    event: Event,
    inputs: dict[str, Any],
    *,
    permitted: Mapping[str, str] | None,
    number: int,
    source: str,
) -> tuple[dict[str, Job], dict[str, Job]]:
    """Run the jobs of a workflow, and of the workflows that it calls.

    Return two dictionaries: all jobs by name, and only the jobs of this workflow by key.

    `permitted` has the permissions of the calling job, if a job calls the workflow.
    """
    found: dict[str, Job] = {}
    ended: dict[str, Job] = {}  # jobs of this workflow only
    for name, job in _in_order(workflow["jobs"]):
        check_supported(job.keys(), JOB_KEYS, f"job {name}")
        needs = {other: ended[other] for other in _as_list(job.get("needs", []))}
        contexts: Contexts = {
            "github": _github_context(github, event, number),
            "inputs": inputs,
            "needs": {k: {"result": v.result, "outputs": v.outputs} for k, v in needs.items()},
            "vars": github.variables,
        }
        permissions = job.get("permissions", workflow.get("permissions"))
        assert permissions is not None, f"{name} declares no permissions, so it gets the default ones"
        _check_permissions(permissions, permitted, name)
        contexts["status"] = all(job.result == "success" for job in needs.values())
        if not holds(job.get("if", ""), contexts):
            ended[name] = found[name] = Job("skipped")
        elif "uses" in job:
            given = {key: interpolate(value, contexts) for key, value in job.get("with", {}).items()}
            called = _read_called(job["uses"])
            call = called[True]["workflow_call"] or {}  # YAML 1.1 reads the key `on` as true
            jobs, called_jobs = run_jobs(
                github,
                called,
                event,
                _inputs(call, given),
                permitted=permissions,
                number=number,
                source=_path(job["uses"]),
            )
            found |= {f"{name} / {inner}": result for inner, result in jobs.items()}
            ended[name] = _as_one(called_jobs, call)
        else:
            jobs = {
                label: Runner(github, event, workflow, job, permissions, number, source).run(
                    contexts | {"matrix": values}
                )
                for label, values in _matrix(name, job)
            }
            ended[name] = _as_one(jobs, {}) if "strategy" in job else jobs[name]
            if "name" in job:
                jobs = {str(interpolate(job["name"], contexts)): jobs[name]}
            found |= jobs
    return found, ended


def _matrix(name: str, job: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the label and the values of each run of a job. A job without a matrix runs once."""
    if "strategy" not in job:
        yield name, {}
        return
    [(key, values)] = job["strategy"]["matrix"].items()
    for value in values:
        yield f"{name} ({value})", {key: value}


def _read_called(uses: str) -> dict[Any, Any]:
    """Return a called workflow. Projects may call only workflows of this repository."""
    path = uses.removeprefix("$/").removeprefix(f"{HOME}/").partition("@")[0]
    assert path.startswith(".github/workflows/"), uses
    found: dict[Any, Any] = yaml.safe_load((ROOT / path).read_text())
    return found


def _path(uses: str) -> str:
    """Return the path and the ref of a called workflow, in the form of the claim `job_workflow_ref`.

    A path that begins with `$/` refers to a workflow of this repository, at the same commit as the caller.
    """
    if uses.startswith("$/"):
        uses = f"{HOME}/{uses.removeprefix('$/')}@v{extracts.__version__}"
    file, _, tag = uses.partition("@")
    return f"{file}@refs/tags/{tag}"


def referenced(workflow: dict[Any, Any]) -> Iterator[dict[str, str]]:
    """Yield the called workflows, in the form of `referenced_workflows` in GitHub's API."""
    for job in workflow["jobs"].values():
        if "uses" in job:
            path = _path(job["uses"])
            name = path.partition("@")[0].rpartition("/")[2]
            text = (ROOT / ".github/workflows" / name).read_text()
            yield {"path": path, "sha": hashlib.sha1(text.encode()).hexdigest()}
            yield from referenced(yaml.safe_load(text))


def _inputs(call: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return the inputs with their defaults. An unknown or missing input, or a wrong type, is an error."""
    declared = call.get("inputs", {})
    check_supported(given.keys(), set(declared), "inputs")
    found = {}
    for name, entry in declared.items():
        if name in given:
            # If the value comes from a variable that is not set, GitHub passes an empty text.
            value = "" if given[name] is None and entry["type"] == "string" else given[name]
            wanted = {"string": str, "boolean": bool, "number": int}[entry["type"]]
            assert isinstance(value, wanted), f"the input {name} must be a {entry['type']}, not {value!r}"
            found[name] = value
        else:
            assert not entry.get("required"), f"the input {name} is missing"
            found[name] = entry["default"]
    return found


def _as_one(jobs: dict[str, Job], call: dict[str, Any]) -> Job:
    """Return the jobs of a called workflow or of a matrix as one job, as a calling workflow sees them."""
    results = {job.result for job in jobs.values()}
    worst = next(r for r in ("failure", "success", "skipped") if r in results)
    contexts = {"jobs": {name: {"outputs": job.outputs} for name, job in jobs.items()}}
    outputs = {k: str(interpolate(v["value"], contexts) or "") for k, v in call.get("outputs", {}).items()}
    return Job(worst, outputs)


def _check_permissions(
    permissions: Mapping[str, str], permitted: Mapping[str, str] | None, name: str
) -> None:
    """Fail if a job has more permissions than its caller. GitHub does not start such a workflow."""
    if permitted is None:
        return
    for permission, level in permissions.items():
        assert permitted.get(permission) in (level, "write"), (
            f"{name} declares {permission}: {level}, but its caller has less"
        )


def _in_order(jobs: dict[str, dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    left = dict(jobs)
    while left:
        ready = [
            name for name in left if not any(need in left for need in _as_list(left[name].get("needs", [])))
        ]
        assert ready, f"these jobs wait for each other: {sorted(left)}"
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


def _as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
