"""A probe of a limit of AWS: requests that show that the local cloud enforces it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

Parameters = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Probe:
    """Two requests next to the limit: AWS accepts the first and refuses the second.

    `operation` is the first one of the limit unless it is given. `state` is what the emulator already holds,
    keyed by the function in `limits.state` that returns it.
    """

    accepted: Parameters
    refused: Parameters
    sentence: str = ""
    operation: str = ""
    state: dict[str, Any] = field(default_factory=dict)


def document(*statements: Parameters, size: int = 0) -> str:
    """Return a policy with these statements, filled to this number of characters without white space."""
    policy = {"Version": "2012-10-17", "Id": "", "Statement": list(statements)}
    text = json.dumps(policy, separators=(",", ":"))
    return text.replace('"Id":""', f'"Id":"{"x" * (size - len(text))}"') if size else text


def changed(statement: Parameters, **elements: Any) -> Parameters:
    """Return the statement with these elements. None removes an element."""
    return {name: value for name, value in (statement | elements).items() if value is not None}
