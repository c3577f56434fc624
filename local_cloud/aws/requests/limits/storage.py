"""Limits of DynamoDB and EC2: items, tables, security groups and endpoint policies."""

from __future__ import annotations

from typing import Any

from local_cloud.aws.requests.limits import policies, state
from local_cloud.aws.requests.limits.limit import Limit, at_most, documentation, each, matching, octets
from local_cloud.aws.requests.request import Request

CONSTRAINTS = documentation(
    "Constraints in Amazon DynamoDB", "amazondynamodb/latest/developerguide/Constraints.html"
)
GROUP = documentation("CreateSecurityGroup", "AWSEC2/latest/APIReference/API_CreateSecurityGroup.html")
RANGE = documentation("IpRange", "AWSEC2/latest/APIReference/API_IpRange.html")
VPC_QUOTAS = documentation("Amazon VPC quotas", "vpc/latest/userguide/amazon-vpc-limits.html")
GRAMMAR = documentation(
    "Grammar of the IAM JSON policy language", "IAM/latest/UserGuide/reference_policies_grammar.html"
)
CHARACTERS = "a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"
ALLOWED = r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]"
EXPRESSIONS = (
    "ConditionExpression|UpdateExpression|FilterExpression|ProjectionExpression|KeyConditionExpression"
)


def size(value: Any) -> int:
    """Return the size of an attribute's value as DynamoDB counts it."""
    total = 0
    for kind, inner in value.items():
        if kind in ("S", "B"):
            total += octets(inner)
        elif kind == "N":
            total += len(inner.lstrip("-").replace(".", "").strip("0")) // 2 + 1
        elif kind in ("BOOL", "NULL"):
            total += 1
        elif kind == "M":
            total += 3 + sum(octets(name) + size(one) for name, one in inner.items())
        elif kind == "L":
            total += 3 + sum(size(one) for one in inner)
        else:
            total += sum(octets(one) for one in inner)
    return total


def _item(request: Request) -> str | None:
    for item in each(request.parameters, "Item"):
        if sum(octets(name) + size(value) for name, value in item.items()) > 409_600:
            return "Item size has exceeded the maximum allowed size"
    return None


def _keys(request: Request) -> str | None:
    for given in each(request.parameters, "Item|Key"):
        for name, kind, maximum in state.table_keys(request.parameters["TableName"]):
            if name in given and size(given[name]) > maximum:
                return (
                    f"One or more parameter values were invalid: Size of {kind} has exceeded the maximum "
                    f"size limit of{maximum} bytes"
                )
    return None


LIMITS = (
    Limit(
        "dynamodb",
        "CreateTable",
        "name of a table",
        matching(
            "TableName",
            r"[a-zA-Z0-9_.-]{3,255}",
            "TableName must be at least 3 characters long and at most 255 characters long",
        ),
        "ValidationException",
        CONSTRAINTS,
    ),
    Limit("dynamodb", "PutItem", "size of an item", _item, "ValidationException", CONSTRAINTS),
    Limit(
        "dynamodb",
        "PutItem UpdateItem GetItem DeleteItem",
        "size of a key",
        _keys,
        "ValidationException",
        CONSTRAINTS,
    ),
    Limit(
        "dynamodb",
        "PutItem UpdateItem DeleteItem Query Scan",
        "size of an expression",
        at_most(
            EXPRESSIONS,
            4_096,
            "Invalid expression: Expression size has exceeded the maximum allowed size",
            octets,
        ),
        "ValidationException",
        CONSTRAINTS,
    ),
    Limit(
        "ec2",
        "CreateSecurityGroup",
        "name of a security group",
        matching(
            "GroupName",
            rf"(?!sg-){ALLOWED}{{1,255}}",
            "Invalid security group name. Valid names are strings less than 256 characters from the "
            f"following set:  {CHARACTERS}, and do not start with sg-",
        ),
        "InvalidParameterValue",
        GROUP,
    ),
    Limit(
        "ec2",
        "CreateSecurityGroup",
        "description of a security group",
        matching(
            "Description",
            rf"{ALLOWED}{{1,255}}",
            "Invalid security group description. Valid descriptions are strings less than 256 characters "
            f"from the following set:  {CHARACTERS}",
        ),
        "InvalidParameterValue",
        GROUP,
    ),
    Limit(
        "ec2",
        "AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress",
        "description of a security group's rule",
        matching(
            "IpPermissions[].IpRanges[].Description|IpPermissions[].Ipv6Ranges[].Description|"
            "IpPermissions[].UserIdGroupPairs[].Description|IpPermissions[].PrefixListIds[].Description",
            rf"{ALLOWED}{{0,255}}",
            "Invalid rule description. Valid descriptions are strings less than 256 characters from the "
            f"following set:  {CHARACTERS}",
        ),
        "InvalidParameterValue",
        RANGE,
    ),
    Limit(
        "ec2",
        "CreateVpcEndpoint ModifyVpcEndpoint",
        "size of an endpoint's policy",
        at_most("PolicyDocument", 20_480, "The policy is over 20480 characters"),
        "InvalidParameter",
        VPC_QUOTAS,
    ),
    Limit(
        "ec2",
        "CreateVpcEndpoint ModifyVpcEndpoint",
        "format of an endpoint's policy",
        policies.syntax("PolicyDocument", "Policy document is not valid JSON with statements"),
        "InvalidPolicyDocument",
        GRAMMAR,
    ),
    Limit(
        "ec2",
        "CreateVpcEndpoint ModifyVpcEndpoint",
        "principals of an endpoint's policy",
        policies.each_statement(
            "PolicyDocument", policies.needs("Principal", "Missing required field Principal")
        ),
        "InvalidPolicyDocument",
        GRAMMAR,
    ),
)
