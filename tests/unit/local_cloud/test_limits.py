"""For each documented limit of AWS, the local cloud accepts a value at the limit and refuses a higher one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from local_cloud.aws.requests import limits
from local_cloud.aws.requests.limits import state, tags
from local_cloud.aws.requests.limits.limit import Limit
from local_cloud.aws.requests.request import Refusal, Request
from tests.support.limits import iam, jobs, keys, machines, messages, network, objects
from tests.support.limits.probe import Parameters, Probe

PROBES: dict[str, dict[str, Probe]] = {
    "cloudwatch": machines.CLOUDWATCH,
    "dynamodb": network.DYNAMODB,
    "ec2": network.EC2,
    "events": machines.EVENTS,
    "glue": jobs.GLUE,
    "iam": iam.IAM,
    "kms": keys.KMS,
    "logs": machines.LOGS,
    "s3": objects.S3,
    "scheduler": machines.SCHEDULER,
    "secretsmanager": keys.SECRETS,
    "sns": messages.SNS,
    "sqs": messages.SQS,
    "stepfunctions": machines.STATES,
    "transfer": network.TRANSFER,
}
TAGS = {"number of tags", "format of tags"}
OTHERS = [limit for limit in limits.LIMITS if limit.name not in TAGS]


def named(limit: Limit) -> str:
    return f"{limit.service}: {limit.name}"


def holding(held: Any) -> Callable[..., Any]:
    """Return a function that replaces a function of `limits.state` and returns the state `held`.

    If `held` is a tuple, the function returns whether the tuple contains the requested name. If `held` is a
    dict with this name as a key, the function returns the value of the key.
    """

    def answer(*asked: str) -> Any:
        if isinstance(held, tuple):
            return asked[-1] in held
        if isinstance(held, dict) and asked[-1] in held:
            return held[asked[-1]]
        return type(held)(held)

    return answer


def ask(limit: Limit, parameters: Parameters, operation: str = "") -> Refusal | None:
    operation = operation or limit.operations.split()[0]
    return limits.check(Request(limit.service, operation, parameters, "123456789012", "eu-west-1"))


def assert_refused(limit: Limit, refusal: Refusal | None) -> str:
    assert refusal is not None
    assert (refusal.code, refusal.status) == (limit.code, limit.status)
    return refusal.message


@pytest.mark.parametrize("limit", OTHERS, ids=named)
def test_value_at_the_limit_is_accepted_and_value_above_the_limit_is_refused(
    limit: Limit, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = PROBES[limit.service][limit.name]
    for name, held in probe.state.items():
        monkeypatch.setattr(state, name, holding(held))
    assert ask(limit, probe.accepted, probe.operation) is None
    assert probe.sentence in assert_refused(limit, ask(limit, probe.refused, probe.operation))


def tagged(service: tags.Tagged, given: dict[str, str]) -> Parameters:
    """Return parameters with these tags, in the form that the service accepts."""
    values: Any = given
    if service.key:
        values = [{service.key: key, service.value: value} for key, value in given.items()]
    outer, _, inner = service.path.split("|")[0].partition(".")
    return {"Name": "own", "RoleName": "reader", outer: {inner: values} if inner else values}


@pytest.mark.parametrize("service", tags.SERVICES, ids=lambda service: str(service.service))
def test_51_tags_are_refused(service: tags.Tagged) -> None:
    [limit] = [one for one in tags.LIMITS if one.service == service.service and one.name == "number of tags"]
    assert ask(limit, tagged(service, {f"key-{number}": "" for number in range(50)})) is None
    assert_refused(limit, ask(limit, tagged(service, {f"key-{number}": "" for number in range(51)})))


@pytest.mark.parametrize("service", tags.SERVICES, ids=lambda service: str(service.service))
@pytest.mark.parametrize(
    "odd",
    [{"aws:owner": "x"}, {"a" * 129: ""}, {"owner": "x" * 257}, {"": "x"}],
    ids=lambda odd: next(iter(odd))[:9],
)
def test_invalid_tag_is_refused(service: tags.Tagged, odd: dict[str, str]) -> None:
    [limit] = [one for one in tags.LIMITS if one.service == service.service and one.name == "format of tags"]
    assert ask(limit, tagged(service, {"a" * 128: "x" * 256, "owner": "Łódź & co".replace("&", "+")})) is None
    assert_refused(limit, ask(limit, tagged(service, odd)))


@pytest.mark.parametrize("service", tags.SERVICES, ids=lambda service: str(service.service))
def test_only_ec2_accepts_any_character_in_a_tag(service: tags.Tagged) -> None:
    [limit] = [one for one in tags.LIMITS if one.service == service.service and one.name == "format of tags"]
    refusal = ask(limit, tagged(service, {"owner": "<x> & co"}))
    if service.service == "ec2":
        assert refusal is None
    else:
        assert "letters, digits, spaces" in assert_refused(limit, refusal)


def test_tags_of_several_resources_in_a_request_are_counted_separately() -> None:
    given = [{"Key": f"key-{number}", "Value": ""} for number in range(50)]
    parameters = {"TagSpecifications": [{"Tags": given}, {"Tags": given}]}
    assert limits.check(Request("ec2", "CreateVpcEndpoint", parameters, "", "eu-west-1")) is None


@pytest.mark.parametrize(
    ("version", "accepted"), [("2.0", False), ("3.0", True), ("10.0", True), ("x.0", False)]
)
def test_flexible_execution_needs_glue_3_or_newer(version: str, accepted: bool) -> None:
    job = {"Command": {"Name": "glueetl"}, "ExecutionClass": "FLEX", "GlueVersion": version}
    refusal = limits.check(Request("glue", "CreateJob", {"Name": "x", **job}, "", "eu-west-1"))
    assert (refusal is None) == accepted


def test_parameter_that_must_be_a_number_cannot_be_a_text() -> None:
    parameters = {"QueueName": "x", "Attributes": {"MessageRetentionPeriod": "two weeks"}}
    refusal = limits.check(Request("sqs", "CreateQueue", parameters, "", "eu-west-1"))
    assert refusal is not None
    assert refusal.code == "InvalidAttributeValue"


def test_role_with_tag_keys_that_differ_only_in_case_is_refused() -> None:
    [role] = [one for one in tags.SERVICES if one.service == "iam"]
    [limit] = [one for one in tags.LIMITS if one.service == "iam" and one.name == "format of tags"]
    assert "case insensitive" in assert_refused(limit, ask(limit, tagged(role, {"Owner": "a", "owner": "b"})))


def test_every_limit_has_a_test_value_and_every_test_value_has_a_limit() -> None:
    listed = [(limit.service, limit.name) for limit in limits.LIMITS]
    assert len(listed) == len(set(listed))
    probed = {(service, name) for service, probes in PROBES.items() for name in probes}
    assert set(listed) == probed | {(service.service, name) for service in tags.SERVICES for name in TAGS}


@pytest.mark.parametrize("limit", limits.LIMITS, ids=named)
def test_every_limit_has_a_source(limit: Limit) -> None:
    assert limit.source.title
    assert limit.source.address.startswith(("https://docs.aws.amazon.com/", "https://github.com/"))


def test_request_of_an_operation_without_limits_is_accepted() -> None:
    assert limits.check(Request("iam", "GetRole", {"RoleName": "x" * 65}, "", "eu-west-1")) is None


@pytest.mark.parametrize(
    ("policy", "statement"),
    [
        ({"Version": "2012-10-18"}, {}),
        ({"Versoin": "2012-10-17"}, {}),
        ({}, {"Effect": "Alow"}),
        ({}, {"Condtion": {"Bool": {"aws:SecureTransport": "true"}}}),
    ],
    ids=["version", "element", "effect", "element of a statement"],
)
def test_policy_with_a_misspelled_word_is_refused(policy: dict[str, Any], statement: dict[str, Any]) -> None:
    right = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}

    def put(policy: dict[str, Any], statement: dict[str, Any]) -> Request:
        document = {"Version": "2012-10-17", "Statement": [right | statement]} | policy
        given = {"RoleName": "reader", "PolicyName": "rights", "PolicyDocument": json.dumps(document)}
        return Request("iam", "PutRolePolicy", given, "123456789012", "eu-west-1")

    assert limits.check(put({}, {})) is None
    refusal = limits.check(put(policy, statement))
    assert refusal is not None
    assert refusal.code == "MalformedPolicyDocument"
