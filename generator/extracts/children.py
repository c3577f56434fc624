"""Start programs that end when this process ends, even after Ctrl-C, a signal or kill -9.

A guard process, which runs this file, starts the program. The process that calls `run` holds one end of a
pipe, and the guard holds the other end. When the calling process ends, the system closes the pipe, and the
guard ends the program and the program's children. On Linux, orphans become children of the guard, so the
guard also ends processes that left the program's process group. If the guard ends first, Linux ends the
program, too (PR_SET_PDEATHSIG). On other systems, the guard ends only the program's process group.

Limitation: kill -9 of the guard alone ends the program, but not the program's children.

The guard cannot import the package `extracts`, so this file imports only the standard library.
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
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

# Programs inherit no passwords. If a program needs a password, the caller of `run` passes the password.
_SECRET = ("PGPASSWORD", "DATABASE_URL")
_PATIENCE = 5.0  # seconds between SIGTERM and SIGKILL
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


# If this variable is set, Python does not import modules from the current folder or from the folder of a
# script. This protects against a current folder that belongs to another user. Programs inherit the variable,
# so it also protects Python processes that cookiecutter, pip or Spark start.
_SAFE = {"PYTHONSAFEPATH": "1"}


def python(module: str) -> list[str]:
    """Return the beginning of a command that runs a module with the Python of this process."""
    return [sys.executable, "-P", "-m", module]


def environment() -> dict[str, str]:
    """Return the environment without variables that contain a password."""
    return {name: value for name, value in os.environ.items() if name not in _SECRET}


@overload
def run(
    command: Sequence[str | os.PathLike[str]],
    *,
    input: str = "",
    variables: Mapping[str, str] | None = None,
    folder: Path | None = None,
    seconds: float | None = None,
    each_line: Callable[[str], None] | None = None,
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
    each_line: Callable[[str], None] | None = None,
) -> subprocess.CompletedProcess[str] | subprocess.CompletedProcess[bytes]:
    """Run a program, and capture its output as text, or as bytes if the input is bytes.

    Raises `subprocess.TimeoutExpired` after `seconds`. `each_line` gets each line of the output as soon as
    the program has written the line. With `each_line`, there is no time limit.
    """
    words = [os.fspath(word) for word in command]
    variables = {**(environment() if variables is None else variables), **_SAFE}
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
            start_new_session=True,  # so that Ctrl-C sends its signal only to this process
            pass_fds=[ours],
        )
        if each_line is None:
            output, errors = process.communicate(input, timeout=seconds)
        else:
            output, errors = _follow(process, input, each_line)
    finally:
        os.close(ours)
        os.close(theirs)
        if process is not None:
            process.wait()
    return subprocess.CompletedProcess(words, process.returncode, output, errors)


def _follow(
    process: subprocess.Popen[Any], input: str | bytes, each_line: Callable[[str], None]
) -> tuple[str, str]:
    """Return output and errors of a program. Pass on each line while the program runs."""
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    assert stdin is not None
    assert stdout is not None
    assert stderr is not None
    errors: list[str] = []
    reader = threading.Thread(target=lambda: errors.append(stderr.read()))
    reader.start()
    lines = []
    with contextlib.suppress(BrokenPipeError):  # the program has ended without reading its input
        stdin.write(input)
        stdin.close()
    for line in stdout:
        lines.append(line)
        each_line(line)
    reader.join()
    process.wait()
    return "".join(lines), "".join(errors)


def _above_standard(descriptor: int) -> int:
    """Return a descriptor whose number is above 2, for the same open file.

    The numbers 0, 1 and 2 belong to the standard streams. If a standard stream is closed, the system gives
    its number to the next file that the process opens.
    """
    if descriptor > 2:
        return descriptor
    higher = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
    os.close(descriptor)
    return higher


################################################################################
# The guard
################################################################################


def _guard(lifeline: int, command: Sequence[str]) -> int:
    """Run the command until it ends, or until the process that started the guard ends.

    Return the exit code, which is negative after a signal.
    """
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    process = subprocess.Popen(command, process_group=0, preexec_fn=end_with_parent)
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
    """Wait until the program has ended, or until the other end of the pipe is closed."""
    try:
        watched, seconds = [lifeline, os.pidfd_open(process.pid)], None
    except (AttributeError, OSError):  # not Linux, or an old kernel
        watched, seconds = [lifeline], 0.05
    while process.poll() is None:
        if lifeline in select.select(watched, [], [], seconds)[0]:
            return


def end_with_parent(sign: int = signal.SIGKILL) -> None:
    """Let Linux send this signal to this process when its parent ends."""
    _prctl(_PR_SET_PDEATHSIG, sign)


def _prctl(option: int, value: int) -> None:
    if _LIBC is not None:
        _LIBC.prctl(option, value, 0, 0, 0)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program with SIGTERM, then kill the remaining processes of its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _end_orphans() -> None:
    """Kill all children. On Linux, orphans of the program are children of this process."""
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
            # A stat file contains "PID (COMMAND) STATE PARENT ...". COMMAND may contain spaces and brackets.
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
