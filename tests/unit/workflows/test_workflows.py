"""The workflows say what they may do, run what a person can run, and take actions by commit."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

# All that any job may ask for; each asks for less.
PERMISSIONS = {
    ("actions", "read"),
    ("contents", "read"),
    ("id-token", "write"),
    ("pull-requests", "read"),
    ("pull-requests", "write"),
}
# What this repository's own jobs may besides: publish a release, and hand in findings.
OWN = {("contents", "write"), ("security-events", "write")}


def workflows(folder: Path) -> dict[str, dict[Any, Any]]:
    return {
        path.name: yaml.safe_load(path.read_text()) for path in (folder / ".github/workflows").glob("*.yml")
    }


def test_nothing_is_permitted_but_by_name(repository: Path, stamp: Callable[..., Path]) -> None:
    ours = workflows(repository)
    own = {"ci.yml", "release.yml"}
    assert own < ours.keys()
    for name, workflow in (ours | workflows(stamp())).items():
        assert workflow["permissions"] == {}, name
        for job in workflow["jobs"].values():
            assert job["permissions"].items() <= PERMISSIONS | (OWN if name in own else set()), name


def test_actions_are_pinned_by_commit_with_their_version_beside_it(repository: Path) -> None:
    for path in (repository / ".github/workflows").glob("*.yml"):
        for line in path.read_text().splitlines():
            if "uses:" in line:
                pinned = re.search(r"uses: [\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)
                own = re.search(r"uses: \$/\.github/workflows/[\w-]+\.yml$", line)  # of the same commit
                assert pinned or own, f"{path.name}: {line}"


def test_what_is_typed_by_others_never_reaches_a_shell_as_text(repository: Path) -> None:
    for workflow in workflows(repository).values():
        for job in workflow["jobs"].values():
            assert not any("${{" in step.get("run", "") for step in job.get("steps", []))


def test_a_plans_scan_skips_nothing_that_the_modules_do_not(repository: Path) -> None:
    scan = workflows(repository)["extract-plan.yml"]["jobs"]["scan"]["steps"][-1]["run"]
    skipped = re.search(r"--skip-check (\S+)", scan)
    assert skipped
    code = "".join(path.read_text() for path in (repository / "modules").glob("*/*.tf"))
    assert set(skipped[1].split(",")) <= set(re.findall(r"checkov:skip=(\w+): \w", code))


def test_ci_runs_make_targets_and_nothing_else(repository: Path) -> None:
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


def test_only_an_approved_job_without_code_may_publish(repository: Path) -> None:
    """Packages of the build, and code of the tag, must not see the token that writes."""
    jobs = workflows(repository)["release.yml"]["jobs"]
    [publish] = [job for job in jobs.values() if job["permissions"].get("contents") == "write"]
    assert publish["environment"] == "release"
    commands = [step.get("run", step.get("uses", "")) for step in publish["steps"]]
    assert [command.partition("@")[0].partition(' "')[0] for command in commands] == [
        "actions/download-artifact",
        "gh release create",
    ]


def test_no_folder_of_tests_is_left_out_of_ci(repository: Path) -> None:
    tests = repository / "tests"
    folders = {path.parent.relative_to(tests).as_posix() for path in tests.glob("**/test_*.py")}
    # unit in one part; the others by the area, with its subfolders.
    folders = {"unit" if f.startswith("unit/") else "/".join(f.split("/")[:2]) for f in folders}
    folders -= {"attack"}  # too slow for every change: `make test-attack`
    assert set(workflows(repository)["ci.yml"]["jobs"]["test"]["strategy"]["matrix"]["part"]) == folders


def test_the_job_that_has_to_be_green_waits_for_all_others(repository: Path) -> None:
    jobs = workflows(repository)["ci.yml"]["jobs"]
    gate = jobs.pop("all-green")
    assert gate["if"] == "always()", "a job that is skipped counts as green"
    assert set(gate["needs"]) == set(jobs)


def test_a_stamped_workflow_only_calls_ours_of_its_own_version(
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
        held = {*job["permissions"].items(), *((name, "read") for name in job["permissions"])}  # write reads
        assert needed <= held, "a called workflow has no more rights than its caller"
        reached.add(Path(called).name)
    assert reached == {path.name for path in (repository / ".github/workflows").glob("extract-*.yml")}
