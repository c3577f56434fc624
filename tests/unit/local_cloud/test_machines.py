"""State machines that Step Functions refuses, or that fail in every execution."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from local_cloud.aws.requests.limits import machines

GOOD: dict[str, Any] = {
    "QueryLanguage": "JSONata",
    "StartAt": "Send",
    "States": {
        "Send": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sns:publish",
            "Arguments": {"Message": "{% $replace(\n  $states.input.name, /(?:a|b)/, '??') %}"},
            "Retry": [
                {"ErrorEquals": ["States.QueryEvaluationError"], "MaxAttempts": 0},
                {"ErrorEquals": ["States.ALL"], "BackoffRate": 2},
            ],
            "Next": "Pause",
        },
        "Pause": {"Type": "Wait", "Seconds": "{% 60 * 2 %}", "Next": "Each"},
        "Each": {
            "Type": "Map",
            "Items": "{% $states.input.paths %}",
            "ItemProcessor": {"StartAt": "One", "States": {"One": {"Type": "Pass", "End": True}}},
            "Next": "Sent",
        },
        "Sent": {"Type": "Succeed"},
    },
}


def test_machine_with_an_expression_of_several_lines_is_accepted() -> None:
    assert machines.faults(json.dumps(GOOD)) == ()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"Next": "Nowhere"}, 'No state found named "Nowhere"'),
        ({"Next": "Sent"}, "No transition found to state State Machine.Pause"),
        ({"Type": "Taks"}, 'is "Taks", not one of the allowed values'),
        ({"Resource": ""}, "Send: Resource is required"),
        ({"Parameters": {}}, 'Field "Parameters" not allowed'),
        ({"ResultPath": "$.x"}, 'Field "ResultPath" not allowed'),
        ({"Retries": []}, 'Field "Retries" not allowed'),
        ({"Retry": [{"MaxAttempts": 3}]}, 'does not have required field "ErrorEquals"'),
        ({"Retry": [{"ErrorEquals": ["States.ALL", "X"]}]}, "States.ALL must stand alone"),
        ({"Retry": [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["X"]}]}, "in the last rule of Retry"),
        ({"Catch": [{"ErrorEquals": ["States.ALL"]}]}, 'does not have required field "Next"'),
        (
            {"Retry": [{"ErrorEquals": ["States.Tiemout"]}]},
            "States.Tiemout is not an error of Step Functions",
        ),
        ({"Arguments": {"a": "{% $x( %}"}}, "States.Send.Arguments.a: no valid JSONata"),
        ({"Arguments": {"a": "{% $x"}}, 'must start with "{%" and end with "%}"'),
        ({"Arguments": {"a": "{% $eval('1') %}"}}, "does not support $eval"),
        ({"Arguments": {"a": "{% $x ?? 1 %}"}}, "does not support ??"),
        ({"Arguments": {"a": "{% $x ?: 1 %}"}}, "does not support ?:"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_invalid_state_is_refused(changed: dict[str, Any], said: str) -> None:
    machine = copy.deepcopy(GOOD)
    machine["States"]["Send"] |= changed
    assert said in " ".join(machines.faults(json.dumps(machine)))


def test_state_names_inside_a_map_are_checked() -> None:
    machine = copy.deepcopy(GOOD)
    inner = machine["States"]["Each"]["ItemProcessor"]
    inner["States"] = {"Send": {"Type": "Pass", "Next": "x" * 81}, "x" * 81: {"Type": "Pass", "End": True}}
    inner["StartAt"] = "Send"
    found = machines.faults(json.dumps(machine))
    assert "Send: two states have this name" in found
    assert f"{'x' * 81}: a state's name has at most 80 characters" in found


def test_value_that_is_not_an_object_is_refused() -> None:
    assert machines.faults("[]") == ("The definition is not a JSON object",)
