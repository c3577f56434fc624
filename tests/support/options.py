"""The template's options from cookiecutter.json, with answers for tests.

A new option without answers for the tests fails a test.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path

from extracts.new import read_answers

Answers = dict[str, str]
ROOT = Path(__file__).resolve().parents[2]
# Number of options whose values are tried in all combinations. `make test-matrix` sets three.
TOGETHER = int(os.environ.get("OPTIONS_TOGETHER", "2"))
QUESTIONS = json.loads((ROOT / "templates/extract/cookiecutter.json").read_text())
PROMPTS = QUESTIONS.pop("__prompts__")
# The answers of the example. The address for alerts has no default, so no project is made without one.
BANK = read_answers(ROOT / "examples/bank-loans/extract.yaml")
ADDRESS = {"alert_email": BANK["alert_email"]}

# Answers that are used together, so that loops, spaces, long names and other scripts appear in every file.
SHAPES: dict[str, Answers] = {
    "as by default": {},
    "without joins, outside the schema public": {
        "entity": "shop.Till Slip",
        "metric": "total",
        "date_column": "printed",
        "joins": "none",
        "group": "till = Till Slip.till",
        "recipient": "shop = Till Slip.shop",
    },
    "in another script, dated on a joined table": {
        "entity": "融資",
        "metric": "金額",
        "date_column": "支店.開設日",
        "joins": "支店: 融資.支店_id = id",
        "group": "branch_id = 支店.id",
        "recipient": "bank_name = 支店.銀行",
    },
    "over keys of several columns, one of them called and": {
        "entity": "Tills",
        "metric": "Takings",
        "date_column": "day",
        "joins": "Salt and Pepper: Tills.and = and and Tills.salt and pepper = salt and pepper; "
        "Owner: Salt and Pepper.country = country and Salt and Pepper.and = number",
        "group": "country = Salt and Pepper.country, shop = Salt and Pepper.and",
        "recipient": "owner = Owner.name",
    },
    "with names as long as PostgreSQL allows them": {
        "entity": "L" + "o" * 62,
        "metric": "M" + "e" * 62,
        "date_column": "D" + "a" * 62,
        "joins": f"A{'c' * 62}: L{'o' * 62}.k{'e' * 62} = i{'d' * 62}",
        "group": f"k{'e' * 62} = A{'c' * 62}.k{'e' * 62}, n{'a' * 62} = A{'c' * 62}.n{'a' * 62}",
        "recipient": f"o{'w' * 62} = A{'c' * 62}.o{'w' * 62}",
    },
}
# Answers that cookiecutter.json does not list, but that create different files.
SAMPLES: dict[str, list[str]] = {
    "project_slug": [QUESTIONS["project_slug"], "moving-average-of-loan-amounts-per-banks"],
    "window_months": ["3", "1", "1200"],
    "alert_email": [BANK["alert_email"], "o.k+loans@sub.example.co"],
    "_schedule": [QUESTIONS["_schedule"], "27 23:59"],
    "_time_zone": [QUESTIONS["_time_zone"], "America/Argentina/ComodRivadavia"],
    "_region": [QUESTIONS["_region"], "us-gov-west-1"],
    "_object_lock": [QUESTIONS["_object_lock"], "governance 5 years", "compliance 1 day"],
}


def asked_for() -> list[str]:
    """Return all questions and options."""
    return list(PROMPTS)


def choices(question: str) -> list[str] | None:
    """Return the choices of a question, or None for free text."""
    prompt = PROMPTS[question]
    return None if isinstance(prompt, str) else [choice for choice in prompt if choice != "__prompt__"]


def default(question: str) -> str:
    """Return the default answer; for the address for alerts, that of the example."""
    if question in ADDRESS:
        return ADDRESS[question]
    return str((choices(question) or [QUESTIONS[question]])[0])


def factors() -> dict[str, list[Answers]]:
    """Return the factors that vary independently, with the answers of each value."""
    found: dict[str, list[Answers]] = {"shape": list(SHAPES.values())}
    for question in asked_for():
        offered = choices(question) or SAMPLES.get(question)
        if offered:
            found[question] = [{question: answer} for answer in offered]
    return found


def covering(varied: dict[str, list[Answers]], together: int = 2) -> list[Answers]:
    """Return few sets of answers with all pairs of values of any two factors; always the same sets.

    A higher strength covers all combinations of more factors.
    """
    names = list(varied)
    left = {
        tuple(zip(some, values, strict=True))
        for some in itertools.combinations(names, together)
        for values in itertools.product(*(range(len(varied[name])) for name in some))
    }
    rows = []
    while left:
        row = dict(min(left))
        for name in names:
            if name not in row:
                row[name] = max(
                    range(len(varied[name])),
                    key=lambda i: len(left & _meetings(names, {**row, name: i}, together)),
                )
        left -= _meetings(names, row, together)
        rows.append(merged(*(varied[name][i] for name, i in row.items())))
    return rows


def _meetings(names: list[str], row: dict[str, int], together: int) -> set[tuple[tuple[str, int], ...]]:
    chosen = [(name, row[name]) for name in names if name in row]
    return set(itertools.combinations(chosen, together))


def combinations() -> Iterator[Answers]:
    """Return sets of answers that cover all pairs of values, or all triples, and all combinations of choices.

    The full product has 172,800 projects: it would take hours to create them and weeks to plan them. The
    delimiter changes one line of the spec, so only the pairs have it.
    """
    few = covering(factors(), TOGETHER)
    yield from few
    offered = [[{q: c} for c in choices(q) or ()] for q in asked_for() if choices(q) and q != "delimiter"]
    for chosen, rest in zip(itertools.product(*offered), itertools.cycle(few), strict=False):
        yield merged(rest, *chosen)


def merged(*parts: Answers) -> Answers:
    """Merge several sets of answers. A later answer replaces an earlier one."""
    return {question: answer for part in parts for question, answer in part.items()}
