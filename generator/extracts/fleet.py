"""Many stamped projects at once: which version each has, what newer ones bring, and how they get there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from extracts import home, plans, project
from extracts import update as updating
from extracts.errors import ExtractsError
from extracts.home import Home, Version, spelled
from extracts.project import Project


@dataclass
class Status:
    """What there is to say of a list of projects."""

    # With the newer versions; None where the collection that a project is from is out of reach.
    projects: list[tuple[Project, list[Version] | None]] = field(default_factory=list)
    notes: dict[str, str] = field(
        default_factory=dict
    )  # of every version newer than the oldest, newest first
    problems: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "projects": [
                {
                    "folder": str(found.folder),
                    "version": spelled(found.modules),
                    "stamped_from": spelled(found.stamped) if found.stamped else None,
                    "newer": None if newer is None else [spelled(version) for version in newer],
                }
                for found, newer in self.projects
            ],
            "notes": self.notes,
            "problems": self.problems,
        }


def status(folders: Sequence[Path], template: str | None) -> Status:
    """Look at every project in the folders; one that cannot be read does not hide the others."""
    result = Status()
    found = []
    for folder in folders:
        below = project.below(folder)
        if not below:
            result.problems.append(f"{folder} is no extract project and holds none.")
        for path in below:
            try:
                found.append(project.read(path))
            except ExtractsError as error:
                result.problems.append(str(error))
    with ExitStack() as open_homes:
        homes: dict[str, Home | None] = {}
        for one in found:
            source = template or one.home
            if source not in homes:
                try:
                    homes[source] = open_homes.enter_context(home.opened(source))
                except ExtractsError as error:
                    homes[source] = None
                    result.problems.append(str(error))
            if (reached := homes[source]) is None:
                result.projects.append((one, None))
                continue
            # The template may lag behind the modules, where someone has moved the pin alone.
            oldest = min(one.modules, one.stamped or one.modules)
            newer = [version for version in reached.versions() if version > oldest]
            result.projects.append((one, newer))
            if newer:
                result.notes |= reached.notes(oldest, newer[-1])
    result.notes = dict(sorted(result.notes.items(), key=lambda note: home.parse(note[0]), reverse=True))
    return result


def update(
    folders: Sequence[Path], template: str | None, to: Version | None, *, plan: bool, dry_run: bool
) -> Iterator[tuple[updating.Update, list[plans.Change] | None] | str]:
    """Each project's update and what Terraform would make of it, or the sentence why there is none.

    What is in the way of one project does not stop the others.
    """
    with ExitStack() as open_homes:
        homes: dict[str, Home] = {}
        for path in (path for folder in folders for path in project.below(folder) or [folder]):
            try:
                one = project.read(path)
                source = template or one.home
                if source not in homes:
                    homes[source] = open_homes.enter_context(home.opened(source))
                made = updating.plan(one, homes[source], to)
                changes = plans.difference(made) if plan and made.files else None
                if not dry_run:
                    updating.write(made)
            except ExtractsError as error:
                yield str(error)
                continue
            yield made, changes
            if made.conflicts:
                yield f"{path}: solve the conflicts in {', '.join(made.conflicts)}, then plan and commit."


def show(result: Status, console: Console) -> None:
    """As a table, and below it what the newer versions bring."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("project", "modules", "stamped from", "newest"):
        table.add_column(column)
    for one, newer in result.projects:
        stamped = spelled(one.stamped) if one.stamped else "no extract.yaml"
        if newer is None:
            newest = "unknown"
        else:
            newest = (
                f"[yellow]{spelled(newer[-1])}[/], {len(newer)} newer" if newer else "[green]up to date[/]"
            )
        table.add_row(str(one.folder), spelled(one.modules), stamped, newest)
    if result.projects:
        console.print(table)
    for version, note in result.notes.items():
        console.print(f"\n[bold]{version}[/]")
        console.print(note, markup=False)
