"""Deployed roles, calls that a role makes or must not be able to make, and changed policies."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.exceptions import ClientError
from ministack.core import iam_evaluator

from local_cloud import aws

BUCKET, ARTIFACTS = "rights-data", "rights-artifacts"
ACCOUNT = f"{aws.REGION}:{aws.ACCOUNT}"
GLUE, EC2, LOGS = f"arn:aws:glue:{ACCOUNT}", f"arn:aws:ec2:{ACCOUNT}", f"arn:aws:logs:{ACCOUNT}:log-group"
LOGIN = f"arn:aws:rds-db:{ACCOUNT}:dbuser"
S3 = f"arn:aws:s3:::{BUCKET}"
EVERYTHING = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)
VIA_S3 = {"kms:ViaService": f"s3.{aws.REGION}.amazonaws.com"}
VIA_SECRETS = {"kms:ViaService": f"secretsmanager.{aws.REGION}.amazonaws.com"}
VIA_SQS = {"kms:ViaService": f"sqs.{aws.REGION}.amazonaws.com"}
CATALOG_KEY = f"arn:aws:kms:{ACCOUNT}:key/catalog"
OF_CATALOG = {"kms:EncryptionContext:glue_catalog_id": aws.ACCOUNT}


def role_name(name: str, kind: str) -> str:
    """Return the name of a role of an extract, for example of its job."""
    return f"{name}-{kind}-{aws.REGION}"


DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}

Right = tuple[str, str]  # statement, action
Ask = tuple[str, str, dict[str, Any]]  # an action, its resource, and the condition keys of the request
Call = Callable[["Role"], object]
Policies = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Step:
    """A call that the job or the crawler makes, and the rights that AWS checks for this call."""

    name: str
    right: Right
    asks: tuple[Ask, ...]
    call: Call | None = None


@dataclass(frozen=True)
class Role:
    """A deployed role.

    `client` returns a client with the credentials of the role. `policies` are its deployed policies.
    """

    cloud: aws.Cloud
    name: str
    facts: dict[str, str]
    policies: Policies
    clients: dict[str, Any] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """Return the credentials of the role as environment variables."""
        arn = f"arn:aws:iam::{aws.ACCOUNT}:role/{self.name}"
        session = self.cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName="probe")
        credentials = session["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
            "AWS_SESSION_TOKEN": credentials["SessionToken"],
        }

    def client(self, service: str) -> Any:
        if service not in self.clients:
            credentials = self.environment()
            self.clients[service] = boto3.client(
                service,
                endpoint_url=self.cloud.endpoint,
                region_name=aws.REGION,
                aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
                aws_session_token=credentials["AWS_SESSION_TOKEN"],
                verify=str(self.cloud.authority),
            )
        return self.clients[service]

    def give(self, policies: Policies) -> None:
        """Replace the role's policies."""
        for name, document in policies.items():
            self.cloud.client("iam").put_role_policy(
                RoleName=self.name, PolicyName=name, PolicyDocument=json.dumps(document)
            )

    def allows(self, policies: Policies, ask: Ask) -> bool:
        action, resource, context = ask
        asked = iam_evaluator.EvalContext(
            principal_arn=f"arn:aws:iam::{aws.ACCOUNT}:role/{self.name}",
            principal_type="AssumedRole",
            principal_account=aws.ACCOUNT,
            action=action,
            resource_arn=resource,
            region=aws.REGION,
            secure_transport=True,
            service_context={key.lower(): value for key, value in context.items()} | context,
        )
        documents = [iam_evaluator.parse_policy_document(document) for document in policies.values()]
        return bool(iam_evaluator.evaluate(asked, documents).decision == "Allow")

    def refused(self, call: Call) -> bool:
        """Return whether the local cloud denies the call. Raise any other error."""
        try:
            call(self)
        except ClientError as error:
            if error.response["Error"]["Code"] not in DENIED:
                raise
            return True
        return False

    def failing(self, steps: tuple[Step, ...], policies: Policies) -> list[str]:
        """Return the names of the steps that fail if the role has these policies."""
        return [
            step.name
            for step in steps
            if not all(self.allows(policies, ask) for ask in step.asks)
            or (step.call and self.refused(step.call))
        ]


@dataclass(frozen=True)
class Forbidden:
    """A call that the role must not be able to make."""

    name: str
    ask: Ask
    call: Call | None = None


################################################################################
# Calls
################################################################################


def read_object(bucket: str, key: str) -> Call:
    return lambda role: role.client("s3").get_object(Bucket=bucket, Key=key)


def read_version(bucket: str, key: str) -> Call:
    def call(role: Role) -> None:
        # Look up the version as an administrator, so that the role makes only one call: it reads the object.
        s3 = role.cloud.client("s3")
        [newest] = s3.list_object_versions(Bucket=bucket, Prefix=key, MaxKeys=1)["Versions"]
        role.client("s3").get_object(Bucket=bucket, Key=key, VersionId=newest["VersionId"])

    return call


def list_versions(prefix: str, bucket: str = BUCKET) -> Call:
    return lambda role: role.client("s3").list_object_versions(Bucket=bucket, Prefix=prefix)


def write_object(bucket: str, key: str) -> Call:
    return lambda role: role.client("s3").put_object(Bucket=bucket, Key=key, Body=b"x")


def delete_object(bucket: str, key: str) -> Call:
    return lambda role: role.client("s3").delete_object(Bucket=bucket, Key=key)


def abort_upload(key: str) -> Call:
    def call(role: Role) -> None:
        # Start the upload as an administrator, so that the role makes only one call: it aborts the upload.
        upload = role.cloud.client("s3").create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
        role.client("s3").abort_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload)

    return call


def list_folder(prefix: str, bucket: str = BUCKET) -> Call:
    return lambda role: role.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)


def read_connection(name: str) -> Call:
    return lambda role: role.client("glue").get_connection(Name=name)


def read_secret(name: str) -> Call:
    return lambda role: role.client("secretsmanager").get_secret_value(SecretId=name)


def make_log_group(group: str) -> Call:
    def call(role: Role) -> None:
        logs = role.client("logs")
        with suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_group(logGroupName=group)

    return call


def make_log_stream(group: str) -> Call:
    return lambda role: role.client("logs").create_log_stream(
        logGroupName=group, logStreamName=str(time.monotonic_ns())
    )


def write_log(group: str) -> Call:
    def call(role: Role) -> None:
        stream = str(time.monotonic_ns())
        role.cloud.client("logs").create_log_stream(logGroupName=group, logStreamName=stream)
        event = {"timestamp": int(time.time() * 1000), "message": "x"}
        role.client("logs").put_log_events(logGroupName=group, logStreamName=stream, logEvents=[event])

    return call


################################################################################
# Policies with fewer rights
################################################################################


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def statements_that(effect: str, policies: Policies) -> list[dict[str, Any]]:
    """Return the statements with the effect "Allow" or "Deny"."""
    return [s for document in policies.values() for s in document["Statement"] if s["Effect"] == effect]


def rights(policies: Policies) -> list[Right]:
    return [
        (statement["Sid"], action)
        for statement in statements_that("Allow", policies)
        for action in listed(statement["Action"])
    ]


def changed(policies: Policies, sid: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Policies:
    """Return the policies with one statement changed.

    A statement that has no action or no resource after the change is removed from its policy.
    """

    def statements(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for statement in document["Statement"]:
            new = change(statement) if statement["Sid"] == sid else statement
            if new["Action"] and (new.get("Resource") or new.get("NotResource")):
                yield new

    return {name: {**d, "Statement": list(statements(d))} for name, d in policies.items()}


def without(policies: Policies, sid: str, key: str, value: str) -> Policies:
    """Return the policies without one action or one resource."""
    return changed(policies, sid, lambda s: {**s, key: [v for v in listed(s[key]) if v != value]})


def endpoint_allows(policy: dict[str, Any], account: str, action: str, resource: str) -> bool:
    """Return whether the policy of an endpoint allows a call.

    If `account` is empty, the caller is anonymous.
    """
    asked = iam_evaluator.EvalContext(
        principal_arn=f"arn:aws:iam::{account}:role/any" if account else "*",
        principal_type="AssumedRole" if account else "Anonymous",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=aws.REGION,
        secure_transport=True,
        service_context={},
    )
    decided = iam_evaluator.evaluate(asked, [iam_evaluator.parse_policy_document(policy)])
    return bool(decided.decision == "Allow")
