"""Find the templates and modules: beside this package in a checkout, and inside this package in a wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent
_CHECKOUT = _PACKAGE.parents[1]


def _folder(inside: str, beside: str) -> Path:
    packaged = _PACKAGE / inside
    return packaged if packaged.is_dir() else _CHECKOUT / beside


def templates() -> Path:
    """Return the folder of the cookiecutter templates."""
    return _folder("_templates", "templates")


def modules() -> Path:
    """Return the folder of the Terraform modules."""
    return _folder("_modules", "modules")
