"""Describe an update as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from extracts import plans
from extracts.home import spelled
from extracts.update import WORDS, Update


def lines(update: Update, changes: Sequence[plans.Change] | None, *, dry_run: bool) -> Iterator[str]:
    """Yield the lines that describe the update."""
    name, was = update.project.name, update.project.stamped
    assert was is not None
    if not update.files:
        yield f"{name} is up to date with version {spelled(update.to)}."
        return
    yield f"{name}: {spelled(was)} -> {spelled(update.to)}"
    for file in update.files:
        yield f"  {file.path}: {WORDS[file.outcome]}"
    for question, answer in update.answered.items():
        yield f'  new question {question}: the default answer is "{answer}"; change it in extract.yaml'
    if changes is not None:
        yield f"Terraform: {plans.summary(changes)}"
        yield from (f"  {change}" for change in changes)
    elif not update.conflicts:
        how = "use --plan" if dry_run else "run `make plan` in the project"
        yield f"To see the changes in AWS, {how}."
    if dry_run:
        yield "Nothing was written."
    else:
        yield (
            "Written, but not committed and not applied. Review the update with `git status` and `git diff`;"
            " undo it with `git restore . && git clean -fd .`."
        )


def as_json(update: Update, changes: Sequence[plans.Change] | None) -> dict[str, Any]:
    """Return the update as a JSON object."""
    planned = None if changes is None else [asdict(change) for change in changes]
    return {
        "project": update.project.name,
        "from": spelled(update.project.stamped) if update.project.stamped else None,
        "to": spelled(update.to),
        "files": {file.path: file.outcome for file in update.files},
        "answered": update.answered,
        "terraform": planned,
    }
