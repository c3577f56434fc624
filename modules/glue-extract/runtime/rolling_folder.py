"""A folder as the target of an extract. An incomplete file never has its final name in the folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from rolling_errors import ExtractError

_CHUNK = 1 << 20
# Without O_NONBLOCK, `open` would wait for a writer if the path were a named pipe.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_PART = re.compile(r"\.[0-9a-f]{32}\.part")


class FolderStore:
    """A target that is a folder of the local disk.

    A file is first written under a temporary name. Then it is linked or renamed to its place. The folder is
    locked meanwhile, so no other process can act between the check of a condition and the change. The
    operating system removes the lock when the process ends.
    """

    keeps_replaced = None  # not needed: the engine warns of lost files only if the target is a bucket

    def __init__(self, root: Path) -> None:
        self._root = root

    def key(self, place: str) -> str:
        return place

    def place(self, key: str) -> str:
        inside(self._root, key)
        return key

    def check(self, place: str) -> None:
        for part in PurePosixPath(place).parts:
            check_length(part, _longest(self._root))

    def version(self, place: str) -> str | None:
        with self._explained():
            try:
                with self._opened(place) as (folder, name):
                    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                return None
            return f"{found.st_ino}-{found.st_mtime_ns}"

    def read(self, place: str) -> Iterator[bytes]:
        with self._explained():
            try:
                with self._opened(place) as (folder, name):
                    descriptor = os.open(name, _READ, dir_fd=folder)
            except FileNotFoundError as error:
                raise gone(str(self._root / place)) from error
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise ExtractError(f"{self._root / place} is not a regular file; remove it", kind="store")
            yield from _chunks(descriptor)

    def create(self, place: str, body: Path, sha256: str) -> bool:
        with self._explained(), self._aside(_chunks(body)) as new, self._room(place) as (folder, name):
            try:
                # `link` fails if the file exists already; a rename would replace the existing file
                os.link(new, name, dst_dir_fd=folder, follow_symlinks=False)
            except FileExistsError:
                return False
        return True

    def replace(self, place: str, body: Path, sha256: str, version: str) -> bool:
        with self._explained(), self._aside(_chunks(body)) as new, self._locked():
            if self.version(place) != version:
                return False
            self._rename(new, place)
        return True

    retag = replace  # a new file always has a new tag, whatever its bytes are

    def remove(self, place: str, version: str) -> bool:
        with self._explained(), self._locked():
            if self.version(place) != version:
                return False
            with self._opened(place) as (folder, name):
                os.unlink(name, dir_fd=folder)
        return True

    def commit(self, source: str, version: str, place: str) -> bool:
        with self._explained(), self._aside(self.read(source)) as new, self._locked():
            if self.version(source) != version or self.version(place) is not None:
                return False
            self._rename(new, place)
        return True

    def _rename(self, new: Path, place: str) -> None:
        with self._room(place) as (folder, name):
            os.replace(new, name, dst_dir_fd=folder)

    @contextlib.contextmanager
    def _opened(self, place: str, *, create: bool = False) -> Iterator[tuple[int, str]]:
        """Open the folder that contains a place. Return the open folder and the name of the file.

        After `inside` has checked a path, another process could replace a folder of the path with a link. So
        each folder is opened relative to the folder before it, and no link is followed.
        """
        *folders, name = inside(self._root, place).relative_to(self._root).parts
        folder = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in folders:
                if create:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, dir_fd=folder)
                outer, flags = folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                folder = os.open(part, flags, dir_fd=outer)
                os.close(outer)
            yield folder, name
        finally:
            os.close(folder)

    def _room(self, place: str) -> contextlib.AbstractContextManager[tuple[int, str]]:
        """Open the folder of a place like `_opened`, but first create missing folders."""
        return self._opened(place, create=True)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        folder = os.open(self._root, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    @contextlib.contextmanager
    def _aside(self, body: Iterator[bytes]) -> Iterator[Path]:
        """Return a temporary file in the folder, with the bytes of `body`.

        The file is locked for as long as this process needs it. A later process removes the file of a killed
        process.
        """
        self._root.mkdir(parents=True, exist_ok=True)
        new = self._root / f".{uuid.uuid4().hex}.part"
        with self._locked():
            self._sweep()
            target = new.open("xb")
            fcntl.flock(target, fcntl.LOCK_EX)
        try:
            with target:
                for chunk in body:
                    target.write(chunk)
                target.flush()
                os.fsync(target.fileno())
                yield new
        finally:
            new.unlink(missing_ok=True)

    def _sweep(self) -> None:
        for path in self._root.glob(".*.part"):
            if _PART.fullmatch(path.name) and is_left(path):
                path.unlink()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ExtractError(
                f"cannot use {self._root / str(error.filename or '')}: {error.strerror}",
                kind="store",
                cause=repr(error),
            ) from error


def inside(root: Path, place: str) -> Path:
    """Return the path of a place in a folder. Raise ExtractError if the place is not inside the folder.

    A place is a relative path without `..`, and no part of the path may be a symbolic link. Only the target
    folder itself may be a link. Reads, writes and deletions need this check, because a forged manifest could
    name any path.
    """
    parts = PurePosixPath(place).parts
    if not parts or place.startswith("/") or ".." in parts or "\0" in place:
        raise ExtractError(f'"{place}" is not a path inside {root}', kind="store")
    path = root
    for part in parts:
        path = path / part
        if path.is_symlink():
            raise ExtractError(
                f"{path} is a symbolic link, and a target must not have links; remove the link",
                kind="store",
            )
    return path


def is_left(path: Path) -> bool:
    """Return whether no process needs this temporary file or folder anymore.

    A process locks its temporary files and folders while it runs.
    """
    try:
        descriptor = os.open(path, _READ)
    except OSError:  # the file does not exist, or belongs to another user
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def check_length(name: str, most: int) -> None:
    """Refuse a key or a file name that has more bytes than the target accepts."""
    if (length := len(name.encode())) > most:
        shown = name if len(name) <= 80 else f"{name[:77]}..."
        raise ExtractError(
            f'"{shown}" is too long: {length} bytes; the limit is {most} bytes. Shorten the name of the'
            " recipient, or the prefix",
            kind="recipient_name",
        )


def gone(what: str) -> ExtractError:
    return ExtractError(
        f"another process deleted {what}; start the run again when that process has ended",
        kind="store",
    )


def _longest(folder: Path) -> int:
    """Return how many bytes a name in a folder can have. The folder may not exist yet."""
    for place in (folder, *folder.resolve().parents):
        with contextlib.suppress(OSError):
            return os.pathconf(place, "PC_NAME_MAX")
    return 255


def _chunks(path: Path | int) -> Iterator[bytes]:
    with open(path, "rb") as file:  # noqa: PTH123 (a path or a descriptor)
        while chunk := file.read(_CHUNK):
            yield chunk
