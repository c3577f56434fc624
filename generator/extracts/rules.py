"""Check answers with the functions in the hook of the template, which contains the rules for answers."""

from __future__ import annotations

import functools
import types
from collections import OrderedDict
from collections.abc import Mapping

from extracts.errors import ExtractsError
from extracts.resources import templates

# A placeholder for an answer that is not known yet. The placeholder is invalid for every question, so rules
# that depend on the answer do not run.
TO_COME = "\0"


@functools.cache
def _hook() -> types.ModuleType:
    """Return the hook as a module. An empty dictionary replaces its placeholder `{{cookiecutter}}`."""
    file = templates() / "extract/hooks/pre_gen_project.py"
    source = file.read_text(encoding="utf-8").replace("{{cookiecutter}}", "OrderedDict()")
    hook = types.ModuleType("extracts_template_hook")
    exec(compile(source, str(file), "exec"), hook.__dict__)
    return hook


def wrong(answers: Mapping[str, str], private: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the reasons why answers are invalid, keyed by question. The result is empty if all are valid."""
    hook = _hook()
    hook.__dict__["ANSWERS"] = OrderedDict({**answers, **private})
    found: dict[str, list[str]] = hook.invalid_answers()
    return found


def unusable_name(name: str, what: str) -> str:
    """Return the reason why an answer cannot contain a name of a table, column or schema.

    Return an empty text if the answer can contain the name.
    """
    hook = _hook()
    try:
        kept = hook.identifier(name, f"{what} name", "Amount" if what == "column" else "Loans")
    except hook.Invalid as reason:
        return str(reason)
    return "" if kept == name else f"{hook.shown(name)} begins or ends with a space, which is not allowed"


def equalities(condition: str) -> list[str]:
    """Return each `COLUMN = COLUMN` of a join with the condition `START.COLUMN = COLUMN and START. ...`."""
    found: list[str] = _hook().equalities(condition)
    return found


def tables_of_metric(answer: str) -> list[str]:
    """Return the tables whose names are in the expression of the metric `NAME = EXPRESSION`."""
    found: list[str] = _hook().tables_of_metric(answer)
    return found


def nearest_zone(name: str) -> str:
    """Return `; did you mean X?` for a wrong name of a time zone, or an empty text."""
    found: str = _hook().nearest_zone(name)
    return found


def reserved_names() -> tuple[str, ...]:
    """Return the reserved names: columns of every file, and folders such as `year=` in the path of a file."""
    reserved: tuple[str, ...] = _hook().RESERVED_NAMES
    return reserved


def refusal(found: Mapping[str, list[str]]) -> ExtractsError:
    """Return one error with all reasons, in the words of the hook."""
    count = "1 answer is" if len(found) == 1 else f"{len(found)} answers are"
    lines = [f"  - {question}: {reason}" for question, reasons in found.items() for reason in reasons]
    return ExtractsError("\n".join((f"{count} invalid; nothing was written:", *lines)))
