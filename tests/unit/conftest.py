"""Fixtures of unit tests. A unit test must not start PostgreSQL, a JVM, Terraform or the local cloud."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

import pytest

REFUSED = {"initdb", "java", "postgres", "spark-submit", "terraform"}
_refusing = False


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if not _refusing or event not in ("os.exec", "os.posix_spawn", "subprocess.Popen"):
        return
    command = arguments[1]
    text = command if isinstance(command, str) else " ".join(os.fsdecode(word) for word in command)
    if any(PurePath(word).name in REFUSED or "local_cloud" in word for word in text.split()):
        raise AssertionError(f"A unit test starts {text}; move it to tests/integration.")


sys.addaudithook(_refuse)


@pytest.fixture(autouse=True)
def no_servers() -> Iterator[None]:
    """Fail a unit test that starts PostgreSQL, a JVM, Terraform or the local cloud."""
    global _refusing
    _refusing = True
    yield
    _refusing = False
