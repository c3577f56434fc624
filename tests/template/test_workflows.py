"""The workflows say what they may do, run what a person can run, and take actions by commit."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

# All that any job may ask for; each asks for less.
PERMISSIONS = {
    ("contents", "read"),
    ("id-token", "write"),
    ("pull-requests", "read"),
    ("pull-requests", "write"),
}


def workflows(folder: Path) -> dict[str, dict[Any, Any]]:
    return {
        path.name: yaml.safe_load(path.read_text()) for path in (folder / ".github/workflows").glob("*.yml")
    }


def test_nothing_is_permitted_but_by_name(repository: Path, stamp: Callable[..., Path]) -> None:
    for name, workflow in (workflows(repository) | workflows(stamp())).items():
        assert workflow["permissions"] == {}, name
        for job in workflow["jobs"].values():
            assert job["permissions"].items() <= PERMISSIONS, name


def test_actions_are_pinned_by_commit_with_their_version_beside_it(repository: Path) -> None:
    for path in (repository / ".github/workflows").glob("*.yml"):
        for line in path.read_text().splitlines():
            if "uses:" in line:
                pinned = re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)
                own = re.search(r"uses: \$/\.github/workflows/[\w-]+\.yml$", line)  # of the same commit
                assert pinned or own, f"{path.name}: {line}"


def test_what_is_typed_by_others_never_reaches_a_shell_as_text(repository: Path) -> None:
    for workflow in workflows(repository).values():
        for job in workflow["jobs"].values():
            assert not any("${{" in step.get("run", "") for step in job.get("steps", []))


def test_ci_runs_make_targets_that_exist(repository: Path) -> None:
    targets = set(re.findall(r"^([a-z][\w-]*):", (repository / "Makefile").read_text(), re.MULTILINE))
    commands = [
        step["run"] for step in workflows(repository)["ci.yml"]["jobs"]["test"]["steps"] if "run" in step
    ]
    assert "make test" in commands
    for command in commands:
        make, target = command.split()
        assert make == "make"
        assert target in targets


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
