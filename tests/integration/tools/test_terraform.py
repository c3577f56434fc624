"""Our functions that extend tftest, and the AWS provider process that several Terraform commands share."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import tftest

from extracts import terraform
from tests.support.provider import Provider
from tests.support.terraform import Root, variables

ROOT = """\
variable "enabled" { type = bool }
variable "region" {
  type = string
  validation {
    condition     = startswith(var.region, "eu-")
    error_message = "region: the files must not leave the European Union, so it must begin with \\"eu-\\"."
  }
}
variable "size" { type = number }

resource "terraform_data" "this" {
  count = var.enabled ? 1 : 0
  input = { region = var.region, size = var.size }
}

output "password" {
  value     = "secret in ${var.region}"
  sensitive = true
}
"""
GIVEN = variables(enabled=True, region="eu-west-1", size=3)


@pytest.fixture
def root(tmp_path: Path) -> Root:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "main.tf").write_text(ROOT)
    return Root(folder, terraform.environment(tmp_path))


def test_root_module_is_applied_and_destroyed(root: Root) -> None:
    root.setup()
    plan = root.plan(output=True, tf_vars=GIVEN)
    assert plan.resources["terraform_data.this[0]"]["values"]["input"] == {"region": "eu-west-1", "size": 3}
    assert "terraform_data.this[0] will be created" in root.changes(GIVEN)
    root.apply(tf_vars=GIVEN)
    assert root.output()["password"] == "secret in eu-west-1"
    assert root.changes(GIVEN) == ""
    root.destroy(tf_vars=GIVEN)
    assert "terraform_data.this[0] will be created" in root.changes(GIVEN)


def test_failed_command_raises_an_error_that_contains_the_message_of_terraform(root: Root) -> None:
    root.setup()
    with pytest.raises(tftest.TerraformTestError) as caught:
        root.changes(variables(enabled=True, size=3))
    assert 'The root module input variable "region" is not set' in caught.value.cmd_error


def test_error_messages_of_a_failed_plan_are_not_split_over_lines(root: Root) -> None:
    root.setup()
    given = {f"TF_VAR_{name}": value for name, value in (GIVEN | {"region": "us-east-1"}).items()}
    [refused] = Root(Path(root.tfdir), root.env | given).errors()
    sentence = 'region: the files must not leave the European Union, so it must begin with "eu-".'
    assert refused.startswith(sentence)
    assert Root(Path(root.tfdir), root.env | given | {"TF_VAR_region": "eu-west-1"}).errors() == []


def test_exit_code_3_of_terraform_fmt_raises_an_error(root: Root) -> None:
    (Path(root.tfdir) / "main.tf").write_text("locals {\n   a = 1\n}\n")
    with pytest.raises(tftest.TerraformTestError, match="Error running command fmt: 3"):
        root.execute_command("fmt", "-check")


def test_error_is_raised_if_the_terraform_process_is_killed(root: Root, tmp_path: Path) -> None:
    script = tmp_path / "terraform"
    script.write_text("#!/bin/sh\nkill -9 $$\n")
    script.chmod(0o755)
    root.binary = str(script)
    with pytest.raises(tftest.TerraformTestError, match="Error running command apply: -9"):
        root.apply()


def test_terraform_writes_no_log_even_if_the_environment_has_tf_log(root: Root) -> None:
    traced = Root(Path(root.tfdir), root.env | {"TF_LOG": "TRACE", "TF_LOG_CORE": "TRACE"})
    assert traced.execute_command("version").err == ""


PLANNED = """\
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  skip_credentials_validation = true
  skip_requesting_account_id  = true
}

data "aws_region" "current" {}

output "region" { value = data.aws_region.current.name }
"""


OBJECT = """\
resource "aws_s3_object" "this" {
  count  = 0
  bucket = "files"
  key    = "file"
}
"""


def test_commands_that_have_the_same_folder_and_environment_share_a_provider_process(tmp_path: Path) -> None:
    provider = Provider(tmp_path)
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "main.tf").write_text(PLANNED)
    settings = terraform.environment(tmp_path)
    settings |= {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_REGION": "eu-west-1"}
    root = Root(folder, settings, provider)
    assert provider.attach(folder, settings) == {}, "init installs the provider first"
    root.setup()
    try:
        assert 'region = "eu-west-1"' in root.plan()
        first = provider.processes[0].pid
        assert provider.attach(folder, settings | {"TF_VAR_other": "x"}) != {}
        assert provider.processes[0].pid == first
        # The provider reads AWS_REGION from its environment, so another region needs another process.
        assert (
            'region = "eu-north-1"' in Root(folder, settings | {"AWS_REGION": "eu-north-1"}, provider).plan()
        )
        second = provider.processes[0].pid
        assert second != first
        # An S3 object may name its file by a relative path, which the provider opens in its own folder. So a
        # folder that has S3 objects needs its own provider process.
        copy = shutil.copytree(folder, tmp_path / "copy", symlinks=True)
        provider.attach(copy, settings | {"AWS_REGION": "eu-north-1"})
        assert provider.processes[0].pid == second
        (copy / "object.tf").write_text(OBJECT)
        provider.attach(copy, settings | {"AWS_REGION": "eu-north-1"})
        assert provider.processes[0].pid not in (first, second)
    finally:
        provider.stop()
    assert provider.processes == []


TWO_REGIONS = """\
provider "aws" {
  alias                       = "other"
  region                      = "eu-north-1"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
}

data "aws_region" "other" {
  provider = aws.other
}

output "other" { value = data.aws_region.other.name }
"""


def test_two_provider_configurations_of_one_command_use_two_provider_processes(tmp_path: Path) -> None:
    provider = Provider(tmp_path)
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "main.tf").write_text(PLANNED + TWO_REGIONS)
    settings = terraform.environment(tmp_path)
    settings |= {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_REGION": "eu-west-1"}
    root = Root(folder, settings, provider)
    root.setup()
    try:
        for region in ("eu-north-1", "eu-south-1"):
            planned = root.plan(output=True)
            assert planned.outputs == {"region": "eu-west-1", "other": region}
            (folder / "main.tf").write_text((PLANNED + TWO_REGIONS).replace(region, "eu-south-1"))
        assert len(provider.processes) == 2
    finally:
        provider.stop()


def test_terraform_program_uses_the_shared_provider_after_init(
    provider: Provider, terraform_program: Path, tmp_path: Path
) -> None:
    (tmp_path / "main.tf").write_text(PLANNED + OBJECT)
    settings = terraform.environment(tmp_path) | {"AWS_REGION": "eu-west-1"}
    settings |= {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}

    def run(*arguments: str) -> str:
        command = [str(terraform_program), f"-chdir={tmp_path}", *arguments, "-no-color"]
        return subprocess.check_output(command, env=settings, text=True)

    assert "hashicorp/aws" in run("init")
    assert 'region = "eu-west-1"' in run("plan")
    assert provider.given
    assert provider.given[0] == tmp_path


def test_child_processes_are_not_killed_while_the_shared_provider_runs(tmp_path: Path) -> None:
    """PySpark starts Java as a child process. The proxy of the provider uses gRPC in the test process.

    If gRPC starts its threads again in each child process, about one of 150 child processes is killed. So
    `tests/support/schemas.py` disables the support of gRPC for forks.
    """
    provider = Provider(tmp_path)
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "main.tf").write_text(PLANNED)
    settings = terraform.environment(tmp_path) | {"AWS_REGION": "eu-west-1"}
    root = Root(folder, settings, provider)
    root.setup()
    try:
        root.execute_command("validate")
        codes = {subprocess.Popen(["true"], preexec_fn=os.getpid).wait() for _ in range(800)}
    finally:
        provider.stop()
    assert codes == {0}
