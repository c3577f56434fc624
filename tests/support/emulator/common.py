"""Probes of the emulator, and functions that all probes share."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from local_cloud import aws


@dataclass(frozen=True, slots=True)
class Probe:
    """An observation, its result on AWS, and its result in the published emulator, which is wrong.

    A result is a value, or the error code if the observation ends with an error.
    """

    name: str
    observe: Callable[[aws.Cloud], object]
    on_aws: object
    published: object

    def result(self, cloud: aws.Cloud) -> object:
        """Return the result of the observation in this cloud."""
        try:
            return self.observe(cloud)
        except ClientError as error:
            return error.response["Error"]["Code"]


def probe(*, on_aws: object, published: object) -> Callable[[Callable[[aws.Cloud], object]], Probe]:
    """Return a decorator that turns a function into a probe."""
    return lambda observe: Probe(observe.__name__, observe, on_aws, published)


SERVICES = ("glue.amazonaws.com", "transfer.amazonaws.com", "events.amazonaws.com", "states.amazonaws.com")


def fresh(stem: str) -> str:
    """Return a name that is unique in this test run."""
    return f"{stem}-{secrets.token_hex(4)}"


def role(cloud: aws.Cloud, *statements: dict[str, Any], services: tuple[str, ...] = SERVICES) -> str:
    """Create a role whose policy has these statements, and return the ARN of the role."""
    iam = cloud.client("iam")
    name = fresh("role")
    trust = {"Effect": "Allow", "Principal": {"Service": list(services)}, "Action": "sts:AssumeRole"}
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))["Role"][
        "Arn"
    ]
    if statements:
        document = {"Version": "2012-10-17", "Statement": list(statements)}
        iam.put_role_policy(RoleName=name, PolicyName="rights", PolicyDocument=json.dumps(document))
    return str(arn)


def as_role(cloud: aws.Cloud, arn: str, service: str) -> Any:
    """Return a client that has only the permissions of the role."""
    credentials = cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName="probe")["Credentials"]
    return boto3.client(
        service,
        endpoint_url=cloud.endpoint,
        region_name=aws.REGION,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        verify=str(cloud.authority),
    )


def until(condition: Callable[[], bool], seconds: float = 15) -> bool:
    """Return whether the condition becomes true within this number of seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.2)
    return False


def outcome(call: Callable[[], object]) -> str:
    """Return "accepted" if the service accepts the call, or else the error code."""
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "accepted"


def queue_for(cloud: aws.Cloud) -> tuple[str, str]:
    """Create a queue that accepts messages from everyone. Return its URL and ARN."""
    name = fresh("queue")
    arn = f"arn:aws:sqs:{aws.REGION}:{aws.ACCOUNT}:{name}"
    send = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [send]})
    return cloud.client("sqs").create_queue(QueueName=name, Attributes={"Policy": policy})["QueueUrl"], arn


def received(cloud: aws.Cloud, url: str, seconds: float = 4) -> list[dict[str, Any]]:
    """Wait for messages in the queue. Return their bodies and attributes in the form of the SQS API."""
    sqs, found = cloud.client("sqs"), []

    def ask() -> bool:
        answer = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])
        found.extend(answer.get("Messages", ()))
        return bool(found)

    until(ask, seconds)
    return found
