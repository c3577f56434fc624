"""Read the text format of PostgreSQL's COPY. Both drivers receive every result in this format.

PostgreSQL can run COPY with parallel workers, which it does not use for a cursor. A long result goes to the
disk and not into memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

Row = list[str | None]

NULL = r"\N"

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MEANING = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def rows_of(path: Path) -> Iterator[Row]:
    """Yield the rows of a file that a COPY wrote."""
    with path.open("rb") as file:
        for line in file:
            yield row_of(line[:-1].decode())


def rows_in(text: str) -> list[Row]:
    """Return the rows in the text that a COPY has sent."""
    return [row_of(line) for line in text.split("\n")[:-1]]


def row_of(line: str) -> Row:
    """Return the values of one line of COPY's text, without its line feed."""
    if "\\" not in line:
        return [*line.split("\t")]
    return [value_of(text) for text in line.split("\t")]


def value_of(text: str) -> str | None:
    """Return the value that a text of COPY represents, or None for NULL.

    >>> value_of(r"a\\tb"), value_of(""), value_of(r"\\N")
    ('a\\tb', '', None)
    """
    if text == NULL:
        return None
    return _ESCAPED.sub(lambda found: _MEANING.get(found[1], found[1]), text)
