"""The local cloud refuses requests that AWS would refuse, with the error code and the message of AWS."""

from __future__ import annotations

import json
import secrets
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from extracts.errors import ExtractsError
from local_cloud import aws

TRUST = json.dumps(
    {
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ]
    }
)
SCHEDULE: dict[str, Any] = {
    "Name": "monthly",
    "ScheduleExpression": "rate(1 day)",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "Target": {
        "Arn": "arn:aws:sns:eu-west-1:000000000000:topic",
        "RoleArn": "arn:aws:iam::000000000000:role/r",
    },
}
ALARM: dict[str, Any] = {
    "AlarmName": "dead-letters",
    "ComparisonOperator": "GreaterThanThreshold",
    "EvaluationPeriods": 1,
    "MetricName": "ApproximateNumberOfMessagesVisible",
    "Namespace": "AWS/SQS",
    "Period": 60,
    "Statistic": "Sum",
    "Threshold": 0.0,
}
MACHINE = {"name": "push", "roleArn": "arn:aws:iam::000000000000:role/r", "definition": "{}"}


def ask(cloud: aws.Cloud, service: str, operation: str, **parameters: Any) -> Any:
    """Call an operation without botocore's own validation of the parameters."""
    client = boto3.client(
        service,
        endpoint_url=cloud.endpoint,
        region_name=aws.REGION,
        aws_access_key_id=cloud.access_key,
        aws_secret_access_key=cloud.secret_key,
        verify=str(cloud.authority),
        config=Config(
            parameter_validation=False,
            inject_host_prefix=False,
            retries={"max_attempts": 1},
            s3={"addressing_style": "path"},
        ),
    )
    return getattr(client, operation)(**parameters)


def refusal(call: Callable[[], object]) -> tuple[str, str]:
    """Return the error code and the message of a refused call."""
    with pytest.raises(ClientError) as refused:
        call()
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


ONE = "1 validation error detected: "
REFUSED = [
    # json
    (
        "glue",
        "create_database",
        {"DatabaseInput": {"Name": ""}},
        "ValidationException",
        ONE + "Value '' at 'databaseInput.name' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1",
    ),
    (
        "glue",
        "create_job",
        {"Role": "r", "Command": {}},
        "ValidationException",
        ONE + "Value null at 'name' failed to satisfy constraint: Member must not be null",
    ),
    (
        "glue",
        "create_job",
        {"Name": "j", "Role": "r", "Command": {}, "ExecutionClass": "CHEAP"},
        "ValidationException",
        ONE + "Value 'CHEAP' at 'executionClass' failed to satisfy constraint: "
        "Member must satisfy enum value set: [FLEX, STANDARD]",
    ),
    (
        "glue",
        "create_job",
        {"Name": "j", "Role": "r", "Command": {}, "MaxRetries": "many"},
        "SerializationException",
        ONE + "Value 'many' at 'maxRetries' failed to satisfy constraint: Member must be of type integer",
    ),
    (
        "glue",
        "create_job",
        {"Name": "j", "Role": "r", "Command": {}, "Tags": {"": "x"}},
        "ValidationException",
        ONE + "Value '{=x}' at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: "
        "[Member must have length greater than or equal to 1]",
    ),
    (
        "events",
        "put_rule",
        {"Name": "a rule", "ScheduleExpression": "rate(1 day)"},
        "ValidationException",
        ONE + "Value 'a rule' at 'name' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+",
    ),
    (
        "logs",
        "create_log_group",
        {"logGroupName": "a b"},
        "InvalidParameterException",
        ONE + "Value 'a b' at 'logGroupName' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+",
    ),
    (
        "stepfunctions",
        "create_state_machine",
        MACHINE | {"type": "FAST"},
        "ValidationException",
        ONE + "Value 'FAST' at 'type' failed to satisfy constraint: "
        "Member must satisfy enum value set: [STANDARD, EXPRESS]",
    ),
    (
        "sqs",
        "create_queue",
        {},
        "MissingParameter",
        "The request must contain the parameter QueueName.",
    ),
    # rest-json
    (
        "scheduler",
        "create_schedule",
        SCHEDULE | {"Name": "x" * 65},
        "ValidationException",
        ONE + f"Value '{'x' * 65}' at 'name' failed to satisfy constraint: "
        "Member must have length less than or equal to 64",
    ),
    (
        "scheduler",
        "create_schedule",
        SCHEDULE | {"FlexibleTimeWindow": {"Mode": "LATER"}},
        "ValidationException",
        ONE + "Value 'LATER' at 'flexibleTimeWindow.mode' failed to satisfy constraint: "
        "Member must satisfy enum value set: [OFF, FLEXIBLE]",
    ),
    # query
    (
        "iam",
        "create_role",
        {"RoleName": "x" * 65, "AssumeRolePolicyDocument": TRUST},
        "ValidationError",
        ONE + f"Value '{'x' * 65}' at 'roleName' failed to satisfy constraint: "
        "Member must have length less than or equal to 64",
    ),
    (
        "iam",
        "create_role",
        {"RoleName": "r", "AssumeRolePolicyDocument": TRUST, "Tags": [{"Key": "a", "Value": "b,c"}]},
        "ValidationError",
        ONE + "Value 'b,c' at 'tags.1.member.value' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]*",
    ),
    (
        "iam",
        "put_role_policy",
        {"RoleName": "r", "PolicyName": "p", "PolicyDocument": "Łódź"},
        "ValidationError",
        ONE + "Value 'Łódź' at 'policyDocument' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u00FF]+",
    ),
    (
        "iam",
        "create_role",
        {},
        "ValidationError",
        "2 validation errors detected: "
        "Value null at 'roleName' failed to satisfy constraint: Member must not be null; "
        "Value null at 'assumeRolePolicyDocument' failed to satisfy constraint: Member must not be null",
    ),
    (
        "sns",
        "publish",
        {"TopicArn": "arn:aws:sns:eu-west-1:000000000000:topic"},
        "InvalidParameter",
        "Invalid parameter: Message Reason: no value for required parameter",
    ),
    # cbor
    (
        "cloudwatch",
        "put_metric_alarm",
        ALARM | {"ComparisonOperator": "Above"},
        "ValidationError",
        ONE + "Value 'Above' at 'comparisonOperator' failed to satisfy constraint: "
        "Member must satisfy enum value set: [GreaterThanOrEqualToThreshold, GreaterThanThreshold, "
        "LessThanThreshold, LessThanOrEqualToThreshold, LessThanLowerOrGreaterThanUpperThreshold, "
        "LessThanLowerThreshold, GreaterThanUpperThreshold]",
    ),
    # ec2
    (
        "ec2",
        "create_vpc_endpoint",
        {"ServiceName": "s3"},
        "MissingParameter",
        "The request must contain the parameter vpcId",
    ),
    (
        "ec2",
        "create_vpc",
        {"CidrBlock": "10.0.0.0/16", "InstanceTenancy": "shared"},
        "InvalidParameterValue",
        "Value (shared) for parameter instanceTenancy is invalid. "
        "Member must satisfy enum value set: [default, dedicated, host]",
    ),
    # rest-xml
    (
        "s3",
        "put_bucket_versioning",
        {"Bucket": "b", "VersioningConfiguration": {"Status": "On"}},
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema "
        "(Value 'On' at 'versioningConfiguration.status' failed to satisfy constraint: "
        "Member must satisfy enum value set: [Enabled, Suspended])",
    ),
    (
        "s3",
        "put_object",
        {"Bucket": "b", "Key": "k", "Body": b"x", "ObjectLockMode": "STRICT"},
        "InvalidArgument",
        "Invalid Argument (Value 'STRICT' at 'objectLockMode' failed to satisfy constraint: "
        "Member must satisfy enum value set: [GOVERNANCE, COMPLIANCE])",
    ),
]


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "code", "sentence"),
    REFUSED,
    ids=[f"{row[0]}-{row[1]}-{number}" for number, row in enumerate(REFUSED)],
)
def test_request_with_an_invalid_shape_is_refused(
    refusing: aws.Cloud, service: str, operation: str, parameters: dict[str, Any], code: str, sentence: str
) -> None:
    assert refusal(lambda: ask(refusing, service, operation, **parameters)) == (code, sentence)


ACCEPTED: list[tuple[str, str, dict[str, Any]]] = [
    ("glue", "create_database", {"DatabaseInput": {"Name": "loans"}}),
    ("events", "put_rule", {"Name": "a-rule", "ScheduleExpression": "rate(1 day)"}),
    ("scheduler", "create_schedule", SCHEDULE),
    ("iam", "create_role", {"RoleName": "accepted", "AssumeRolePolicyDocument": TRUST}),
    ("cloudwatch", "put_metric_alarm", ALARM),
    ("ec2", "describe_vpcs", {"Filters": [{"Name": "isDefault", "Values": ["true"]}]}),
    (
        "s3",
        "create_bucket",
        {"Bucket": "accepted", "CreateBucketConfiguration": {"LocationConstraint": aws.REGION}},
    ),
    ("sqs", "create_queue", {"QueueName": "accepted", "Attributes": {"DelaySeconds": "3"}}),
]


@pytest.mark.parametrize(("service", "operation", "parameters"), ACCEPTED, ids=[row[0] for row in ACCEPTED])
def test_request_with_a_valid_shape_is_accepted(
    refusing: aws.Cloud, service: str, operation: str, parameters: dict[str, Any]
) -> None:
    before = len(refusing.refusals)
    ask(refusing, service, operation, **parameters)
    assert len(refusing.refusals) == before


def raw(cloud: aws.Cloud, service: str, path: str, body: str, **headers: str) -> tuple[int, str]:
    """Return status and text of the response to a request that no SDK would send."""
    given = {name.replace("_", "-"): text for name, text in headers.items()}
    request = AWSRequest("POST", cloud.endpoint + path, data=body, headers=given)
    SigV4Auth(Credentials(cloud.access_key, cloud.secret_key), service, aws.REGION).add_auth(request)
    sent = urllib.request.Request(cloud.endpoint + path, body.encode(), dict(request.headers), method="POST")
    context = ssl.create_default_context(cafile=str(cloud.authority))
    with pytest.raises(urllib.error.HTTPError) as refused, urllib.request.urlopen(sent, context=context):
        pass
    return refused.value.code, refused.value.read().decode()


JSON = "application/x-amz-json-1.1"
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("service", "path", "body", "headers", "status", "said"),
    [
        ("glue", "/", "{}", {"X_Amz_Target": "AWSGlue.Levitate"}, 400, '"UnknownOperationException"'),
        (
            "glue",
            "/",
            "{}",
            {"X_Amz_Target": "AWSTape.GetJob"},
            400,
            "The operation AWSTape.GetJob does not exist.",
        ),
        ("glue", "/", "{", {"X_Amz_Target": "AWSGlue.GetJobs"}, 400, '"SerializationException"'),
        ("glue", "/", "[]", {"X_Amz_Target": "AWSGlue.GetJobs"}, 400, "the body is not an object"),
        ("tape", "/", "{}", {"X_Amz_Target": "AWSGlue.GetJobs"}, 400, '"UnknownOperationException"'),
        ("iam", "/", "Action=Levitate", {"Content_Type": FORM}, 400, "<Code>InvalidAction</Code>"),
        ("ec2", "/", "Action=Levitate", {"Content_Type": FORM}, 400, "<Response><Errors><Error><Code>Inv"),
        ("scheduler", "/tapes", "{}", {}, 400, "The service has no operation POST /tapes."),
        ("s3", "/bucket?delete", "<Delete>", {}, 400, "<Code>MalformedXML</Code>"),
        ("s3", "/", "", {}, 405, "<Code>MethodNotAllowed</Code>"),
    ],
)
def test_request_that_names_no_aws_operation_is_refused(
    refusing: aws.Cloud, service: str, path: str, body: str, headers: dict[str, str], status: int, said: str
) -> None:
    found, text = raw(refusing, service, path, body, **({"Content_Type": JSON} | headers))
    assert found == status
    assert said in text


def test_refused_request_is_in_the_log(refusing: aws.Cloud) -> None:
    name = secrets.token_hex(40)
    refusal(lambda: ask(refusing, "iam", "get_role", RoleName=name))
    [told] = [line for line in refusing.refusals if name in line]
    assert told.startswith("iam.GetRole: ValidationError: 1 validation error detected: Value ")


def test_emulator_without_our_corrections_also_refuses_invalid_requests(tmp_path: Path) -> None:
    with aws.serve(tmp_path / "aws", gaps="open", refusals="expected") as bare:
        code, _ = refusal(lambda: ask(bare, "iam", "get_role", RoleName="a role"))
    assert code == "ValidationError"


def test_local_cloud_raises_an_error_on_exit_if_it_refused_a_request(tmp_path: Path) -> None:
    with (
        pytest.raises(
            ExtractsError, match=r"AWS would refuse these requests:\niam\.GetRole: ValidationError: 1 "
        ),
        aws.serve(tmp_path / "aws") as cloud,
    ):
        refusal(lambda: ask(cloud, "iam", "get_role", RoleName="a role"))
