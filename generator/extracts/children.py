"""Start programs that end when we end, however that is: Ctrl-C, a signal, kill -9.

Between us and a program stands a guard, which is this file run by itself. It holds a pipe whose other end we
alone hold: when we are gone, the system closes that, and the guard ends the program and all that the program
has started. On Linux that includes what has left the program's group, because orphans become children of the
guard, and the program also ends with the guard (PR_SET_PDEATHSIG). Elsewhere it is the group alone.

The guard runs without the package: only the standard library is imported here.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import overload

# A password is told to a program where it is needed, never to all of them and what they start.
_SECRET = ("PGPASSWORD", "DATABASE_URL")
_PATIENCE = 5.0  # seconds to end in an orderly way
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def environment() -> dict[str, str]:
    """Return our variables without those that hold a password."""
    return {name: value for name, value in os.environ.items() if name not in _SECRET}


@overload
def run(
    command: Sequence[str | os.PathLike[str]],
    *,
    input: str = "",
    variables: Mapping[str, str] | None = None,
    folder: Path | None = None,
    seconds: float | None = None,
) -> subprocess.CompletedProcess[str]: ...
@overload
def run(
    command: Sequence[str | os.PathLike[str]],
    *,
    input: bytes,
    variables: Mapping[str, str] | None = None,
    folder: Path | None = None,
    seconds: float | None = None,
) -> subprocess.CompletedProcess[bytes]: ...
def run(
    command: Sequence[str | os.PathLike[str]],
    *,
    input: str | bytes = "",
    variables: Mapping[str, str] | None = None,
    folder: Path | None = None,
    seconds: float | None = None,
) -> subprocess.CompletedProcess[str] | subprocess.CompletedProcess[bytes]:
    """Run a program to its end, its output captured: as text, or as bytes if the input is bytes.

    With `seconds` it is ended after that time, as `subprocess.TimeoutExpired` tells.
    """
    words = [os.fspath(word) for word in command]
    variables = environment() if variables is None else dict(variables)
    if shutil.which(words[0], path=variables.get("PATH")) is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), words[0])
    ours, theirs = map(_above_standard, os.pipe())
    process = None
    try:
        guard = [sys.executable, "-I", "-S", __file__, str(ours)]
        process = subprocess.Popen(
            [*guard, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=isinstance(input, str),
            env=variables,
            cwd=folder,
            start_new_session=True,  # Ctrl-C reaches us alone
            pass_fds=[ours],
        )
        output, errors = process.communicate(input, timeout=seconds)
    finally:
        os.close(ours)
        os.close(theirs)
        if process is not None:
            process.wait()
    return subprocess.CompletedProcess(words, process.returncode, output, errors)


def _above_standard(descriptor: int) -> int:
    """Return a descriptor that is none of the standard ones, without which we may have been started."""
    if descriptor > 2:
        return descriptor
    higher = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
    os.close(descriptor)
    return higher


################################################################################
# The guard
################################################################################


def _guard(lifeline: int, command: Sequence[str]) -> int:
    """Run the command until it ends or our parent does; return its code, negative if a signal ended it."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    process = subprocess.Popen(command, process_group=0, preexec_fn=_end_with_parent)
    signal.signal(signal.SIGTERM, _ended)
    try:
        _wait(process, lifeline)
    finally:
        _end(process)
        _end_orphans()
    return process.returncode


def _ended(*_: object) -> None:
    sys.exit(128 + signal.SIGTERM)


def _wait(process: subprocess.Popen[bytes], lifeline: int) -> None:
    """Return when the program has ended, or the pipe's other end is closed: nothing is ever written to it."""
    try:
        watched, seconds = [lifeline, os.pidfd_open(process.pid)], None
    except (AttributeError, OSError):  # not Linux, or an old one
        watched, seconds = [lifeline], 0.05
    while process.poll() is None:
        if lifeline in select.select(watched, [], [], seconds)[0]:
            return


def _end_with_parent() -> None:
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    if _LIBC is not None:
        _LIBC.prctl(option, value, 0, 0, 0)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program, politely first, and what is left of its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _end_orphans() -> None:
    """Kill all our children until there are none; on Linux each orphan of the program's becomes one."""
    while children := _children():
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)


def _children() -> list[int]:
    own = os.getpid()
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # PID (COMMAND) STATE PARENT ..., and a command may hold blanks and brackets.
            if int(place.read_text(errors="replace").rpartition(")")[2].split()[1]) == own:
                found.append(int(place.parent.name))
    return found


if __name__ == "__main__":
    code = _guard(int(sys.argv[1]), sys.argv[2:])
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)
