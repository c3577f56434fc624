"""What shows that a limit of AWS is held."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Parameters = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Probe:
    """Two requests next to the limit: one that AWS accepts, one that it refuses.

    `operation` is the limit's first one unless it is named. `state` is what the emulator holds already, keyed by
    the name of the function in `limits.state` that returns it.
    """

    accepted: Parameters
    refused: Parameters
    sentence: str = ""
    operation: str = ""
    state: dict[str, Any] = field(default_factory=dict)
