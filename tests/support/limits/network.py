"""Probes of the limits of Transfer Family, EC2 and DynamoDB."""

from __future__ import annotations

import base64
from typing import Any

from tests.support.limits.probe import Parameters, Probe, changed, document

ADDRESS = {"Url": "sftp://sftp.example.com"}
ALLOW = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:sftp-aBcDeF"


def key(kind: str, body: str = "") -> str:
    """Return a public key of the type `kind`. Its encoded part names the type `body`, if given, or `kind`."""
    inner = (body or kind).encode()
    return f"{kind} {base64.b64encode(len(inner).to_bytes(4, 'big') + inner + b'0123456789').decode()}"


def connector(**given: Any) -> Parameters:
    return ADDRESS | {"SftpConfig": {"UserSecretId": SECRET} | given}


def host_key(text: str) -> Parameters:
    return connector(TrustedHostKeys=[text])


def user(*entries: str, **given: Any) -> Parameters:
    mappings = [{"Entry": entry, "Target": f"/bucket{entry.rstrip('/')}"} for entry in entries]
    given = {"HomeDirectoryMappings": mappings, "HomeDirectoryType": "LOGICAL"} | given
    return {"ServerId": "s-1", "UserName": "first-bank"} | changed(given)


def target(path: str) -> Parameters:
    return user(HomeDirectoryMappings=[{"Entry": "/", "Target": path}])


def public_key(text: str) -> Parameters:
    return {"ServerId": "s-1", "UserName": "first-bank", "SshPublicKeyBody": text}


def item(size: int) -> Parameters:
    return {"TableName": "told", "Item": {"k": {"S": "x" * (size - 1)}}}


def item_key(size: int) -> Parameters:
    return {"TableName": "told", "Item": {"k": {"S": "x" * size}}}


def group(**given: str) -> Parameters:
    return {"GroupName": "extract", "Description": "Job and crawler"} | given


def ingress(description: str) -> Parameters:
    return {"IpPermissions": [{"IpRanges": [{"CidrIp": "10.0.0.0/24", "Description": description}]}]}


def endpoint(**elements: Any) -> Parameters:
    return {"VpcId": "vpc-1", "PolicyDocument": document(changed(ALLOW, **elements))}


TRANSFER = {
    "host keys of a connector": Probe(
        host_key("a.example.com " + key("ecdsa-sha2-nistp256")),
        host_key(key("ssh-ed25519")),
        "ECDSA",
    ),
    "number of connections of a connector": Probe(
        connector(MaxConcurrentConnections=5), connector(MaxConcurrentConnections=6), "1 to 5"
    ),
    "address of a connector": Probe(connector(), connector() | {"Url": "sftp.example.com"}, "sftp://"),
    "secret of a connector": Probe(connector(), connector(UserSecretId="sftp"), "ARN"),
    "public key of a user": Probe(
        public_key(key("ssh-ed25519") + " laptop"),
        public_key(key("ssh-rsa", "ssh-ed25519")),
        "SSH public key",
    ),
    "public keys of a user": Probe(
        public_key(key("ssh-rsa")),
        public_key(key("ssh-rsa")) | {"UserName": "full"},
        state={"ssh_keys": {"first-bank": 49, "full": 50}},
    ),
    "type of the home directory": Probe(user("/"), user("/", HomeDirectoryType="PATH"), "LOGICAL"),
    "entries of the home directory": Probe(user("/in", "/out"), user("/", "/out"), "Only one mapping"),
    "number of entries of the home directory": Probe(
        user(*(f"/{number}" for number in range(2_000))), user(*(f"/{number}" for number in range(2_001)))
    ),
    "targets of the home directory": Probe(target("/bucket/loans"), target("/bucket/loans/")),
}

DYNAMODB = {
    "name of a table": Probe({"TableName": "abc"}, {"TableName": "ab"}),
    "size of an item": Probe(item(409_600), item(409_601), "Item size", state={"table_keys": []}),
    "size of a key": Probe(
        item_key(2_048), item_key(2_049), "of2048 bytes", state={"table_keys": [("k", "hashkey", 2_048)]}
    ),
    "size of an expression": Probe(
        {"TableName": "told", "ConditionExpression": "a" * 4_096},
        {"TableName": "told", "ConditionExpression": "a" * 4_097},
        state={"table_keys": []},
    ),
}

EC2 = {
    "name of a security group": Probe(group(GroupName="a" * 255), group(GroupName="sg-extract"), "name"),
    "description of a security group": Probe(
        group(Description="Crawler & job; port 5432"),
        group(Description="The job's own"),
        "description",
    ),
    "description of a security group's rule": Probe(ingress(""), ingress("Łódź"), "rule description"),
    "size of an endpoint's policy": Probe(
        {"PolicyDocument": document(ALLOW, size=20_480)}, {"PolicyDocument": document(ALLOW, size=20_481)}
    ),
    "format of an endpoint's policy": Probe(endpoint(), {"PolicyDocument": "{}"}),
    "principals of an endpoint's policy": Probe(endpoint(), endpoint(Principal={"AWS": []})),
}
