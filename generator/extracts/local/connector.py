"""What a Transfer connector does with one file: read it under its role, send it to the recipient's server.

Run by the emulator as `python -m extracts.local.connector`, with its role's credentials in the environment
and the connector, the file's path and the folder there as JSON on stdin. The last line on stderr is the
reason of a transfer that failed.
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


def main(order: dict[str, Any]) -> None:
    """Send it; leave with the reason on stderr when that failed."""
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
    """Write the file on the recipient's server, which has to show one of the pinned keys."""
    url = urlsplit(order["Url"])
    place = f"[{url.hostname}]:{url.port}" if url.port and url.port != 22 else url.hostname
    pinned = [f"{place} {' '.join(key.split()[:2])}" for key in order["SftpConfig"]["TrustedHostKeys"]]
    async with (
        asyncssh.connect(
            url.hostname or "",
            url.port or 22,
            config=None,
            username=login["Username"],
            client_keys=[asyncssh.import_private_key(login["PrivateKey"])],
            known_hosts=asyncssh.import_known_hosts("\n".join(pinned)),
            agent_path=None,
            connect_timeout=20,
        ) as connection,
        connection.start_sftp_client() as client,
        client.open(target, "wb") as file,
    ):
        await file.write(body)


if __name__ == "__main__":
    main(json.load(sys.stdin))
