"""The packages of the extra `local`, which some commands need."""

from __future__ import annotations

import importlib.util
import json

from extracts import __version__
from extracts.errors import ExtractsError
from extracts.resources import templates

PACKAGES = ("boto3", "psycopg", "pyspark")


def install() -> str:
    """Return the command that installs these packages, with this version of the tool."""
    context = json.loads((templates() / "extract/cookiecutter.json").read_text(encoding="utf-8"))
    return f'pip install "terraform-aws-extracts[local] @ git+{context["_repository"]}@v{__version__}"'


def missing(*names: str) -> list[str]:
    """Return the packages of the extra that are not installed."""
    return [name for name in names or PACKAGES if importlib.util.find_spec(name) is None]


def needed(*names: str) -> None:
    """Raise ExtractsError if a package is not installed."""
    if absent := missing(*names):
        raise ExtractsError(f"This command needs {', '.join(absent)}; run: {install()}")
