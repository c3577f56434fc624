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
    [stamped] = workflows(stamp()).values()
    [job] = stamped["jobs"].values()
    home = str(declared["_repository"]).removeprefix("https://github.com/")
    assert job.keys() == {"permissions", "uses", "with"}
    called, _, version = job["uses"].removeprefix(f"{home}/").partition("@")
    assert version == f"v{declared['_version']}"
    ours = yaml.safe_load((repository / called).read_text())
    # YAML 1.1 reads the key `on` as true.
    assert job["with"].keys() <= ours[True]["workflow_call"]["inputs"].keys()
    needed = {
        permission for called_job in ours["jobs"].values() for permission in called_job["permissions"].items()
    }
    assert needed <= job["permissions"].items(), "a called workflow cannot have more rights than its caller"
