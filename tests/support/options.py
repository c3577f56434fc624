"""The options of the template in cookiecutter.json, with answers for tests.

A test fails if this file has no answers for an option of cookiecutter.json.
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
# The sets of answers contain all pairs of values (2), or all triples (3). `make test-matrix` sets 3.
TOGETHER = int(os.environ.get("OPTIONS_TOGETHER", "2"))
QUESTIONS = json.loads((ROOT / "templates/extract/cookiecutter.json").read_text())
PROMPTS = QUESTIONS.pop("__prompts__")
# The answers of the example bank-loans. Every test project uses its alert_email, which has no default.
BANK = read_answers(ROOT / "examples/bank-loans/extract.yaml")
ADDRESS = {"alert_email": BANK["alert_email"]}

# Sets of answers that belong together. They test names with spaces, long names, names in other scripts, and
# projects with and without joins.
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
# More answers for tests. cookiecutter.json does not list them, but they change the files of a project.
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
    """Return all questions and options of the template."""
    return list(PROMPTS)


def choices(question: str) -> list[str] | None:
    """Return the choices of a question, or None if its answer is free text."""
    prompt = PROMPTS[question]
    return None if isinstance(prompt, str) else [choice for choice in prompt if choice != "__prompt__"]


def default(question: str) -> str:
    """Return the default answer. For the address for alerts, return the answer of the example."""
    if question in ADDRESS:
        return ADDRESS[question]
    return str((choices(question) or [QUESTIONS[question]])[0])


def factors() -> dict[str, list[Answers]]:
    """Return the possible answers of each question that varies independently of the others."""
    found: dict[str, list[Answers]] = {"shape": list(SHAPES.values())}
    for question in asked_for():
        offered = choices(question) or SAMPLES.get(question)
        if offered:
            found[question] = [{question: answer} for answer in offered]
    return found


def covering(varied: dict[str, list[Answers]], together: int = 2) -> list[Answers]:
    """Return a few sets of answers. Each pair of values of two questions is in at least one set.

    With `together=3`, each triple of values is in at least one set. The result is the same for each call.
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
    """Yield sets of answers: first all pairs or triples of values, then all combinations of choices.

    A choice is an answer that cookiecutter.json lists. The combinations leave out the question `delimiter`,
    because it changes only one line of the spec. All combinations of all answers would be more than 200,000
    projects. It would take hours to create them and weeks to plan them.
    """
    few = covering(factors(), TOGETHER)
    yield from few
    offered = [[{q: c} for c in choices(q) or ()] for q in asked_for() if choices(q) and q != "delimiter"]
    for chosen, rest in zip(itertools.product(*offered), itertools.cycle(few), strict=False):
        yield merged(rest, *chosen)


def merged(*parts: Answers) -> Answers:
    """Merge several sets of answers. A later answer to the same question replaces an earlier one."""
    return {question: answer for part in parts for question, answer in part.items()}
