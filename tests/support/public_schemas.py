"""Databases with the schemas of five public projects, and `extracts new` for these databases."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from extracts import cli

DATABASES = Path(__file__).parent / "databases"
MAIL = ("--alert-email", "data@example.com")


@pytest.fixture(scope="session")
def public(made: Callable[[str, str], str]) -> Callable[[str], str]:
    """Return a function that returns the URL of a public schema. Its first call creates the database."""
    urls: dict[str, str] = {}

    def public(name: str) -> str:
        if name not in urls:
            urls[name] = made(name, (DATABASES / f"{name}.sql").read_text())
        return urls[name]

    return public


class Terminal(io.StringIO):
    """A terminal whose user presses Enter at each prompt."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def created(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Return a function that runs `extracts new` in this process.

    The command has no terminal. With `terminal=True`, it has a terminal, and the user presses Enter at each
    prompt.
    """

    def created(url: str, *options: str, terminal: bool = False) -> Path:
        monkeypatch.setattr(sys, "stdin", Terminal("\n" * 40) if terminal else io.StringIO())
        output = tmp_path / "made"
        given = ("--project-slug", "made-up", "--output-dir", str(output), *MAIL)
        enter = () if terminal else ("--no-input",)
        cli.app(["new", "--database-url", url, *given, *enter, *options], standalone_mode=False)
        return output / "made-up"

    return created
