"""Many stamped projects at once: which version each has, what newer ones bring, and how they get there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.markup import escape
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
                    "folder": found.name,
                    "version": spelled(found.modules),
                    "stamped_from": spelled(found.stamped) if found.stamped else None,
                    "newer": None if newer is None else [spelled(version) for version in newer],
                }
                for found, newer in self.projects
            ],
            "notes": self.notes,
            "problems": self.problems,
        }


def status(sources: Sequence[str], template: str | None) -> Status:
    """Look at every project in the folders and repositories; one that cannot be read hides no other."""
    result = Status()
    found = []
    with TemporaryDirectory(prefix="extracts-clones-") as clones:
        for source in sources:
            try:
                meant = project.meant(source, Path(clones))
            except ExtractsError as error:
                result.problems.append(f"{source}: {error}")
                continue
            if not meant:
                result.problems.append(f"{source} is no extract project and holds none.")
            for path, name in meant:
                try:
                    found.append(project.read(path, name))
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
    sources: Sequence[str], template: str | None, to: Version | None, *, plan: bool, dry_run: bool
) -> Iterator[tuple[updating.Update, list[plans.Change] | None] | str]:
    """Each project's update and what Terraform would make of it, or the sentence why there is none.

    What is in the way of one project does not stop the others. A repository is cloned into the folder where
    one is, for a dry run aside.
    """
    with ExitStack() as open_homes:
        clones = Path()
        if dry_run:
            clones = Path(open_homes.enter_context(TemporaryDirectory(prefix="extracts-clones-")))
        homes: dict[str, Home] = {}
        for source in sources:
            try:
                meant = project.meant(source, clones, keep=not dry_run) or [(Path(source), source)]
            except ExtractsError as error:
                yield f"{source}: {error}"
                continue
            for path, name in meant:
                try:
                    one = project.read(path, name)
                    origin = home.runnable(one.home, template, name)
                    if origin not in homes:
                        homes[origin] = open_homes.enter_context(home.opened(origin))
                    made = updating.plan(one, homes[origin], to)
                    changes = plans.difference(made) if plan and made.files else None
                    if not dry_run:
                        updating.write(made)
                except ExtractsError as error:
                    yield str(error)
                    continue
                yield made, changes
                if made.conflicts:
                    yield f"{name}: solve the conflicts in {', '.join(made.conflicts)}, then plan and commit."


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
        table.add_row(escape(one.name), spelled(one.modules), stamped, newest)
    if result.projects:
        console.print(table)
    for version, note in result.notes.items():
        console.print(f"\n[bold]{version}[/]")
        console.print(note, markup=False)
