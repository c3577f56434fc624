"""Find entities, dates, names and keys of tables.

Write the statements that add missing indexes and rights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from extracts.introspect import graph
from extracts.introspect.catalog import Catalog, Column, Table
from extracts.introspect.measures import Measure, measures
from extracts.introspect.words import REFERENCE, referred, singular, words

Repeats = Callable[[Table, tuple[str, ...]], bool | None]
"""Return whether several rows of the table have the same values in the columns. Return None if unknown."""

# Words in names of columns that contain the time when a row was written, not the time of the fact. Such
# columns are listed last.
_BOOKKEEPING = frozenset(
    """
    audit changed create created deleted inserted loaded modified modifieddate update updated
    """.split()  # noqa: SIM905 (as a list it takes a line for each word)
)
# Words in names of columns that do not contain the time of the fact, but a planned time, a much later time,
# or a date in a person's life.
_LATER = frozenset(
    """
    birth birthdate deliver delivered delivery due duedate end enddate expected planned required return
    returned ship shipdate shipped
    """.split()  # noqa: SIM905
)
# Words in names of text columns that contain personal data, secrets or free text. Such columns are the last
# candidates.
_PERSONAL = frozenset(
    """
    account addr address address1 address2 addressline1 addressline2 birth card cardnumber comment comments
    contact courtesy demographics description email emailaddress extension fax first firstname gender given
    hash homepage iban language last lastname login loginid mail maiden marital maritalstatus middle
    middlename mobile nationalidnumber note notes password passwordhash passwordsalt passport phone
    phonenumber photo picture postal postalcode postcode remark salt secret ssn street suffix surname tax
    text token url user username website zip
    """.split()  # noqa: SIM905
)
# Words in names of columns for a person's name. In a table with such a column, `title` is the person's title.
_PERSON = frozenset(("firstname", "lastname", "surname", "first", "last", "middlename"))
_NAMES = frozenset(("name", "title", "label", "naam", "nom", "nome", "nombre", "bezeichnung"))
SMALL = 10_000  # a table with fewer rows needs no index


@dataclass(frozen=True, slots=True)
class Entity:
    """A table that can be the entity of an extract."""

    table: Table
    dates: tuple[Column, ...]  # date columns of the table, the likeliest first
    joined_dates: tuple[tuple[Table, Column], ...]  # date columns of other tables, if the table has none
    measures: tuple[Measure, ...]  # empty if no column can be summed; then the metric counts the rows
    ends: tuple[Table, ...]  # the tables where paths from the entity end

    @property
    def advice(self) -> tuple[str, ...]:
        """Return the statements that create missing indexes on date columns."""
        pairs = [*((self.table, date) for date in self.dates), *self.joined_dates]
        return tuple(said for table, date in pairs if (said := index_advice(table, date)))


def entities(catalog: Catalog, schemas: Sequence[str], links: graph.Links) -> list[Entity]:
    """Return the tables that can be an entity, the likeliest first.

    Most of these tables have a date and a number. The date may be in a table that foreign keys lead to. For
    example, order lines have the date of their order. A table without a number must have a date column and a
    foreign key. The result begins with the tables to which no foreign key refers, the largest table first.
    Tables whose date columns only record when a row was written come later, and views come last.
    """
    found = []
    for table in catalog.tables:
        if table.schema not in schemas:
            continue
        what, when = tuple(measures(table, links)), tuple(dates(table))
        written = all(is_bookkeeping(column) for column in when)
        elsewhere = tuple(joined_dates(table, links)) if written and what else ()
        referring = any(link.target is not table and not link.to_bridge for link in links[table.id])
        if not (what or (referring and not written)) or not (when or elsewhere):
            continue
        ends = tuple(preferred(graph.ends(links, table.id), links, table))
        found.append(Entity(table, () if elsewhere else when, elsewhere, what, ends))

    referred_to = {
        link.target.id for of in links.values() for link in of if not link.to_bridge and link.start.readable
    }

    def rank(entity: Entity) -> tuple[object, ...]:
        table = entity.table
        return (
            table.is_view,
            not entity.joined_dates and all(is_bookkeeping(column) for column in entity.dates),
            table.id in referred_to,
            not entity.measures,
            -(table.rows or 0),
            table.id,
        )

    return sorted(found, key=rank)


def dates(table: Table) -> list[Column]:
    """Return the readable date columns. Nullable columns come later. Columns like `created_at` come last."""
    found = [column for column in table.columns if column.is_date and column.readable]
    return sorted(
        found,
        key=lambda column: (
            is_bookkeeping(column),
            bool(_LATER.intersection(words(column.name))),
            column.nullable,
        ),
    )


def joined_dates(table: Table, links: graph.Links) -> list[tuple[Table, Column]]:
    """Return the date columns of tables that foreign keys lead to, without columns like `created_at`."""
    return [
        (target, column)
        for target in graph.reachable(links, table.id).values()
        for column in dates(target)
        if not is_bookkeeping(column)
    ]


def is_bookkeeping(column: Column) -> bool:
    """Return whether a column has a name like `created_at` or `updated_on`."""
    return bool(_BOOKKEEPING.intersection(words(column.name)))


def names(table: Table, links: graph.Links) -> list[Column]:
    """Return the text columns whose values can name a row.

    If exactly one column has a name like `name`, and it has no personal data, return only this column.
    Otherwise return all text columns. Columns with personal data, free text or secrets come last.
    """
    leading = graph.foreign_keys(links, table)
    texts = [
        column
        for column in table.columns
        if column.is_text and column.readable and column.name not in leading
    ]
    own = {singular(word) for word in words(table.name)}
    person = any(_PERSON.intersection(words(column.name)) for column in texts)

    def called(column: Column) -> bool:
        said = {word for word in words(column.name) if singular(word) not in own}
        said = said or set(words(column.name)) - {"code"}
        return bool(said) and said <= (_NAMES - {"title"} if person else _NAMES | own)

    found = [column for column in texts if called(column)]
    if len(found) == 1 and not is_personal(found[0]):
        return found
    return sorted(texts, key=lambda c: (is_personal(c), not called(c), words(c.name)[-1:] != ("name",)))


def is_name(column: Column) -> bool:
    """Return whether the column's name is `name`, or similar."""
    return bool(_NAMES.intersection(words(column.name)))


def is_personal(column: Column) -> bool:
    """Return whether the column's name suggests personal data, a secret or free text."""
    return bool(_PERSONAL.intersection(words(column.name)))


def recipients(table: Table, links: graph.Links, repeats: Repeats) -> list[str]:
    """Return the columns whose values can be recipients, the likeliest first.

    The order is: columns with unique values, a key of one column, other columns, columns with personal data.
    """
    texts = names(table, links)
    plain = [column for column in texts if not is_personal(column)]
    unique = [column.name for column in plain if repeats(table, (column.name,)) is False]
    if len(texts) == 1 and unique:
        return unique
    own = key(table)
    return list(
        dict.fromkeys(
            (
                *unique,
                *(own if len(own) == 1 else ()),
                *(column.name for column in plain),
                *(column.name for column in texts),
            )
        )
    )


def own_recipients(table: Table, links: graph.Links, repeats: Repeats) -> list[str]:
    """Return the columns of an entity whose values can be recipients, the likeliest first.

    A unique column would give one file for each fact, so it comes after columns whose values several rows
    share.
    """
    texts = names(table, links)
    plain = [column.name for column in texts if not is_personal(column)]
    references = [
        column.name
        for column in table.columns
        if column.is_number
        and column.readable
        and referred(column.name)[1]
        and column.name not in graph.foreign_keys(links, table)
    ]
    offered = dict.fromkeys((*plain, *references, *key(table)))
    shared = [name for name in offered if repeats(table, (name,)) is not False and (name,) not in table.keys]
    return list(dict.fromkeys((*shared, *offered, *(column.name for column in texts))))


def preferred(
    ends: Sequence[Table], links: graph.Links, entity: Table, repeats: Repeats = lambda _table, _columns: None
) -> list[Table]:
    """Sort the tables. Tables whose rows have a unique name without personal data come first.

    All other tables follow. In both groups, the table that is the most joins away from the entity comes
    first. Usually, this table has the fewest rows: for example, there are fewer banks than accounts. The
    extract writes one file for each recipient, so few rows give few files.
    """

    far = graph.distances(links, entity.id)

    def rank(table: Table) -> tuple[bool, int]:
        found = names(table, links)
        named = len(found) == 1 and not is_personal(found[0]) and not repeats(table, (found[0].name,))
        return not named, -far.get(table.id, 0)

    return sorted(ends, key=rank)


def key(table: Table) -> tuple[str, ...]:
    """Return the columns that identify a row: the primary key, or else a unique key.

    Without such a key, return the first column with a word such as `id` or `key` in its name.
    """
    if table.primary_key:
        return table.primary_key
    if table.keys:
        return min(table.keys, key=len)
    return tuple(column.name for column in table.columns if REFERENCE.intersection(words(column.name)))[:1]


def row_columns(table: Table, links: graph.Links) -> list[str]:
    """Return the group-by columns of a table: its key, and the name column if there is only one candidate."""
    called = names(table, links)
    return list(dict.fromkeys([*key(table), *([called[0].name] if len(called) == 1 else [])]))


def index_advice(table: Table, date: Column) -> str:
    """Return the statements that create a missing index, or an empty text if no index is needed."""
    if table.kind in ("view", "foreign table") or (table.rows is not None and table.rows < SMALL):
        return ""
    # PostgreSQL refuses `concurrently` for the index of a partitioned table.
    how = "" if table.kind == "partitioned table" else " concurrently"
    return " ".join(
        f"create index{how} on {quoted(heap.schema, heap.name)} ({quoted(date.name)});"
        for heap in table.unindexed(date.name)
    )


def grants(tables: Sequence[Table], role: str, *, whole: bool = False) -> list[str]:
    """Return GRANT statements for these tables or, if `whole`, for all tables of the same schemas."""
    unusable = dict.fromkeys(table.schema for table in tables if not table.is_open)
    names = [f"all tables in schema {quoted(schema)}" for schema in dict.fromkeys(t.schema for t in tables)]
    if not whole:
        names = [quoted(table.schema, table.name) for table in tables]
    return [
        *(f"grant usage on schema {quoted(schema)} to {quoted(role)};" for schema in unusable),
        *(f"grant select on {name} to {quoted(role)};" for name in names),
    ]


def quoted(*parts: str) -> str:
    """Return a name as an SQL identifier in quotes.

    Quotes are needed for upper case, spaces and reserved words.
    """
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)
