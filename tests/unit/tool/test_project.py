"""The origin of a project, as its files describe it."""

from __future__ import annotations

from pathlib import Path

import pytest

from extracts import project
from extracts.errors import ExtractsError

HOME = "https://example.com/data/extracts"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Create a project of version 1.0.0 with two modules."""
    (tmp_path / "Terraform").mkdir()
    (tmp_path / "extract.yaml").write_text(
        f'template: "{HOME}"\nversion: "1.0.0"\ndefault_context:\n  window_months: 3\n'
    )
    pin(tmp_path, "1.0.0", "1.0.0")
    return tmp_path


def pin(folder: Path, *versions: str) -> None:
    """For each version, write a Terraform file that uses a module of this version."""
    for number, version in enumerate(versions):
        source = f"git::{HOME}.git//modules/kms-bucket?ref=v{version}"
        (folder / f"Terraform/{number}.tf").write_text(f'module "m" {{\n  source = "{source}"\n}}\n')


def test_version_of_the_modules_can_differ_from_the_version_of_the_template(folder: Path) -> None:
    pin(folder, "1.0.5", "1.0.5")
    assert project.read(folder, "till sums") == project.Project(
        folder, "till sums", HOME, (1, 0, 5), (1, 0, 0), {"window_months": "3"}
    )


def test_project_without_modules_uses_the_version_of_its_template(folder: Path) -> None:
    for path in folder.glob("Terraform/*.tf"):
        path.unlink()
    assert project.read(folder).modules == (1, 0, 0)


def test_version_of_the_template_is_unknown_without_extract_yaml(folder: Path) -> None:
    (folder / "extract.yaml").unlink()
    assert project.read(folder) == project.Project(folder, str(folder), HOME, (1, 0, 0), None, {})


def test_modules_of_different_versions_are_refused(folder: Path) -> None:
    pin(folder, "1.0.5", "1.0.0")
    why = "till sums: its modules have versions 1.0.0 and 1.0.5; give all of them the same version."
    with pytest.raises(ExtractsError) as refused:
        project.read(folder, "till sums")
    assert str(refused.value) == why


@pytest.mark.parametrize(
    "content",
    [
        'version: "1.0.0"\ndefault_context: {}\n',
        f'template: "{HOME}"\nversion: "1.0.0"\n',
        f'template: "{HOME}"\nversion: "1.0.0"\ndefault_context: answers\n',
        "- template\n- version\n",
    ],
    ids=["template is missing", "context is missing", "context is a text", "list"],
)
def test_extract_yaml_is_refused_if_a_required_setting_is_missing_or_has_a_wrong_type(
    content: str, folder: Path
) -> None:
    (folder / "extract.yaml").write_text(content)
    with pytest.raises(ExtractsError, match="it needs template, version and default_context"):
        project.read(folder)
