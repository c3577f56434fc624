"""An update as it is told: to a person line by line, to a script as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from extracts import plans
from extracts.home import spelled
from extracts.update import WORDS, Update


def told(update: Update, changes: Sequence[plans.Change] | None, *, dry_run: bool) -> Iterator[str]:
    """What the update is, line by line."""
    name, was = update.project.name, update.project.stamped
    assert was is not None
    if not update.files:
        yield f"{name} is up to date with version {spelled(update.to)}."
        return
    yield f"{name}: {spelled(was)} -> {spelled(update.to)}"
    for file in update.files:
        yield f"  {file.path}: {WORDS[file.outcome]}"
    for question, answer in update.answered.items():
        yield f'  the question {question} is new and was answered "{answer}"; see extract.yaml'
    if changes is not None:
        yield f"Terraform: {plans.summary(changes)}"
        yield from (f"  {change}" for change in changes)
    elif not update.conflicts:
        how = "--plan says" if dry_run else "`make plan` in the project says"
        yield f"{how} what that does to what is deployed."
    if dry_run:
        yield "Nothing was written."
    else:
        yield (
            "Written, not committed, not applied. See it with `git status` and `git diff`;"
            " `git restore . && git clean -fd .` takes it back."
        )


def as_json(update: Update, changes: Sequence[plans.Change] | None) -> dict[str, Any]:
    """The same for a script."""
    planned = None if changes is None else [asdict(change) for change in changes]
    return {
        "project": update.project.name,
        "from": spelled(update.project.stamped) if update.project.stamped else None,
        "to": spelled(update.to),
        "files": {file.path: file.outcome for file in update.files},
        "answered": update.answered,
        "terraform": planned,
    }
