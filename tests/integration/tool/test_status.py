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

HOME = f'template: "{ADDRESS}"'


def test_status_reports_versions_and_release_notes(project: Path, tmp_path: Path) -> None:
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


def test_status_reports_the_version_even_if_the_template_repository_is_missing(
    project: Path, tmp_path: Path
) -> None:
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


def test_project_that_the_user_may_not_read_does_not_hide_other_projects(
    project: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(project, tmp_path / "closed")
    looked = Path.is_file

    # The user of the tests may be root, who may read every file. So the test raises the error itself.
    def denied(path: Path) -> bool:
        if tmp_path / "closed" in path.parents:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return looked(path)

    monkeypatch.setattr(Path, "is_file", denied)
    found = fleet.status([str(project), str(tmp_path / "closed")], str(home))
    assert [one.folder for one, _ in found.projects] == [project]
    assert found.problems == [f"{tmp_path}/closed/extract.yaml cannot be read: Permission denied."]


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (HOME, f"template: {'a' * 5_000}", "bad: its template cannot be opened: File name too long."),
        (HOME, f"template: file://{'a/' * 9_999}", "bad: its template cannot be opened: File name too long."),
        (HOME, r'template: "a\0b"', "bad: its template cannot be opened: embedded null byte."),
        (HOME, r'template: "a\ud800"', "bad: its template cannot be opened: the text is not valid Unicode."),
        ('"1.0.0"', f"0x{'f' * 5_000}", "bad/extract.yaml cannot be read: a number in it is too long."),
        ('"1.0.0"', f'"{"9" * 5_000}.0.0"', '999..." is not a version; write a version such as 1.2.0.'),
    ],
    ids=["long path", "long address", "null byte", "half character", "long number", "long version"],
)
def test_project_with_invalid_settings_does_not_hide_other_projects(
    before: str, after: str, why: str, project: Path, tmp_path: Path
) -> None:
    shutil.copytree(project, tmp_path / "bad")
    edit(tmp_path / "bad/extract.yaml", before, after)
    found = fleet.status([str(tmp_path / "bad"), str(project)], None)
    assert [(one.folder, newer) for one, newer in found.projects if newer] == [(project, [(1, 1, 0)])]
    [problem] = found.problems
    assert problem.endswith(why)
    if before != HOME:
        assert list(fleet.update([str(tmp_path / "bad")], None, None, plan=False, dry_run=True)) == [problem]


def test_link_to_a_path_that_is_too_long_does_not_hide_other_projects(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project, tmp_path / "bad")
    for file in ("Glue/etl.py", "extract.yaml"):
        (tmp_path / "bad" / file).unlink()
        (tmp_path / "bad" / file).symlink_to("a" * 300)
    done = call("status", tmp_path, "--json")
    assert done.returncode == 1
    assert done.stderr == f"✗ {tmp_path}/bad/extract.yaml cannot be read: File name too long.\n"
    assert project.name in done.stdout


@pytest.mark.parametrize("source", ["a" * 5_000, f"https://{'a' * 5_000}", "https://a\0b"])
def test_invalid_path_or_url_does_not_hide_other_projects(source: str, project: Path, home: Path) -> None:
    found = fleet.status([source, str(project)], str(home))
    assert [one.folder for one, _ in found.projects] == [project]
    assert len(found.problems) == 1


@pytest.mark.parametrize("notes", [None, b"# Changelog\n\n## 9.0.0\n\n- caf\xe9\n"])
def test_template_without_readable_release_notes_does_not_hide_other_projects(
    notes: bytes | None, project: Path, home: Path, tmp_path: Path
) -> None:
    git(tmp_path, "clone", "-q", str(home), "template")
    log = tmp_path / "template/CHANGELOG.md"
    log.unlink() if notes is None else log.write_bytes(notes)
    git(tmp_path / "template", "commit", "-qam", "Release 9.0.0")
    git(tmp_path / "template", "tag", "v9.0.0")
    shutil.copytree(project, tmp_path / "bad")
    edit(tmp_path / "bad/extract.yaml", HOME, f"template: {tmp_path}/template")
    found = fleet.status([str(tmp_path / "bad"), str(project)], None)
    assert [one.folder for one, _ in found.projects] == [tmp_path / "bad", project]
    assert found.notes["1.1.0"] == "- Files can be **teal**."
    if notes is None:
        [problem] = found.problems
        assert problem.startswith(f"{tmp_path}/bad: the changelog of its template cannot be read: git show: ")
    else:
        assert (found.problems, found.notes["9.0.0"]) == ([], "- caf\ufffd")


def test_folder_without_a_project_does_not_hide_other_projects(project: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    edit(project / "extract.yaml", 'version: "1.0.0"', "version: soon")
    done = call("status", project, tmp_path / "empty")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        '✗ "soon" is not a version; write a version such as 1.2.0.',
        f"✗ {tmp_path}/empty is not an extract project and contains no extract project.",
    ]
