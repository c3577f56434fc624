"""Terraform's own tests of the roles that GitHub assumes."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.terraform import OpenRoot
from tools.hcl import REPOSITORY


def test_terraform_tests_of_the_github_roles_pass(tmp_path: Path, open_root: OpenRoot) -> None:
    folder = shutil.copytree(
        REPOSITORY / "examples/github-roles",
        tmp_path / "roles",
        ignore=shutil.ignore_patterns(".terraform*"),
    )
    root = open_root(folder)
    root.setup()
    root.execute_command("test", "-no-color")
