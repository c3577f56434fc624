"""The part of a Transfer connector that reads one file and writes it to the recipient's server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import asyncssh
from botocore.exceptions import ClientError

from local_cloud.aws.common import client

HOST_KEY_ALGORITHMS = (
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-256",
    "rsa-sha2-512",
)


def refusal(connector: Mapping[str, Any], path: str, folder: str, role: Mapping[str, str]) -> str:
    """Send the file with the role's credentials. Return the reason for a failure, or an empty text."""
    try:
        secrets = client("secretsmanager", role)
        secret = secrets.get_secret_value(SecretId=connector["SftpConfig"]["UserSecretId"])
        bucket, key = path.lstrip("/").split("/", 1)
        body = client("s3", role).get_object(Bucket=bucket, Key=key)["Body"].read()
        target = PurePosixPath(folder) / PurePosixPath(key).name
        asyncio.run(send(connector, json.loads(secret["SecretString"]), str(target), body))
    except (ClientError, LookupError, OSError, asyncssh.Error, ValueError) as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    return ""


async def send(connector: Mapping[str, Any], login: dict[str, str], target: str, body: bytes) -> None:
    """Write the file to the recipient's server, which must present one of the trusted host keys.

    The client offers only the algorithms that connectors support:
    https://docs.aws.amazon.com/transfer/latest/userguide/security-policies-connectors.html
    """
    url = urlsplit(connector["Url"])
    place = f"[{url.hostname}]:{url.port}" if url.port and url.port != 22 else url.hostname
    pinned = [f"{place} {key}" for key in connector["SftpConfig"]["TrustedHostKeys"]]
    key = asyncssh.import_private_key(login["PrivateKey"])
    if not key.get_algorithm().startswith(("ssh-rsa", "ecdsa-")):
        raise ValueError(f"The key type {key.get_algorithm()} is not supported")
    async with (
        asyncssh.connect(
            url.hostname or "",
            url.port or 22,
            config=None,
            username=login["Username"],
            client_keys=[key],
            known_hosts=asyncssh.import_known_hosts("\n".join(pinned)),
            server_host_key_algs=HOST_KEY_ALGORITHMS,
            agent_path=None,
            connect_timeout=20,
        ) as connection,
        connection.start_sftp_client() as client,
        client.open(target, "wb") as file,
    ):
        await file.write(body)
