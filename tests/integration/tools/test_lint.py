"""`make checkov` reports faults in policies and state machines, except for findings in accepted.toml."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from extracts import programs, terraform
from local_cloud import aws
from tools import documents, lint
from tools.documents import Document
from tools.lint import Accepted, Finding
from tools.plans import plan

READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}
TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "glue.amazonaws.com"}}
PASS = {"Type": "Pass", "End": True}

ROOT = """\
provider "aws" {
  region = "eu-west-1"
}

resource "aws_sns_topic" "this" {
  name = "letters"
}

resource "aws_iam_role" "this" {
  for_each = toset(["one", "two"])

  name = each.key
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "glue.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "send"
  role = aws_iam_role.this["one"].name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sns:Publish", Resource = aws_sns_topic.this.arn }]
  })
}
"""


def policy(kind: str = "identity", **elements: Any) -> Document:
    statement = (TRUST if kind == "trust" else READ) | elements
    return Document("aws_thing.this", kind, json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


def machine(**states: dict[str, Any]) -> Document:
    text = json.dumps({"QueryLanguage": "JSONata", "StartAt": "First", "States": states})
    return Document("aws_thing.this", "machine", text)


def issues(document: Document) -> list[str]:
    return [finding.issue for finding in lint.findings(document)]


def test_correct_policies_and_state_machines_have_no_findings() -> None:
    assert issues(policy()) == issues(policy("trust")) == issues(machine(First=PASS)) == []


@pytest.mark.parametrize(
    ("elements", "issue"),
    [
        ({"Action": "s3:GetObjekt"}, "UNKNOWN_ACTION"),
        ({"Action": "s4:GetObject"}, "UNKNOWN_PREFIX"),
        ({"Resource": "arn:aws:s3:::bucket"}, "RESOURCE_MISMATCH"),
        ({"Resource": "*"}, "RESOURCE_STAR"),
        ({"Condition": {"StringEquals": {"s3:prefix": "a"}}}, "UNKNOWN_CONDITION_FOR_ACTION"),
        ({"Condition": {"StringIs": {"aws:SourceAccount": "1"}}}, "UNKNOWN_OPERATOR"),
        ({"Sid": "read-only"}, "INVALID_SID"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_fault_in_a_policy_is_reported(elements: dict[str, Any], issue: str) -> None:
    assert issue in issues(policy(**elements))


def test_fault_in_a_trust_policy_is_reported() -> None:
    assert "UNKNOWN_ACTION" in issues(policy("trust", Action="sts:TakeRole"))


def test_fault_in_a_state_machine_is_reported() -> None:
    finding, *_ = lint.findings(machine(First={"Type": "Pass", "Next": "Second"}))
    assert str(finding).startswith('aws_thing.this: MACHINE: No state found named "Second"')


def test_accepted_finding_is_still_reported_in_another_kind_of_document() -> None:
    star = Accepted("RESOURCE_STAR", "key", "the key itself")
    found = [Finding(policy(kind), "RESOURCE_STAR", "x") for kind in ("key", "identity")]
    assert lint.judge(found, [star]) == ["aws_thing.this: RESOURCE_STAR: x"]
    assert lint.judge(found[:1], [star]) == []


def test_entry_of_accepted_toml_is_an_error_if_it_matches_no_finding() -> None:
    [said] = lint.judge([], [Accepted("RESOURCE_STAR", "key", "the key itself")])
    assert said == "accepted.toml: the entry RESOURCE_STAR for key matches no finding; delete the entry"


def test_every_entry_of_accepted_toml_gives_a_reason() -> None:
    assert all(len(entry.reason) > 20 for entry in lint.accepted())


def test_checkov_command_fails_if_the_folder_has_no_documents(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="has no documents"):
        lint.main(tmp_path)


def test_checkov_command_ends_with_exit_code_1_if_a_policy_has_a_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    documents.save([policy(Action="s3:GetObjekt")], tmp_path / "one.json")
    with pytest.raises(SystemExit) as ended:
        lint.main(tmp_path)
    assert ended.value.code == 1
    assert "✗ aws_thing.this: UNKNOWN_ACTION: " in capsys.readouterr().out


def test_collected_policies_contain_the_arns_of_planned_resources(cloud: aws.Cloud, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(ROOT)
    environment = terraform.environment(tmp_path) | cloud.environment
    planned = plan(tmp_path, environment)
    found = documents.collect(tmp_path, planned, programs.terraform().command, environment)
    assert [(one.address, one.kind) for one in found] == [
        ('aws_iam_role.this["one"]', "trust"),
        ('aws_iam_role.this["two"]', "trust"),
        ("aws_iam_role_policy.this", "identity"),
    ]
    assert json.loads(found[2].text)["Statement"][0]["Resource"] == (
        "arn:aws:sns:eu-west-1:123456789012:letters"
    )


def test_collection_fails_if_the_text_of_a_policy_is_unknown_at_plan_time() -> None:
    change = {"actions": ["create"], "after": {}, "after_unknown": {"policy": True}}
    planned = {"resource_changes": [{"type": "aws_sns_topic_policy", "address": "a.b", "change": change}]}
    with pytest.raises(SystemExit, match=re.escape("a.b.policy is unknown")):
        list(documents.read(planned))


def test_policy_of_a_data_source_is_not_checked() -> None:
    change = {"actions": ["read"], "after": {}, "after_unknown": {"policy": True}}
    read = {
        "type": "aws_vpc_endpoint",
        "mode": "data",
        "address": "data.aws_vpc_endpoint.a",
        "change": change,
    }
    assert list(documents.read({"resource_changes": [read]})) == []
