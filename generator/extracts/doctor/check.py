"""The result of one check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check."""

    name: str
    state: Literal["ok", "failed", "skipped"]
    text: str  # what was found, or what is wrong
    remedy: str = ""  # what to do about a failure


def ok(name: str, text: str) -> Check:
    return Check(name, "ok", text)


def failed(name: str, text: str, remedy: str) -> Check:
    return Check(name, "failed", text.rstrip("."), remedy)


def skipped(name: str, text: str) -> Check:
    return Check(name, "skipped", text)
