"""`extracts status` reports newer versions for projects in folders and repositories."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from extracts import fleet
from tests.support.releases import ADDRESS, commit, edit, git
from tests.support.tool import call


def test_status_reports_versions_and_notes(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project, tmp_path / "second")
    assert call("update", tmp_path / "second").returncode == 0
    (tmp_path / "second/extract.yaml").unlink()
    done = call("status", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    behind: dict[str, Any] = {
        "folder": str(project),
        "version": "1.0.0",
        "stamped_from": "1.0.0",
        "newer": ["1.1.0"],
    }
    ahead = {**behind, "folder": f"{tmp_path}/second", "version": "1.1.0", "stamped_from": None, "newer": []}
    assert [p for p in told["projects"] if "old" not in p["folder"]] == [ahead, behind]
    assert told["notes"] == {"1.1.0": "- Files can be **teal**."}
    shown = call("status", project).stdout
    assert "1.1.0, 1 newer" in shown
    assert "- Files can be **teal**." in shown


@pytest.fixture
def repositories(project: Path, tmp_path: Path) -> list[str]:
    """The URLs of two repositories. The first is a project, and the second contains a project in a folder."""
    shared = tmp_path / "shared"
    shutil.copytree(project, shared / "extracts/till-sums", ignore=shutil.ignore_patterns(".git"))
    commit(shared)
    return [f"file://{project}", f"file://{shared}"]


def test_status_of_repositories_leaves_no_files(repositories: list[str], tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    done = call("status", *repositories, "file:///nowhere/at-all", "--json", folder=here)
    told = json.loads(done.stdout)
    names = [repositories[0], f"{repositories[1]}: extracts/till-sums"]
    assert [(one["folder"], one["newer"]) for one in told["projects"]] == [(n, ["1.1.0"]) for n in names]
    [problem] = told["problems"]
    assert problem.startswith("file:///nowhere/at-all: git clone: ")
    assert (done.returncode, list(here.iterdir())) == (1, [])


def test_repository_is_cloned_except_in_a_dry_run(repositories: list[str], tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    done = call("update", *repositories, "--dry-run", folder=here)
    assert (done.returncode, list(here.iterdir())) == (0, [])
    assert f"{repositories[0]}: 1.0.0 -> 1.1.0" in done.stdout
    done = call("update", *repositories, folder=here)
    assert done.returncode == 0, done.stderr
    for path in ("till-sums", "shared/extracts/till-sums"):
        assert f"{path}: 1.0.0 -> 1.1.0" in done.stdout.splitlines()
        assert "?ref=v1.1.0" in (here / path / "Terraform/main.tf").read_text()
    assert git(here / "till-sums", "log", "--format=%s").strip() == "Work of the team"
    again = call("update", repositories[0], folder=here)
    assert again.stderr == f"✗ {repositories[0]}: till-sums already exists; update that folder instead.\n"


def test_status_without_the_template_repository_reports_the_version(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project, tmp_path / "second")
    edit(project / "extract.yaml", f'template: "{ADDRESS}"', 'template: "/nowhere/home"')
    done = call("status", project, tmp_path / "second", "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert [(one["version"], one["newer"]) for one in told["projects"]] == [
        ("1.0.0", None),
        ("1.0.0", ["1.1.0"]),
    ]
    assert told["problems"] == ["git clone: repository '/nowhere/home' does not exist"]
    assert "1.0.0         unknown" in call("status", project).stdout


@pytest.mark.parametrize(
    ("file", "content", "why"),
    [
        ("Terraform/main.tf", b"caf\xe9 = 1\n", "it is not UTF-8."),
        ("extract.yaml", b"caf\xe9 = 1\n", "it is not UTF-8."),
        ("extract.yaml", b"a = 1\n", "it needs template, version and default_context."),
    ],
)
def test_unreadable_project_does_not_hide_other_projects(
    file: str, content: bytes, why: str, project: Path, home: Path, tmp_path: Path
) -> None:
    shutil.copytree(project, tmp_path / "torn")
    (tmp_path / "torn" / file).write_bytes(content)
    done = call("status", project, tmp_path / "torn", "--json", "--template", home)
    assert done.returncode == 1
    assert done.stderr == f"✗ {tmp_path / 'torn' / file} cannot be read: {why}\n"
    told = json.loads(done.stdout)
    assert [each["folder"] for each in told["projects"]] == [str(project)]
    assert told["problems"] == [done.stderr.removeprefix("✗ ").strip()]


def test_project_without_permission_does_not_hide_other_projects(
    project: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(project, tmp_path / "closed")
    looked = Path.is_file

    # Necessary for tests that run as root, because the system denies root no access.
    def denied(path: Path) -> bool:
        if tmp_path / "closed" in path.parents:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return looked(path)

    monkeypatch.setattr(Path, "is_file", denied)
    found = fleet.status([str(project), str(tmp_path / "closed")], str(home))
    assert [one.folder for one, _ in found.projects] == [project]
    assert found.problems == [f"{tmp_path}/closed/extract.yaml cannot be read: Permission denied."]


def test_folder_without_a_project_does_not_hide_other_projects(project: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    edit(project / "extract.yaml", 'version: "1.0.0"', "version: soon")
    done = call("status", project, tmp_path / "empty")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        '✗ "soon" is not a version; write a version such as 1.2.0.',
        f"✗ {tmp_path}/empty is not an extract project, and no folder in it is one.",
    ]
