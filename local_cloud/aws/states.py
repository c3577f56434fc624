"""Step Functions: nested executions, the role of an execution, and the content of objects."""

from __future__ import annotations

import functools
import json

from ministack.core import iam_evaluator
from ministack.services import stepfunctions

from local_cloud.aws.common import Body


def close_nested_executions() -> None:
    """Start a nested execution with the same results and errors as in Step Functions.

    If the name of the execution is in use, the error is StepFunctions.ExecutionAlreadyExistsException.
    ministack reports ExecutionAlreadyExists instead. If the execution with this name is still running and has
    the same input, the second start is not an error:
    https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
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


def close_execution_identity() -> None:
    """Run the tasks of an execution with the role of the state machine, over TLS.

    In ministack, the tasks have the caller and the transport of the request that started the execution. If a
    schedule started the execution, no such request exists. Then a resource policy with the condition
    `aws:SecureTransport` denies the tasks.
    """
    original = stepfunctions._run_execution

    @functools.wraps(original)
    def run(execution_arn: str) -> None:
        execution = stepfunctions._executions.get(execution_arn)
        machine = execution and stepfunctions._state_machines.get(execution["stateMachineArn"])
        if machine:
            iam_evaluator._request_caller_arn.set(machine["roleArn"])
            iam_evaluator.pin_request_origin("", True)
        original(execution_arn)

    stepfunctions._run_execution = run


def close_object_bodies() -> None:
    """Let a state machine read an object.

    In the result, `Body` is the content of the object as text. AWS's examples of `States.StringToJson` also
    treat `Body` as text. ministack has no getObject, because its authors did not verify the form of `Body`.
    """
    stepfunctions._S3_OP_SPECS["GetObject"] = {
        "method": "GET",
        "path": "/{Bucket}/{Key+}",
        "query_params": {"VersionId": "versionId"},
        "result_root": None,
        "header_outputs": {"etag": "ETag", "content-length": "ContentLength", "content-type": "ContentType"},
    }
    original = stepfunctions._dispatch_aws_sdk_rest_xml

    @functools.wraps(original)
    def dispatch(info: Body, service: str, action: str, given: Body) -> Body:
        result = dict(original(info, service, action, given))
        if (service, action) == ("s3", "getObject"):
            result["Body"] = stepfunctions._s3_object_text(given["Bucket"], given["Key"])
        return result

    stepfunctions._dispatch_aws_sdk_rest_xml = dispatch
