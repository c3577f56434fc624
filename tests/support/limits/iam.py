"""Probes of the limits of IAM."""

from __future__ import annotations

from typing import Any

from tests.support.limits.probe import Parameters, Probe, changed, document

STATEMENT = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "glue.amazonaws.com"}}
ARN = "arn:aws:iam::123456789012:policy/one"


def inline(text: str) -> Parameters:
    return {"RoleName": "reader", "PolicyName": "rights", "PolicyDocument": text}


def managed(text: str) -> Parameters:
    return {"PolicyName": "one", "PolicyDocument": text}


def trust(text: str) -> Parameters:
    return {"RoleName": "reader", "AssumeRolePolicyDocument": text}


def statement(**elements: Any) -> Parameters:
    """Return a request for an inline policy. Its only statement is STATEMENT with the given changes."""
    return inline(document(changed(STATEMENT, **elements)))


def trusting(**elements: Any) -> Parameters:
    """Return a request for a trust policy. Its only statement is TRUST with the given changes."""
    return trust(document(changed(TRUST, **elements)))


SPACES = " " * 5_000

IAM = {
    "total size of a role's inline policies": Probe(
        inline(document(STATEMENT, size=4_240) + SPACES),
        inline(document(STATEMENT, size=4_241)),
        "Maximum policy size of 10240 bytes exceeded for role reader",
        state={"inline_policies": {"other": document(STATEMENT, size=6_000), "rights": "replaced" * 1_000}},
    ),
    "size of a managed policy": Probe(
        managed(document(STATEMENT, size=6_144) + SPACES),
        managed(document(STATEMENT, size=6_145)),
        "PolicySize: 6144",
    ),
    "size of a trust policy": Probe(
        trust(document(TRUST, size=2_048)), trust(document(TRUST, size=2_049)), "ACLSizePerRole: 2048"
    ),
    "managed policies of a role": Probe(
        {"RoleName": "reader", "PolicyArn": ARN + "9"},
        {"RoleName": "reader", "PolicyArn": ARN + "10"},
        "PoliciesPerRole: 10",
        state={"attached_policies": {f"{ARN}{number}" for number in range(10)}},
    ),
    "tags of a role": Probe(
        {"RoleName": "reader", "Tags": [{"Key": "key-49", "Value": ""}]},
        {"RoleName": "reader", "Tags": [{"Key": "key-50", "Value": ""}]},
        state={"role_tags": {f"key-{number}" for number in range(50)}},
    ),
    "format of an identity policy": Probe(statement(), inline('{"Version": "2012-10-17"}'), "Syntax errors"),
    "format of a trust policy": Probe(trusting(), trust("[]"), "Syntax errors"),
    "repeated Sids in an identity policy": Probe(
        inline(document(STATEMENT | {"Sid": "One"}, STATEMENT | {"Sid": "Two"}, STATEMENT, STATEMENT)),
        inline(document(STATEMENT | {"Sid": "One"}, STATEMENT | {"Sid": "One"})),
    ),
    "actions": Probe(statement(Action=["s3:GetObject"]), statement(Action=[]), "must contain actions"),
    "prefixes of actions": Probe(statement(Action="*"), statement(Action=["s3:*", "GetObject"]), "vendor"),
    "resources": Probe(
        statement(Resource=None, NotResource="*"), statement(Resource=[]), "must contain resources"
    ),
    "format of resources": Probe(
        statement(Resource=["arn:aws:s3:::bucket/*"]),
        statement(Resource=["bucket/*"]),
        'Resource bucket/* must be in ARN format or "*".',
    ),
    "principal in an identity policy": Probe(statement(), statement(Principal="*"), "specify a principal"),
    "characters of a Sid": Probe(statement(Sid="Read1"), statement(Sid="Read-1"), "alpha-numeric"),
    "principals": Probe(trusting(), trusting(Principal={"AWS": []}), "Missing required field Principal"),
    "actions of a trust policy": Probe(trusting(), trusting(Action=[]), "Missing required field Action"),
    "service of the actions in a trust policy": Probe(
        trusting(Action=["sts:AssumeRole", "sts:TagSession"]),
        trusting(Action=["sts:AssumeRole", "s3:GetObject"]),
        "AssumeRole policy may only specify STS AssumeRole actions.",
    ),
    "resource in a trust policy": Probe(trusting(), trusting(Resource="*"), "prohibited field Resource"),
    "characters of a Sid in a trust policy": Probe(trusting(Sid="Glue"), trusting(Sid="The Glue"), "(SID)"),
}
