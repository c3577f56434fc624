"""Find bridge tables, and the links through them. A bridge table relates the rows of two tables."""

from __future__ import annotations

from collections.abc import Sequence

from extracts.introspect import candidates, graph, measures
from extracts.introspect.catalog import Catalog, Id, Table
from extracts.introspect.graph import Link

EXTRAS = 4  # maximum number of columns besides the keys, for example a position, a role and a time


def of_catalog(catalog: Catalog) -> dict[Id, list[Link]]:
    """Return the links between all tables, keyed by the table that they start from.

    Links to bridge tables come last.
    """
    found = graph.of_catalog(catalog)
    referred_to = {link.target.id for of in found.values() for link in of}
    to_bridges = [
        Link(link.target, link.target_columns, link.start, link.columns, to_bridge=True)
        for table in catalog.tables
        for link in _bridged(table, found, is_referred_to=table.id in referred_to)
    ]
    for link in to_bridges:
        found[link.start.id].append(link)
    return found


def behind(links: graph.Links, start: Table) -> list[str]:
    """Return the names of tables that are reachable only through bridge tables, the nearest first."""
    near = graph.reachable(links, start.id)
    bridge_tables = {link.target.id for of in links.values() for link in of if link.to_bridge}
    far = graph.reachable(links, start.id, bridges=True)
    return [far[id].name for id in far if id not in {start.id, *near, *bridge_tables}]


def _bridged(table: Table, links: graph.Links, *, is_referred_to: bool) -> list[Link]:
    """Return the foreign keys of a bridge table. Return nothing for any other table.

    A table is a bridge table in two cases: its key consists of at least two foreign keys, or it has few
    columns besides its foreign keys and no other table refers to it.
    """
    declared = [link for link in links[table.id] if not link.guess and link.target is not table]
    for key in table.keys:
        parts = [link for link in declared if set(link.columns) < set(key)]
        if _are_several(parts) and set(key) <= {c for part in parts for c in part.columns}:
            return parts
    return (
        declared if _are_several(declared) and not is_referred_to and _has_little_else(table, links) else []
    )


def _are_several(links: Sequence[Link]) -> bool:
    return len({link.columns for link in links}) > 1


def _has_little_else(table: Table, links: graph.Links) -> bool:
    """Return whether a table has few columns besides its keys, and no metric, date or name among them."""
    keys = {*table.primary_key, *graph.foreign_keys(links, table)}
    extras = [column for column in table.columns if column.name not in keys]
    texts = [column for column in extras if column.is_text]
    return (
        table.kind.endswith("table")
        and len(extras) <= EXTRAS
        and len(texts) <= 1
        and not any(map(candidates.is_name, texts))
        and not any(column.is_date and not candidates.is_bookkeeping(column) for column in extras)
        and not measures.numbers(table, links)
    )
