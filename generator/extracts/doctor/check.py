"""What one look found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a run or a deployment needs."""

    name: str
    state: Literal["ok", "failed", "skipped"]
    text: str  # what was found; of a failure, what is wrong
    remedy: str = ""  # of a failure: the one thing to do


def ok(name: str, text: str) -> Check:
    return Check(name, "ok", text)


def failed(name: str, text: str, remedy: str) -> Check:
    return Check(name, "failed", text.rstrip("."), remedy)


def skipped(name: str, text: str) -> Check:
    return Check(name, "skipped", text)
