"""Test whether values repeat in a table. The other modules of this package read only the catalog."""

from __future__ import annotations

from extracts.errors import ExtractsError
from extracts.introspect.candidates import Repeats, quoted
from extracts.introspect.catalog import Table, connected

LARGE = 5_000_000  # a table with more rows is not tested, because the test would take too long


def repeats(url: str) -> Repeats:
    """Return a function that reports whether several rows of a table have the same values in some columns.

    If the columns have a unique index, the function needs no query. It returns None for a large table, for a
    view, if a right is missing, and after a timeout. Each query has its own connection, because the user may
    need much time for a prompt between two queries.
    """
    known: dict[tuple[Table, tuple[str, ...]], bool | None] = {}

    def found(table: Table, columns: tuple[str, ...]) -> bool | None:
        if (table, columns) not in known:
            known[table, columns] = _repeated(url, table, columns)
        return known[table, columns]

    return found


def _repeated(url: str, table: Table, columns: tuple[str, ...]) -> bool | None:
    if any(set(key) <= set(columns) for key in table.keys):
        return False
    if table.is_view or (table.rows or 0) > LARGE or not all(table.column(name).readable for name in columns):
        return None
    names = ", ".join(map(quoted, columns))
    filled = " and ".join(f"{quoted(name)} is not null" for name in columns)
    query = (
        f"select exists(select from {quoted(table.schema, table.name)} where {filled}"
        f" group by {names} having pg_catalog.count(*) > 1)"
    )
    try:
        with connected(url) as connection:
            [(repeated,)] = connection.execute(query.encode())
    except ExtractsError:
        return None  # not known, for example after a timeout; the engine checks the values in each run
    return bool(repeated)
