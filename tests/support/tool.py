"""Run the command-line tool in the same way as users."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Extracts = Callable[..., subprocess.CompletedProcess[str]]


def call(
    *arguments: str | Path,
    module: str = "extracts",
    folder: Path | None = None,
    variables: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the tool, or another module, without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **(variables or {})},
    )


def preview(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `extracts preview` with these environment variables."""
    return call("preview", *arguments, variables=variables)


@pytest.fixture
def extracts(tmp_path: Path) -> Extracts:
    """Return a function that runs the installed command `extracts` in a new folder, without a terminal.

    With `closed=True`, the command also has no stdin.
    """
    command = Path(sys.executable).with_name("extracts")

    def extracts(
        *arguments: str, closed: bool = False, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        variables = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        return subprocess.run(
            [*(("bash", "-c", 'exec "$0" "$@" <&-') if closed else ()), str(command), *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            env=variables | environment,
        )

    return extracts
