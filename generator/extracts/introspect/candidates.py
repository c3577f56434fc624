"""What a table offers an extract: figures, dates, names, keys, and the advice that goes with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from extracts.introspect import links as ways
from extracts.introspect.catalog import Catalog, Column, Table
from extracts.introspect.words import REFERENCE, singular, words

# Columns that say when a row was written, not when the fact happened: named last, never left out.
_BOOKKEEPING = frozenset(
    (
        "created",
        "create",
        "updated",
        "update",
        "modified",
        "changed",
        "inserted",
        "deleted",
        "loaded",
        "audit",
    )
)
_NAMES = frozenset(("name", "title", "label", "naam", "nom", "nome", "nombre", "bezeichnung"))
SMALL = 10_000  # rows that are read in no time, whatever the index


@dataclass(frozen=True, slots=True)
class Entity:
    """A table that an extract could be about."""

    table: Table
    dates: tuple[Column, ...]  # the likeliest first
    metrics: tuple[Column, ...]
    ends: tuple[Table, ...]  # whom its rows belong to in the end

    @property
    def advice(self) -> tuple[str, ...]:
        """What to do for each date column that no index serves."""
        return tuple(said for date in self.dates if (said := index_advice(self.table, date)))


def entities(catalog: Catalog, schema: str, links: ways.Links) -> list[Entity]:
    """The tables of a schema with a date and a number.

    First those that nothing else belongs to, as facts are, the largest first; views last.
    """
    found = []
    for table in catalog.tables:
        when, what = dates(table), metrics(table, links)
        if table.schema == schema and when and what:
            found.append(Entity(table, tuple(when), tuple(what), tuple(ways.ends(links, table.name))))

    referred_to = {link.target.name for of in links.values() for link in of}

    def rank(entity: Entity) -> tuple[bool, bool, int, str]:
        table = entity.table
        return table.is_view, table.name in referred_to, -(table.rows or 0), table.name

    return sorted(found, key=rank)


def dates(table: Table) -> list[Column]:
    """When a fact could have happened; what looks like bookkeeping comes last."""
    found = [column for column in table.columns if column.is_date and column.readable]
    return sorted(found, key=is_bookkeeping)


def is_bookkeeping(column: Column) -> bool:
    """True for what looks like `created_at` or `updated_on`."""
    return bool(_BOOKKEEPING.intersection(words(column.name)))


def metrics(table: Table, links: ways.Links) -> list[Column]:
    """Numbers that are neither a key nor lead somewhere."""
    leading = {column for link in links.get(table.name, ()) for column in link.columns}
    taken = leading | set(table.primary_key)

    def identifies(column: Column) -> bool:
        said = words(column.name)
        return said[:1] == ("id",) or said[-1:] in (("id",), ("fk",), ("pk",), ("key",), ("no",), ("nr",))

    return [
        column
        for column in table.columns
        if column.is_number and column.readable and column.name not in taken and not identifies(column)
    ]


def names(table: Table, links: ways.Links) -> list[Column]:
    """Texts that tell people what a row is; one that is called name, if there is one, alone."""
    leading = {column for link in links.get(table.name, ()) for column in link.columns}
    texts = [
        column
        for column in table.columns
        if column.is_text and column.readable and column.name not in leading
    ]
    owner = {singular(word) for word in words(table.name)}
    called = [
        column
        for column in texts
        if (said := {w for w in words(column.name) if singular(w) not in owner}) and said <= _NAMES
    ]
    return called if len(called) == 1 else texts


def key(table: Table) -> tuple[str, ...]:
    """The columns that stand for a row: the primary key, else the narrowest unique one, else by name."""
    if table.primary_key:
        return table.primary_key
    if table.keys:
        return min(table.keys, key=len)
    return tuple(column.name for column in table.columns if REFERENCE.intersection(words(column.name)))[:1]


def line_columns(table: Table, links: ways.Links) -> list[str]:
    """What a line shows of a row of this table: its key, and its name where there is just one."""
    called = names(table, links)
    return list(dict.fromkeys([*key(table), *([called[0].name] if len(called) == 1 else [])]))


def index_advice(table: Table, date: Column) -> str:
    """What to run once, where reading a month would mean reading the whole table; else nothing."""
    if table.kind in ("view", "foreign table") or (table.rows is not None and table.rows < SMALL):
        return ""
    # An index of a partitioned table cannot be made concurrently in one statement.
    how = "" if table.kind == "partitioned table" else " concurrently"
    return " ".join(
        f"create index{how} on {quoted(heap.schema, heap.name)} ({quoted(date.name)});"
        for heap in table.unindexed(date.name)
    )


def grants(tables: Sequence[Table], role: str, *, whole: bool = False) -> list[str]:
    """What lets a role read these tables, or with `whole` all of their schemas."""
    closed = dict.fromkeys(table.schema for table in tables if not table.is_open)
    names = [f"all tables in schema {quoted(schema)}" for schema in dict.fromkeys(t.schema for t in tables)]
    if not whole:
        names = [quoted(table.schema, table.name) for table in tables]
    return [
        *(f"grant usage on schema {quoted(schema)} to {quoted(role)};" for schema in closed),
        *(f"grant select on {name} to {quoted(role)};" for name in names),
    ]


def quoted(*parts: str) -> str:
    """A name as SQL has it. Always in quotes: case, blanks and reserved words then do not matter."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)
