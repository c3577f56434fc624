"""Update a stamped project to a newer version by a three-way merge, which keeps the team's edits.

The merge uses the old version with the project's answers, the new version with the same answers, and the
project. If template and team changed the same lines, the file gets git's conflict markers with both versions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from extracts import files, git
from extracts.errors import ExtractsError
from extracts.home import Home, Version, is_own, spelled
from extracts.project import Project
from extracts.stamp import stamp

_PIN = re.compile(rb"(//modules/[\w-]+\?ref=v|/workflows/extract-[\w-]+\.yml@v)(\d+\.\d+\.\d+)")

# Variables of cookiecutter.json that are not questions.
FIXED = ("_repository", "_version", "_extensions", "_copy_without_render")

# An update runs the hooks of the version that the project names, with the project's answers. Raise this if a
# release fixes a vulnerability in them.
OLDEST: Version = (0, 1, 0)

# Outcomes of a file, with their text for the user.
WORDS = {
    "added": "added",
    "updated": "updated",
    "merged": "updated, your edits are kept",
    "removed": "removed",
    "conflict": "CONFLICT: both you and the new version changed the same lines",
    "kept": "kept: deleted in the new version, but you edited it",
    "left out": "left out: changed in the new version, but you deleted it",
}


@dataclass(frozen=True, slots=True)
class File:
    """A file that the new version changes."""

    path: str
    outcome: str  # a key of WORDS
    content: bytes | None  # None to delete the file
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """A planned update of a project."""

    project: Project
    to: Version
    files: list[File]
    answered: dict[str, str]  # new questions with their default answers

    @property
    def conflicts(self) -> list[str]:
        return [file.path for file in self.files if file.outcome == "conflict"]


def plan(project: Project, source: Home, to: Version | None = None) -> Update:
    """Plan the update."""
    if project.stamped is None:
        raise ExtractsError(
            f"{project.name} has no extract.yaml, so its answers are unknown. Create it again with version"
            f" {spelled(project.modules)} in another folder, copy its extract.yaml here, and commit it."
        )
    released = source.versions()
    if not released:
        raise ExtractsError(f"{source.source} has no release.")
    target = to or released[-1]
    if target < (current := max(project.stamped, project.modules)):
        raise ExtractsError(
            f"{project.name} has version {spelled(current)}; choose a version newer than {spelled(target)}."
        )
    if is_own(source.source) and project.stamped < OLDEST:
        raise ExtractsError(
            f"{project.name} was created from version {spelled(project.stamped)}, whose programs an update"
            f" does not run; create it again with version {spelled(target)} in another folder."
        )
    with TemporaryDirectory(prefix="extracts-update-") as scratch:
        old, _ = _stamped(project, source, project.stamped, Path(scratch) / "old")
        new, answered = _stamped(project, source, target, Path(scratch) / "new")
        labels = ("this project", f"version {spelled(project.stamped)}", f"version {spelled(target)}")
        merged = list(_merged(project.folder, old, new, labels, Path(scratch)))
    return Update(project, target, merged, answered)


def write(update: Update) -> None:
    """Write the update into the project, if git can undo it."""
    folder = update.project.folder
    if not git.is_in_repository(folder):
        raise ExtractsError(
            f"{folder} is not in a git repository; run `git init` and commit it, so that you can review and"
            " undo the update."
        )
    pending = git.changes(folder)
    if pending:
        raise ExtractsError(
            f"{folder} has uncommitted changes ({pending[0][3:]}); commit them, so that you can review and"
            " undo the update."
        )
    write_files(update, folder)


def write_files(update: Update, folder: Path) -> None:
    """Write the files of the update into a copy of the project."""
    for file in update.files:
        if file.outcome in ("kept", "left out"):
            continue
        if file.content is None:
            files.remove(folder, file.path)
        else:
            files.write(folder, file.path, file.content, executable=file.executable)


def _stamped(project: Project, source: Home, version: Version, folder: Path) -> tuple[Path, dict[str, str]]:
    """Return the folder of the project at a version, and the questions that have no answer."""
    template = source.template(version, folder / "template")
    known = _questions(template)
    for question, answer in project.answers.items():
        # cookiecutter renders answers, so braces in them would be executed.
        if found := re.search(r"\{\{|\{%|\{#", answer):
            raise ExtractsError(
                f"{project.name}/extract.yaml: {question}: an answer must not contain {found[0]}."
            )
    answers = {question: answer for question, answer in project.answers.items() if question in known}
    output = folder / "output"
    output.mkdir()
    made = stamp({**answers, "_repository": project.home}, output, template=template)
    return made, {question: known[question] for question in known if question not in answers}


def _questions(template: Path) -> dict[str, str]:
    """Return all questions of the template with their defaults."""
    context = json.loads((template / "cookiecutter.json").read_text(encoding="utf-8"))
    return {
        name: default[0] if isinstance(default, list) else default
        for name, default in context.items()
        if isinstance(default, str | list) and not name.startswith("__") and name not in FIXED
    }


def _merged(
    folder: Path, old: Path, new: Path, labels: tuple[str, str, str], scratch: Path
) -> Iterator[File]:
    def paths(root: Path) -> set[str]:
        return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}

    for path in sorted(paths(old) | paths(new)):
        before, after = files.content(old, path), files.content(new, path)
        if before == after and not _PIN.search(before or b""):
            continue
        here = files.content(folder, path)
        before, after = _with_endings_of(here, before), _with_endings_of(here, after)
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


def _with_endings_of(here: bytes | None, text: bytes | None) -> bytes | None:
    """Return a version's text with the line endings of the project's file.

    Git on Windows may check out every line with a carriage return, so that every line would be an edit.
    """
    if here is None or text is None or not 0 < here.count(b"\n") == here.count(b"\r\n"):
        return text
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _with_pins_of(here: bytes | None, before: bytes | None) -> bytes | None:
    """Return the old version's text with the module versions of the project.

    A team may change these versions by hand, to get a fix between two updates. That is not a conflict.
    """
    versions = {version for _, version in _PIN.findall(here or b"")}
    if before is None or len(versions) != 1:
        return before
    [version] = versions
    return _PIN.sub(lambda pin: pin[1] + version, before)


def _three_way(
    here: bytes, before: bytes, after: bytes, labels: tuple[str, str, str], scratch: Path
) -> tuple[bytes, bool]:
    """Return the merged text, and whether it is without conflicts."""
    names = ("here", "before", "after")
    for name, content in zip(names, (here, before, after), strict=True):
        (scratch / name).write_bytes(content)
    return git.merged(scratch, labels, names)
