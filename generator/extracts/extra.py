"""The extras of the package. Only some commands need them, and a plain installation has none."""

from __future__ import annotations

import importlib.util
import json

from extracts import __version__
from extracts.errors import ExtractsError
from extracts.resources import templates

_EXTRAS = {"boto3": "aws", "pyspark": "spark"}  # the extra that installs each package


def install(package: str) -> str:
    """Return the command that installs this version of the tool with the extra that has the package."""
    context = json.loads((templates() / "extract/cookiecutter.json").read_text(encoding="utf-8"))
    source = f"git+{context['_repository']}@v{__version__}"
    return f'pip install "terraform-aws-extracts[{_EXTRAS[package]}] @ {source}"'


def is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def needed(package: str) -> None:
    """Raise ExtractsError if a package is not installed."""
    if not is_installed(package):
        raise ExtractsError(f"{package} is not installed, and this command needs it; run: {install(package)}")
