"""A request of boto3 is decoded to the parameters of the call, for every operation of the services in use."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.serialize import create_serializer

from local_cloud.aws.requests import models, patterns, wire

SERVICES = (
    "cloudformation",
    "cloudtrail",
    "cloudwatch",
    "dynamodb",
    "ec2",
    "events",
    "glue",
    "iam",
    "kms",
    "lambda",
    "logs",
    "rds",
    "route53",
    "s3",
    "s3control",
    "scheduler",
    "secretsmanager",
    "serverlessrepo",
    "sns",
    "sqs",
    "ssm",
    "stepfunctions",
    "sts",
    "transfer",
)
PROTOCOLS = [(name, protocol) for name in SERVICES for protocol in models.protocols(name)]
MOMENT = datetime(2026, 10, 31, 12, 30, tzinfo=UTC)
SCALARS = {
    "string": "text",
    "character": "c",
    "integer": 7,
    "long": 7,
    "float": 1.5,
    "double": 1.5,
    "boolean": True,
    "timestamp": MOMENT,
    "blob": b"bytes",
}


# Each of these operations has the same method and path as another operation, so a request does not identify
# the operation. AWS replaced the first four operations with newer operations. The last one has its own
# endpoint.
INDISTINCT = {
    "GetBucketLifecycle",
    "GetBucketNotification",
    "PutBucketLifecycle",
    "PutBucketNotification",
    "ListDirectoryBuckets",
}


def sample(shape: Any, outside: tuple[str, ...] = ()) -> Any:
    """Return an example value of the shape, which has a value for each member.

    The value of a union has only the first member. Members that contain one of the outer shapes are left
    out, so that the value is finite.
    """
    inside = (*outside, shape.name)
    if shape.type_name == "structure" and shape.is_document_type:
        return {"any": "thing"}
    if shape.type_name == "structure":
        names = [name for name, member in shape.members.items() if not recurs(member, inside)]
        return {
            name: sample(shape.members[name], inside)
            for name in names[: 1 if shape.is_tagged_union else None]
        }
    if shape.type_name == "list":
        return [sample(shape.member, inside)] * 2
    if shape.type_name == "map":
        return {"key": sample(shape.value, inside)}
    return SCALARS[shape.type_name]


def recurs(shape: Any, outside: tuple[str, ...]) -> bool:
    """Return whether the shape contains itself, or is a list or map of such a shape."""
    if shape.name in outside:
        return True
    inner = {"list": "member", "map": "value"}.get(shape.type_name)
    return inner is not None and recurs(getattr(shape, inner), (*outside, shape.name))


def sent(service: str, protocol: str, operation: Any, parameters: dict[str, Any]) -> tuple[wire.Http, bytes]:
    """Return the HTTP request that botocore sends for this call."""
    request = create_serializer(protocol, include_validation=False).serialize_to_request(
        parameters, operation
    )
    signing_name = operation.service_model.signing_name
    headers = {name.lower(): text for name, text in request["headers"].items()} | {
        "authorization": f"AWS4-HMAC-SHA256 Credential=test/20261031/eu-west-1/{signing_name}/aws4_request"
    }
    path, _, fixed = request["url_path"].partition("?")
    query = "&".join(part for part in (fixed, urlencode(request["query_string"] or {}, doseq=True)) if part)
    body = request["body"]
    if isinstance(body, dict):
        body = urlencode(body)
    return wire.Http(request["method"], path, query, headers), body if isinstance(
        body, bytes
    ) else body.encode()


def patterns_of(service: str) -> Iterator[str]:
    model = models.service(service)
    for name in model.shape_names:
        if pattern := model.shape_for(name).metadata.get("pattern"):
            yield pattern


@pytest.mark.parametrize("service", SERVICES)
def test_patterns_of_aws_compile_in_python(service: str) -> None:
    for pattern in patterns_of(service):
        patterns.compiled(pattern)


@pytest.mark.parametrize(("service", "protocol"), PROTOCOLS)
def test_parameters_decoded_from_a_request_equal_the_parameters_that_boto3_sent(
    service: str, protocol: str
) -> None:
    model = models.service(service)
    for name in set(model.operation_names) - INDISTINCT:
        operation = model.operation_model(name)
        given = sample(operation.input_shape) if operation.input_shape else {}
        http, body = sent(service, protocol, operation, given)
        call = wire.call_of(http, body)
        assert (call.service, call.operation) == (service, name)
        if not call.has_readable_body:
            given.pop(operation.input_shape.serialization["payload"])
        assert wire.parameters(call, body) == given, name


@pytest.mark.parametrize("signed", ["header", "query"])
def test_service_and_region_are_read_from_the_header_or_from_the_presigned_url(
    signed: str,
) -> None:
    credential = "AKIA/20261101/eu-west-1/s3/aws4_request"
    query = urlencode({"X-Amz-Credential": credential}) if signed == "query" else ""
    headers = {"authorization": f"AWS4-HMAC-SHA256 Credential={credential}"} if signed == "header" else {}
    assert wire.Http("GET", "/bucket/key", query, headers).scope == ("eu-west-1", "s3")
    assert wire.Http("GET", "/bucket/key", "", {}).scope == ("", "")
