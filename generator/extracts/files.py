"""Read and write files of untrusted projects and targets.

Text files have a size limit. All paths stay inside the folder of the project or target.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import io
import os
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from extracts.errors import ExtractsError

LIMIT = 4 << 20  # bytes; the files of a usual project are a hundred times smaller
START = 512  # bytes at the start of a page; they contain the element that identifies the page


def inside(folder: Path, place: str) -> Path:
    """Return the path of `place` in `folder`. Do not open the path: use the functions of this module.

    Raises ExtractsError unless `place` is a relative path that stays inside the folder. The path must not
    contain `..` or symbolic links, but the folder itself may be a link. The path must not lead into a nested
    git repository, because git does not show changes of a nested repository in the outer repository.
    """
    parts = PurePosixPath(place).parts
    if not parts or place.startswith("/") or ".." in parts or "\0" in place:
        raise ExtractsError(f"{place} is not a path inside {folder}; write a relative path without ..")
    path = folder
    for number, part in enumerate(parts, start=1):
        path = path / part
        if path.is_symlink():
            raise ExtractsError(f"{path} is a symbolic link; replace it with a {_kind(number, parts)}.")
        if number < len(parts) and os.path.lexists(path / ".git"):
            raise ExtractsError(f"{path} is a separate git repository; {place} cannot be written there.")
    return path


def _kind(number: int, parts: tuple[str, ...]) -> str:
    return "file" if number == len(parts) else "folder"


def text(path: Path, shown: str = "") -> str:
    """Return the text of a regular file in UTF-8, up to the size limit.

    `shown` is the name in error messages. Set it if the path has no meaning for the user.
    """
    shown = shown or str(path)
    try:
        # The open is non-blocking, because opening a named pipe waits for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ExtractsError(f"{shown} cannot be read: it is not a regular file.")
            content = file.read(LIMIT + 1)
    except OSError as error:
        raise ExtractsError(f"{shown} cannot be read: {error.strerror}.") from error
    if len(content) > LIMIT:
        raise ExtractsError(f"{shown} cannot be read: it is larger than {LIMIT >> 20} MiB.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ExtractsError(f"{shown} cannot be read: it is not UTF-8.") from error


def settings(path: Path, shown: str = "") -> Any:
    """Return the content of a YAML or JSON file. Refuse YAML aliases, which can expand to gigabytes."""
    content = text(path, shown)
    try:
        return yaml.load(content, _Loader)
    except RecursionError as error:
        raise ExtractsError(f"{shown or path} cannot be read: it is nested too deeply.") from error
    except yaml.MarkedYAMLError as error:
        # The message omits the text that PyYAML quotes, because the file can be a link to any other file.
        at = error.problem_mark or error.context_mark
        place = f" in line {at.line + 1}, column {at.column + 1}" if at else ""
        raise ExtractsError(f"{shown or path} cannot be read: it is not YAML{place}.") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ExtractsError(f"{shown or path} cannot be read: {' '.join(str(error).split())}.") from error


def content(folder: Path, place: str) -> bytes | None:
    """Return the bytes of a file in a folder, or None if there is no regular file."""
    with _regular(folder, place) as file:
        return file.read() if file else None


def digest(folder: Path, place: str) -> str | None:
    """Return the SHA-256 of a file in a folder, or None if there is no regular file."""
    with _regular(folder, place) as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if file else None


@contextlib.contextmanager
def _regular(folder: Path, place: str) -> Iterator[io.BufferedReader | None]:
    """Open a file in a folder. Yields None if there is no regular file."""
    try:
        with _opened(folder, place) as (parent, name):
            descriptor = os.open(name, _READ | os.O_NONBLOCK, dir_fd=parent)
    except FileNotFoundError:
        yield None
        return
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        yield None
        return
    with os.fdopen(descriptor, "rb") as file:
        yield file


def write(
    folder: Path,
    place: str,
    content: bytes,
    *,
    executable: bool = False,
    private: bool = False,
    replaces: bytes = b"",
) -> None:
    """Create a file in a folder, or replace it. A replaced file keeps its mode.

    If `private` is set, only the owner can read the new file, whatever mode the old file has. If `replaces`
    is set, an existing file must contain these bytes near its start. If it does not, the function raises
    ExtractsError.

    The function writes another file and renames it, because the old file may be a hard link to a file
    elsewhere.
    """
    aside = f".{uuid.uuid4().hex}.part"
    with _opened(folder, place, create=0o777) as (parent, name):
        if replaces and replaces not in _start(parent, name, missing=replaces):
            raise ExtractsError(
                f"{folder / place} was created or changed after the start of the command; move it away, or"
                " give another path."
            )
        flags, mode = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600 if private else 0o666
        descriptor = os.open(aside, flags, mode, dir_fd=parent)
        with os.fdopen(descriptor, "wb") as file:
            try:
                file.write(content)
                file.flush()
                if not private:
                    _copy_mode(descriptor, parent, name)
                if executable:
                    os.fchmod(descriptor, stat.S_IMODE(os.fstat(descriptor).st_mode) | 0o111)
                os.replace(aside, name, src_dir_fd=parent, dst_dir_fd=parent)
            except BaseException:
                os.unlink(aside, dir_fd=parent)
                raise


def _start(parent: int, name: str, *, missing: bytes) -> bytes:
    """Return the first bytes of a file, or `missing` if there is no file."""
    try:
        descriptor = os.open(name, _READ | os.O_NONBLOCK, dir_fd=parent)
    except FileNotFoundError:
        return missing
    with os.fdopen(descriptor, "rb") as file:
        return file.read(START) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""


def _copy_mode(descriptor: int, parent: int, name: str) -> None:
    """Give the mode of an existing file to a new file.

    A file that belongs to another user can have any mode. So the new file lets no other user write to it, and
    it never runs with the rights of its owner.
    """
    with contextlib.suppress(FileNotFoundError):
        old = os.stat(name, dir_fd=parent, follow_symlinks=False)
        os.fchmod(descriptor, old.st_mode & (0o777 if old.st_uid == os.geteuid() else 0o755))


def remove(folder: Path, place: str) -> None:
    """Delete a file in a folder."""
    with _opened(folder, place) as (parent, name):
        os.unlink(name, dir_fd=parent)


def remove_empty(folder: Path, place: str) -> None:
    """Delete a folder inside another folder, if the inner folder is empty."""
    with _opened(folder, place) as (parent, name), contextlib.suppress(OSError):  # the folder is not empty
        os.rmdir(name, dir_fd=parent)


def move(source: Path, folder: Path, place: str) -> None:
    """Move a file to the same place in another folder, and replace an existing file in this place.

    The function creates missing folders, to which only this user has access.
    """
    with _opened(source, place) as (there, name), _opened(folder, place, create=0o700) as (here, _):
        os.replace(name, name, src_dir_fd=there, dst_dir_fd=here)


_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextlib.contextmanager
def _opened(folder: Path, place: str, *, create: int = 0) -> Iterator[tuple[int, str]]:
    """Yield a descriptor of the folder that contains `place`, and the last part of `place`.

    The function creates missing folders with the mode `create`. If `create` is 0, it creates no folder.

    First, `inside` checks the path and reports clear errors. After this check, somebody could still replace a
    folder by a link. So this function opens each folder relative to its parent folder, and follows no links.
    """
    inside(folder, place)
    *parents, name = PurePosixPath(place).parts
    if create:
        folder.mkdir(create, parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for parent in parents:
            if create:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(parent, create, dir_fd=descriptor)
            inner = os.open(parent, _READ | os.O_DIRECTORY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor, name
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENOTDIR):
            raise
        raise ExtractsError(
            f"{folder / place} or a folder on its path was replaced by a link or a file; restore the"
            " original."
        ) from error
    finally:
        os.close(descriptor)


def _secured(folder: Path) -> Path:
    """Return the path of a folder with all links resolved. Create missing folders for this user only.

    Raises ExtractsError if another user can replace a folder or a link on the path. The function starts at
    the root and follows each link itself. So nobody else can change a part of the path after its check.
    """
    path, rest, links = Path("/"), [*reversed(folder.absolute().parts[1:])], 0
    while rest:
        _refuse_replaceable(path, folder)
        part = rest.pop()
        if part == "..":
            path = path.parent
            continue
        inner = path / part
        if not os.path.lexists(inner):
            with contextlib.suppress(FileExistsError):
                inner.mkdir(mode=0o700)
        status = inner.lstat()
        if not stat.S_ISLNK(status.st_mode):
            path = inner
            continue
        _refuse_owner(inner, status, folder)
        links += 1
        if links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(folder))
        target = inner.readlink()
        path = Path("/") if target.is_absolute() else path
        rest += reversed(target.parts[1:] if target.is_absolute() else target.parts)
    return path


_MOST_LINKS = 40  # the limit of Linux for one path


def _refuse_replaceable(parent: Path, folder: Path) -> None:
    """Raise ExtractsError if other users can rename a folder in `parent`, which is on the path of `folder`.

    Members of the user's own group do not count as other users.
    """
    status = parent.lstat()
    _refuse_owner(parent, status, folder)
    by_group = status.st_mode & stat.S_IWGRP and status.st_gid != os.getegid()
    if (by_group or status.st_mode & stat.S_IWOTH) and not status.st_mode & stat.S_ISVTX:
        raise ExtractsError(
            f"Other users can write to {parent}, so they can replace {folder}; choose another place."
        )


def _refuse_owner(path: Path, status: os.stat_result, folder: Path) -> None:
    """Raise ExtractsError unless `path`, a part of the path of `folder`, belongs to root or to the user."""
    if status.st_uid not in (0, os.geteuid()):
        raise ExtractsError(
            f"{path} belongs to another user, who can replace {folder}; choose another place."
        )


_LOCK = ".extracts.lock"


@contextlib.contextmanager
def private_folder(folder: Path) -> Iterator[Path]:
    """Lock a folder for this process. Other users can neither read the folder nor write to it.

    Yields the real path of the folder, in which no part is a link. Use only this path, because somebody may
    change a link in the given path while the lock is held. The folder is created if it does not exist. It is
    deleted at the end if it is empty. Raises ExtractsError if the folder belongs to another user, if other
    users have rights to it, if they can replace a folder or a link on its path, or if another process has
    locked it.
    """
    created = not folder.exists()
    real = _secured(folder)
    descriptor = os.open(real, _READ | os.O_DIRECTORY)
    try:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid():
            raise ExtractsError(f"{folder} belongs to another user; choose a folder of your own.")
        if status.st_mode & 0o077:
            # The tool creates this file only in its own folders, so chmod is safe there. Other users may need
            # access to any other folder.
            own = (real / ".extracts-preview").exists()
            then = f"run `chmod 700 {folder}`" if own else "choose another folder"
            raise ExtractsError(f"Other users have access to {folder}; {then}.")
        lock = _locked(folder, descriptor)
        try:
            yield real
        finally:
            os.unlink(_LOCK, dir_fd=descriptor)
            os.close(lock)
    finally:
        os.close(descriptor)
        if created:
            with contextlib.suppress(OSError):  # the folder contains files
                real.rmdir()


def _locked(folder: Path, descriptor: int) -> int:
    """Return the descriptor of the folder's lock file. The system unlocks it when this process ends."""
    while True:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        lock = os.open(_LOCK, flags, 0o600, dir_fd=descriptor)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(lock), os.stat(_LOCK, dir_fd=descriptor)):
                    return lock
        except BlockingIOError as error:
            os.close(lock)
            raise ExtractsError(
                f"Another process writes to {folder}; wait until it has ended, or choose another folder."
            ) from error
        os.close(lock)  # another process has deleted the lock file meanwhile


def write_private(path: Path, content: str) -> None:
    """Create a file with this content. Other users can never read the file."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(content)


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """A loader that refuses aliases, which can expand to gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            line = event.start_mark.line + 1
            raise yaml.YAMLError(f"line {line} has a YAML alias; write the value instead")
        node: yaml.Node | None = super().compose_node(parent, index)
        return node
