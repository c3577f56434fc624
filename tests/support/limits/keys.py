"""Probes of the limits of KMS and Secrets Manager."""

from __future__ import annotations

from typing import Any

from tests.support.limits.probe import Parameters, Probe, changed, document

STATEMENT = {"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Principal": {"AWS": "123456789012"}}


def key(**elements: Any) -> Parameters:
    return {"Policy": document(changed(STATEMENT, **elements))}


def secret(name: str) -> Parameters:
    return {"Name": name}


def secret_policy(**elements: Any) -> Parameters:
    statement = changed(STATEMENT, Action="secretsmanager:GetSecretValue", **elements)
    return {"SecretId": "password", "ResourcePolicy": document(statement)}


def rotation(**rules: Any) -> Parameters:
    return {"SecretId": "password", "RotationRules": rules}


KMS = {
    "size of a key policy": Probe(
        {"Policy": document(STATEMENT, size=32_768)}, {"Policy": document(STATEMENT, size=32_769)}
    ),
    "format of a key policy": Probe(key(), {"Policy": "{}"}),
    "principals of a key policy": Probe(key(), key(Principal={"AWS": []})),
    "actions of a key policy": Probe(key(), key(Action=[])),
    "resources of a key policy": Probe(key(), key(Resource=[])),
    "name of an alias": Probe({"AliasName": "alias/bank_loans-1"}, {"AliasName": "bank_loans"}),
    "reserved alias": Probe({"AliasName": "alias/awsome"}, {"AliasName": "alias/aws/s3"}),
    "days until a key is deleted": Probe({"PendingWindowInDays": 7}, {"PendingWindowInDays": 6}),
}

SECRETS = {
    "characters of a secret's name": Probe(secret("bank/loans_+=.@!-x"), secret("bank loans"), "-/_+=.@!"),
    "reuse of a deleted secret's name": Probe(
        secret("kept"),
        secret("gone"),
        "scheduled for deletion",
        state={"secret_is_deleted": ("gone",)},
    ),
    "size of a secret": Probe(
        secret("a") | {"SecretString": "é" * 32_768}, secret("a") | {"SecretString": "é" * 32_768 + "e"}
    ),
    "both text and bytes in a secret": Probe(
        secret("a") | {"SecretString": "x"}, secret("a") | {"SecretString": "x", "SecretBinary": b"x"}
    ),
    "days until a secret is deleted": Probe(
        {"SecretId": "a", "RecoveryWindowInDays": 30},
        {"SecretId": "a", "RecoveryWindowInDays": 31},
        "30 days",
    ),
    "deletion with and without recovery": Probe(
        {"SecretId": "a", "ForceDeleteWithoutRecovery": True},
        {"SecretId": "a", "ForceDeleteWithoutRecovery": True, "RecoveryWindowInDays": 7},
    ),
    "format of a secret's policy": Probe(secret_policy(), {"SecretId": "a", "ResourcePolicy": "{"}),
    "principals of a secret's policy": Probe(secret_policy(), secret_policy(Principal={"AWS": []})),
    "characters of a Sid in a secret's policy": Probe(
        secret_policy(Sid="Read1"), secret_policy(Sid="Read 1"), "invalid Sid"
    ),
    "schedule of a rotation": Probe(
        rotation(AutomaticallyAfterDays=30),
        rotation(AutomaticallyAfterDays=30, ScheduleExpression="rate(30 days)"),
    ),
}
