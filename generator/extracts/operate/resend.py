"""Send the unchanged files of a published period to a recipient again, through its connector."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from extracts.errors import ExtractsError
from extracts.operate.deployment import Deployment, explained

_PAUSE = 5.0  # seconds between two requests for the state of the execution


def resend(
    deployed: Deployment, period: str, recipient: str, say: Callable[[str], None], *, pause: float = _PAUSE
) -> None:
    """Start the recipient's state machine, and wait until the files have arrived.

    `recipient` is a key of the variable `recipients`. Raise ExtractsError if nothing can be sent, or if a
    file does not arrive.
    """
    pushes = deployed.outputs.get("sftp_pushes")
    if pushes is None:
        raise ExtractsError(
            f"{deployed.project} has no connector, so the project cannot send a file: recipients download"
            " from the bucket or over SFTP. The files are still in the bucket. Tell the recipient to download"
            " again."
        )
    if recipient not in pushes:
        known = ", ".join(sorted(pushes)) or "none"
        raise ExtractsError(f'There is no recipient "{recipient}"; the recipients are: {known}.')
    key = _manifest(deployed, period)
    machine = str(pushes[recipient])
    states = deployed.client("stepfunctions")
    with explained(f"The state machine {machine}"):
        started = states.start_execution(
            stateMachineArn=machine, input=json.dumps({"detail": {"object": {"key": key}}})
        )
    say(f"{period}: sending to {recipient}.")
    found: dict[str, Any] = {"status": "RUNNING"}
    while found["status"] in ("RUNNING", "PENDING_REDRIVE"):
        time.sleep(pause)
        with explained(f"The execution {started['executionArn']}"):
            found = states.describe_execution(executionArn=started["executionArn"])
    if found["status"] != "SUCCEEDED":
        raise ExtractsError(f"{period}: {found.get('cause') or found.get('error') or found['status']}")
    say(f"{period}: the files were sent to {recipient}.")


def _manifest(deployed: Deployment, period: str) -> str:
    """Return the key of the period's manifest. Raise ExtractsError if the period is not published."""
    bucket, prefix = deployed.manifests
    key = f"{prefix}{period}.json"
    with explained(f"s3://{bucket}/{key}"):
        listed = deployed.client("s3").list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
    if not any(entry["Key"] == key for entry in listed.get("Contents", ())):
        raise ExtractsError(f"{period} is not published: s3://{bucket}/{key} does not exist.")
    return key
