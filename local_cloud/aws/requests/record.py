"""The refusals of a run of the emulator. Each refusal is one line in the emulator's log."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from local_cloud.aws.requests.request import Refusal

_log = logging.getLogger("extracts.requests")
_MARK = "AWS would refuse "


def note(service: str, operation: str, refusal: Refusal) -> None:
    """Write a refusal to the log in the format that `read` expects."""
    told = {"service": service, "operation": operation, "code": refusal.code, "message": refusal.message}
    _log.warning("%s%s", _MARK, json.dumps(told))


def read(log: Path) -> list[str]:
    """Return one sentence for each refusal in the emulator's log."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    found = [json.loads(line.partition(_MARK)[2]) for line in lines if _MARK in line]
    return [f"{told['service']}.{told['operation']}: {told['code']}: {told['message']}" for told in found]
