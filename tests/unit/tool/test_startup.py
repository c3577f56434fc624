"""The tool starts quickly. It imports a large package only in the command that needs the package."""

from __future__ import annotations

import subprocess
import sys

import pytest

# The import of each of these packages takes at least 20 ms. The whole start of the tool takes 100 ms.
LARGE = ("boto3", "cookiecutter", "jinja2", "psycopg", "pydantic", "pyspark", "requests", "rich")


@pytest.mark.parametrize("arguments", [["--version"], ["preview", "--help"]], ids=" ".join)
def test_start_of_the_tool_imports_no_large_package(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "extracts", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert {"extracts", "typer"} <= imported
    assert imported.isdisjoint(LARGE)
