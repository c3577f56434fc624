"""`extracts doctor` checks that GitHub can find the workflows of a project."""

from __future__ import annotations

from pathlib import Path

import pytest

from extracts.doctor.project import workflows


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = tmp_path / "all/bank-loans"
    (made / ".github/workflows").mkdir(parents=True)
    return made


def test_workflows_are_reported_if_the_project_is_not_the_root_of_the_repository(project: Path) -> None:
    (project.parent / ".git").mkdir()
    [check] = workflows(project)
    where = f"bank-loans is not the root of the repository {project.parent}"
    assert (check.state, check.text) == ("failed", f"GitHub does not run these workflows: {where}")


def test_workflows_are_not_reported_if_the_project_is_the_root_of_the_repository(project: Path) -> None:
    (project / ".git").mkdir()
    (project.parent / ".git").mkdir()
    assert list(workflows(project)) == []


def test_project_without_workflows_is_not_reported(project: Path) -> None:
    (project.parent / ".git").mkdir()
    (project / ".github/workflows").rmdir()
    assert list(workflows(project)) == []
