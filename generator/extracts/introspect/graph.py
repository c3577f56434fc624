"""The graph of a database's tables and foreign keys. Foreign keys that are not declared are guessed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from extracts import rules
from extracts.introspect.catalog import Catalog, Column, Id, Table
from extracts.introspect.words import REFERENCE, meant, referred, stem, words

LONGEST = 8  # maximum number of links in a path
MOST = 24  # maximum number of paths between two tables; if there are more, the user must set the joins
STEPS = 20_000  # maximum number of steps of the search, for schemas with very many foreign keys

# Names of columns that many tables have. The same name in two tables does not suggest a foreign key.
_NAMELESS = frozenset((*REFERENCE, "name", "type", "kind", "status", "date", "value", "text", "description"))


@dataclass(frozen=True, slots=True)
class Link:
    """A declared or a guessed foreign key. Many rows of `start` refer to one row of `target`.

    A link to a bridge table has the opposite direction: several rows of the bridge table refer to one row of
    `start`.
    """

    start: Table
    columns: tuple[str, ...]
    target: Table
    target_columns: tuple[str, ...]
    guess: str = ""  # the reason for the guess, if no foreign key is declared
    to_bridge: bool = False

    @property
    def is_certain(self) -> bool:
        """Return whether the target's columns are unique. If they are, a join cannot multiply rows."""
        return any(set(key) <= set(self.target_columns) for key in self.target.keys)

    @property
    def may_be_null(self) -> bool:
        """Return whether a row of `start` may have no row of `target`, because a column is nullable."""
        return any(self.start.column(column).nullable for column in self.columns)

    def text(self, schema: str) -> str:
        """Return the link as a join in an answer: `TABLE: START.COLUMN = COLUMN`.

        If the joined table is in another schema than `schema`, the text contains the schema of the table.
        """
        pairs = zip(self.columns, self.target_columns, strict=True)
        said = " and ".join(f"{self.start.name}.{left} = {right}" for left, right in pairs)
        return f"{written(self.target, schema)}: {said}"


Path = tuple[Link, ...]
Links = Mapping[Id, Sequence[Link]]


def written(table: Table, schema: str) -> str:
    """Return a table in the form of an answer: with its schema, unless the entity has the same schema."""
    return table.name if table.schema == schema else f"{table.schema}.{table.name}"


def text(links: Sequence[Link], schema: str) -> str:
    """Return the links in the form of an answer to the template's question for joins."""
    return "; ".join(link.text(schema) for link in links) or "none"


def unusable_name(links: Sequence[Link]) -> str:
    """Return the first name in the links that an answer must not contain, or an empty text."""
    names = (
        (what, name)
        for link in links
        for what, some in (
            ("column", link.columns),
            ("table", (link.target.name,)),
            ("column", link.target_columns),
        )
        for name in some
    )
    return next((name for what, name in names if rules.unusable_name(name, what)), "")


def of_catalog(catalog: Catalog) -> dict[Id, list[Link]]:
    """Return the declared and the guessed foreign keys of all tables, keyed by the table where they start.

    A guess links only tables of the same schema and the same owner. Without this rule, a role that may create
    tables could create a table that matches a guess. When the tool reads this table, functions of the table's
    owner could run with the rights of the tool's role.
    """
    found: dict[Id, list[Link]] = {table.id: [] for table in catalog.tables}
    declared = set()
    for key in catalog.foreign_keys:
        found[key.table.id].append(Link(key.table, key.columns, key.target, key.target_columns))
        declared |= {(key.table.id, column) for column in key.columns}
    of_one_owner: dict[tuple[str, str], list[Table]] = {}
    for table in catalog.tables:
        of_one_owner.setdefault((table.schema, table.owner), []).append(table)
    for tables in of_one_owner.values():
        for link in _guesses(tables):
            if not any((link.start.id, column) in declared for column in link.columns):
                found[link.start.id].append(link)
    return found


def foreign_keys(links: Links, table: Table) -> list[str]:
    """Return the columns of all foreign keys of the table, including guessed foreign keys."""
    columns = (c for link in links.get(table.id, ()) if not link.to_bridge for c in link.columns)
    return list(dict.fromkeys(columns))


def _guesses(tables: Sequence[Table]) -> Iterator[Link]:
    """Yield links that names and types suggest. Dictionaries of names make this fast for many tables."""
    by_meaning: dict[tuple[str, ...], list[tuple[Table, str]]] = {}
    by_key: dict[str, list[tuple[Table, str]]] = {}
    by_composite_key: dict[str, list[tuple[Table, tuple[str, ...]]]] = {}
    for table in tables:
        if key := _own_key(table):
            by_meaning.setdefault(stem(meant(table.name)), []).append((table, key))
            by_key.setdefault(key.lower(), []).append((table, key))
        elif len(table.primary_key) > 1:
            by_composite_key.setdefault(table.primary_key[-1].lower(), []).append((table, table.primary_key))
    for table in tables:
        for column in table.columns:
            yield from _guess(table, column, by_meaning, by_key)
        yield from _composite_guesses(table, by_composite_key)


def _own_key(table: Table) -> str:
    """Return the column that identifies a row: the key, or a column with the name of a key.

    Return an empty text if the table has no such column. In a view, only a column with a unique index counts.
    """
    single = [key[0] for key in table.keys if len(key) == 1]
    if table.primary_key:
        return table.primary_key[0] if len(table.primary_key) == 1 else ""
    called = [column.name for column in table.columns if _identifies(table, column.name)]
    for name in called:
        if name in single:
            return name
    if table.is_view or len(called) != 1:
        return single[0] if len(single) == 1 else ""
    return called[0]


def _identifies(table: Table, column: str) -> bool:
    """Return whether a column has the name of a key: `id`, or `branch_id` in a table of branches."""
    about, is_reference = referred(column)
    return is_reference and (not about or stem(about) == stem(meant(table.name)))


def _guess(
    table: Table,
    column: Column,
    by_meaning: Mapping[tuple[str, ...], Sequence[tuple[Table, str]]],
    by_key: Mapping[str, Sequence[tuple[Table, str]]],
) -> Iterator[Link]:
    if (column.name,) == table.primary_key or column.is_date:
        return
    about, is_reference = referred(column.name)

    def leads(candidates: Sequence[tuple[Table, str]], why: str) -> Iterator[Link]:
        fitting = [
            (target, key)
            for target, key in candidates
            if target is not table and _comparable(column, target.column(key))
        ]
        if len(fitting) == 1:
            [(target, key)] = fitting
            yield Link(table, (column.name,), target, (key,), f"{why}; no foreign key is declared")

    found = False
    # The column `billing_address_id` leads to the table Address. A column whose name has no word such as `id`
    # leads to a table only if the whole column name matches the name of the table.
    for first in range(len(about) if is_reference else min(1, len(about))):
        for link in leads(
            by_meaning.get(stem(about[first:]), ()), f"{column.name} contains the name of the table"
        ):
            found = True
            yield link
        if found:
            return
    if not set(words(column.name)) <= _NAMELESS:
        why = f"{column.name} has the same name as the key"
        yield from leads(by_key.get(column.name.lower(), ()), why)


def _composite_guesses(
    table: Table, by_composite_key: Mapping[str, Sequence[tuple[Table, tuple[str, ...]]]]
) -> Iterator[Link]:
    """Yield links from a table that has every column of another table's composite key."""
    own = {column.name.lower(): column for column in table.columns}
    for name in own:
        for target, key in by_composite_key.get(name, ()):
            same = [own.get(part.lower()) for part in key]
            left = tuple(column.name for column in same if column is not None)
            fits = all(
                column is not None and _comparable(column, target.column(part))
                for column, part in zip(same, key, strict=True)
            )
            if target is not table and fits and left != table.primary_key:
                why = f"{', '.join(left)} have the same names as the key; no foreign key is declared"
                yield Link(table, left, target, key, why)


def _comparable(one: Column, other: Column) -> bool:
    whole = ("smallint", "integer", "bigint", "numeric")
    return (
        one.type == other.type
        or (one.type in whole and other.type in whole)
        or (one.is_text and other.is_text)
    )


def reachable(links: Links, start: Id, *, bridges: bool = False) -> dict[Id, Table]:
    """Return every table that can be reached from `start`, the nearest first."""
    return {table.id: table for table, _ in _walked(links, start, bridges=bridges)}


def distances(links: Links, start: Id) -> dict[Id, int]:
    """Return the number of links to every table that can be reached without bridge tables."""
    return {table.id: distance for table, distance in _walked(links, start, bridges=False)}


def _walked(links: Links, start: Id, *, bridges: bool) -> Iterator[tuple[Table, int]]:
    seen = {start}
    queue = deque([(start, 0)])
    while queue:
        at, distance = queue.popleft()
        for link in _usable(links, at, bridges=bridges):
            if link.target.id not in seen:
                seen.add(link.target.id)
                queue.append((link.target.id, distance + 1))
                yield link.target, distance + 1


def _usable(links: Links, start: Id, *, bridges: bool) -> Iterator[Link]:
    return (link for link in links.get(start, ()) if bridges or not link.to_bridge)


def ends(links: Links, start: Id) -> list[Table]:
    """Return the tables where paths end. If all paths are circular, return all tables that can be reached."""
    tables = reachable(links, start)
    found = [
        table
        for name, table in tables.items()
        if not any(link.target.id not in (name, start) for link in _usable(links, name, bridges=False))
    ]
    return found or list(tables.values())


def paths(links: Links, start: Id, goal: Id) -> list[Path]:
    """Return the paths from `start` to `goal`, the shortest first. No path visits a table twice.

    First, the function uses only declared foreign keys. If they give no path, the function also uses
    guesses. If there is still no path, the function also uses bridge tables.
    """
    forward = {name: list(_usable(links, name, bridges=False)) for name in links}
    declared = {name: [link for link in of if not link.guess] for name, of in forward.items()}
    return _paths(declared, start, goal) or _paths(forward, start, goal) or _paths(links, start, goal)


def _paths(links: Links, start: Id, goal: Id) -> list[Path]:
    distance = _distances(links, goal)
    found: list[Path] = []
    queue: deque[tuple[Id, Path]] = deque([(start, ())])
    steps = 0
    while queue and len(found) < MOST and steps < STEPS:
        at, path = queue.popleft()
        steps += 1
        if at == goal:
            found.append(path)
            continue
        # A spec names a joined table without its schema, so a path must not have two tables of the same
        # name.
        visited = {start[1], *(link.target.name for link in path)}
        for link in links.get(at, ()):
            left = distance.get(link.target.id)
            if left is not None and link.target.name not in visited and len(path) + 1 + left <= LONGEST:
                queue.append((link.target.id, (*path, link)))
    return found


def _distances(links: Links, goal: Id) -> dict[Id, int]:
    """Return the length of the shortest path from each table to the goal."""
    into: dict[Id, list[Id]] = {}
    for name, of in links.items():
        for link in of:
            into.setdefault(link.target.id, []).append(name)
    found = {goal: 0}
    queue = deque([goal])
    while queue:
        at = queue.popleft()
        for name in into.get(at, ()):
            if name not in found:
                found[name] = found[at] + 1
                queue.append(name)
    return found
