"""Measure wall time, processor time and memory of a process, and the processor time of its PostgreSQL server.

If the machine also does other work, wall time has little meaning. The processor time covers the process, its
children and all backends of the server, including parallel workers. Use the lowest value of several rounds.
To compare several functions, run all of them in each round.
"""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PR_SET_CHILD_SUBREAPER = 36
_REAPED = 0.3  # seconds until a server notices that a backend has ended


@dataclass(frozen=True, slots=True)
class Cost:
    """Time in seconds, and the highest resident set of the process in bytes."""

    wall: float
    client: float  # processor time of this process and its children
    server: float  # processor time of the backends that have ended
    peak: int = 0
    after_start: float = 0.0  # wall time after the start-up, if the process reports when the start-up ends

    @property
    def cpu(self) -> float:
        """Return the processor time of the process and the server."""
        return self.client + self.server


def least(costs: Sequence[Cost]) -> Cost:
    """Return a cost in which each field has its lowest value from the given costs."""
    return Cost(**{field.name: min(getattr(cost, field.name) for cost in costs) for field in fields(Cost)})


def rounds(count: int, works: Mapping[str, Callable[[], Cost]]) -> dict[str, Cost]:
    """Return the lowest cost of each function. Each of the `count` rounds calls all functions in turn."""
    found: dict[str, list[Cost]] = {name: [] for name in works}
    for _ in range(count):
        for name, work in works.items():
            found[name].append(work())
    return {name: least(costs) for name, costs in found.items()}


def cost_of(work: Callable[[], object], server: int) -> Cost:
    """Return what `work` costs in this process, and in the server whose process ID is `server`."""
    _adopt()
    others = _children()  # processes that started before `work`, such as servers
    began, client, backends = time.monotonic(), _client(), _server(server)
    work()
    wall = time.monotonic() - began
    _wait_for_orphans(others)
    client = _client() - client
    time.sleep(_REAPED)
    return Cost(wall, client, _server(server) - backends)


def peak_of(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command and return the highest resident set of its process in bytes."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return used.ru_maxrss * 1024


def _adopt() -> None:
    """Become the parent of orphaned processes, such as Spark's Java, to measure their time."""
    if ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError("prctl")


def _wait_for_orphans(others: set[int]) -> None:
    while orphans := _children() - others:
        for pid in orphans:
            os.waitpid(pid, 0)


def _children() -> set[int]:
    own = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    return {int(pid) for pid in own.read_text().split()}


def _client() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _server(pid: int) -> float:
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[13]) + int(stat[14])) / _TICKS  # cutime and cstime: the time of children that have ended
