"""The template's own rules for answers, taken from its hook: there is no second list of what is right."""

from __future__ import annotations

import functools
import types
from collections import OrderedDict
from collections.abc import Mapping

from extracts.errors import ExtractsError
from extracts.resources import templates

# Wrong as an answer to whatever question: the rules that depend on an answer still to come then hold back.
TO_COME = "\0"


@functools.cache
def _hook() -> types.ModuleType:
    """The hook as a module, with no answers where cookiecutter puts them in before it runs it."""
    file = templates() / "extract/hooks/pre_gen_project.py"
    source = file.read_text(encoding="utf-8").replace("{{cookiecutter}}", "OrderedDict()")
    hook = types.ModuleType("extracts_template_hook")
    exec(compile(source, str(file), "exec"), hook.__dict__)
    return hook


def wrong(answers: Mapping[str, str], private: Mapping[str, str]) -> dict[str, list[str]]:
    """What is wrong with each wrong answer, by question; nothing where the project can be stamped."""
    hook = _hook()
    hook.__dict__["ANSWERS"] = OrderedDict({**answers, **private})
    found: dict[str, list[str]] = hook.wrong_answers()
    return found


def unsayable(name: str, what: str) -> str:
    """Why no answer can hold this name of a table, column or schema; nothing where one can."""
    hook = _hook()
    try:
        held = hook.identifier(name, f"{what} name", "Amount" if what == "column" else "Loans")
    except hook.Wrong as reason:
        return str(reason)
    return "" if held == name else f"{hook.shown(name)} begins or ends with a blank, which no answer keeps"


def equalities(condition: str) -> list[str]:
    """Each `COLUMN = COLUMN` of a hop `TABLE: START.COLUMN = COLUMN and START.COLUMN = COLUMN`."""
    found: list[str] = _hook().equalities(condition)
    return found


def nearest_zone(name: str) -> str:
    """`; did you mean X?` for the name of a time zone, or nothing."""
    found: str = _hook().nearest_zone(name)
    return found


def taken_labels() -> tuple[str, ...]:
    """What heads a column, or a part of a key, in every file."""
    taken: tuple[str, ...] = _hook().TAKEN_LABELS
    return taken


def refusal(found: Mapping[str, list[str]]) -> ExtractsError:
    """All of it at once, worded as the hook words it."""
    count = "1 answer cannot" if len(found) == 1 else f"{len(found)} answers cannot"
    lines = [f"  - {question}: {reason}" for question, reasons in found.items() for reason in reasons]
    return ExtractsError("\n".join((f"{count} be used; nothing was written:", *lines)))
