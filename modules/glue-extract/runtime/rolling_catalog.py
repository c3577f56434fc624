"""Read the catalog of the source: the role, and the schemas, tables, columns, keys and functions of the spec.

The queries read `pg_catalog`, because `information_schema` hides tables that the role must not read. With
`information_schema`, the engine would report that such a table does not exist, although it exists.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from rolling_errors import ExtractError, listed
from rolling_expression import literal
from rolling_repeatable import Function

_TABLE_KINDS = "('r', 'p', 'v', 'm', 'f')"


class Reader(Protocol):
    """The part of `rolling_source.Session` that this module uses."""

    def rows(self, query: str, *, reads_rows: bool = True) -> list[list[str | None]]: ...


@dataclass(frozen=True, slots=True)
class Schema:
    name: str
    usable: bool


@dataclass(frozen=True, slots=True)
class CatalogTable:
    oid: str
    schema: str
    name: str
    estimate: int  # number of rows that the planner's statistics estimate; -1 if unknown
    # names of the row-level security policies that hide rows from the role, or None
    policies: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class CatalogColumn:
    table: str  # oid of the table
    name: str
    type: str  # type with its precision; for a domain, the base type
    category: str
    readable: bool
    not_null: bool
    collation: str | None  # name of the collation, if different texts can be equal under it
    labels: tuple[str, ...] = ()  # labels of an enum, in the order of the type


@dataclass(frozen=True, slots=True)
class Key:
    """The columns of a unique index, in the order of the index."""

    table: str  # oid of the table
    columns: tuple[str, ...]
    primary: bool
    # False if a query can see two rows with equal values. This is possible for an inheritance parent, whose
    # index does not cover the children, and for a deferred index, which is only checked at the end of a
    # transaction.
    unique: bool


@dataclass(frozen=True, slots=True)
class Catalog:
    role: str
    schemas: tuple[Schema, ...]
    tables: tuple[CatalogTable, ...]  # all tables in the schemas of the spec
    functions: tuple[Function, ...]
    columns: tuple[CatalogColumn, ...] = ()  # columns of the tables in the spec
    keys: tuple[Key, ...] = ()

    def columns_of(self, table: CatalogTable) -> list[CatalogColumn]:
        return [column for column in self.columns if column.table == table.oid]

    def keys_of(self, table: CatalogTable) -> list[Key]:
        return [key for key in self.keys if key.table == table.oid]


def read_tables(session: Reader, schemas: Iterable[str], functions: Iterable[str]) -> Catalog:
    """Return the catalog without columns and keys. `functions` are the names of functions in expressions."""
    found = session.rows(tables_query(schemas, functions), reads_rows=False)
    rows = [[text or "" for text in row] for row in found]
    return Catalog(
        role=next(row[1] for row in rows if row[0] == "session"),
        schemas=tuple(Schema(row[1], row[2] == "true") for row in rows if row[0] == "schema"),
        tables=tuple(
            CatalogTable(row[3], row[1], row[2], int(row[4]), tuple(json.loads(row[5])) if row[5] else None)
            for row in rows
            if row[0] == "table"
        ),
        functions=tuple(
            Function(row[1], row[2], row[3], row[4] == "true", *json.loads(row[5]))
            for row in rows
            if row[0] == "function"
        ),
    )


def read_columns(session: Reader, catalog: Catalog, tables: Iterable[CatalogTable]) -> Catalog:
    """Return `catalog` with the columns and keys of these tables."""
    rows = session.rows(columns_query([table.oid for table in tables]), reads_rows=False)
    columns = tuple(
        CatalogColumn(
            table=row[1] or "",
            name=row[2] or "",
            type=row[3] or "",
            category=row[4] or "",
            readable=row[5] == "true",
            not_null=row[6] == "true",
            collation=row[7],
            labels=tuple(json.loads(row[8] or "[]")),
        )
        for row in rows
        if row[0] == "column"
    )
    keys = tuple(
        Key(row[1] or "", tuple(json.loads(row[2] or "[]")), row[5] == "true", row[6] == "true")
        for row in rows
        if row[0] == "key"
    )
    return replace(catalog, columns=columns, keys=keys)


def tables_query(schemas: Iterable[str], functions: Iterable[str]) -> str:
    """Return the query for role, schemas, tables and functions. The first column tells the kind of a row."""
    return f"""
    SELECT 'session', current_user::text, NULL, NULL, NULL, NULL
    UNION ALL
    SELECT 'schema', n.nspname::text, has_schema_privilege(n.oid, 'USAGE')::text, NULL, NULL, NULL
    FROM pg_catalog.pg_namespace n
    WHERE n.nspname !~ '^pg_(toast|temp)' AND n.nspname <> 'information_schema'
    UNION ALL
    SELECT 'table', n.nspname::text, c.relname::text, c.oid::text, c.reltuples::bigint::text,
           CASE WHEN row_security_active(c.oid) THEN (
               SELECT coalesce(json_agg(p.polname::text ORDER BY p.polname), '[]')::text
               FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid) END
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ({_texts(schemas)}) AND c.relkind IN {_TABLE_KINDS}
    UNION ALL
    SELECT 'function', f.proname::text, f.prokind::text, f.provolatile::text, f.proretset::text,
           -- A variadic function takes any number of arguments.
           json_build_array(f.pronargs - f.pronargdefaults - (f.provariadic <> 0)::int,
               CASE WHEN f.provariadic <> 0 THEN 1000 ELSE f.pronargs END)::text
    FROM pg_catalog.pg_proc f
    WHERE f.pronamespace = 'pg_catalog'::regnamespace AND f.proname IN ({_texts(functions)})
    """


def columns_query(oids: Sequence[str]) -> str:
    """Return the query for columns and keys of tables. The first column is the kind of the row."""
    tables = ", ".join(str(int(oid)) for oid in oids)
    return f"""
    SELECT 'column', a.attrelid::text, a.attname::text,
           pg_catalog.format_type(made.type_oid, made.modifier),
           t.typcategory::text,
           has_column_privilege(a.attrelid, a.attnum, 'SELECT')::text,
           (a.attnotnull AND c.relkind IN ('r', 'p') AND NOT EXISTS (
                SELECT FROM pg_catalog.pg_constraint n
                WHERE n.conrelid = a.attrelid AND n.contype = 'n' AND NOT n.convalidated
                  AND n.conkey = ARRAY[a.attnum]))::text,
           (SELECT l.collname::text FROM pg_catalog.pg_collation l
            WHERE l.oid = a.attcollation AND NOT l.collisdeterministic),
           (SELECT json_agg(e.enumlabel::text ORDER BY e.enumsortorder)::text FROM pg_catalog.pg_enum e
            WHERE e.enumtypid = made.type_oid)
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    -- The base of a domain, which can itself be a domain.
    JOIN LATERAL (
        WITH RECURSIVE base AS (
            SELECT t.typtype, t.oid AS type_oid, a.atttypmod AS modifier, t.typbasetype, t.typtypmod
            UNION ALL
            SELECT b.typtype, b.oid, d.typtypmod, b.typbasetype, b.typtypmod
            FROM base d JOIN pg_catalog.pg_type b ON d.typtype = 'd' AND b.oid = d.typbasetype
        ) SELECT type_oid, modifier FROM base WHERE typtype <> 'd'
    ) made ON true
    WHERE a.attrelid IN ({tables}) AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT 'key', i.indrelid::text,
           (SELECT json_agg(a.attname::text ORDER BY k.place)::text
            FROM unnest(i.indkey::smallint[]) WITH ORDINALITY k (number, place)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
            WHERE k.place <= i.indnkeyatts),
           NULL, NULL,
           i.indisprimary::text,
           (i.indimmediate AND NOT (c.relkind = 'r' AND c.relhassubclass))::text,
           NULL, NULL
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
    WHERE i.indrelid IN ({tables}) AND i.indisunique AND i.indisvalid
      AND i.indpred IS NULL AND i.indexprs IS NULL
    """


def check_money(session: Reader, columns: Sequence[str]) -> None:
    """Refuse columns of type money if the database's locale does not give money two digits.

    A metric of money has two digits by default. But in the session, money has as many digits as in the
    database (see `rolling_source.local_settings`).
    """
    if not columns:
        return
    query = "SELECT current_setting('lc_monetary'), scale(CAST(1 AS money)::numeric)"
    [[locale, digits]] = session.rows(query, reads_rows=False)
    if digits != "2":
        raise ExtractError(
            f'{listed(list(columns))} has the type money, and lc_monetary "{locale}" of the database gives it'
            f" {digits} digits after the point instead of 2; use a view that casts the column to numeric",
            kind="contract",
        )


def _texts(values: Iterable[str]) -> str:
    return ", ".join(literal(value) for value in (*values, ""))
