"""Limits of Transfer Family: keys, home directories of users, connectors and endpoints."""

from __future__ import annotations

import base64
import binascii

from local_cloud.aws.requests.limits import state
from local_cloud.aws.requests.limits.limit import (
    Complaint,
    Limit,
    Source,
    at_most,
    between,
    documentation,
    each,
    each_is,
    matching,
)
from local_cloud.aws.requests.request import Request

CONNECTOR = documentation("SftpConnectorConfig", "transfer/latest/APIReference/API_SftpConnectorConfig.html")
CREATE_CONNECTOR = documentation("CreateConnector", "transfer/latest/APIReference/API_CreateConnector.html")
USER = documentation("CreateUser", "transfer/latest/APIReference/API_CreateUser.html")
KEY = documentation("ImportSshPublicKey", "transfer/latest/APIReference/API_ImportSshPublicKey.html")
DIRECTORIES = documentation(
    "Using logical directories to simplify your Transfer Family directory structures",
    "transfer/latest/userguide/logical-dir-mappings.html",
)
QUOTAS = documentation("AWS Transfer Family endpoints and quotas", "general/latest/gr/transfer-service.html")

CONNECTORS = "CreateConnector UpdateConnector"
USERS = "CreateUser UpdateUser"
ECDSA = ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")


def is_key(text: str, types: tuple[str, ...]) -> bool:
    """Return whether `text` is a public key of one of the `types`. Its body must contain the same type."""
    parts = text.split()
    if len(parts) < 2 or parts[0] not in types:
        return False
    try:
        body = base64.b64decode(parts[1], validate=True)
    except binascii.Error:
        return False
    length = int.from_bytes(body[:4], "big")
    return body[4 : 4 + length] == parts[0].encode()


def _is_host_key(text: str) -> bool:
    """Return whether `text` is a host key. A comment after the key is not allowed.

    The key may begin with a host name, as in the output of ssh-keyscan.
    """
    parts = text.split()
    key = parts[1:] if len(parts) == 3 else parts
    return len(key) == 2 and is_key(" ".join(key), ("ssh-rsa", *ECDSA))


def _is_user_key(text: str) -> bool:
    return text == "" or is_key(text, ("ssh-rsa", "ssh-ed25519", *ECDSA))


def _directories(request: Request) -> str | None:
    given = request.parameters
    kind, mappings = given.get("HomeDirectoryType"), given.get("HomeDirectoryMappings")
    if mappings and kind != "LOGICAL":
        return "HomeDirectoryMappings can be set only when HomeDirectoryType is set to LOGICAL"
    if kind == "LOGICAL" and not mappings:
        return "HomeDirectoryMappings must be provided when HomeDirectoryType is LOGICAL"
    return None


def _entries(request: Request) -> str | None:
    entries = list(each(request.parameters, "HomeDirectoryMappings[].Entry"))
    if "/" in entries and len(entries) > 1:
        return "Only one mapping is allowed when Entry is /"
    if len(entries) != len(set(entries)):
        return "HomeDirectoryMappings must not have two mappings with the same Entry"
    return None


def _url(request: Request) -> str | None:
    given = request.parameters
    if "SftpConfig" in given and "EgressConfig" not in given and not given.get("Url"):
        return "Url is required for a service-managed SFTP connector"
    if "EgressConfig" in given and given.get("Url"):
        return "Url must be null for a connector of type VPC_LATTICE"
    if given.get("Url") and "SftpConfig" in given and not given["Url"].startswith("sftp://"):
        return "Url of an SFTP connector must start with sftp://"
    return None


def _keys(request: Request) -> str | None:
    held = state.ssh_keys(request.parameters["ServerId"], request.parameters["UserName"])
    return "The user has the maximum of 50 SSH public keys" if held >= 50 else None


def _limit(operations: str, name: str, complaint: Complaint, source: Source) -> Limit:
    return Limit("transfer", operations, name, complaint, "InvalidRequestException", source)


LIMITS = (
    _limit(
        CONNECTORS,
        "host keys of a connector",
        each_is(
            "SftpConfig.TrustedHostKeys[]",
            _is_host_key,
            "Unsupported or invalid trusted host key. Transfer Family accepts RSA and ECDSA keys.",
        ),
        CONNECTOR,
    ),
    _limit(
        CONNECTORS,
        "number of connections of a connector",
        between("SftpConfig.MaxConcurrentConnections", 1, 5, "MaxConcurrentConnections must be from 1 to 5"),
        CONNECTOR,
    ),
    _limit("CreateConnector", "address of a connector", _url, CREATE_CONNECTOR),
    _limit(
        CONNECTORS,
        "secret of a connector",
        matching(
            "SftpConfig.UserSecretId",
            r"arn:[^:]+:secretsmanager:.+",
            "UserSecretId must be the ARN of the secret",
        ),
        CONNECTOR,
    ),
    _limit(
        "ImportSshPublicKey CreateUser",
        "public key of a user",
        each_is("SshPublicKeyBody", _is_user_key, "Unsupported or invalid SSH public key format"),
        KEY,
    ),
    _limit("ImportSshPublicKey", "public keys of a user", _keys, QUOTAS),
    _limit("CreateUser", "type of the home directory", _directories, USER),
    _limit(USERS, "entries of the home directory", _entries, DIRECTORIES),
    _limit(
        USERS,
        "number of entries of the home directory",
        at_most("HomeDirectoryMappings", 2_000, "HomeDirectoryMappings must not have over 2000 entries"),
        DIRECTORIES,
    ),
    _limit(
        USERS,
        "targets of the home directory",
        matching(
            "HomeDirectoryMappings[].Target",
            "/.*[^/]",
            "Target must start with / and must not end with /: {value}",
        ),
        DIRECTORIES,
    ),
)
