"""The tool adds placeholders to plans. It reports failed checks of checkov, except skipped checks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tools.plans import failures, skips, with_unknowns

CODE = """\
resource "aws_security_group" "this" {
  #checkov:skip=CKV2_AWS_5: it is attached to what this check does not know
  name = "x"
}

resource "aws_security_group" "other" {
  name = "y"
}
"""


def said(
    folder: Path, address: str, check: str = "CKV2_AWS_5", source: str = "../../modules/one"
) -> list[str]:
    """Return the messages of the tool if the report of checkov contains this failed check.

    `source` is the source of the module `it` in the plan.
    """
    (folder / "modules/one").mkdir(parents=True)
    (folder / "modules/one/network.tf").write_text(CODE)
    calls = {"it": {"source": source}}
    (folder / "plan.json").write_text(json.dumps({"configuration": {"root_module": {"module_calls": calls}}}))
    failed = {"file_path": "/plan.json", "resource": address, "check_id": check, "check_name": "Why"}
    return failures({"results": {"failed_checks": [failed]}}, folder, skips(folder / "modules"))


@pytest.mark.parametrize("index", ["", "[0]", '["a.b"]'])
def test_skip_comment_applies_to_every_instance_of_its_resource(tmp_path: Path, index: str) -> None:
    assert said(tmp_path, f"module.it.aws_security_group.this{index}") == []


@pytest.mark.parametrize(
    ("address", "check", "source"),
    [
        ("module.it.aws_security_group.other", "CKV2_AWS_5", "../../modules/one"),
        ("module.it.aws_security_group.this", "CKV_AWS_23", "../../modules/one"),
        ("module.it.aws_security_group.this", "CKV2_AWS_5", "../../modules/two"),
        ("aws_security_group.this", "CKV2_AWS_5", "../../modules/one"),
    ],
    ids=["another resource", "another check", "the same name in another module", "the root's own"],
)
def test_skip_comment_does_not_apply_to_another_resource_check_or_module(
    tmp_path: Path, address: str, check: str, source: str
) -> None:
    assert said(tmp_path, address, check, source) == [f"plan: {address}: {check}: Why"]


def test_plan_gets_placeholders_only_for_unknown_values_that_the_code_sets() -> None:
    resource = {"type": "aws_thing", "name": "this", "address": "module.it.aws_thing.this"}
    unknown = {"key": True, "logging": True, "rules": [{"key": True}]}
    written: dict[str, Any] = {"key": {}, "rules": [{}]}
    code = {"resources": [{"type": "aws_thing", "name": "this", "expressions": written}]}
    values = {"mode": "known", "rules": [{"mode": "KMS"}]}
    plan: dict[str, Any] = {
        "resource_changes": [{**resource, "change": {"after_unknown": unknown}}],
        "configuration": {"root_module": {"module_calls": {"it": {"module": code}}}},
        "planned_values": {
            "root_module": {
                "child_modules": [{"address": "module.it", "resources": [{**resource, "values": values}]}]
            }
        },
    }
    [found] = with_unknowns(plan)["planned_values"]["root_module"]["child_modules"][0]["resources"]
    later = "known after apply"
    assert found["values"] == {"mode": "known", "key": later, "rules": [{"mode": "KMS", "key": later}]}
