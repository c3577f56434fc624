"""The job that makes the text of a plan reads only the JSON that the digest covers.

This job runs no code of the branch.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.invisible import SHAPELESS

WORKFLOW = yaml.safe_load((Path(__file__).parents[3] / ".github/workflows/show-plan.yml").read_text())


def resource(address: str, actions: list[str], **change: Any) -> dict[str, Any]:
    """Return an entry of `resource_changes`. `change` has the values and says which are sensitive."""
    outer: dict[str, Any] = {
        k: change.pop(k) for k in ("previous_address", "deposed", "action_reason") if k in change
    }
    return {"address": address, **outer, "change": {"actions": actions, **change}}


def shown(folder: Path, *resources: dict[str, Any], **plan: Any) -> list[str]:
    """Return the lines of the text that the workflow shows for a plan with these changes."""
    (folder / "plan").mkdir()
    (folder / "plan/plan.json").write_text(json.dumps({"resource_changes": list(resources), **plan}))
    (folder / "plan/files.txt").write_text(f"{'0' * 64}\n")
    (folder / "plan/plan.txt").write_text("No changes. Forged by the job of the plan.\n")
    [step] = [step for step in WORKFLOW["jobs"]["show"]["steps"] if step.get("id") == "read"]
    subprocess.run(
        ["bash", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "GITHUB_OUTPUT": str(folder / "output"), **WORKFLOW["env"]},
        check=True,
    )
    return (folder / "shown/plan.txt").read_text().splitlines()


def test_text_file_that_the_job_plan_wrote_is_ignored(tmp_path: Path) -> None:
    lines = shown(tmp_path, resource("aws_iam_user.evil", ["create"], before=None, after={"name": "evil"}))
    assert lines == [
        "  # aws_iam_user.evil will be created",
        '      + name = "evil"',
        "",
        "Plan: 1 to add, 0 to change, 0 to destroy.",
    ]


@pytest.mark.parametrize(
    ("actions", "words", "count"),
    [
        (["create"], "will be created", "1 to add, 0 to change, 0 to destroy"),
        (["update"], "will be updated in-place", "0 to add, 1 to change, 0 to destroy"),
        (["delete"], "will be destroyed", "0 to add, 0 to change, 1 to destroy"),
        (["delete", "create"], "must be replaced", "1 to add, 0 to change, 1 to destroy"),
        (["create", "delete"], "must be replaced", "1 to add, 0 to change, 1 to destroy"),
        (["read"], "will be read during apply", "0 to add, 0 to change, 0 to destroy"),
        (["forget"], "will no longer be managed", "0 to add, 0 to change, 0 to destroy, 1 to forget"),
        (["teleport"], "teleport", "0 to add, 0 to change, 0 to destroy"),
    ],
)
def test_each_action_of_a_plan_has_a_description_and_a_count(
    tmp_path: Path, actions: list[str], words: str, count: str
) -> None:
    lines = shown(tmp_path, resource("a.b", actions))
    assert lines == [f"  # a.b {words}", "", f"Plan: {count}."]


def test_text_shows_moved_resources_imported_resources_and_deposed_resources(tmp_path: Path) -> None:
    lines = shown(
        tmp_path,
        resource("a.new", ["no-op"], previous_address="a.old"),
        resource("a.taken", ["no-op"], importing={"id": "bucket-1"}),
        resource("a.rest", ["delete"], deposed="1a2b", action_reason="delete_because_no_resource_config"),
    )
    assert lines == [
        "  # a.new has no changes",
        "    # moved from a.old",
        "",
        "  # a.taken has no changes",
        '    # imported: {"id": "bucket-1"}',
        "",
        "  # a.rest will be destroyed",
        "    # deposed object 1a2b",
        "    # delete_because_no_resource_config",
        "",
        "Plan: 0 to add, 0 to change, 1 to destroy, 1 to import, 1 to move.",
    ]


def test_changed_attributes_are_shown_with_old_and_new_value(tmp_path: Path) -> None:
    lines = shown(
        tmp_path,
        resource(
            "a.b",
            ["delete", "create"],
            before={"name": "x", "same": 1, "tags": {"gone": "g", "k:1": "v"}, "list": [1, 2]},
            after={"name": "y", "same": 1, "tags": {"k:1": "w"}, "list": [1], "empty": []},
            after_unknown={"arn": True, "list": [False]},
            replace_paths=[["name"], ["list", 0]],
        ),
    )
    assert lines[:-2] == [
        "  # a.b must be replaced",
        '    # forces replacement: ["name"], ["list", 0]',
        "      - list[1] = 2",
        '      ~ name = "x" -> "y"',
        '      - tags.gone = "g"',
        '      ~ tags["k:1"] = "v" -> "w"',
        "      + arn = (known after apply)",
        "      + empty = []",
    ]


def test_text_hides_sensitive_values_but_shows_that_they_change(tmp_path: Path) -> None:
    lines = shown(
        tmp_path,
        resource(
            "a.b",
            ["update"],
            before={"password": "s3cret-1", "same": "s3cret-2", "open": {"in": ["s3cret-3"]}, "none": None},
            after={"password": "s3cret-4", "same": "s3cret-2", "open": {"in": ["s3cret-5"]}, "none": None},
            before_sensitive={"password": True, "same": True, "none": True},
            after_sensitive={"password": True, "same": True, "open": {"in": [True]}, "none": True},
        ),
        output_changes={
            "url": {
                "actions": ["update"],
                "before": "s3cret-6",
                "after": "s3cret-7",
                "after_sensitive": True,
            },
            "new": {"actions": ["create"], "before": None, "after_unknown": True},
        },
    )
    assert lines == [
        "  # a.b will be updated in-place",
        "      ~ open.in[0] = (sensitive value) -> (sensitive value)",
        "      ~ password = (sensitive value) -> (sensitive value)",
        "",
        "  # output new will be created",
        "      + new = (known after apply)",
        "",
        "  # output url will be updated in-place",
        "      ~ url = (sensitive value) -> (sensitive value)",
        "",
        "Plan: 0 to add, 1 to change, 0 to destroy.",
    ]


def test_json_in_an_attribute_is_decoded_only_if_no_information_is_lost(tmp_path: Path) -> None:
    def policy(action: str) -> str:
        return json.dumps({"Statement": [{"Action": action, "Effect": "Allow"}]}, separators=(",", ":"))

    twice = '{"Action":"s3:GetObject","Action":"*"}'
    lines = shown(
        tmp_path,
        resource("a.b", ["update"], before={"policy": policy("s3:Get*")}, after={"policy": policy("<*>")}),
        resource("a.c", ["create"], after={"policy": policy("<*>").replace("<", "\\u003c")}),
        resource("a.d", ["create"], after={"policy": twice}),
    )
    assert '      ~ jsondecode(policy).Statement[0].Action = "s3:Get*" -> "<*>"' in lines
    assert "      + policy = " + json.dumps(policy("<*>").replace("<", "\\u003c")) in lines
    assert "      + policy = " + json.dumps(twice) in lines


def test_null_value_in_decoded_json_is_shown(tmp_path: Path) -> None:
    change = resource("a.b", ["update"], before={"policy": '{"a":1}'}, after={"policy": '{"a":1,"b":[null]}'})
    assert "      + jsondecode(policy).b[0] = null" in shown(tmp_path, change)


def test_line_breaks_and_invisible_characters_are_escaped(tmp_path: Path) -> None:
    lines = shown(
        tmp_path,
        resource('a.b["x\nPlan: 0 to add"]', ["create"], after={"k\u202e": "a\u200b\nb", "ok": "Zürich"}),
    )
    assert lines == [
        '  # a.b["x\\u000aPlan: 0 to add"] will be created',
        '      + ["k\\u202e"] = "a\\u200b\\nb"',
        '      + ok = "Zürich"',
        "",
        "Plan: 1 to add, 0 to change, 0 to destroy.",
    ]


def test_letters_and_marks_that_are_invisible_are_escaped(tmp_path: Path) -> None:
    [_, *lines] = shown(tmp_path, resource("a.b", ["create"], after={"names": [*SHAPELESS]}))
    assert lines[: len(SHAPELESS)] == [
        f'      + names[{place}] = "\\u{ord(character):04x}"' for place, character in enumerate(SHAPELESS)
    ]


def test_text_names_each_part_of_the_plan_that_it_does_not_show(tmp_path: Path) -> None:
    lines = shown(tmp_path, deferred_changes=[{"reason": "x"}], action_invocations=[], complete=True)
    assert lines == [
        "  # not shown here, run `terraform plan` to see it: deferred_changes",
        "",
        "No changes.",
    ]
