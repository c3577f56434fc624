"""`extracts doctor` checks an AWS account. A fake account answers its calls."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from extracts.doctor import account

SUBNET = {"SubnetId": "subnet-1", "VpcId": "vpc-1", "AvailabilityZone": "eu-west-1a"}
TABLE = {"RouteTableId": "rtb-1", "Associations": [{"SubnetId": "subnet-1"}]}


class Ec2:
    """A fake of EC2 with one subnet, which has the given routes and endpoints."""

    meta = SimpleNamespace(region_name="eu-west-1")

    def __init__(self, endpoints: list[dict[str, Any]], routes: list[dict[str, Any]]) -> None:
        self.endpoints, self.routes = endpoints, routes

    def describe_subnets(self, **_: object) -> dict[str, Any]:
        return {"Subnets": [SUBNET]}

    def describe_route_tables(self, **_: object) -> dict[str, Any]:
        return {"RouteTables": [{**TABLE, "Routes": self.routes}]}

    def describe_vpc_endpoints(self, **_: object) -> dict[str, Any]:
        return {"VpcEndpoints": self.endpoints}


def endpoints(**s3: object) -> list[dict[str, Any]]:
    """Return one interface endpoint for each service. The arguments replace values of the endpoint for S3."""
    common = {"State": "available", "VpcEndpointType": "Interface", "PrivateDnsEnabled": True}
    return [
        {"ServiceName": f"com.amazonaws.eu-west-1.{name}", **common, **(s3 if name == "s3" else {})}
        for name in account.SERVICES
    ]


def network(found: list[dict[str, Any]], *routes: dict[str, Any]) -> tuple[str, str]:
    """Run the check of the network. Return the state and the text of the result."""
    [_, check] = account.network(lambda _: Ec2(found, list(routes)), "subnet-1")
    return check.state, check.text


def test_secret_that_is_nested_too_deep_fails_the_check() -> None:
    vault = SimpleNamespace(get_secret_value=lambda **_: {"SecretString": '{"username":' * 100_000})
    check, user = account.secret(lambda _: vault, "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank")
    assert (check.state, check.text, user) == (
        "failed",
        "the value is not a JSON object with username and password",
        None,
    )


def test_subnet_with_an_endpoint_for_each_service_passes() -> None:
    assert network(endpoints()) == ("ok", "s3, secretsmanager, kms, logs, glue")


def test_subnet_with_a_gateway_endpoint_in_the_route_table_passes() -> None:
    gateway = {"VpcEndpointType": "Gateway", "RouteTableIds": ["rtb-1"]}
    assert network(endpoints(**gateway))[0] == "ok"


@pytest.mark.parametrize(
    "s3",
    [
        {"State": "pending"},
        {"PrivateDnsEnabled": False},
        {"VpcEndpointType": "Gateway", "RouteTableIds": ["rtb-2"]},
    ],
    ids=["not available", "without private DNS", "in another route table"],
)
def test_check_fails_if_the_job_cannot_use_an_endpoint(s3: dict[str, Any]) -> None:
    assert network(endpoints(**s3)) == ("failed", "subnet-1 has no NAT and no endpoint for s3")


def test_subnet_whose_default_route_is_a_nat_gateway_needs_no_endpoints() -> None:
    route = {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1"}
    assert network([], route) == ("ok", "not needed: the default route of the subnet is nat-1")


def test_subnet_whose_default_route_is_an_internet_gateway_fails_without_endpoints() -> None:
    assert network([], {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"})[0] == "failed"


@pytest.mark.parametrize("text", ["hunter2", '["hunter2"]', '{"password": "hunter2"}', '{"username": "me"}'])
def test_invalid_secret_is_not_printed(text: str) -> None:
    client = SimpleNamespace(get_secret_value=lambda **_: {"SecretString": text})
    check, user = account.secret(lambda _: client, "arn:aws:secretsmanager:eu-west-1:000000000000:secret:x")
    assert (check.state, user) == ("failed", None)
    assert "hunter2" not in check.text + check.remedy


class Sns:
    """A fake of SNS. Its topic has one subscription."""

    def __init__(self, attributes: dict[str, str]) -> None:
        self.attributes = attributes

    def get_paginator(self, _: str) -> Any:
        subscription = {"Endpoint": "team@example.com", "SubscriptionArn": "arn:aws:sns:eu-west-1:1:alerts:2"}
        return SimpleNamespace(paginate=lambda **_: [{"Subscriptions": [subscription]}])

    def get_subscription_attributes(self, **_: object) -> dict[str, Any]:
        return {"Attributes": self.attributes}


@pytest.mark.parametrize(
    ("attributes", "state"),
    [
        ({"PendingConfirmation": "true", "ConfirmationWasAuthenticated": "false"}, "failed"),
        ({"PendingConfirmation": "false", "ConfirmationWasAuthenticated": "false"}, "notice"),
        ({"PendingConfirmation": "false", "ConfirmationWasAuthenticated": "true"}, "ok"),
    ],
    ids=["pending", "confirmed by the link", "confirmed with credentials"],
)
def test_check_reports_a_subscription_that_can_be_canceled_with_only_the_link_in_a_mail(
    attributes: dict[str, str], state: str
) -> None:
    topic = "arn:aws:sns:eu-west-1:1:alerts"
    [check] = account.subscriptions(lambda _: Sns(attributes), topic)
    assert check.state == state
    if state != "ok":
        assert f"aws sns confirm-subscription --topic-arn {topic} " in check.remedy
        assert "--authenticate-on-unsubscribe true" in check.remedy
