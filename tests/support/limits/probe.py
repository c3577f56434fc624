"""What shows that a limit of AWS is held."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

Parameters = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Probe:
    """Two requests next to the limit: one that AWS accepts, one that it refuses.

    `operation` is the limit's first one unless it is named. `state` is what the emulator holds already, keyed
    by the name of the function in `limits.state` that returns it.
    """

    accepted: Parameters
    refused: Parameters
    sentence: str = ""
    operation: str = ""
    state: dict[str, Any] = field(default_factory=dict)


def document(*statements: Parameters, size: int = 0) -> str:
    """A policy of these statements, filled up to so many characters without white space."""
    policy = {"Version": "2012-10-17", "Id": "", "Statement": list(statements)}
    text = json.dumps(policy, separators=(",", ":"))
    return text.replace('"Id":""', f'"Id":"{"x" * (size - len(text))}"') if size else text


def changed(statement: Parameters, **elements: Any) -> Parameters:
    """The statement with these elements; None takes one away."""
    return {name: value for name, value in (statement | elements).items() if value is not None}
