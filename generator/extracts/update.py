"""Bring a stamped project to another version as a three-way merge: what its team wrote stays.

The three are the old version with the project's answers, the new version with the same answers, and the
project. What only the template changed is taken; what only the team changed is kept; where both changed
the same lines, both stand in the file between git's own conflict marks, for the team to choose.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from extracts import git
from extracts.errors import ExtractsError
from extracts.files import inside
from extracts.home import Home, Version, spelled
from extracts.project import Project
from extracts.stamp import stamp

_PIN = re.compile(rb"(//modules/[\w-]+\?ref=v|/workflows/extract-[\w-]+\.yml@v)(\d+\.\d+\.\d+)")

# What cookiecutter.json says about the template itself.
FIXED = ("_repository", "_version", "_extensions", "_copy_without_render")

# What became of a file, in the words that are shown.
WORDS = {
    "added": "new",
    "updated": "updated",
    "merged": "updated, with the team's edits kept",
    "removed": "gone",
    "conflict": "CONFLICT: the same lines were changed here and in the new version",
    "kept": "kept: deleted in the new version, but edited here",
    "left out": "left out: changed in the new version, but deleted here",
}


@dataclass(frozen=True, slots=True)
class File:
    """One file that the new version changes."""

    path: str
    outcome: str  # a key of WORDS
    content: bytes | None  # what is to stand there; None for nothing
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """What an update would make of a project; nothing is written yet."""

    project: Project
    to: Version
    files: list[File]
    answered: dict[str, str]  # questions that are new, with the answers they were given

    @property
    def conflicts(self) -> list[str]:
        return [file.path for file in self.files if file.outcome == "conflict"]


def plan(project: Project, source: Home, to: Version | None = None) -> Update:
    """Work out the merge."""
    if project.stamped is None:
        raise ExtractsError(
            f"{project.name} has no extract.yaml, so its answers are unknown. Stamp it again with"
            f" version {spelled(project.modules)}, and commit the extract.yaml that this makes."
        )
    released = source.versions()
    if not released:
        raise ExtractsError(f"{source.source} has no released version.")
    target = to or released[-1]
    if target < (current := max(project.stamped, project.modules)):
        raise ExtractsError(
            f"{project.name} has version {spelled(current)}; {spelled(target)} is older,"
            " and an update goes forward only."
        )
    with TemporaryDirectory(prefix="extracts-update-") as scratch:
        old, _ = _stamped(project, source, project.stamped, Path(scratch) / "old")
        new, answered = _stamped(project, source, target, Path(scratch) / "new")
        labels = ("this project", f"version {spelled(project.stamped)}", f"version {spelled(target)}")
        files = list(_merged(project.folder, old, new, labels, Path(scratch)))
    return Update(project, target, files, answered)


def write(update: Update) -> None:
    """Write it into the project, where git can take it back."""
    folder = update.project.folder
    if not git.is_kept(folder):
        raise ExtractsError(
            f"{folder} is in no git repository; `git init` and commit it, so that this update can be seen and"
            " taken back."
        )
    pending = git.changes(folder)
    if pending:
        raise ExtractsError(
            f"{folder} has changes that are not committed ({pending[0][3:]}); commit them, so that this"
            " update can be seen and taken back by itself."
        )
    lay(update, folder)


def lay(update: Update, folder: Path) -> None:
    """Put the update's files into a folder with the project's."""
    for file in update.files:
        if file.outcome in ("kept", "left out"):
            continue
        path = inside(folder, file.path)
        if file.content is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        if file.executable:
            path.chmod(path.stat().st_mode | 0o111)


def _stamped(project: Project, source: Home, version: Version, folder: Path) -> tuple[Path, dict[str, str]]:
    """The project as that version stamps it; and its questions that the project has no answer to."""
    template = source.template(version, folder / "template")
    known = _questions(template)
    for question, answer in project.answers.items():
        # cookiecutter renders what it is given: an answer with braces would be run, not stamped.
        if found := re.search(r"\{\{|\{%|\{#", answer):
            raise ExtractsError(f"{project.name}/extract.yaml: {question}: an answer holds no {found[0]}.")
    answers = {question: answer for question, answer in project.answers.items() if question in known}
    output = folder / "output"
    output.mkdir()
    made = stamp({**answers, "_repository": project.home}, output, template=template)
    return made, {question: known[question] for question in known if question not in answers}


def _questions(template: Path) -> dict[str, str]:
    """The template's questions, also those that are not asked, with their defaults."""
    context = json.loads((template / "cookiecutter.json").read_text(encoding="utf-8"))
    return {
        name: default[0] if isinstance(default, list) else default
        for name, default in context.items()
        if isinstance(default, str | list) and not name.startswith("__") and name not in FIXED
    }


def _merged(
    folder: Path, old: Path, new: Path, labels: tuple[str, str, str], scratch: Path
) -> Iterator[File]:
    def files(root: Path) -> set[str]:
        return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}

    for path in sorted(files(old) | files(new)):
        before, after = _content(old / path), _content(new / path)
        if before == after and not _PIN.search(before or b""):
            continue
        here = _content(inside(folder, path))
        before = _with_pins_of(here, before)
        if before == after or here == after:
            continue
        executable = after is not None and bool((new / path).stat().st_mode & 0o100)
        if here == before:
            outcome = "added" if before is None else "removed" if after is None else "updated"
            yield File(path, outcome, after, executable)
        elif here is None:
            yield File(path, "left out", None)
        elif after is None:
            yield File(path, "kept", here)
        else:
            content, clean = _three_way(here, before or b"", after, labels, scratch)
            if content != here:
                yield File(path, "merged" if clean else "conflict", content, executable)


def _with_pins_of(here: bytes | None, before: bytes | None) -> bytes | None:
    """The old version's text with the pins that the project has.

    Moving a pin by hand is how a fix of the modules gets into a project between two updates; that it says
    another version than the template did is no edit to quarrel about.
    """
    versions = {version for _, version in _PIN.findall(here or b"")}
    if before is None or len(versions) != 1:
        return before
    [version] = versions
    return _PIN.sub(lambda pin: pin[1] + version, before)


def _three_way(
    here: bytes, before: bytes, after: bytes, labels: tuple[str, str, str], scratch: Path
) -> tuple[bytes, bool]:
    """The merged text, and whether it has no conflict."""
    names = ("here", "before", "after")
    for name, content in zip(names, (here, before, after), strict=True):
        (scratch / name).write_bytes(content)
    return git.merged(scratch, labels, names)


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
