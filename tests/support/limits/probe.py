"""A probe of a limit of AWS: two requests that show whether the local cloud enforces the limit."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

Parameters = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Probe:
    """Two similar requests. AWS accepts the first request. The second request violates the limit.

    If `operation` is empty, the requests use the first operation of the limit. `state` contains the objects
    that the emulator has before the requests, keyed by the function in `limits.state` that returns them.
    """

    accepted: Parameters
    refused: Parameters
    sentence: str = ""
    operation: str = ""
    state: dict[str, Any] = field(default_factory=dict)


def document(*statements: Parameters, size: int = 0) -> str:
    """Return a policy with these statements. Fill it up to `size` characters, without white space."""
    policy = {"Version": "2012-10-17", "Id": "", "Statement": list(statements)}
    text = json.dumps(policy, separators=(",", ":"))
    return text.replace('"Id":""', f'"Id":"{"x" * (size - len(text))}"') if size else text


def changed(statement: Parameters, **elements: Any) -> Parameters:
    """Return the statement with these elements changed. None removes an element."""
    return {name: value for name, value in (statement | elements).items() if value is not None}
