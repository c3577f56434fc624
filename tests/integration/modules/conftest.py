"""Fixtures that run Terraform on copies of the modules. The local cloud answers the calls of Terraform."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from extracts import terraform
from tests.integration.modules.alerts import alerts, deployed  # noqa: F401
from tests.integration.modules.instance import instance_keys, instance_root, served  # noqa: F401
from tests.integration.modules.rights_deployment import deployment, facts  # noqa: F401
from tests.support.clouds import cloud  # noqa: F401
from tests.support.provider import Provider
from tests.support.terraform import OpenRoot, Root
from tools.hcl import REPOSITORY


@pytest.fixture(scope="session")
def terraform_settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return an environment in which Terraform finds the provider and does not prompt."""
    return terraform.environment(tmp_path_factory.mktemp("terraform"))


@pytest.fixture(scope="session")
def open_root(terraform_settings: dict[str, str], provider: Provider) -> OpenRoot:
    """Return a function that opens Terraform in a folder, with additional environment variables."""

    def open_root(folder: Path, **environment: str) -> Root:
        return Root(folder, terraform_settings | environment, provider)

    return open_root


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """Copy all modules to a folder of the test, because Terraform writes files into a module's folder."""
    return Path(
        shutil.copytree(
            REPOSITORY / "modules",
            tmp_path / "modules",
            ignore=shutil.ignore_patterns(".terraform*", "__pycache__"),
        )
    )
