"""A deployed role, what it does and must not do, and who decides: the local cloud or AWS's own reference."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
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
    """The name of one of an extract's roles."""
    return f"{name}-{kind}-{aws.REGION}"


DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}

Right = tuple[str, str]  # statement, action
Ask = tuple[str, str, dict[str, Any]]  # action, resource, what the request says of itself
Call = Callable[["Role"], object]
Policies = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Step:
    """Something that the job or the crawler does, and what AWS checks when it does."""

    name: str
    right: Right
    asks: tuple[Ask, ...]
    call: Call | None = None


@dataclass(frozen=True)
class Role:
    """A deployed role; `client` acts under it, `policies` are what it was given."""

    cloud: aws.Cloud
    name: str
    facts: dict[str, str]
    policies: Policies
    clients: dict[str, Any] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """Credentials of the role, as a process's environment."""
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
        """Deploy other policies in place of the role's own."""
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
        """Whether the local cloud does not let the role do it; any other error is one of this test."""
        try:
            call(self)
        except ClientError as error:
            if error.response["Error"]["Code"] not in DENIED:
                raise
            return True
        return False

    def failing(self, steps: tuple[Step, ...], policies: Policies) -> list[str]:
        """Names of the steps that do not work under these policies, whoever decides."""
        return [
            step.name
            for step in steps
            if not all(self.allows(policies, ask) for ask in step.asks)
            or (step.call and self.refused(step.call))
        ]


@dataclass(frozen=True)
class Forbidden:
    """Something that the role would have no reason to do."""

    name: str
    ask: Ask
    call: Call | None = None


################################################################################
# Calls
################################################################################


def read_object(bucket: str, key: str) -> Call:
    return lambda role: role.client("s3").get_object(Bucket=bucket, Key=key)


def write_object(bucket: str, key: str) -> Call:
    return lambda role: role.client("s3").put_object(Bucket=bucket, Key=key, Body=b"x")


def delete_object(bucket: str, key: str) -> Call:
    return lambda role: role.client("s3").delete_object(Bucket=bucket, Key=key)


def abort_upload(key: str) -> Call:
    def call(role: Role) -> None:
        # Begun by an administrator, so that aborting is all that is asked of the role.
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
