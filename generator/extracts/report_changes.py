"""Compare the files of a recipient from two months. The files may be of any size.

A temporary database on disk compares the rows of both months, so large files need no more memory than small
files. Values are compared as the files contain them, with a fixed number of digits.
"""

from __future__ import annotations

import heapq
import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal

from extracts.report_months import Group, Row
from extracts.report_numbers import number

MOVES = 6  # maximum length of the list of groups with the largest changes
NAMED = 5  # maximum length of the list of new groups, and of the list of removed groups


@dataclass(frozen=True, slots=True)
class Groups:
    """The number of groups, and the first groups in the order of the file."""

    count: int = 0
    first: list[Group] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Move:
    """The value of a group in this month and in the month before. One of the two values may be missing."""

    group: Group
    before: Decimal | None
    now: Decimal | None

    @property
    def size(self) -> Decimal:
        """Return the size of the change. A missing value counts as 0."""
        return abs((self.now or Decimal(0)) - (self.before or Decimal(0)))


@dataclass(frozen=True, slots=True)
class Compared:
    """The changes of a metric: the largest changes, and the numbers of changed and of unchanged groups."""

    moves: list[Move]
    changed: int
    same: int


@dataclass(frozen=True, slots=True)
class Changes:
    """The rows of two months in a temporary database."""

    connection: sqlite3.Connection

    def new(self) -> Groups:
        """Return the groups that are not in the month before, in the order of the file."""
        return self._groups("now", "before")

    def gone(self) -> Groups:
        """Return the groups that are only in the month before."""
        return self._groups("before", "now")

    def compared(self, metrics: int) -> list[Compared]:
        """Return the changes of each metric."""
        largest: list[list[tuple[Decimal, int, Move]]] = [[] for _ in range(metrics)]
        changed, rows = [0] * metrics, 0
        query = "SELECT key, now.place, before.texts, now.texts FROM now JOIN before USING (key)"
        for key, place, was, now in self.connection.execute(query):
            rows += 1
            if was == now:
                continue
            for metric, (old, new) in enumerate(zip(json.loads(was), json.loads(now), strict=True)):
                if old == new:
                    continue
                changed[metric] += 1
                move = Move(tuple(json.loads(key)), number(old), number(new))
                keep = heapq.heappush if len(largest[metric]) < MOVES else heapq.heappushpop
                # Equal changes stay in the order of the file.
                keep(largest[metric], (move.size, -place, move))
        return [
            Compared([move for _, _, move in sorted(found, reverse=True)], count, rows - count)
            for found, count in zip(largest, changed, strict=True)
        ]

    def _groups(self, of: str, without: str) -> Groups:
        missing = f"FROM {of} WHERE NOT EXISTS (SELECT 1 FROM {without} WHERE {without}.key = {of}.key)"
        [(count,)] = self.connection.execute(f"SELECT count(*) {missing}")
        first = self.connection.execute(f"SELECT key {missing} ORDER BY place LIMIT {NAMED}")
        return Groups(count, [tuple(json.loads(key)) for (key,) in first])


@contextmanager
def changes(before: Iterable[Row], now: Iterable[Row]) -> Iterator[Changes]:
    """Open a comparison of two months."""
    connection = sqlite3.connect("")  # with an empty name, SQLite uses a private temporary file
    try:
        for table, rows in (("before", before), ("now", now)):
            connection.execute(
                f"CREATE TABLE {table} (key TEXT PRIMARY KEY, place INTEGER, texts TEXT) WITHOUT ROWID"
            )
            connection.executemany(
                f"INSERT OR IGNORE INTO {table} VALUES (?, ?, ?)",
                ((json.dumps(row.group), place, json.dumps(row.values)) for place, row in enumerate(rows)),
            )
        yield Changes(connection)
    finally:
        connection.close()
