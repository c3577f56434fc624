"""For each rule about changes in the interface of a module, a test checks the required version step."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from extracts.home import spelled
from tools import interfaces
from tools.hcl import MODULES, NAMES
from tools.module_interface import interface

MODULE = """\
terraform {
  required_version = ">= 1.11, < 2.0"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.95, < 7.0"
    }
  }
}

variable "name" {
  description = "Its name."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.name) > 2
    error_message = "name: too short."
  }
}

variable "users" {
  description = "Who may."
  type = map(object({
    folder = string
    keys   = optional(set(string), [])
  }))
  default = {}
}

resource "aws_s3_bucket" "this" {
  bucket = var.name
}

resource "aws_iam_user" "this" {
  for_each = var.users
  name     = each.key
}

output "arn" {
  description = "What to grant."
  value       = aws_s3_bucket.this.arn
}
"""
BUCKET = 'resource "aws_s3_bucket" "this" {'
CONDITION = """
  validation {
    condition     = CONDITION
    error_message = "no."
  }
}

resource "aws_s3_bucket" "this" {"""

# For each change: a part of MODULE, its new text, the required version step, and the message.
CASES: dict[str, tuple[str, str, str, str]] = {
    "an input is renamed": ('"name" {', '"label" {', "major", "the input name is gone"),
    "a required input is new": (
        BUCKET,
        'variable "zone" {\n  type = string\n}\n' + BUCKET,
        "major",
        "the input zone is new and required",
    ),
    "an input is new": (
        BUCKET,
        'variable "zone" {\n  type    = string\n  default = "a"\n}\n' + BUCKET,
        "minor",
        "the input zone is new",
    ),
    "an input becomes required": ("  default = {}\n", "", "major", "the input users has become required"),
    "an input need not be given": (
        "  nullable    = false\n",
        '  nullable    = false\n  default     = "x"\n',
        "minor",
        "the input name is no longer required",
    ),
    "a default changes": (
        "default = {}",
        "default = null",
        "major",
        "the input users has another default: {} -> null",
    ),
    "null is refused": (
        "  default = {}\n",
        "  default  = {}\n  nullable = false\n",
        "major",
        "the input users can no longer be null",
    ),
    "null is let through": ("  nullable    = false\n", "", "minor", "the input name may be null"),
    "a type changes": (
        "type        = string",
        "type        = number",
        "major",
        "the input name was string and is number",
    ),
    "a type is widened": (
        "type        = string",
        "type        = any",
        "minor",
        "the input name was string and is any",
    ),
    "a map becomes a list": (
        "map(object(",
        "list(object(",
        "major",
        "the input users was map(object) and is list(object)",
    ),
    "an attribute is gone": (
        "    keys   = optional(set(string), [])\n",
        "",
        "major",
        "the attribute users.keys is gone",
    ),
    "an attribute is new": (
        "    folder = string\n",
        "    folder = string\n    mail   = optional(string)\n",
        "minor",
        "the attribute users.mail is new",
    ),
    "a required attribute is new": (
        "    folder = string\n",
        "    folder = string\n    mail   = string\n",
        "major",
        "the attribute users.mail is new and required",
    ),
    "an attribute becomes required": (
        "optional(set(string), [])",
        "set(string)",
        "major",
        "the attribute users.keys has become required",
    ),
    "an attribute need not be given": (
        "folder = string",
        "folder = optional(string)",
        "minor",
        "the attribute users.folder is no longer required",
    ),
    "an attribute's default changes": (
        "(set(string), [])",
        '(set(string), ["a,b"])',
        "major",
        'the attribute users.keys has another default: [] -> ["a,b"]',
    ),
    "an attribute's type changes": (
        "set(string)",
        "set(number)",
        "major",
        "the input users.keys was string and is number",
    ),
    "a rule is new": (
        "  default = {}\n}\n\n" + BUCKET,
        "  default = {}\n" + CONDITION.replace("CONDITION", "length(var.users) < 9"),
        "major",
        "the input users has a new condition: length(var.users) < 9",
    ),
    "a rule is stricter": ("> 2", "> 3", "major", "the input name has a new condition: length(var.name) > 3"),
    "a rule is gone": (
        "  validation {\n    condition     = length(var.name) > 2\n"
        '    error_message = "name: too short."\n  }\n',
        "",
        "minor",
        "the input name has fewer conditions",
    ),
    "an output is renamed": ('output "arn"', 'output "bucket_arn"', "major", "the output arn is gone"),
    "an output is new": (
        'output "arn"',
        'output "id" {\n  value = 1\n}\n\noutput "arn"',
        "minor",
        "the output id is new",
    ),
    "a resource is renamed": (
        BUCKET,
        'resource "aws_s3_bucket" "files" {',
        "major",
        "aws_s3_bucket.this was removed, and no moved block moves it to another resource",
    ),
    "a resource is moved": (
        BUCKET,
        "moved {\n  from = aws_s3_bucket.this\n  to   = aws_s3_bucket.files\n}\n\n"
        'resource "aws_s3_bucket" "files" {',
        "minor",
        "aws_s3_bucket.this is moved to aws_s3_bucket.files",
    ),
    "a resource is moved to nowhere": (
        BUCKET,
        "moved {\n  from = aws_s3_bucket.this\n  to   = aws_s3_bucket.gone\n}\n\n"
        'resource "aws_s3_bucket" "files" {',
        "major",
        "aws_s3_bucket.this was removed, and no moved block moves it to another resource",
    ),
    "a resource becomes a map": (
        BUCKET,
        BUCKET + "\n  for_each = var.users",
        "major",
        "aws_s3_bucket.this changed from one to for_each without a moved block",
    ),
    "a resource is new": (
        BUCKET,
        'resource "aws_sns_topic" "this" {}\n\n' + BUCKET,
        "minor",
        "aws_sns_topic.this is new",
    ),
    "an old Terraform is let down": (
        ">= 1.11,",
        ">= 1.12,",
        "major",
        'Terraform was ">= 1.11, < 2.0" and is now ">= 1.12, < 2.0"',
    ),
    "a new provider is let through": (
        "< 7.0",
        "< 8.0",
        "minor",
        'the provider aws was ">= 5.95, < 7.0" and is now ">= 5.95, < 8.0"',
    ),
}

UNNOTICED = {
    "words": ('"Its name."', '"Another description."'),
    "an error message": ("too short.", "still too short."),
    "an argument of a resource": ("bucket = var.name", "bucket = lower(var.name)"),
    "blanks": ("= length(var.name) > 2", "= (\n      length(var.name) > 2\n    )"),
    "a lone resource that may be left out": (BUCKET, BUCKET + "\n  count = 1"),
}


def changes(folder: Path, before: str, after: str) -> list[interfaces.Change]:
    assert MODULE.count(before) == 1
    read = []
    for name, text in (("old", MODULE), ("new", MODULE.replace(before, after))):
        (folder / name).mkdir()
        (folder / name / "main.tf").write_text(text)
        read.append(interface(folder / name))
    return list(interfaces.compare(*read))


@pytest.mark.parametrize(("before", "after", "weight", "sentence"), CASES.values(), ids=CASES)
def test_change_of_an_interface_requires_the_expected_version_step(
    before: str, after: str, weight: str, sentence: str, tmp_path: Path
) -> None:
    found = changes(tmp_path, before, after)
    assert interfaces.Change(weight, sentence) in found
    gravest = min(interfaces.WEIGHTS.index(change.weight) for change in found)
    assert interfaces.WEIGHTS[gravest] == weight


@pytest.mark.parametrize(("before", "after"), UNNOTICED.values(), ids=UNNOTICED)
def test_change_that_callers_cannot_notice_is_not_reported(before: str, after: str, tmp_path: Path) -> None:
    assert changes(tmp_path, before, after) == []


def test_validation_of_a_new_input_requires_only_a_minor_version(tmp_path: Path) -> None:
    wanted = MODULE.replace("    folder = string\n", "    folder = string\n    mail   = optional(string)\n")
    wanted = wanted.replace(
        "  default = {}\n}\n\n" + BUCKET,
        "  default = {}\n" + CONDITION.replace("CONDITION", 'alltrue([for u in var.users : u.mail != ""])'),
    )
    assert [change.weight for change in changes(tmp_path, MODULE, wanted)] == ["minor", "minor"]


@pytest.mark.parametrize(
    ("last", "weights", "least"),
    [
        ((1, 2, 3), [], "1.2.4"),
        ((1, 2, 3), ["minor"], "1.3.0"),
        ((1, 2, 3), ["minor", "major"], "2.0.0"),
        ((0, 2, 3), ["minor"], "0.2.4"),
        ((0, 2, 3), ["major"], "0.3.0"),
    ],
)
def test_smallest_allowed_version_depends_on_the_changes_since_the_last_release(
    last: tuple[int, int, int], weights: list[str], least: str
) -> None:
    found = {"module": [interfaces.Change(weight, "x") for weight in weights]}
    assert spelled(interfaces.demanded(last, found)) == least


@pytest.mark.parametrize("module", NAMES)
def test_parser_finds_all_names_in_a_module(module: str) -> None:
    """Compare the names from the parser with names that a regular expression finds at the start of lines."""
    text = "\n".join(path.read_text() for path in (MODULES / module).glob("*.tf"))
    found = interface(MODULES / module)
    assert set(found.inputs) == set(re.findall(r'^variable "(\w+)"', text, re.MULTILINE))
    assert found.outputs == set(re.findall(r'^output "(\w+)"', text, re.MULTILINE))
    assert set(found.resources) == {
        ".".join(pair) for pair in re.findall(r'^resource "(\w+)" "(\w+)"', text, re.MULTILINE)
    }
    assert set(found.requires) == {"Terraform", "the provider aws"}
