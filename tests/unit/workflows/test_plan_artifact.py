"""The artifact of a plan contains no state and no sensitive value.

Everybody who can read the repository can download the artifact.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from extracts import programs

WORKFLOW = yaml.safe_load((Path(__file__).parents[3] / ".github/workflows/extract-plan.yml").read_text())
DEPLOYED = """\
resource "terraform_data" "same" {
  input = { host = "bank.internal", login = ["reader", sensitive(file("secret-1.txt"))] }
}

resource "terraform_data" "whole" {
  input = sensitive({ password = file("secret-2.txt") })
}

resource "terraform_data" "changed" {
  input = { host = "bank.internal", login = sensitive(file("secret-4.txt")) }
}

resource "terraform_data" "marked" {
  input = file("secret-5.txt")
}

module "inner" {
  source = "./inner"
}

output "url" {
  value     = module.inner.url
  sensitive = true
}
"""
NEW = """\
variable "login" {
  type      = string
  sensitive = true
}

resource "terraform_data" "new" {
  input = { host = "new.internal", login = ["reader", var.login] }
}

output "login" {
  value     = var.login
  sensitive = true
}
"""
INNER = """\
resource "terraform_data" "url" {
  input = sensitive(file("secret-3.txt"))
}

output "url" {
  value = terraform_data.url.output
}
"""


def without_output(value: dict[str, Any]) -> dict[str, Any]:
    """Return the value without `output`. This copy of `input` does not mark which values are sensitive."""
    return {name: inner for name, inner in value.items() if name != "output"}


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Deploy a project, add a resource, and run the step that makes the plan.

    Return the JSON in the artifact.
    """
    folder = tmp_path_factory.mktemp("project")
    root = folder / "Terraform"
    for name in ("Glue", "Terraform/inner"):
        (folder / name).mkdir(parents=True)
    for number in (1, 2, 3, 4, 5):
        (root / f"secret-{number}.txt").write_text(f"s3cret-{number}")
    (root / "main.tf").write_text(DEPLOYED)
    (root / "inner/main.tf").write_text(INNER)
    (folder / "terraform").symlink_to(programs.terraform().command[0])
    environment = {
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "TF_VAR_login": "s3cret-6",
        "GITHUB_OUTPUT": str(folder / "output"),
        "PROJECT": ".",
        "RUNNER_TEMP": str(folder),
        **WORKFLOW["env"],
    }

    def run(*command: str) -> None:
        subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)

    run("terraform", "init")
    run("terraform", "apply", "-auto-approve")
    (root / "secret-4.txt").write_text("s3cret-7")
    (root / "main.tf").write_text(
        DEPLOYED.replace('= file("secret-5.txt")', '= sensitive(file("secret-5.txt"))')
    )
    (root / "new.tf").write_text(NEW)
    [step] = [step for step in WORKFLOW["jobs"]["plan"]["steps"] if step.get("id") == "plan"]
    run("bash", "-eo", "pipefail", "-c", step["run"])
    text = (folder / "plan/plan.json").read_text()
    found: dict[str, Any] = json.loads(text, object_hook=without_output)
    return found


def test_artifact_has_no_sensitive_value(artifact: dict[str, Any]) -> None:
    assert "s3cret" not in json.dumps(artifact)


def test_artifact_has_a_hash_of_each_sensitive_value_that_changes(artifact: dict[str, Any]) -> None:
    changes = {change["address"]: change["change"] for change in artifact["resource_changes"]}
    changed = changes["terraform_data.changed"]
    old, new = (changed[side]["input"] for side in ("before", "after"))
    assert old["host"] == new["host"] == "bank.internal"
    assert re.fullmatch("sha256:[0-9a-f]{64}", old["login"])
    assert re.fullmatch("sha256:[0-9a-f]{64}", new["login"])
    assert old["login"] != new["login"]
    created = changes["terraform_data.new"]["after"]["input"]
    assert created == {"host": "new.internal", "login": ["reader", artifact["variables"]["login"]["value"]]}
    # The value of this resource stays the same and only becomes sensitive, so the plan shows no new value.
    marked = changes["terraform_data.marked"]
    assert marked["before"]["input"] == marked["after"]["input"] != "s3cret-5"
    # The hash also depends on other parts of the plan, so nobody can guess a value and compare its hash.
    assert created["login"][1] != "sha256:" + hashlib.sha256(b'"s3cret-6"').hexdigest()


def test_artifact_lists_changes_only_of_resources_that_change(artifact: dict[str, Any]) -> None:
    assert [change["address"] for change in artifact["resource_changes"]] == [
        *(f"terraform_data.{name}" for name in ("changed", "marked", "new"))
    ]
    assert list(artifact["output_changes"]) == ["login"]
    assert "prior_state" not in artifact


def test_artifact_has_the_planned_values_of_all_resources_for_the_scan(artifact: dict[str, Any]) -> None:
    root = artifact["planned_values"]["root_module"]
    found = {resource["address"]: resource["values"].get("input") for resource in root["resources"]}
    assert found == {
        "terraform_data.changed": {"host": "bank.internal", "login": ""},
        "terraform_data.marked": "",
        "terraform_data.new": {"host": "new.internal", "login": ["reader", ""]},
        "terraform_data.same": {"host": "bank.internal", "login": ["reader", ""]},
        "terraform_data.whole": {},
    }
    [inner] = root["child_modules"]
    assert [resource["values"]["input"] for resource in inner["resources"]] == [""]
