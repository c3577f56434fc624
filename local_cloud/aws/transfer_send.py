"""The process of an emulated Transfer connector. It reads one file and writes it to the recipient's server.

The emulator runs `python -m local_cloud.aws.transfer_process`, with the credentials of the role in the
environment. The process reads the connector, the path of the file and the remote folder from stdin, as JSON.
The last line on stderr is the reason of a failed transfer.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import asyncssh
import boto3
from botocore.exceptions import ClientError

HOST_KEY_ALGORITHMS = (
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-256",
    "rsa-sha2-512",
)


def main(order: dict[str, Any]) -> None:
    """Send the file. On a failure, print the reason on stderr and exit."""
    try:
        secrets = boto3.client("secretsmanager")
        secret = secrets.get_secret_value(SecretId=order["SftpConfig"]["UserSecretId"])
        bucket, key = order["Path"].lstrip("/").split("/", 1)
        body = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        target = PurePosixPath(order["Folder"]) / PurePosixPath(key).name
        asyncio.run(send(order, json.loads(secret["SecretString"]), str(target), body))
    except (ClientError, OSError, asyncssh.Error, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {' '.join(str(error).split())}")


async def send(order: dict[str, Any], login: dict[str, str], target: str, body: bytes) -> None:
    """Write the file to the recipient's server, which must present one of the trusted host keys.

    The client offers only the algorithms that connectors support:
    https://docs.aws.amazon.com/transfer/latest/userguide/security-policies-connectors.html
    """
    url = urlsplit(order["Url"])
    place = f"[{url.hostname}]:{url.port}" if url.port and url.port != 22 else url.hostname
    pinned = [f"{place} {key}" for key in order["SftpConfig"]["TrustedHostKeys"]]
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


if __name__ == "__main__":
    main(json.load(sys.stdin))
