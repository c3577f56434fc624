"""The packages that not every command needs and a plain installation goes without: the extra `local`."""

from __future__ import annotations

import importlib.util
import json

from extracts import __version__
from extracts.errors import ExtractsError
from extracts.resources import templates

PACKAGES = ("boto3", "psycopg", "pyspark")


def install() -> str:
    """The command that gets them, in the version that this is."""
    context = json.loads((templates() / "extract/cookiecutter.json").read_text(encoding="utf-8"))
    return f'pip install "terraform-aws-extracts[local] @ git+{context["_repository"]}@v{__version__}"'


def missing(*names: str) -> list[str]:
    """Those of them that are not installed."""
    return [name for name in names or PACKAGES if importlib.util.find_spec(name) is None]


def needed(*names: str) -> None:
    """Refuse in a sentence what cannot be done without them."""
    if absent := missing(*names):
        raise ExtractsError(f"This needs {', '.join(absent)}; install what is missing: {install()}")
