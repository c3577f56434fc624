"""A repository with two releases, and a project of the first release, for tests of updates.

The repository has a tag for each release. Settings of git replace the public address of the template with the
path of this repository, so that updates read the releases from this repository.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from extracts.stamp import stamp
from tests.support.options import ADDRESS as ADDRESS_OF_ALERTS

ROOT = Path(__file__).parents[2]
FOLDER = "templates/extract/{{cookiecutter.__folder}}"
ADDRESS = "https://github.com/terraform-aws-extracts/terraform-aws-extracts"
GIT = {
    "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.com",
    "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
}  # fmt: skip


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, **GIT}
    ).stdout


def edit(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert text.count(before) == 1, f"{file} has {text.count(before)} of {before!r}"
    file.write_text(text.replace(before, after))


def release(home: Path, version: str, notes: str) -> None:
    settings = home / "templates/extract/cookiecutter.json"
    context = json.loads(settings.read_text())
    context["_version"] = version
    settings.write_text(json.dumps(context, indent=2))
    log = home / "CHANGELOG.md"
    old = log.read_text().partition("\n\n")[2] if log.exists() else ""
    log.write_text(f"# Changelog\n\n## {version} (2026-11-24)\n\n{notes}\n\n{old}")
    git(home, "add", "-A")
    git(home, "commit", "-qm", f"Release {version}")
    git(home, "tag", f"v{version}")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create the repository. Release 1.0.0 is this working copy, and release 1.1.0 changes the template."""
    folder = tmp_path_factory.mktemp("collection") / "home.git"
    unwanted = shutil.ignore_patterns(".terraform*", "__pycache__")
    for part in ("templates", "modules"):
        shutil.copytree(ROOT / part, folder / part, ignore=unwanted)
    git(folder.parent, "init", "-q", "-b", "main", "home.git")
    release(folder, "1.0.0", "- The first.")
    stamped = folder / FOLDER
    edit(
        stamped / "Makefile",
        "# Shows the changes that a deployment would make.",
        "# Shows the changes that an apply would make.",
    )
    edit(stamped / "Glue/etl.py", "if __name__", "# Runs in Glue.\nif __name__")
    edit(stamped / ".gitignore", "*.tfplan\n", "*.tfplan\n*.csv\n")
    (stamped / "CODEOWNERS").write_text("* @data-team\n")
    (stamped / ".checks").mkdir()
    (stamped / ".checks/run").write_text("#!/bin/sh\n")
    (stamped / ".checks/run").chmod(0o755)
    (stamped / "Terraform/terraform.tfvars.example").unlink()
    context = json.loads((folder / "templates/extract/cookiecutter.json").read_text())
    (folder / "templates/extract/cookiecutter.json").write_text(json.dumps({**context, "_colour": "teal"}))
    release(folder, "1.1.0", "- Files can be **teal**.")
    return folder


@pytest.fixture(scope="module")
def stamped_project(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clone release 1.0.0, create a project from the clone, and commit the project."""
    folder = tmp_path_factory.mktemp("project")
    git(folder, "clone", "-q", "--branch", "v1.0.0", str(home), "old")
    answers = {**ADDRESS_OF_ALERTS, "project_slug": "till-sums", "metric": "Balance"}
    commit(stamp(answers, folder, template=folder / "old/templates/extract"))
    return folder / "till-sums"


@pytest.fixture
def project(stamped_project: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the project to the folder of the test, because each test changes it."""
    shutil.copytree(stamped_project.parent, tmp_path, symlinks=True, dirs_exist_ok=True)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.file://{home.with_suffix('')}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", ADDRESS)
    return tmp_path / stamped_project.name


def commit(project: Path) -> None:
    git(project, "init", "-q")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "Work of the team")
