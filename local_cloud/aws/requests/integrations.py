"""Check the calls of state machines. These calls reach the services of the emulator without HTTP."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Sequence
from typing import Any

from ministack.core.responses import get_region
from ministack.services import stepfunctions

from local_cloud.aws.requests import check, models, record
from local_cloud.aws.requests.request import Refusal, Request
from local_cloud.aws.requests.shapes import Fault

# For example, arn:aws:states:::aws-sdk:glue:getJob is an SDK integration, and arn:aws:states:::sns:publish is
# an optimized integration. A Lambda function and an activity accept any input.
_RESOURCE = re.compile(r"arn:[^:]+:states:::(aws-sdk:)?(?!lambda:)([a-z0-9]+):([A-Za-z0-9]+)")

# Step Functions uses the service names of the SDK for Java. This table has the names that differ in botocore.
_SERVICES = {
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
    "rdsdata": "rds-data",
    "sfn": "stepfunctions",
    "states": "stepfunctions",
}

# Parameters of optimized integrations that are text in the API of the service. The state machine may give a
# JSON value for such a parameter, and Step Functions converts the value to text.
# https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html
_JSON_AS_TEXT = {"events": "Detail", "sns": "Message", "sqs": "MessageBody", "stepfunctions": "input"}

# Names of services in the errors of optimized integrations. The errors come from an older SDK, so these
# names differ from the names in the errors of SDK integrations.
_OPTIMIZED = {
    "dynamodb": "DynamoDB",
    "events": "EventBridge",
    "sns": "SNS",
    "sqs": "SQS",
    "states": "StepFunctions",
}


def guard_state_machines() -> None:
    """Let a task fail with the error of AWS if AWS would refuse the task's call."""
    for name in ("_invoke_resource", "_invoke_with_callback"):
        setattr(stepfunctions, name, _guarded(getattr(stepfunctions, name)))


def _guarded(original: Any) -> Any:
    @functools.wraps(original)
    def invoke(resource: str, parameters: Any, *others: Any) -> Any:
        if (found := _RESOURCE.match(resource)) and (error := _error(found, parameters)):
            raise stepfunctions._ExecutionError(error.code, error.message)
        return original(resource, parameters, *others)

    return invoke


def _error(resource: re.Match[str], given: Any) -> Refusal | None:
    """Return the error with which the task fails, or None."""
    by_sdk, name, action = resource.groups()
    service, operation = _SERVICES.get(name, name), action[:1].upper() + action[1:]
    if service not in models.service_names() or operation not in models.service(service).operation_names:
        refusal = Refusal("States.Runtime", f"The resource {resource[0]} does not exist")
        record.note(service, operation, refusal)
        return refusal
    shape = models.service(service).operation_model(operation).input_shape
    parameters = stepfunctions._sdk_json_param_value(given or {}, shape) if shape is not None else {}
    if not by_sdk and service in _JSON_AS_TEXT:
        parameters = _as_text(parameters, _JSON_AS_TEXT[service])
    request = check.request_of(service, operation, parameters, get_region())
    if unfit := [fault for fault in check.faults_of(request) if fault.kind in ("missing", "unknown", "type")]:
        refusal = _unfit(given, unfit)
        record.note(service, operation, refusal)
        return refusal
    if (found := check.refusal_of(request, "json")) is None:
        return None
    return Refusal(_error_name(name, request, found.code, sdk=bool(by_sdk)), found.message)


def _as_text(value: Any, member: str) -> Any:
    if isinstance(value, list):
        return [_as_text(item, member) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: json.dumps(item) if key == member and not isinstance(item, str) else _as_text(item, member)
        for key, item in value.items()
    }


def _unfit(given: Any, faults: Sequence[Fault]) -> Refusal:
    """Return the error of Step Functions for a task whose parameters have wrong names or types.

    Step Functions checks names and types before it calls the service.
    """
    return Refusal(
        "States.Runtime",
        f"The Parameters '{json.dumps(given)}' could not be used to start the Task: "
        f"[{', '.join(_complaint(fault) for fault in faults)}]",
    )


def _complaint(fault: Fault) -> str:
    place = ".".join(fault.path)
    if fault.kind == "missing":
        return f"The field '{place}' is required but was missing"
    if fault.kind == "unknown":
        return f"The field '{place}' is not supported by Step Functions"
    return f"The value for the field '{place}' must be of type {fault.shape.type_name}"


def _error_name(name: str, request: Request, code: str, *, sdk: bool) -> str:
    """Return the name of an error that a state machine can catch, such as "Sns.InvalidParameterException"."""
    operation = models.service(request.service).operation_model(request.operation)
    known = {
        word: shape.name
        for shape in operation.error_shapes
        for word in (shape.name, shape.metadata.get("error", {}).get("code"))
    }
    prefix = stepfunctions._AWS_SDK_ERROR_PREFIX.get(name, name.capitalize())
    if not sdk:
        prefix = _OPTIMIZED.get(name, prefix)
    exception = known.get(code) or (prefix if sdk else f"Amazon{prefix}")
    return f"{prefix}.{exception}" + ("" if exception.endswith("Exception") else "Exception")
