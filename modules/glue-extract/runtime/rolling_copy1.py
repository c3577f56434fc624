"""A login of the driver's own, whose results come by PostgreSQL's COPY.

Spark's JDBC reader is made for tables that many connections read at once. For one statement it takes longer
than the statement: a query for the columns, a plan, a job, and Java compiling all of that in a process that
is seconds old. COPY needs none of it, is run by PostgreSQL's parallel workers where a cursor would not be,
and however many rows come, they go to the disk and not through memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = list[str | None]

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MEANING = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


@dataclass(frozen=True, slots=True)
class Connection:
    """One login; `Source.connected` opens and closes it.

    What goes wrong is raised as Py4J has it, for `Source.errors_explained`.
    """

    jvm: Any
    java: Any  # org.postgresql.jdbc.PgConnection

    def execute(self, statements: str) -> None:
        """Run what has no result."""
        self.java.createStatement().execute(statements)

    def copy(self, query: str, path: Path) -> None:
        """Write the query's rows to a new file, for `rows_of`."""
        stream = self.jvm.java.io.BufferedOutputStream(self.jvm.java.io.FileOutputStream(str(path)))
        try:
            self.java.getCopyAPI().copyOut(f"COPY ({query}) TO STDOUT", stream)
        finally:
            stream.close()

    def rows(self, query: str) -> list[Row]:
        """All of a small result; every value as PostgreSQL writes it."""
        text = self.jvm.java.io.StringWriter()
        self.java.getCopyAPI().copyOut(f"COPY ({query}) TO STDOUT", text)
        return [_row(line) for line in str(text.toString()).split("\n")[:-1]]


def rows_of(path: Path, start: int = 0) -> Iterator[tuple[Row, int]]:
    """The rows of a copied file from byte `start` on, each with the place of the byte after it."""
    with path.open("rb") as file:
        file.seek(start)
        for line in file:
            start += len(line)
            yield _row(line[:-1].decode()), start


def _row(line: str) -> Row:
    if "\\" not in line:
        return [*line.split("\t")]
    return [_value(text) for text in line.split("\t")]


def _value(text: str) -> str | None:
    """
    >>> _value(r"a\\tb"), _value(""), _value(r"\\N")
    ('a\\tb', '', None)
    """
    if text == r"\N":
        return None
    return _ESCAPED.sub(lambda found: _MEANING.get(found[1], found[1]), text)
