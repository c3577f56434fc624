"""What changed in a recipient's file against the month before, for files of any length.

The lines of both months are held against each other in a temporary database on the disk: memory does not grow
with them. Figures are compared as the files write them, with a fixed number of digits.
"""

from __future__ import annotations

import heapq
import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

Group = tuple[str, ...]

MOVES = 6  # groups whose figure moved most
NAMED = 5  # groups that are new, or gone


@dataclass(frozen=True, slots=True)
class Groups:
    """How many groups there are, and the first of them."""

    count: int
    first: list[Group]


@dataclass(frozen=True, slots=True)
class Move:
    """A group's figure beside the one of the month before."""

    group: Group
    before: Decimal
    now: Decimal
    share: float = 0.0  # of the largest move, for the bar

    @property
    def by(self) -> Decimal:
        return self.now - self.before


@dataclass(frozen=True, slots=True)
class Changes:
    """Two months side by side."""

    connection: sqlite3.Connection

    def figure_before(self, group: Group) -> Decimal | None:
        """Return a group's figure of the month before, if it had one."""
        found = self.connection.execute("SELECT figure FROM before WHERE key = ?", [_key(group)]).fetchone()
        return None if found is None else _decimal(found[0])

    def new(self) -> Groups:
        """Return the groups that the month before did not have, in the file's order."""
        return self._groups("now", "before")

    def gone(self) -> Groups:
        """Return the groups that the month before had and this one has not."""
        return self._groups("before", "now")

    def same(self) -> int:
        """Return how many groups have the figure that they had."""
        query = "SELECT count(*) FROM now JOIN before USING (key) WHERE now.figure IS before.figure"
        return int(self.connection.execute(query).fetchone()[0])

    def moves(self) -> list[Move]:
        """Return the groups whose figure moved most, the largest move first."""
        rows = self.connection.execute(
            "SELECT key, before.figure, now.figure FROM now JOIN before USING (key)"
            " WHERE now.figure IS NOT before.figure ORDER BY now.place"
        )
        moved = (
            Move(_group(key), _decimal(was) or Decimal(0), _decimal(now) or Decimal(0))
            for key, was, now in rows
        )
        largest = heapq.nlargest(MOVES, moved, key=lambda move: abs(move.by))
        most = abs(largest[0].by) if largest else Decimal(1)
        return [Move(m.group, m.before, m.now, float(abs(m.by) / most)) for m in largest]

    def _groups(self, of: str, without: str) -> Groups:
        missing = f"FROM {of} WHERE NOT EXISTS (SELECT 1 FROM {without} WHERE {without}.key = {of}.key)"
        [(count,)] = self.connection.execute(f"SELECT count(*) {missing}")
        first = self.connection.execute(f"SELECT key {missing} ORDER BY place LIMIT {NAMED}")
        return Groups(count, [_group(key) for (key,) in first])


@contextmanager
def changes(
    before: Iterable[tuple[Group, Decimal | None]], now: Iterable[tuple[Group, Decimal | None]]
) -> Iterator[Changes]:
    """Compare the groups and figures of two months."""
    connection = sqlite3.connect("")  # a file of its own that nobody else sees, and that is gone afterwards
    try:
        for table, lines in (("before", before), ("now", now)):
            connection.execute(
                f"CREATE TABLE {table} (key TEXT PRIMARY KEY, place INTEGER, figure TEXT) WITHOUT ROWID"
            )
            connection.executemany(
                f"INSERT OR IGNORE INTO {table} VALUES (?, ?, ?)",
                (
                    (_key(group), place, None if figure is None else str(figure))
                    for place, (group, figure) in enumerate(lines)
                ),
            )
        yield Changes(connection)
    finally:
        connection.close()


def _key(group: Group) -> str:
    return json.dumps(group)


def _group(key: str) -> Group:
    return tuple(json.loads(key))


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
