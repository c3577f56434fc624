"""What AWS's documents limit beyond the service models. None is known yet."""

from __future__ import annotations

from extracts.local.requests.request import Refusal, Request


def check(request: Request) -> Refusal | None:
    """Return the refusal of a request that passes a documented limit, or None."""
    return None
