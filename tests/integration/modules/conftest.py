"""Terraform on copies of the modules; the local cloud answers the few questions that a plan asks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from extracts import terraform
from tests.support.clouds import cloud  # noqa: F401
from tests.support.terraform import OpenRoot, Root
from tools.hcl import REPOSITORY


@pytest.fixture(scope="session")
def terraform_settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a Terraform that finds the provider and asks nobody."""
    return terraform.environment(tmp_path_factory.mktemp("terraform"))


@pytest.fixture(scope="session")
def open_root(terraform_settings: dict[str, str]) -> OpenRoot:
    """Give Terraform in a folder; `environment` is added to what it always has."""

    def open_root(folder: Path, **environment: str) -> Root:
        return Root(folder, terraform_settings | environment)

    return open_root


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A copy of all modules in this test's own folder: Terraform writes beside what it reads."""
    return Path(
        shutil.copytree(
            REPOSITORY / "modules",
            tmp_path / "modules",
            ignore=shutil.ignore_patterns(".terraform*", "__pycache__"),
        )
    )
