"""Step Functions: a state machine that is started by another one."""

from __future__ import annotations

import functools
import json

from ministack.services import stepfunctions

from extracts.local.services.common import Body


def close_nested_executions() -> None:
    """A start that is refused has an error of Step Functions' own, and one that is repeated is no error.

    StepFunctions.ExecutionAlreadyExistsException, where ministack says ExecutionAlreadyExists; but not while
    the execution runs: https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
    """
    original = stepfunctions._invoke_nested_start_execution

    @functools.wraps(original)
    def start(resource: str, given: Body) -> Body:
        request = stepfunctions._nested_start_execution_request(given)
        for execution in stepfunctions._executions.values():
            same = all(execution[key] == request.get(key) for key in ("stateMachineArn", "name"))
            if same and execution["status"] == "RUNNING" and _equal(execution["input"], request["input"]):
                return {"ExecutionArn": execution["executionArn"], "StartDate": execution["startDate"]}
        try:
            return dict(original(resource, given))
        except stepfunctions._ExecutionError as error:
            raise stepfunctions._ExecutionError(
                f"StepFunctions.{error.error}Exception", error.cause
            ) from error

    stepfunctions._invoke_nested_start_execution = start


def _equal(one: str, other: str) -> bool:
    return bool(json.loads(one) == json.loads(other))
