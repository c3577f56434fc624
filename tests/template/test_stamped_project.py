"""A stamped project stands on its own: what its team runs on the first day works."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from extracts.local import programs, terraform

# Shapes that the defaults do not have, so that loops, blanks and other scripts reach Terraform too.
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


# What AWS would answer; every resource is a mock, so nobody is asked.
# The real provider without a network: a mocked one knows no ephemeral resources.
PLAN = (
    """\
provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

override_data {
  target = data.aws_caller_identity.current
  values = { account_id = "123456789012" }
}

override_data {
  target = data.aws_subnet.this
  values = { vpc_id = "vpc-1", availability_zone = "eu-west-1a" }
}
"""
    + "".join(
        f"""
override_data {{
  target = module.{module}.data.aws_caller_identity.current
  values = {{ account_id = "123456789012" }}
}}
"""
        for module in ("bucket", "artifacts", "extract", "sftp", "alerts")
    )
    + """
run "plan" {
  command = plan

  assert {
    condition     = output.bucket == "${local.name}-123456789012-eu-west-1"
    error_message = "the bucket is called otherwise"
  }
  assert {
    condition     = keys(output.sftp_users) == ["first-recipient"]
    error_message = "a recipient has no user"
  }
  assert {
    condition     = endswith(output.sftp_users["first-recipient"].prefix, "=FirstRecipient")
    error_message = "a user does not see the folder that the job writes"
  }
}
"""
)


@pytest.fixture(scope="module", params=list(SHAPES.values()), ids=list(SHAPES))
def project(
    request: pytest.FixtureRequest,
    stamp_into: Callable[..., Path],
    repository: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A project that takes the modules of this working copy."""
    folder = tmp_path_factory.mktemp("stamped")
    return stamp_into(folder, __module_source=f"{repository}/modules/MODULE", **request.param)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return terraform.environment(tmp_path) | {
        "TERRAFORM": programs.terraform().command[0],
        "PYTHON": sys.executable,
        "PYTHONDONTWRITEBYTECODE": "1",  # the engine is this working copy's
    }


def run(*command: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


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
    outputs = set(
        re.findall(r'^output "(\w+)"', (project / "Terraform/outputs.tf").read_text(), re.MULTILINE)
    )
    assert set(re.findall(r"output -raw (\w+)", readme)) <= outputs
    assert "\n\n\n" not in readme


def test_its_own_tests_pass_in_one_command(project: Path, environment: dict[str, str]) -> None:
    done = run("make", "test", folder=project, environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^Ran [4-9] tests", done.stderr, re.MULTILINE)
    assert "skipped" not in done.stderr


def test_it_plans_with_its_example_values(project: Path, environment: dict[str, str], tmp_path: Path) -> None:
    copy = tmp_path / "project"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns(".terraform*"))
    folder = copy / "Terraform"
    shutil.copy(folder / "terraform.tfvars.example", folder / "terraform.tfvars")
    (folder / "plan.tftest.hcl").write_text(PLAN)
    for arguments in (("init", "-backend=false", "-input=false"), ("test",)):
        done = run(
            *programs.terraform().command, *arguments, "-no-color", folder=folder, environment=environment
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed, 0 failed" in done.stdout


def test_its_own_tests_notice_a_table_that_terraform_does_not_know(
    stamp: Callable[..., Path], repository: Path, environment: dict[str, str]
) -> None:
    project = stamp(__module_source=f"{repository}/modules/MODULE")
    main = project / "Terraform/main.tf"
    main.write_text(main.read_text().replace("  tables = [\n", '  tables = [\n    "Other",\n'))
    done = run("make", "test", folder=project, environment=environment)
    assert done.returncode != 0
    assert "FAIL: test_terraform_names_its_tables_and_its_recipient" in done.stderr
    assert "failures=1)" in done.stderr
