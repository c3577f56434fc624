"""`extracts update --plan` reports the changes that Terraform would make."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from extracts import plans, terraform
from extracts.stamp import stamp
from local_cloud import aws
from local_cloud.demo import account
from tests.support.releases import commit, git, release
from tests.support.terraform import Root
from tests.support.tool import call


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that is deployed with version 1.0.0 of a template. The template needs no provider."""
    root = tmp_path_factory.mktemp("small")
    home = root / "home"
    stamped = home / "templates/extract/{{cookiecutter.__folder}}"
    (stamped / "Terraform").mkdir(parents=True)
    (stamped / "Glue").mkdir()
    (stamped / "Glue/etl.py").write_text("")
    context = {"project_slug": "small", "__folder": "{{ cookiecutter.project_slug }}", "_version": "",
               "_repository": "x"}  # fmt: skip
    (home / "templates/extract/cookiecutter.json").write_text(json.dumps(context))
    (stamped / "extract.yaml").write_text(
        'template: "{{ cookiecutter._repository }}"\nversion: "{{ cookiecutter._version }}"\n'
        'default_context:\n  project_slug: "{{ cookiecutter.project_slug }}"\n'
    )
    main = stamped / "Terraform/main.tf"
    main.write_text(
        'resource "terraform_data" "same" {}\nresource "terraform_data" "input" {\n  input = 1\n}\n'
        'resource "terraform_data" "replaced" {\n  triggers_replace = 1\n}\n'
        'resource "terraform_data" "old" {}\n'
        'resource "terraform_data" "gone" {}\n'
    )
    git(root, "init", "-q", "-b", "main", "home")
    release(home, "1.0.0", "- The first.")
    project = stamp({"_repository": str(home)}, root, template=home / "templates/extract")
    commit(project)
    deployed = Root(project / "Terraform", terraform.environment(root))
    deployed.setup()
    deployed.apply()
    text = main.read_text().replace("input = 1", "input = 2").replace("replace = 1", "replace = 2")
    text = text.replace('resource "terraform_data" "gone" {}\n', "").replace('"old"', '"new"')
    text += "moved {\n  from = terraform_data.old\n  to   = terraform_data.new\n}\n"
    main.write_text(text + 'resource "terraform_data" "added" {}\n')
    release(home, "1.1.0", "- More.")
    return project


def test_update_with_the_option_plan_reports_changes_of_terraform_resources(
    small: Path, tmp_path: Path
) -> None:
    home = small.parent / "home"
    variables = terraform.environment(tmp_path)
    done = call("update", small, "--template", home, "--plan", "--dry-run", variables=variables)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert "Terraform: 1 destroyed, 1 replaced, 1 changed, 1 created, 1 moved" in said
    told = said[said.index("Terraform: 1 destroyed, 1 replaced, 1 changed, 1 created, 1 moved") + 1 : -1]
    assert told == [
        "  terraform_data.added is created",
        "  terraform_data.gone is destroyed",
        "  terraform_data.input is changed: input, output",
        "  terraform_data.new is moved: from terraform_data.old",
        "  terraform_data.replaced is replaced: because triggers_replace cannot change in place",
    ]
    assert git(small, "status", "--porcelain", "--untracked-files=no") == ""


def test_update_with_the_option_plan_reports_the_changed_script_of_a_project(
    project: Path, tmp_path: Path
) -> None:
    """The project uses all modules and the real provider in an emulated account. Nothing is applied yet."""
    with aws.serve(tmp_path / "aws") as cloud:
        made = account.prepare(cloud, username="reader", password="unused")
        values = {
            "database": {
                "host": "localhost",
                "name": "store",
                "secret_arn": made.secret_arn,
                "security_group_id": made.database_security_group_id,
                "verify_server": False,
            },
            "subnet_id": made.subnet_id,
            "recipients": {"first-bank": {"name": "First Bank", "public_keys": {}}},
            "sftp": {"allowed_cidrs": {"office": "10.0.0.0/8"}},
        }
        (project / "Terraform/team.auto.tfvars.json").write_text(json.dumps(values))
        commit(project)
        done = call("update", project, "--plan", "--dry-run", variables=cloud.environment)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[said.index("  extract.yaml: updated") + 2 :] == [
        "Terraform: 1 created differently",
        "  module.extract.aws_s3_object.script is created differently: source_hash",
        "Nothing was written.",
    ]


def resource(address: str, *actions: str, **change: Any) -> dict[str, Any]:
    values = {"actions": list(actions), "before": None, "after": None, "after_unknown": {}, **change}
    return {"address": address, "type": address.split(".")[-2], "mode": "managed", "change": values}


def test_plan_does_not_report_changes_that_are_pending_before_the_update() -> None:
    waiting = resource("aws_sns_topic.a", "update", before={"name": "x"}, after={"name": "y"})
    new = resource("aws_sns_topic.b", "create", after={"name": "b"})
    [change] = plans.compare({"resource_changes": [waiting]}, {"resource_changes": [waiting, new]})
    assert str(change) == "aws_sns_topic.b is created"


def test_plan_reports_resources_whose_content_would_be_lost() -> None:
    bucket = resource("module.bucket.aws_s3_bucket.this", "delete", "create", replace_paths=[["bucket"]])
    [change] = plans.compare({}, {"resource_changes": [bucket]})
    assert str(change) == (
        "module.bucket.aws_s3_bucket.this is replaced: because bucket cannot change in place; this"
        " deletes the files in the bucket"
    )


def test_plan_before_the_first_apply_reports_changes() -> None:
    was = resource("aws_sns_topic.a", "create", after={"name": "x", "kms": None})
    now = resource("aws_sns_topic.a", "create", after={"name": "x", "kms": "k"})
    gone = resource("aws_sns_topic.b", "create", after={})
    changes = plans.compare({"resource_changes": [was, gone]}, {"resource_changes": [now]})
    assert [str(change) for change in changes] == [
        "aws_sns_topic.a is created differently: kms",
        "aws_sns_topic.b is no longer created",
    ]
