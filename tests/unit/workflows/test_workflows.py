"""The workflows declare their permissions, run `make` targets, and pin actions by commit."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

# The jobs of all workflows may declare these permissions.
PERMISSIONS = {
    ("actions", "read"),
    ("contents", "read"),
    ("id-token", "write"),
    ("pull-requests", "read"),
    ("pull-requests", "write"),
}
# Only jobs of ci.yml and release.yml may declare these permissions: to upload findings, or to publish.
OWN = {("contents", "write"), ("security-events", "write")}


def workflows(folder: Path) -> dict[str, dict[Any, Any]]:
    return {
        path.name: yaml.safe_load(path.read_text()) for path in (folder / ".github/workflows").glob("*.yml")
    }


def test_jobs_declare_only_allowed_permissions(repository: Path, stamp: Callable[..., Path]) -> None:
    ours = workflows(repository)
    own = {"ci.yml", "release.yml"}
    assert own < ours.keys()
    for name, workflow in (ours | workflows(stamp())).items():
        assert workflow["permissions"] == {}, name
        for job in workflow["jobs"].values():
            assert job["permissions"].items() <= PERMISSIONS | (OWN if name in own else set()), name


def test_actions_are_pinned_to_a_commit_and_have_a_version_comment(repository: Path) -> None:
    for path in (repository / ".github/workflows").glob("*.yml"):
        for line in path.read_text().splitlines():
            if "uses:" in line:
                pinned = re.search(r"uses: [\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)
                # This line calls a reusable workflow of the same commit, so it needs no pin.
                own = re.search(r"uses: \$/\.github/workflows/[\w-]+\.yml$", line)
                assert pinned or own, f"{path.name}: {line}"


def test_no_shell_script_of_a_workflow_contains_a_github_expression(repository: Path) -> None:
    for workflow in workflows(repository).values():
        for job in workflow["jobs"].values():
            assert not any("${{" in step.get("run", "") for step in job.get("steps", []))


def test_scan_of_a_plan_skips_only_checks_that_the_modules_skip(repository: Path) -> None:
    scan = workflows(repository)["scan-plan.yml"]["jobs"]["scan"]["steps"][-1]["run"]
    skipped = re.search(r"--skip-check (\S+)", scan)
    assert skipped
    code = "".join(path.read_text() for path in (repository / "modules").glob("*/*.tf"))
    assert set(skipped[1].split(",")) <= set(re.findall(r"checkov:skip=(\w+): \w", code))


def test_ci_runs_only_make_targets(repository: Path) -> None:
    targets = set(re.findall(r"^([a-z][\w-]*):", (repository / "Makefile").read_text(), re.MULTILINE))
    jobs = workflows(repository)["ci.yml"]["jobs"]
    commands = [
        step["run"]
        for name, job in jobs.items()
        for step in job["steps"]
        if "run" in step and name != "all-green"
    ]
    assert 'make test ARGS="tests/$PART"' in commands
    [weekly] = workflows(repository)["matrix.yml"]["jobs"].values()
    commands += [step["run"] for step in weekly["steps"] if "run" in step]
    assert commands[-1] == "make test-matrix"
    for command in commands:
        make, target, *_ = command.split()
        assert make == "make"
        assert target in targets


def test_job_that_publishes_needs_an_approval_and_runs_no_code_of_the_repository(repository: Path) -> None:
    """Packages of the build and code of the tag must not get the token of the job, which may write."""
    release = workflows(repository)["release.yml"]
    # A pushed tag must not start the release, because projects would use this tag before the approval.
    assert list(release[True]) == ["workflow_dispatch"]
    jobs = release["jobs"]
    [publish] = [job for job in jobs.values() if job["permissions"].get("contents") == "write"]
    assert publish["environment"] == "release"
    assert [name for name, job in jobs.items() if "secrets." in str(job)] == ["publish"]
    commands = [step.get("run", step.get("uses", "")) for step in publish["steps"]]
    assert [command.partition("@")[0].partition(' "')[0] for command in commands] == [
        "actions/checkout",
        "git tag",
        "actions/download-artifact",
        "gh release create",
    ]


def test_ci_runs_the_tests_of_every_folder(repository: Path) -> None:
    tests = repository / "tests"
    folders = {path.parent.relative_to(tests).as_posix() for path in tests.glob("**/test_*.py")}
    # The matrix of ci.yml has one part for all unit tests. Each other part is a folder, for example
    # integration/template, with all its subfolders.
    folders = {"unit" if f.startswith("unit/") else "/".join(f.split("/")[:2]) for f in folders}
    folders -= {"attack"}  # too slow for each change; `make test-attack` runs these tests
    assert set(workflows(repository)["ci.yml"]["jobs"]["test"]["strategy"]["matrix"]["part"]) == folders


def test_required_job_of_ci_waits_for_all_other_jobs(repository: Path) -> None:
    jobs = workflows(repository)["ci.yml"]["jobs"]
    gate = jobs.pop("all-green")
    assert gate["if"] == "always()", "GitHub counts a skipped job as green"
    assert set(gate["needs"]) == set(jobs)


def test_stamped_workflows_call_reusable_workflows_of_the_same_version_as_the_template(
    repository: Path, stamp: Callable[..., Path], declared: dict[str, object]
) -> None:
    home = str(declared["_repository"]).removeprefix("https://github.com/")
    jobs = [job for workflow in workflows(stamp()).values() for job in workflow["jobs"].values()]
    reached = set()
    for job in jobs:
        assert job.keys() - {"if"} == {"permissions", "uses", "with"}
        called, _, version = job["uses"].removeprefix(f"{home}/").partition("@")
        assert version == f"v{declared['_version']}"
        ours = yaml.safe_load((repository / called).read_text())
        # YAML 1.1 reads the key `on` as true.
        inputs = ours[True]["workflow_call"]["inputs"]
        required = {name for name, details in inputs.items() if details.get("required")}
        assert required <= job["with"].keys() <= inputs.keys()
        needed = {right for inner in ours["jobs"].values() for right in inner["permissions"].items()}
        held = {
            *job["permissions"].items(),
            *((name, "read") for name in job["permissions"]),
        }  # the permission to write includes the permission to read
        assert needed <= held, "a called workflow has at most the permissions of its caller"
        reached.add(Path(called).name)
    assert reached == {path.name for path in (repository / ".github/workflows").glob("extract-*.yml")}
