"""The local cloud answers only callers with its own credentials. Other users of the machine get errors."""

from __future__ import annotations

import http.client
import json
import secrets
import ssl
import urllib.error
import urllib.request
import uuid
from functools import partial
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from local_cloud import aws
from local_cloud.aws import web_identity

TRUST = {"Effect": "Allow", "Principal": {"AWS": aws.ACCOUNT}, "Action": "sts:AssumeRole"}
UNKNOWN = ("test", aws.ACCOUNT, "AKIAIOSFODNN7EXAMPLE")
# For each service: an operation, the error code of AWS for an unknown access key, and the error code for a
# request without a signature. The last code is empty for the REST API of scheduler, because the local cloud
# treats every REST request without a signature as a request to S3.
CODES = {
    "sts": ("get_caller_identity", "InvalidClientTokenId", "MissingAuthenticationToken"),
    "iam": ("list_roles", "InvalidClientTokenId", "MissingAuthenticationToken"),
    "ec2": ("describe_vpcs", "AuthFailure", "MissingAuthenticationToken"),
    "glue": ("get_jobs", "UnrecognizedClientException", "MissingAuthenticationTokenException"),
    "scheduler": ("list_schedules", "UnrecognizedClientException", ""),
    "s3": ("list_buckets", "InvalidAccessKeyId", "AccessDenied"),
}


def client(cloud: aws.Cloud, service: str, key: str, secret: str, token: str | None = None) -> Any:
    return boto3.client(
        service,
        endpoint_url=cloud.endpoint,
        region_name=aws.REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        verify=str(cloud.authority),
        config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
    )


def unsigned(cloud: aws.Cloud, service: str) -> Any:
    config = Config(signature_version=UNSIGNED, retries={"max_attempts": 1})
    place = {"endpoint_url": cloud.endpoint, "region_name": aws.REGION, "verify": str(cloud.authority)}
    return boto3.client(service, config=config, **place)


def refused(client: Any, operation: str, **parameters: Any) -> str:
    """Return the error code of a refused call."""
    with pytest.raises(ClientError) as error:
        getattr(client, operation)(**parameters)
    return str(error.value.response["Error"]["Code"])


def sent(cloud: aws.Cloud, method: str, path: str, body: str = "", **headers: str) -> int:
    """Send a request without a signature, and return the HTTP status of the response."""
    request = urllib.request.Request(cloud.endpoint + path, body.encode() or None, headers, method=method)
    context = ssl.create_default_context(cafile=str(cloud.authority))
    try:
        with urllib.request.urlopen(request, context=context) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("key", UNKNOWN)
@pytest.mark.parametrize("service", CODES)
def test_caller_with_an_unknown_access_key_is_refused(cloud: aws.Cloud, service: str, key: str) -> None:
    operation, code, _ = CODES[service]
    assert refused(client(cloud, service, key, "guessed"), operation) == code


@pytest.mark.parametrize("service", [name for name, row in CODES.items() if row[-1]])
def test_caller_without_a_signature_is_refused(cloud: aws.Cloud, service: str) -> None:
    operation, _, code = CODES[service]
    assert refused(unsigned(cloud, service), operation) == code


def test_each_local_cloud_has_its_own_access_key(cloud: aws.Cloud, refusing: aws.Cloud) -> None:
    own, other = cloud.environment, refusing.environment
    assert own["AWS_ACCESS_KEY_ID"] != other["AWS_ACCESS_KEY_ID"]
    assert own["AWS_SECRET_ACCESS_KEY"] != other["AWS_SECRET_ACCESS_KEY"]


def test_refused_requests_of_unknown_callers_are_not_recorded_as_refusals(cloud: aws.Cloud) -> None:
    """A recorded refusal makes the demo fail. Other users of the machine must not be able to cause this."""
    before = cloud.refusals
    refused(client(cloud, "iam", "test", "guessed"), "get_role", RoleName="a role")
    assert sent(cloud, "POST", "/", "Action=Levitate", **{"X-Amz-Target": "AWSTape.Levitate"}) >= 400
    assert cloud.refusals == before


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/_ministack/reset"), ("POST", "/_ministack/config"), ("GET", "/_ministack/ses/messages")],
)
def test_requests_to_administrative_paths_of_the_emulator_are_refused(
    cloud: aws.Cloud, method: str, path: str
) -> None:
    assert sent(cloud, method, path, "{}" if method == "POST" else "") == 403


def test_websocket_without_a_signature_is_refused(cloud: aws.Cloud) -> None:
    headers = {
        "Host": f"a.iot.{aws.REGION}.amazonaws.com",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
        "Sec-WebSocket-Protocol": "mqtt",
    }
    place = cloud.endpoint.removeprefix("https://")
    context = ssl.create_default_context(cafile=str(cloud.authority))
    connection = http.client.HTTPSConnection(place, context=context, timeout=10)
    connection.request("GET", "/mqtt", headers=headers)
    assert connection.getresponse().status == 403


@pytest.mark.parametrize("path", ["/_ministack/reset", "/bucket/file"])
def test_options_request_without_a_signature_is_refused(cloud: aws.Cloud, path: str) -> None:
    assert sent(cloud, "OPTIONS", path) == 403


def test_unsubscribe_request_without_a_signature_cannot_create_a_bucket(cloud: aws.Cloud) -> None:
    """AWS accepts the action Unsubscribe even if the request has no signature.

    The host name of this request also contains the name of a bucket. The request must not create the bucket.
    """
    bucket = f"other-{secrets.token_hex(4)}"
    arn = f"arn:aws:sns:{aws.REGION}:{aws.ACCOUNT}:topic:{uuid.uuid4()}"
    host = {"Host": f"{bucket}.s3.amazonaws.com"}
    assert sent(cloud, "PUT", f"/?Action=Unsubscribe&SubscriptionArn={arn}", **host) == 403
    assert bucket not in [found["Name"] for found in cloud.client("s3").list_buckets()["Buckets"]]


################################################################################
# Callers with credentials of the local cloud
################################################################################


def test_access_key_of_the_administrator_is_accepted_only_with_its_secret(cloud: aws.Cloud) -> None:
    for service in ("sts", "s3"):
        operation, _, _ = CODES[service]
        guessed = client(cloud, service, cloud.access_key, "guessed")
        assert refused(guessed, operation) == "SignatureDoesNotMatch"


def test_access_key_of_a_user_is_accepted_only_with_its_secret(cloud: aws.Cloud) -> None:
    iam, name = cloud.client("iam"), f"user-{secrets.token_hex(4)}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    own = client(cloud, "sts", key["AccessKeyId"], key["SecretAccessKey"])
    assert own.get_caller_identity()["Arn"].endswith(f":user/{name}")
    other = client(cloud, "sts", key["AccessKeyId"], "guessed")
    assert refused(other, "get_caller_identity") == "SignatureDoesNotMatch"


def test_session_of_a_role_is_accepted_only_with_its_token(cloud: aws.Cloud) -> None:
    iam, name = cloud.client("iam"), f"role-{secrets.token_hex(4)}"
    trust = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    given = cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName="own")["Credentials"]
    key, secret = given["AccessKeyId"], given["SecretAccessKey"]
    own = client(cloud, "sts", key, secret, given["SessionToken"])
    assert f":assumed-role/{name}/" in own.get_caller_identity()["Arn"]
    assert refused(client(cloud, "sts", key, secret), "get_caller_identity") == "InvalidClientTokenId"


def test_token_of_an_identity_provider_is_accepted_only_with_a_valid_signature(cloud: aws.Cloud) -> None:
    """Without this check, any user of the machine could assume each role that trusts GitHub."""
    iam, name = cloud.client("iam"), f"role-{secrets.token_hex(4)}"
    provider = f"arn:aws:iam::{aws.ACCOUNT}:oidc-provider/token.example.com"
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    claims = {"iss": "https://token.example.com", "aud": "sts.amazonaws.com", "sub": "job"}
    right = web_identity.token(claims, cloud.environment["AWS_SECRET_ACCESS_KEY"])
    wrong = web_identity.token(claims, "guessed")
    assume = partial(unsigned(cloud, "sts").assume_role_with_web_identity, RoleArn=arn, RoleSessionName="job")
    assert assume(WebIdentityToken=right)["Credentials"]["SecretAccessKey"]
    for token in (wrong, right.rpartition(".")[0] + ".", "no-token"):
        with pytest.raises(ClientError) as error:
            assume(WebIdentityToken=token)
        assert error.value.response["Error"]["Code"] == "AccessDenied"


def test_presigned_url_is_accepted_without_other_credentials(cloud: aws.Cloud) -> None:
    s3, bucket = cloud.client("s3"), f"shared-{secrets.token_hex(4)}"
    place = {"LocationConstraint": aws.REGION}
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
    s3.put_object(Bucket=bucket, Key="file", Body=b"x")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "file"})
    path = url.removeprefix(cloud.endpoint)
    assert sent(cloud, "GET", path) == 200
    assert sent(cloud, "GET", path.replace("/file?", "/other?")) == 403
    assert sent(cloud, "GET", f"/{bucket}/file") == 403


def test_unsubscribe_link_works_without_a_signature(cloud: aws.Cloud) -> None:
    sns = cloud.client("sns")
    topic = sns.create_topic(Name=f"topic-{secrets.token_hex(4)}")["TopicArn"]
    found = sns.subscribe(
        TopicArn=topic, Protocol="email", Endpoint="a@b.example", ReturnSubscriptionArn=True
    )
    assert sent(cloud, "GET", f"/?Action=Unsubscribe&SubscriptionArn={found['SubscriptionArn']}") == 200
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
