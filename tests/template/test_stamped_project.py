"""A stamped project stands on its own: what its team runs on the first day works."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from extracts.local import programs, terraform

# Answers of a shape that the defaults do not have, so that loops, blanks and other scripts reach Terraform too.
SHAPES: dict[str, dict[str, str]] = {
    "as by default": {},
    "without hops, outside the schema public": {
        "project_slug": "till-takings",
        "entity": "shop.Till Slip",
        "metric": "total",
        "aggregate": "sum",
        "date_column": "printed",
        "window_months": "1",
        "joins": "none",
        "group": "till = Till Slip.till",
        "recipient": "shop = Till Slip.shop",
    },
    "in another script": {
        "entity": "融資",
        "metric": "金額",
        "aggregate": "count",
        "joins": "支店: 融資.支店_id = id",
        "group": "branch_id = 支店.id",
        "recipient": "bank_name = 支店.銀行",
    },
}


@pytest.fixture(params=SHAPES.values(), ids=SHAPES.keys())
def project(request: pytest.FixtureRequest, stamp: Callable[..., Path], repository: Path) -> Path:
    """A project that takes the modules of this working copy."""
    return stamp(__module_source=f"{repository}/modules/MODULE", **request.param)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return terraform.environment(tmp_path) | {"TERRAFORM": programs.terraform().command[0], "PYTHON": sys.executable}


def test_no_trace_of_the_template_is_left(project: Path) -> None:
    for path in project.rglob("*"):
        assert "{{" not in path.name
        if path.is_file():
            # `${{` belongs to GitHub.
            assert not re.search(r"(?<!\$)\{\{|\{%|\{#", path.read_text(encoding="utf-8")), path


def test_the_readme_is_whole(project: Path) -> None:
    readme = (project / "README.md").read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", readme, re.MULTILINE)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    assert {"a-run-failed", "back-fill", "restate"} <= anchors, "failure mails refer to these headings"
    assert set(re.findall(r"\]\(#([^)]+)\)", readme)) <= anchors
    assert all((project / path).exists() for path in re.findall(r"\]\(([A-Z][^)#]+)\)", readme))
    assert readme.count("```") % 2 == 0
    assert "```mermaid\nflowchart LR\n" in readme
    outputs = set(re.findall(r'^output "(\w+)"', (project / "Terraform/outputs.tf").read_text(), re.MULTILINE))
    assert set(re.findall(r"output -raw (\w+)", readme)) <= outputs
    assert "\n\n\n" not in readme


def test_its_own_tests_pass_in_one_command(project: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(["make", "test"], cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^Ran [4-9] tests", done.stderr, re.MULTILINE)
    assert "skipped" not in done.stderr


def test_its_own_tests_notice_a_table_that_terraform_does_not_know(project: Path, environment: dict[str, str]) -> None:
    etl = project / "Glue/etl.py"
    etl.write_text(re.sub(r'entity="([^"]+)"', r'entity="Other"', etl.read_text(encoding="utf-8")), encoding="utf-8")
    done = subprocess.run(["make", "test"], cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "FAIL: test_terraform_names_its_tables_and_its_recipient" in done.stderr


def test_the_example_values_fit_the_variables(project: Path, environment: dict[str, str]) -> None:
    folder = project / "Terraform"
    run = [*programs.terraform().command]
    subprocess.run([*run, "init", "-backend=false", "-input=false"], cwd=folder, env=environment, check=True)
    shutil.copy(folder / "terraform.tfvars.example", folder / "terraform.tfvars")
    # A console evaluates variables, their types and their validations, and asks AWS for nothing.
    environment |= {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}
    names = re.findall(r'^variable "(\w+)"', (folder / "variables.tf").read_text(), re.MULTILINE)
    asked = "jsonencode({" + ", ".join(f"{name} = var.{name}" for name in names) + "})"
    done = subprocess.run([*run, "console"], cwd=folder, env=environment, input=asked, capture_output=True, text=True, check=True)
    values = json.loads(json.loads(done.stdout))
    assert values["sftp"] == {"type": "VPC", "allowed_cidrs": ["10.0.0.0/8"]}
    assert values["alert_emails"] == ["data-team@example.com"]
    assert values["database"]["port"] == 5432
    assert os.sep not in "".join(values["recipients"])
