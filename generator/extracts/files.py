"""Files of projects and targets, which may be a stranger's: what is read is small, what is written inside."""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from extracts.errors import ExtractsError

LIMIT = 4 << 20  # bytes; the largest file that a project is known by has a hundredth of it


def inside(folder: Path, place: str) -> Path:
    """Return the path of `place` in `folder`, if it belongs there; whoever writes or deletes asks this first.

    A place is relative and leads nowhere else: no `..`, no symbolic link at its end or on its way, and no
    repository of its own, whose changes the folder's git would not show. The folder may be a link itself.
    """
    parts = PurePosixPath(place).parts
    if not parts or place.startswith("/") or ".." in parts or "\0" in place:
        raise ExtractsError(f"{place} is no place in {folder}; it must be relative, without ..")
    path = folder
    for number, part in enumerate(parts, start=1):
        path = path / part
        if path.is_symlink():
            raise ExtractsError(f"{path} is a symbolic link; put a {_kind(number, parts)} of its own there.")
        if number < len(parts) and os.path.lexists(path / ".git"):
            raise ExtractsError(f"{path} is a git repository of its own; {place} is not for us to write.")
    return path


def _kind(number: int, parts: tuple[str, ...]) -> str:
    return "file" if number == len(parts) else "folder"


def text(path: Path, shown: str = "") -> str:
    """Return what a file says in UTF-8; no device, no pipe, nothing endless is read.

    `shown` is what to call it in a sentence, where its path means nothing to anybody.
    """
    shown = shown or str(path)
    try:
        # Not blocking: who opens a pipe would wait for its other end.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ExtractsError(f"{shown} cannot be read: it is no regular file.")
            content = file.read(LIMIT + 1)
    except OSError as error:
        raise ExtractsError(f"{shown} cannot be read: {error.strerror}.") from error
    if len(content) > LIMIT:
        raise ExtractsError(f"{shown} cannot be read: it has more than {LIMIT >> 20} MiB.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ExtractsError(f"{shown} cannot be read: it is not UTF-8.") from error


def settings(path: Path, shown: str = "") -> Any:
    """Return what a YAML or JSON file holds; a few bytes that stand for very many are refused."""
    content = text(path, shown)
    try:
        return yaml.load(content, _Loader)
    except RecursionError as error:
        raise ExtractsError(f"{shown or path} cannot be read: it is nested too deeply.") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ExtractsError(f"{shown or path} cannot be read: {' '.join(str(error).split())}.") from error


def write_private(path: Path, content: str) -> None:
    """Write a new file that its owner alone may read, in the moment that it is made."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(content)


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Without aliases, by which a line stands for a billion."""

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise yaml.YAMLError(f"an alias, line {event.start_mark.line + 1}; write the value itself")
        node: yaml.Node | None = super().compose_node(parent, index)
        return node
