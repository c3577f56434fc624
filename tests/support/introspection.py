"""The report of `extracts inspect`, and the spec of a project, as values that tests compare."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.tool import Extracts

NEW = ("new", "--no-input", "--alert-email", "data-team@example.com")


@pytest.fixture
def entities(extracts: Extracts) -> Callable[..., dict[str, Any]]:
    """Return the tables of `extracts inspect --json`, keyed by name, in the order of the report."""

    def entities(url: str, *arguments: str) -> dict[str, Any]:
        done = extracts("inspect", "--database-url", url, "--json", *arguments)
        assert done.returncode == 0, done.stderr
        return {f"{e['schema']}.{e['table']}": e for e in json.loads(done.stdout)["entities"]}

    return entities


def paths(entity: dict[str, Any]) -> list[str]:
    return [" → ".join(path["tables"]) for path in entity["paths"]]


def spec(project: Path) -> dict[str, Any]:
    """Return the arguments of `Extract(...)` as values, but `joins` and `metrics` as source code."""
    tree = ast.parse((project / "Glue/etl.py").read_text())
    [call] = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "Extract"
    ]
    return {
        k.arg: ast.unparse(k.value) if k.arg in ("joins", "metrics") else ast.literal_eval(k.value)
        for k in call.keywords
        if k.arg
    }
