"""Start a server, wait until it answers, and make sure that it ends together with this process."""

from __future__ import annotations

import errno
import os
import pwd
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from extracts import children
from extracts.errors import ExtractsError

LOOPBACK = "127.0.0.1"


class PortTakenError(ExtractsError):
    """Another process took the port before the server could bind it."""


def free_port() -> int:
    """Return a free port of the loopback interface.

    The caller must try again if another process takes the port before the server binds the port.
    """
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def unprivileged_user() -> str | None:
    """Return the user for servers that refuse to run as root, or None if this process is not root."""
    if os.geteuid() != 0:
        return None
    for name in ("nobody", "daemon"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise ExtractsError(
        "PostgreSQL refuses to run as root, and the users `nobody` and `daemon` do not exist; run this"
        " command as a user other than root."
    )


@contextmanager
def running(
    name: str,
    command: Sequence[str | os.PathLike[str]],
    *,
    log: Path,
    ready: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
    user: str | None = None,
    seconds: float = 30,
    stop_signal: int = signal.SIGTERM,
    pass_fds: Sequence[int] = (),
    kept: bool = False,
    folder: Path = Path("/"),
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` in `folder` until the block ends. Yield once `ready()` is true.

    The started process has its own session. So Ctrl-C reaches only the calling process, which stops its
    servers one after the other. The output of the started process goes to `log`. If the start fails, the
    error quotes the last line of the log.

    On Linux, the started process also ends when the calling process is killed, unless `kept` is true.
    """
    process = None
    try:
        with log.open("ab") as output, undisturbed():
            process = subprocess.Popen(
                [os.fspath(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment) if environment is not None else None,
                user=user,
                group=pwd.getpwnam(user).pw_gid if user else None,
                extra_groups=[] if user else None,
                start_new_session=True,
                pass_fds=pass_fds,
                preexec_fn=None if kept else partial(children.end_with_parent, stop_signal),
                cwd=folder,
            )
        deadline = time.monotonic() + seconds
        while not ready():
            if process.poll() is not None:
                raise failure(name, f"ended with code {process.returncode}", log)
            if time.monotonic() > deadline:
                raise failure(name, f"did not answer within {seconds:.0f} s", log)
            time.sleep(0.05)
        yield process
    finally:
        if process:
            with undisturbed():
                stop(process, stop_signal)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Delay Ctrl-C and SIGTERM until the block ends.

    Without this delay, an interrupt during a start leaves a process behind. A second interrupt during the
    cleanup leaves the other processes behind.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    handlers = {
        number: signal.signal(number, lambda got, _: held.append(got))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])


def stop(process: subprocess.Popen[bytes], stop_signal: int = signal.SIGTERM) -> None:
    """Stop the process and its children, first with SIGTERM."""
    if process.poll() is None:
        process.send_signal(stop_signal)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    _end_group(process.pid)  # the children of the process may still run


def _end_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def failure(name: str, what: str, log: Path) -> ExtractsError:
    """Return the error for a server that did not start. It usually quotes the log's last line."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    text = "\n".join(lines)
    if "Address already in use" in text or os.strerror(errno.EADDRINUSE) in text:
        return PortTakenError(
            f"{name}: its port is in use by another program; stop that program or choose another port."
        )
    if os.strerror(errno.ENOSPC) in text:
        return ExtractsError(
            f"{name}: the disk is full; free some space and run the command again. Log: {log}"
        )
    last = lines[-1] if lines else "no output"
    return ExtractsError(f"{name} {what}: {last} (log: {log})")


def answers(port: int) -> bool:
    """Return whether a server listens on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def identities(numbers: Sequence[int]) -> list[tuple[int, str]]:
    """Return each process ID with its command. `end` stops a process only if its command is the same."""
    return [(number, _command(number)) for number in numbers]


def end(noted: Sequence[tuple[int, str]]) -> None:
    """Stop the processes in the list that an earlier run saved."""
    for number, command in noted:
        if not command or _command(number) != command:
            continue
        is_database = "postgres" in command
        for stop_signal in (
            signal.SIGINT if is_database else signal.SIGTERM,
            signal.SIGQUIT if is_database else signal.SIGKILL,  # also ends a server that waits for a client
        ):
            os.kill(number, stop_signal)
            deadline = time.monotonic() + 5
            while _command(number) == command and time.monotonic() < deadline:
                time.sleep(0.1)
            if _command(number) != command:
                break


def _command(number: int) -> str:
    done = subprocess.run(
        ["ps", "-o", "args=", "-p", str(number)], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()
