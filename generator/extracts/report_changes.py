"""Compare a recipient's files of two months, for files of any size.

The rows of both months are compared in a temporary database on disk, so memory does not grow with them.
Values are compared as in the files, with a fixed number of digits.
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

MOVES = 6  # groups with the largest changes
NAMED = 5  # listed new or removed groups


@dataclass(frozen=True, slots=True)
class Groups:
    """The number of groups, and the first of them."""

    count: int
    first: list[Group]


@dataclass(frozen=True, slots=True)
class Move:
    """A group's value, and its value in the month before."""

    group: Group
    before: Decimal
    now: Decimal
    share: float = 0.0  # of the largest change, for the bar

    @property
    def by(self) -> Decimal:
        return self.now - self.before


@dataclass(frozen=True, slots=True)
class Changes:
    """The values of two months in a temporary database."""

    connection: sqlite3.Connection

    def value_before(self, group: Group) -> Decimal | None:
        """Return a group's value of the month before, or None."""
        found = self.connection.execute("SELECT value FROM before WHERE key = ?", [_key(group)]).fetchone()
        return None if found is None else _decimal(found[0])

    def new(self) -> Groups:
        """Return the groups that the month before does not have, in the file's order."""
        return self._groups("now", "before")

    def gone(self) -> Groups:
        """Return the groups that only the month before has."""
        return self._groups("before", "now")

    def same(self) -> int:
        """Return the number of groups with an unchanged value."""
        query = "SELECT count(*) FROM now JOIN before USING (key) WHERE now.value IS before.value"
        return int(self.connection.execute(query).fetchone()[0])

    def moves(self) -> list[Move]:
        """Return the groups with the largest changes, the largest first."""
        rows = self.connection.execute(
            "SELECT key, before.value, now.value FROM now JOIN before USING (key)"
            " WHERE now.value IS NOT before.value ORDER BY now.place"
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
    """Open a comparison of two months."""
    connection = sqlite3.connect("")  # a private temporary file
    try:
        for table, rows in (("before", before), ("now", now)):
            connection.execute(
                f"CREATE TABLE {table} (key TEXT PRIMARY KEY, place INTEGER, value TEXT) WITHOUT ROWID"
            )
            connection.executemany(
                f"INSERT OR IGNORE INTO {table} VALUES (?, ?, ?)",
                (
                    (_key(group), place, None if value is None else str(value))
                    for place, (group, value) in enumerate(rows)
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
