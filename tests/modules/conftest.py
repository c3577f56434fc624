"""Terraform on copies of the modules; the local cloud answers the few questions that a plan asks."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# The helper beside the tests is imported as `tools.hcl`, however pytest is started.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from extracts import terraform
from local_cloud import aws
from tests.support.terraform import OpenRoot, Root
from tools.hcl import REPOSITORY


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[aws.Cloud]:
    """The local cloud, for whatever needs an account to plan in."""
    with aws.serve(tmp_path_factory.mktemp("cloud")) as served:
        yield served


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
