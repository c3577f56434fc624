"""Find processes on this machine."""

from __future__ import annotations

import subprocess
from collections import defaultdict


def descendants(root: int) -> set[int]:
    table = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    children = defaultdict(set)
    for line in table.splitlines():
        number, parent = map(int, line.split())
        children[parent].add(number)
    found: set[int] = set()
    todo = [root]
    while todo:
        fresh = children[todo.pop()] - found
        found |= fresh
        todo += fresh
    return found


def alive(number: int) -> bool:
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(number)], capture_output=True, text=True, check=False
    )
    return bool(state.stdout.strip()) and not state.stdout.startswith("Z")
