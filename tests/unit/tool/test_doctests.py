"""Run the examples in docstrings of the tool."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import extracts

PACKAGE = Path(extracts.__file__).parent
MODULES = sorted(
    ".".join(("extracts", *path.relative_to(PACKAGE).with_suffix("").parts))
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_correct(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted
    assert not result.failed
