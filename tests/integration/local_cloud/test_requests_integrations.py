"""If AWS would refuse the call of a task, the task fails. A Catch of the task can match the error."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from local_cloud import aws
from tests.support.emulator.common import fresh, role

SDK = "arn:aws:states:::aws-sdk:"
TOPIC = "arn:aws:sns:eu-west-1:000000000000:no-such-topic"


def outcome(cloud: aws.Cloud, resource: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Run a state machine with one task that makes this call. Return the ended execution."""
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    task = {"Type": "Task", "Resource": resource, "Arguments": arguments, "End": True}
    machine = {"QueryLanguage": "JSONata", "StartAt": "Call", "States": {"Call": task}}
    client = cloud.client("stepfunctions")
    arn = client.create_state_machine(
        name=fresh("call"), roleArn=role(cloud, everything), definition=json.dumps(machine)
    )["stateMachineArn"]
    execution = client.start_execution(stateMachineArn=arn)["executionArn"]
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        told: dict[str, Any] = client.describe_execution(executionArn=execution)
        if told["status"] != "RUNNING":
            return told
        time.sleep(0.1)
    raise AssertionError(f"{resource} did not end")


REFUSED = [
    (
        SDK + "glue:getJob",
        {},
        "States.Runtime",
        "The Parameters '{}' could not be used to start the Task: "
        "[The field 'jobName' is required but was missing]",
    ),
    (
        SDK + "glue:getJob",
        {"JobName": 7},
        "States.Runtime",
        """The Parameters '{"JobName": 7}' could not be used to start the Task: """
        "[The value for the field 'jobName' must be of type string]",
    ),
    (
        SDK + "glue:getJob",
        {"JobName": "x", "Region": "eu"},
        "States.Runtime",
        """The Parameters '{"JobName": "x", "Region": "eu"}' could not be used to start the Task: """
        "[The field 'region' is not supported by Step Functions]",
    ),
    (
        SDK + "glue:getJob",
        {"JobName": "x" * 256},
        "Glue.GlueException",
        f"1 validation error detected: Value '{'x' * 256}' at 'jobName' failed to satisfy constraint: "
        "Member must have length less than or equal to 255",
    ),
    (
        SDK + "s3:listObjectsV2",
        {"Bucket": "b", "EncodingType": "base64"},
        "S3.S3Exception",
        "Invalid Argument (Value 'base64' at 'encodingType' failed to satisfy constraint: "
        "Member must satisfy enum value set: [url])",
    ),
    (
        "arn:aws:states:::dynamodb:putItem",
        {"TableName": "t", "Item": {}, "ReturnValues": "SOME"},
        "DynamoDB.AmazonDynamoDBException",
        "1 validation error detected: Value 'SOME' at 'returnValues' failed to satisfy constraint: "
        "Member must satisfy enum value set: [NONE, ALL_OLD, UPDATED_OLD, ALL_NEW, UPDATED_NEW]",
    ),
    (
        "arn:aws:states:::events:putEvents",
        {"Entries": []},
        "EventBridge.AmazonEventBridgeException",
        "1 validation error detected: Value '[]' at 'entries' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1",
    ),
    (
        "arn:aws:states:::sns:publish",
        {"TopicArn": TOPIC, "Subject": "No message"},
        "States.Runtime",
        f"""The Parameters '{{"TopicArn": "{TOPIC}", "Subject": "No message"}}' could not be used to """
        "start the Task: [The field 'message' is required but was missing]",
    ),
    (
        SDK + "glue:getTheJob",
        {},
        "States.Runtime",
        "The resource arn:aws:states:::aws-sdk:glue:getTheJob does not exist",
    ),
]


@pytest.mark.parametrize(
    ("resource", "arguments", "error", "cause"),
    REFUSED,
    ids=[f"{row[0].rpartition(':::')[2]}-{number}" for number, row in enumerate(REFUSED)],
)
def test_task_with_a_refused_call_fails(
    refusing: aws.Cloud, resource: str, arguments: dict[str, Any], error: str, cause: str
) -> None:
    before = len(refusing.refusals)
    told = outcome(refusing, resource, arguments)
    assert (told["status"], told["error"], told["cause"]) == ("FAILED", error, cause)
    assert len(refusing.refusals) == before + 1


def test_task_with_an_accepted_call_succeeds(refusing: aws.Cloud) -> None:
    entry = {"Source": "probe", "DetailType": "Probe", "Detail": {"json": ["becomes", "text"]}}
    assert (
        outcome(refusing, "arn:aws:states:::events:putEvents", {"Entries": [entry]})["status"] == "SUCCEEDED"
    )
    assert outcome(refusing, SDK + "s3:listBuckets", {})["status"] == "SUCCEEDED"
