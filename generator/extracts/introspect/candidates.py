"""Find metrics, dates, names and keys of tables, and the statements that add missing indexes and rights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from extracts.introspect import graph
from extracts.introspect.catalog import Catalog, Column, Table
from extracts.introspect.words import REFERENCE, singular, words

# Words for the time when a row was written, not when the fact happened. Such columns are listed last.
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
# Words of numbers that identify, describe or order a row. A sum of them says nothing.
_NO_AMOUNT = frozenset(
    """
    age code fax lat latitude lng lon longitude month number num order phone position postal postcode
    rank sequence sort version year zip
    """.split()  # noqa: SIM905 (as a list it takes a line for each word)
)
# Words of texts that nobody wants as the name of a recipient or group. Such columns are listed last.
_PERSONAL = frozenset(
    """
    address birth card comment description email fax hash iban mail mobile note passport password phone
    photo picture postal postcode remark secret ssn street text token url website zip
    """.split()  # noqa: SIM905 (as a list it takes a line for each word)
)
_NAMES = frozenset(("name", "title", "label", "naam", "nom", "nome", "nombre", "bezeichnung"))
SMALL = 10_000  # rows that need no index


@dataclass(frozen=True, slots=True)
class Entity:
    """A table that can be the entity of an extract."""

    table: Table
    dates: tuple[Column, ...]  # its own, the likeliest first
    joined_dates: tuple[tuple[Table, Column], ...]  # of other tables, if it has none of its own
    metrics: tuple[Column, ...]
    ends: tuple[Table, ...]  # the tables where paths from it end

    @property
    def advice(self) -> tuple[str, ...]:
        """Return the statements that create missing indexes on date columns."""
        pairs = [*((self.table, date) for date in self.dates), *self.joined_dates]
        return tuple(said for table, date in pairs if (said := index_advice(table, date)))


def entities(catalog: Catalog, schema: str, links: graph.Links) -> list[Entity]:
    """Return the tables with a numeric column and a date column, the likeliest entity first.

    The date may be on a table that foreign keys lead to, as that of order lines. Tables that no foreign key
    leads to come first, the largest of them first. Views come last.
    """
    found = []
    for table in catalog.tables:
        if table.schema != schema or not (what := metrics(table, links)):
            continue
        when = tuple(dates(table))
        elsewhere = () if when else tuple(joined_dates(table, links))
        if when or elsewhere:
            ends = tuple(graph.ends(links, table.name))
            found.append(Entity(table, when, elsewhere, tuple(what), ends))

    referred_to = {link.target.name for of in links.values() for link in of}

    def rank(entity: Entity) -> tuple[bool, bool, int, str]:
        table = entity.table
        return table.is_view, table.name in referred_to, -(table.rows or 0), table.name

    return sorted(found, key=rank)


def dates(table: Table) -> list[Column]:
    """Return the readable date columns; bookkeeping columns come last."""
    found = [column for column in table.columns if column.is_date and column.readable]
    return sorted(found, key=is_bookkeeping)


def joined_dates(table: Table, links: graph.Links) -> list[tuple[Table, Column]]:
    """Return the date columns of tables that foreign keys lead to, without bookkeeping columns."""
    return [
        (target, column)
        for target in graph.reachable(links, table.name).values()
        for column in dates(target)
        if not is_bookkeeping(column)
    ]


def is_bookkeeping(column: Column) -> bool:
    """Return whether a column has a name like `created_at` or `updated_on`."""
    return bool(_BOOKKEEPING.intersection(words(column.name)))


def metrics(table: Table, links: graph.Links) -> list[Column]:
    """Return the readable numeric columns that are no part of a key or foreign key, nor named like one."""
    leading = {column for link in links.get(table.name, ()) for column in link.columns}
    taken = leading | {column for key in (table.primary_key, *table.keys) for column in key}

    def identifies(column: Column) -> bool:
        said = words(column.name)
        return (
            said[:1] == ("id",)
            or said[-1:] in (("id",), ("fk",), ("pk",), ("key",), ("no",), ("nr",))
            or bool(_NO_AMOUNT.intersection(said[-1:]))
        )

    return [
        column
        for column in table.columns
        if column.is_number and column.readable and column.name not in taken and not identifies(column)
    ]


def names(table: Table, links: graph.Links) -> list[Column]:
    """Return the text columns that can name a row: the only one with a name like `name`, else all.

    Contact details, free texts and secrets come last.
    """
    leading = {column for link in links.get(table.name, ()) for column in link.columns}
    texts = [
        column
        for column in table.columns
        if column.is_text and column.readable and column.name not in leading
    ]
    own = {singular(word) for word in words(table.name)}
    called = [
        column
        for column in texts
        if (said := {w for w in words(column.name) if singular(w) not in own}) and said <= _NAMES
    ]
    if len(called) == 1:
        return called
    return sorted(texts, key=lambda column: bool(_PERSONAL.intersection(words(column.name))))


def key(table: Table) -> tuple[str, ...]:
    """Return the columns that identify a row: the primary key, else the shortest unique key, else by name."""
    if table.primary_key:
        return table.primary_key
    if table.keys:
        return min(table.keys, key=len)
    return tuple(column.name for column in table.columns if REFERENCE.intersection(words(column.name)))[:1]


def row_columns(table: Table, links: graph.Links) -> list[str]:
    """Return the group-by columns for a row of the table: its key, and its name if there is only one."""
    called = names(table, links)
    return list(dict.fromkeys([*key(table), *([called[0].name] if len(called) == 1 else [])]))


def index_advice(table: Table, date: Column) -> str:
    """Return the statements that create a missing index, or an empty text if none is needed."""
    if table.kind in ("view", "foreign table") or (table.rows is not None and table.rows < SMALL):
        return ""
    # PostgreSQL cannot create an index of a partitioned table concurrently in one statement.
    how = "" if table.kind == "partitioned table" else " concurrently"
    return " ".join(
        f"create index{how} on {quoted(heap.schema, heap.name)} ({quoted(date.name)});"
        for heap in table.unindexed(date.name)
    )


def grants(tables: Sequence[Table], role: str, *, whole: bool = False) -> list[str]:
    """Return the GRANT statements for these tables, or with `whole` for all tables of their schemas."""
    unusable = dict.fromkeys(table.schema for table in tables if not table.is_open)
    names = [f"all tables in schema {quoted(schema)}" for schema in dict.fromkeys(t.schema for t in tables)]
    if not whole:
        names = [quoted(table.schema, table.name) for table in tables]
    return [
        *(f"grant usage on schema {quoted(schema)} to {quoted(role)};" for schema in unusable),
        *(f"grant select on {name} to {quoted(role)};" for name in names),
    ]


def quoted(*parts: str) -> str:
    """Return a name as SQL, always in quotes because of case, blanks and reserved words."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)
