"""Limits of Step Functions: names, and sizes in bytes. The model of botocore counts characters."""

from __future__ import annotations

from local_cloud.aws.requests.limits import machines
from local_cloud.aws.requests.limits.limit import (
    Limit,
    at_most,
    documentation,
    each,
    each_is,
    matching,
    octets,
    parsed,
)
from local_cloud.aws.requests.request import Request

QUOTAS = documentation("Step Functions service quotas", "step-functions/latest/dg/service-quotas.html")
CREATE = documentation("CreateStateMachine", "step-functions/latest/apireference/API_CreateStateMachine.html")
LANGUAGE = documentation(
    "Using Amazon States Language", "step-functions/latest/dg/concepts-amazon-states-language.html"
)
START = documentation("StartExecution", "step-functions/latest/apireference/API_StartExecution.html")


def _definition(request: Request) -> str | None:
    for text in each(request.parameters, "definition"):
        if found := machines.faults(text):
            return f"Invalid State Machine Definition: '{'; '.join(found)}'"
    return None


LIMITS = (
    Limit(
        "stepfunctions",
        "CreateStateMachine StartExecution StartSyncExecution",
        "characters of a name",
        matching(
            "name",
            r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ufffe\uffff\U0010ffff]+",
            "Invalid Name: '{value}'",
        ),
        "InvalidName",
        CREATE,
    ),
    Limit(
        "stepfunctions",
        "CreateStateMachine UpdateStateMachine",
        "size of a definition",
        at_most(
            "definition",
            1_048_576,
            "Invalid State Machine Definition: the definition must not be over 1048576 bytes",
            octets,
        ),
        "InvalidDefinition",
        QUOTAS,
    ),
    Limit(
        "stepfunctions",
        "CreateStateMachine UpdateStateMachine",
        "format of a definition",
        _definition,
        "InvalidDefinition",
        documentation(
            "Using Amazon States Language", "step-functions/latest/dg/concepts-amazon-states-language.html"
        ),
    ),
    Limit(
        "stepfunctions",
        "StartExecution StartSyncExecution",
        "size of an input",
        at_most("input", 262_144, "Invalid State Machine Execution Input: 'The input is too large'", octets),
        "InvalidExecutionInput",
        START,
    ),
    Limit(
        "stepfunctions",
        "StartExecution StartSyncExecution",
        "format of an input",
        each_is(
            "input",
            lambda text: parsed(text) is not None or text.strip() == "null",
            "Invalid State Machine Execution Input: '{value}'",
        ),
        "InvalidExecutionInput",
        START,
    ),
    Limit(
        "stepfunctions",
        "SendTaskSuccess",
        "size of an output",
        at_most("output", 262_144, "Invalid Output: 'The output is too large'", octets),
        "InvalidOutput",
        QUOTAS,
    ),
)
