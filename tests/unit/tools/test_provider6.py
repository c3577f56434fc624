"""The check finds names that version 6 of the AWS provider does not have. The tests use short bindings."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tools.provider6 import Bindings, complaint, uses

BINDINGS = '''\
@jsii.implements(TerraformResource)
class AwsJob(TerraformResource):
    def __init__(self, scope, *, command: typing.Union["AwsJob.CommandProperty", dict], name: str) -> None:
        """:param name: {@link https://x/aws/6.62.0/docs/resources/glue_job#name AwsJob#name}"""

    @builtins.property
    def arn(self) -> str: ...

    class CommandProperty:
        def __init__(self, *, script_location: str) -> None: ...


class AwsJobConfig(TerraformMetaArguments):
    pass


class DataAwsRegion(TerraformDataSource):
    """{@link https://x/aws/6.62.0/docs/data-sources/region#name DataAwsRegion#name}"""

    def __init__(self, scope, id_, *, name: str, region: str) -> None: ...
'''

CODE = """\
resource "aws_glue_job" "this" {
  for_each = var.jobs

  name = join(" ", [
    "here", "queue = is text",
  ])

  dynamic "command" {
    for_each = var.commands

    content {
      script_location = command.value
    }
  }

  lifecycle {
    ignore_changes = [name]
  }
}

output "arn" {
  value = aws_glue_job.this["x"].arn
}
"""


@pytest.fixture
def bindings(tmp_path: Path) -> Bindings:
    wheel = tmp_path / "bindings.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("bindings/glue/__init__.py", BINDINGS)
    return Bindings(wheel)


def complaints(bindings: Bindings, folder: Path, code: str) -> list[str]:
    (folder / "main.tf").write_text(code)
    found = [complaint(use, bindings) for use in uses(folder / "main.tf")]
    return [said.removeprefix(f"{folder}/") for said in found if said]


def test_names_that_the_provider_has_are_accepted(bindings: Bindings, tmp_path: Path) -> None:
    assert complaints(bindings, tmp_path, CODE) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  name =", "  label =", "main.tf:4: resource aws_glue_job: label is not in 6.62.0"),
        ("script_location", "script", "main.tf:12: resource aws_glue_job: command. script is not in 6.62.0"),
        ('"command"', '"order"', "main.tf:8: resource aws_glue_job: order is not in 6.62.0"),
        ('["x"].arn', '["x"].url', "main.tf:22: resource aws_glue_job: url is not in 6.62.0"),
        ('"aws_glue_job"', '"aws_glue_task"', "main.tf:4: resource aws_glue_task is not in 6.62.0"),
    ],
)
def test_name_that_the_provider_does_not_have_is_reported_with_its_line(
    bindings: Bindings, tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert said in complaints(bindings, tmp_path, CODE.replace(old, new, 1))


def test_deprecated_name_is_reported(bindings: Bindings, tmp_path: Path) -> None:
    code = 'data "aws_region" "here" {}\n\nlocals {\n  region = data.aws_region.here.name\n}\n'
    assert complaints(bindings, tmp_path, code) == [
        "main.tf:4: data aws_region: name is deprecated in 6.62.0"
    ]
