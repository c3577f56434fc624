"""The result of one check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check."""

    name: str
    state: Literal["ok", "notice", "failed", "skipped"]
    text: str  # the facts that the check found, or the reason for the failure
    remedy: str = ""  # what to do about a failure or a notice


def ok(name: str, text: str) -> Check:
    return Check(name, "ok", text)


def failed(name: str, text: str, remedy: str) -> Check:
    return Check(name, "failed", text.rstrip("."), remedy)


def notice(name: str, text: str, remedy: str) -> Check:
    """Return a check that found a risk. The risk does not prevent a run, so `doctor` does not fail."""
    return Check(name, "notice", text.rstrip("."), remedy)


def skipped(name: str, text: str) -> Check:
    return Check(name, "skipped", text)
