"""Report and update the versions of many projects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
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
    """The versions of a list of projects, and the notes of newer versions."""

    # Each project with its newer versions, or with None if the template's repository cannot be reached.
    projects: list[tuple[Project, list[Version] | None]] = field(default_factory=list)
    # Notes of each version that is newer than the oldest version in use, newest first.
    notes: dict[str, str] = field(default_factory=dict)
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


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Raise ExtractsError instead of OSError, UnicodeError and ValueError.

    For example, a project can name a template whose address is too long. The caller reports the error and
    continues with the next project.
    """
    try:
        yield
    except OSError as error:
        raise ExtractsError(f"{what}: {error.strerror or error}.") from error
    except UnicodeError as error:
        raise ExtractsError(f"{what}: the text is not valid Unicode.") from error
    except ValueError as error:
        raise ExtractsError(f"{what}: {error}.") from error


def status(sources: Sequence[str], template: str | None) -> Status:
    """Return the status of every project in folders and repositories. Unreadable projects are problems."""
    result = Status()
    found = []
    with TemporaryDirectory(prefix="extracts-clones-") as clones:
        for source in sources:
            try:
                with _explained("it cannot be opened"):
                    entries = project.found_in(source, Path(clones))
            except ExtractsError as error:
                result.problems.append(f"{source}: {error}")
                continue
            if not entries:
                result.problems.append(f"{source} is not an extract project and contains no extract project.")
            for path, name in entries:
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
                    with _explained(f"{one.name}: its template cannot be opened"):
                        homes[source] = open_homes.enter_context(home.opened(source))
                except ExtractsError as error:
                    homes[source] = None
                    result.problems.append(str(error))
            if (reached := homes[source]) is None:
                result.projects.append((one, None))
                continue
            # The version of the template is older than the version of the modules if somebody changed only
            # the tags of the modules.
            oldest = min(one.modules, one.stamped or one.modules)
            try:
                newer = [version for version in reached.versions() if version > oldest]
            except ExtractsError as error:
                result.problems.append(f"{one.name}: its template cannot be read: {error}")
                result.projects.append((one, None))
                continue
            result.projects.append((one, newer))
            try:
                result.notes |= reached.notes(oldest, newer[-1]) if newer else {}
            except ExtractsError as error:
                result.problems.append(f"{one.name}: the changelog of its template cannot be read: {error}")
    result.notes = dict(sorted(result.notes.items(), key=lambda note: home.parse(note[0]), reverse=True))
    return result


def update(
    sources: Sequence[str], template: str | None, to: Version | None, *, plan: bool, dry_run: bool
) -> Iterator[tuple[updating.Update, list[plans.Change] | None] | str]:
    """For each project, yield its update and the update's changes in Terraform, or yield an error message.

    An error in one project does not stop the others. Repositories are cloned into the working directory, or
    into a temporary folder for a dry run.
    """
    with ExitStack() as open_homes:
        clones = Path()
        if dry_run:
            clones = Path(open_homes.enter_context(TemporaryDirectory(prefix="extracts-clones-")))
        homes: dict[str, Home] = {}
        for source in sources:
            try:
                with _explained("it cannot be opened"):
                    entries = project.found_in(source, clones, keep=not dry_run) or [(Path(source), source)]
            except ExtractsError as error:
                yield f"{source}: {error}"
                continue
            for path, name in entries:
                try:
                    with _explained(name):
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
                    conflicts = ", ".join(made.conflicts)
                    yield f"{name}: resolve the conflicts in {conflicts}, then plan and commit."


def show(result: Status, console: Console) -> None:
    """Print a table of the projects, and the notes of newer versions."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("project", "modules", "created from", "newest"):
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
