"""The collection as its releases have it: tags, change notes and templates of each version, from git."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from extracts import git
from extracts.errors import ExtractsError
from extracts.resources import templates
from extracts.terminal import printable

Version = tuple[int, int, int]
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")


def parse(text: str) -> Version:
    """A version as numbers that compare.

    >>> parse("v1.10.0") > parse("1.9.3")
    True
    """
    match = _VERSION.fullmatch(text.strip())
    if not match:
        raise ExtractsError(f'"{text}" is no version; versions look like 1.2.0.')
    major, minor, patch = map(int, match.groups())
    return major, minor, patch


def spelled(version: Version) -> str:
    return ".".join(map(str, version))


@dataclass(frozen=True, slots=True)
class Home:
    """A git repository of the collection, somewhere on this machine."""

    repository: Path
    source: str  # as it was named

    def versions(self) -> list[Version]:
        """The released versions, oldest first."""
        tags = self.git("tag", "--list", "v*").decode().split()
        return sorted(parse(tag) for tag in tags if _VERSION.fullmatch(tag))

    def notes(self, after: Version, to: Version) -> dict[str, str]:
        """What the change log says of each version in between, newest first."""
        text = self.git("show", f"v{spelled(to)}:CHANGELOG.md").decode()
        parts = re.split(r"^## (\S+).*\n", text, flags=re.MULTILINE)[1:]
        found = zip(parts[::2], parts[1::2], strict=True)
        return {v: note.strip() for v, note in found if _VERSION.fullmatch(v) and after < parse(v) <= to}

    def template(self, version: Version, folder: Path) -> Path:
        """The template of a version, unpacked into a folder."""
        return self.unpack(version, "templates/extract", folder)

    def unpack(self, version: Version, part: str, folder: Path) -> Path:
        """A part of the collection as it was in a version."""
        if version not in self.versions():
            known = ", ".join(map(spelled, self.versions())) or "none"
            raise ExtractsError(f"{self.source} has no version {spelled(version)}; it has {known}.")
        packed = self.git("archive", "--format=tar", f"v{spelled(version)}", part)
        with tarfile.open(fileobj=BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        return folder / part

    def git(self, *arguments: str) -> bytes:
        return git.read(self.repository, *arguments)


@contextmanager
def opened(source: str) -> Iterator[Home]:
    """The collection at a path or an address: a clone of it, for as long as it is needed."""
    with TemporaryDirectory(prefix="extracts-home-") as folder:
        git.clone(source, Path(folder) / "home.git", "--bare")
        yield Home(Path(folder) / "home.git", source)


def own() -> str:
    """Return the address of the collection that this tool is from."""
    settings = json.loads((templates() / "extract/cookiecutter.json").read_text(encoding="utf-8"))
    return str(settings["_repository"])


def runnable(named: str, template: str | None, project: str) -> str:
    """Return the collection whose template an update of a project may run: its hooks are programs.

    `named` is the project's word, and may be a stranger's; `template` is the option of whoever updates.
    """
    if template:
        return template
    if re.sub(r"(\.git)?/*$", "", named) == own():
        return named
    shown = printable(named)
    raise ExtractsError(
        f"{project} is from {shown}, which is not {own()}. An update runs programs of its template; if you"
        f" trust it, give --template {shown}."
    )
