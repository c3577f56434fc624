"""The git repository of the template and the modules: its versions, change notes and files."""

from __future__ import annotations

import json
import re
import shlex
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
from extracts.terminal import one_line

Version = tuple[int, int, int]
# Each number of a version has at most 9 digits, because Python refuses to convert text with more than 4,300
# digits to a number.
_VERSION = re.compile(r"v?(\d{1,9})\.(\d{1,9})\.(\d{1,9})")


def parse(text: str) -> Version:
    """Return a version as a tuple of numbers, so that versions can be compared.

    >>> parse("v1.10.0") > parse("1.9.3")
    True
    """
    match = _VERSION.fullmatch(text.strip())
    if not match:
        shown = text if len(text) <= 80 else f"{text[:77]}..."
        raise ExtractsError(f'"{shown}" is not a version; write a version such as 1.2.0.')
    major, minor, patch = map(int, match.groups())
    return major, minor, patch


def spelled(version: Version) -> str:
    return ".".join(map(str, version))


@dataclass(frozen=True, slots=True)
class Home:
    """A clone of the template's repository on this machine."""

    repository: Path
    source: str  # the path or address that the clone comes from

    def versions(self) -> list[Version]:
        """Return the released versions, oldest first."""
        tags = self.git("tag", "--list", "v*").decode(errors="replace").split()
        return sorted(parse(tag) for tag in tags if _VERSION.fullmatch(tag))

    def notes(self, after: Version, to: Version) -> dict[str, str]:
        """Return the entries of the changelog between two versions, newest first."""
        text = self.git("show", f"v{spelled(to)}:CHANGELOG.md").decode(errors="replace")
        parts = re.split(r"^## (\S+).*\n", text, flags=re.MULTILINE)[1:]
        found = zip(parts[::2], parts[1::2], strict=True)
        return {v: note.strip() for v, note in found if _VERSION.fullmatch(v) and after < parse(v) <= to}

    def template(self, version: Version, folder: Path) -> Path:
        """Unpack the template of a version into a folder. Return the path of the unpacked template."""
        return self.unpack(version, "templates/extract", folder)

    def unpack(self, version: Version, part: str, folder: Path) -> Path:
        """Unpack a part of a version into a folder. Return the path of the unpacked part."""
        if version not in self.versions():
            known = ", ".join(map(spelled, self.versions())) or "none"
            raise ExtractsError(f"{self.source} has no version {spelled(version)}; its versions are {known}.")
        packed = self.git("archive", "--format=tar", f"v{spelled(version)}", part)
        with tarfile.open(fileobj=BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        return folder / part

    def git(self, *arguments: str) -> bytes:
        return git.read(self.repository, *arguments)


@contextmanager
def opened(source: str) -> Iterator[Home]:
    """Clone the template's repository from a path or an address, and delete the clone at the end."""
    with TemporaryDirectory(prefix="extracts-home-") as folder:
        git.clone(source, Path(folder) / "home.git", "--bare")
        yield Home(Path(folder) / "home.git", source)


def own() -> str:
    """Return the address of the repository that this tool was installed from."""
    settings = json.loads((templates() / "extract/cookiecutter.json").read_text(encoding="utf-8"))
    return str(settings["_repository"])


def is_own(address: str) -> bool:
    """Return whether this tool was installed from the repository with this address."""
    return re.sub(r"(\.git)?/*$", "", address) == own()


def runnable(named: str, template: str | None, project: str) -> str:
    """Return the repository of the template that an update uses.

    The hooks of a template are programs, so the tool must trust the repository. `template` is the repository
    in the option --template. The tool always trusts this repository. `named` is the repository that the
    project names. The tool trusts it only if the tool was installed from there. Raises ExtractsError if the
    tool trusts neither.
    """
    if template:
        return template
    if is_own(named):
        return named
    shown = one_line(named)
    raise ExtractsError(
        f"{project} was created from {shown}, not from {own()}. An update runs programs of the template. If"
        f" you trust this template, add --template {shlex.quote(shown)}."
    )
