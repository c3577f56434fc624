"""Wait until an event in the background has happened."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def until(question: Callable[[], Any], seconds: float = 120) -> Any:
    """Call the function until its result is true, and return the result. Fail after `seconds` seconds."""
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < deadline, f"no answer within {seconds} seconds"
        time.sleep(0.1)
    return answer
