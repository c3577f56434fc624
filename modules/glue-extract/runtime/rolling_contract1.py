"""The contract check: does the store hold what the spec names, may the job's role read it, and can the types
bear it?

It runs before anything else is read and long before anything is written, on one read of the system catalog.
`pg_catalog` rather than `information_schema`, because the latter hides what the role may not read, and "there
is no such table" would be a lie then.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from rolling_errors import ExtractError, listed
from rolling_spec1 import Extract

# Type categories of pg_type that can stand on a line of a file: numbers, text, dates, booleans, enums,
# network addresses and intervals. uuid is of the catch-all category U and is let in by name.
_GROUPABLE = frozenset("NSDBEIT")
_EXACT = ("smallint", "integer", "bigint", "numeric", "money")
_INEXACT = ("real", "double precision")
WHOLE = ("smallint", "integer", "bigint")
_DATES = ("date", "timestamp without time zone", "timestamp with time zone")


@dataclass(frozen=True, slots=True)
class CatalogRow:
    """One row of the catalog read: a session, a schema, a table, a column or a unique key, told apart by
    `kind`. A key's `column` is the JSON list of its columns.
    """

    kind: str
    table: str
    column: str
    type: str
    category: str
    readable: bool
    estimate: int  # rows, as the planner believes; -1 when it has no idea
    collation: str | None = None  # a column's, if texts that differ are equal under it


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the store spells it.

    `alias` is its table's in the statement: t0 for the entity, t1 for the first hop, ...
    """

    alias: str
    table: str
    name: str
    type: str  # without precision: "numeric", "timestamp with time zone"
    category: str
    digits: int | None  # after the point, where the type fixes it

    @property
    def is_text(self) -> bool:
        return self.category == "S"

    @property
    def is_float(self) -> bool:
        return self.type in _INEXACT


@dataclass(frozen=True, slots=True)
class Hop:
    """One hop, from a table that is already reached to the next. Both sides have as many columns."""

    lefts: tuple[Column, ...]
    rights: tuple[Column, ...]
    optional: bool
    unique: bool  # an index says so
    name: str  # as the spec's author would say it: "Loans.Account_idAccount = Account.idAccount"

    @property
    def start(self) -> str:
        """The alias that the hop leads from."""
        return self.lefts[0].alias


@dataclass(frozen=True, slots=True)
class Contract:
    """The spec with every name resolved.

    `tables[i]` and `estimates[i]` belong to alias `t{i}`; `hops[i]` leads to `t{i + 1}`. `where` and
    `unassigned` are the spec's, the latter only where an optional hop leads to the recipient.
    """

    schema: str
    role: str
    tables: tuple[str, ...]
    estimates: tuple[int, ...]
    hops: tuple[Hop, ...]
    metric: Column
    date: Column
    group: tuple[Column, ...]
    recipient: Column
    where: str | None = None
    unassigned: str | None = None
    carried: tuple[Column, ...] = ()  # of the entity, for the spec's transform
    partition: Column | None = None  # of the entity; None where the date parts the read

    def hop_to(self, alias: str) -> Hop:
        return self.hops[int(alias[1:]) - 1]

    def path(self, alias: str) -> tuple[str, ...]:
        """The aliases from the entity to `alias`, both included."""
        return (alias,) if alias == "t0" else (*self.path(self.hop_to(alias).start), alias)

    @property
    def anchor(self) -> str:
        """The table one of whose rows settles recipient and group: the last that all paths to them share.

        In the example it is Branch: loans are reduced to one row per branch key and month without touching
        Branch or Bank, and the groups that exist are simply the rows of Branch.
        """
        paths = [self.path(alias) for alias in sorted(self._shown)]
        shared: list[str] = [steps[0] for steps in zip(*paths, strict=False) if len(set(steps)) == 1]
        return shared[-1]

    def far(self, start: str) -> list[str]:
        """Aliases to join to `start` so as to reach recipient and group, in the order of the hops."""
        needed = {step for alias in self._shown for step in self.path(alias)} - set(self.path(start))
        return in_order(needed)

    @property
    def _shown(self) -> set[str]:
        return {column.alias for column in (*self.group, self.recipient)}

    @property
    def has_loose_lines(self) -> bool:
        """Whether an optional hop may lose rows before they reach the table that their group is a row of."""
        return any(self.hop_to(alias).optional for alias in self.path(self.anchor)[1:])

    def mandatory(self, aliases: Sequence[str]) -> list[tuple[str, str | None]]:
        """The hops to `aliases` that must lead somewhere, each with the table that excuses it.

        Where a hop before it is optional, a mandatory hop is excused if it had nowhere to start from.
        """
        found: list[tuple[str, str | None]] = []
        for alias in aliases:
            hop = self.hop_to(alias)
            before = [step for step in self.path(hop.start) if step in aliases]
            if not hop.optional:
                excused = any(self.hop_to(step).optional for step in before)
                found.append((alias, hop.start if excused else None))
        return found


def in_order(aliases: Iterable[str]) -> list[str]:
    """In the order of the hops; t10 comes after t9."""
    return sorted(aliases, key=lambda alias: int(alias[1:]))


def identifier(name: str) -> str:
    """`name` as PostgreSQL wants it quoted, always: the ERD's names are mixed case."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """`text` as a string literal; correct while `standard_conforming_strings` is on, as it is since
    PostgreSQL 9.1.
    """
    return "'" + text.replace("'", "''") + "'"


def spoken(schema: str, table: str) -> str:
    """A table's name in a sentence, quoted only where it must be: `public."Loans"`."""
    return ".".join(
        name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else identifier(name) for name in (schema, table)
    )


def catalog_query(spec: Extract) -> str:
    """One statement over the system catalog: who asks, which schemas and tables there are, and the columns of
    the spec's tables.
    """
    wanted = ", ".join(sorted({literal(table.lower()) for table in spec.tables}))
    return f"""
    SELECT 'session' AS kind, current_user::text AS table_name, NULL::text AS column_name,
           NULL::text AS type_name, NULL::text AS category, true AS readable, (-1)::bigint AS estimate,
           NULL::text AS collation
    UNION ALL
    SELECT 'schema', n.nspname::text, NULL, NULL, NULL, has_schema_privilege(n.oid, 'USAGE'), -1, NULL
    FROM pg_catalog.pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    UNION ALL
    SELECT 'table', c.relname::text, NULL, NULL, NULL, true, c.reltuples::bigint, NULL
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = {literal(spec.schema)} AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    UNION ALL
    SELECT 'column', c.relname::text, a.attname::text,
           -- A domain is what it is made of, however many layers down.
           (WITH RECURSIVE made_of AS (
                SELECT t.typtype, t.oid AS type_oid, a.atttypmod AS modifier, t.typbasetype, t.typtypmod
                UNION ALL
                SELECT b.typtype, b.oid, m.typtypmod, b.typbasetype, b.typtypmod
                FROM made_of m JOIN pg_catalog.pg_type b ON m.typtype = 'd' AND b.oid = m.typbasetype
            ) SELECT pg_catalog.format_type(type_oid, modifier) FROM made_of WHERE typtype <> 'd'),
           t.typcategory::text,
           has_column_privilege(c.oid, a.attnum, 'SELECT'), -1,
           (SELECT l.collname::text FROM pg_catalog.pg_collation l
            WHERE l.oid = a.attcollation AND NOT l.collisdeterministic)
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    WHERE n.nspname = {literal(spec.schema)} AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND lower(c.relname) IN ({wanted})
    UNION ALL
    SELECT 'key', c.relname::text,
           (SELECT json_agg(a.attname::text ORDER BY a.attname)::text FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey[0 : i.indnkeyatts - 1])),
           NULL, NULL, true, -1, NULL
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = {literal(spec.schema)} AND lower(c.relname) IN ({wanted})
      AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
      -- An index on an inheritance parent says nothing about its children, whose rows come along.
      AND NOT (c.relkind = 'r' AND c.relhassubclass)
    """


def resolve(spec: Extract, catalog: Sequence[CatalogRow]) -> Contract:
    """The spec against the catalog, or the first thing that is wrong with it in one sentence."""
    role = next(row.table for row in catalog if row.kind == "session")
    schemas = {row.table: row.readable for row in catalog if row.kind == "schema"}
    if spec.schema not in schemas:
        raise _missing(f'no schema "{spec.schema}"', spec.schema, schemas)
    if not schemas[spec.schema]:
        raise ExtractError(
            f"permission denied for schema {spoken(spec.schema, '')[:-3]}; grant USAGE on it to role"
            f' "{role}"',
            kind="permission",
        )
    estimates = {row.table: row.estimate for row in catalog if row.kind == "table"}
    tables = tuple(_table(spec, name, estimates) for name in spec.tables)
    columns = [[row for row in catalog if row.kind == "column" and row.table == table] for table in tables]
    _check_readable(spec.schema, role, tables, columns)
    keys = [
        [set(json.loads(row.column)) for row in catalog if row.kind == "key" and row.table == table]
        for table in tables
    ]

    used: list[tuple[Column, CatalogRow]] = []

    def column(reference: str, *, of: str | None = None) -> Column:
        owner, name = spec.split(reference) if of is None else (of, reference)
        index = spec.names.index(owner)
        row = _column(spec.schema, tables[index], name, columns[index])
        found = _as_column(f"t{index}", row)
        used.append((found, row))
        return found

    hops = []
    for index, join in enumerate(spec.joins, start=1):
        rights = tuple(column(right, of=join.name) for right in join.rights)
        named = {right.name for right in rights}
        hops.append(
            Hop(
                lefts=tuple(column(left) for left in join.lefts),
                rights=rights,
                optional=join.optional,
                unique=any(key <= named for key in keys[index]),
                name=" and ".join(
                    f"{left} = {join.name}.{right}"
                    for left, right in zip(join.lefts, join.rights, strict=True)
                ),
            )
        )
    recipient = column(next(iter(spec.recipient.values())))
    contract = Contract(
        schema=spec.schema,
        role=role,
        tables=tables,
        estimates=tuple(estimates[table] for table in tables),
        hops=tuple(hops),
        metric=column(spec.metric),
        date=column(spec.date_column),
        group=tuple(column(reference) for reference in spec.group.values()),
        recipient=recipient,
        where=spec.where,
        carried=tuple(column(reference) for reference in spec.transform_columns),
        partition=None if spec.partition_by is None else column(spec.partition_by),
    )
    if spec.transform is not None and contract.date.alias == "t0":
        contract = replace(contract, carried=(contract.date, *contract.carried))
    if any(contract.hop_to(alias).optional for alias in contract.path(recipient.alias)[1:]):
        contract = replace(contract, unassigned=spec.unassigned)
    for found, row in used:
        if not row.readable:
            raise ExtractError(
                f'permission denied for column "{found.name}" of table {spoken(spec.schema, found.table)};'
                f' grant SELECT on it to role "{role}"',
                kind="permission",
            )
    _check_types(spec, contract)
    _check_collations(spec, contract, dict(used))
    return contract


def _table(spec: Extract, name: str, tables: Iterable[str]) -> str:
    fitting = _fitting(name, tables)
    if len(fitting) > 1:
        raise ExtractError(
            f'"{name}" could be {listed([spoken(spec.schema, found) for found in fitting])}; spell it as'
            " the store does",
            kind="contract",
        )
    if not fitting:
        raise _missing(f"no table {spoken(spec.schema, name)}", name, tables)
    return fitting[0]


def _column(schema: str, table: str, name: str, rows: Iterable[CatalogRow]) -> CatalogRow:
    by_name = {row.column: row for row in rows}
    fitting = _fitting(name, by_name)
    if len(fitting) > 1:
        quoted = [identifier(found) for found in fitting]
        raise ExtractError(
            f'column "{name}" of {spoken(schema, table)} could be {listed(quoted)}; spell it as the store'
            " does",
            kind="contract",
        )
    if not fitting:
        raise _missing(f'no column "{name}" in {spoken(schema, table)}', name, by_name)
    return by_name[fitting[0]]


def _fitting(name: str, candidates: Iterable[str]) -> list[str]:
    """The one spelled exactly so, else all that differ in case only."""
    known = sorted(candidates)
    return [name] if name in known else [found for found in known if found.lower() == name.lower()]


def _missing(what: str, name: str, candidates: Iterable[str]) -> ExtractError:
    by_lower = {candidate.lower(): candidate for candidate in sorted(candidates)}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    hint = f'. Did you mean "{by_lower[near[0]]}"?' if near else ""
    return ExtractError(f"{what}{hint}", kind="contract")


def _check_readable(
    schema: str, role: str, tables: Sequence[str], columns: Sequence[list[CatalogRow]]
) -> None:
    closed = [
        spoken(schema, table)
        for table, rows in zip(tables, columns, strict=True)
        if not any(r.readable for r in rows)
    ]
    if len(closed) == 1:
        raise ExtractError(
            f'permission denied for table {closed[0]}; grant SELECT on it to role "{role}"', kind="permission"
        )
    if closed:
        raise ExtractError(
            f'permission denied for tables {listed(closed)}; grant SELECT on them to role "{role}"',
            kind="permission",
        )


def _as_column(alias: str, row: CatalogRow) -> Column:
    name, _, modifier = row.type.partition("(")
    precision, _, rest = modifier.partition(")")
    digits: int | None = None
    if name in WHOLE:
        digits = 0
    elif name == "numeric" and precision:
        digits = max(0, int(precision.partition(",")[2] or 0))  # numeric(6,-2) counts hundreds
    return Column(alias, row.table, row.column, name + rest, row.category, digits)


def _check_types(spec: Extract, contract: Contract) -> None:
    def whose(column: Column) -> str:
        return f'"{column.name}" in {spoken(spec.schema, column.table)}'

    metric, when = contract.metric, contract.date
    if metric.type not in (*_EXACT, *_INEXACT):
        raise ExtractError(f"metric {whose(metric)} is {metric.type}, not a number", kind="contract")
    if when.type not in _DATES:
        raise ExtractError(
            f"date column {whose(when)} is {when.type}, not a date or timestamp", kind="contract"
        )
    for label, column in zip(
        (*spec.group, spec.recipient_label), (*contract.group, contract.recipient), strict=True
    ):
        if column.category not in _GROUPABLE and column.type != "uuid":
            raise ExtractError(
                f'"{label}", {whose(column)}, is {column.type}, which cannot stand in a file', kind="contract"
            )
    for hop in contract.hops:
        for left, right in zip(hop.lefts, hop.rights, strict=True):
            same = left.category == right.category and (left.category not in "UE" or left.type == right.type)
            if not same:
                raise ExtractError(
                    f"the hop {hop.name} compares {left.type} with {right.type}; both sides must be of one"
                    " kind",
                    kind="contract",
                )
            if spec.aggregate_in == "spark" and not _compares_in_spark(left, right):
                raise ExtractError(
                    f"the hop {hop.name} compares {left.type} with {right.type}, which Spark would not do as"
                    ' PostgreSQL does; leave out aggregate_in="spark"',
                    kind="contract",
                )
    if contract.partition is not None and contract.partition.type not in WHOLE:
        raise ExtractError(
            f'partition_by="{spec.partition_by}" is {contract.partition.type}; the read is parted by a'
            " column of whole numbers, or by the date",
            kind="contract",
        )


def _check_collations(spec: Extract, contract: Contract, rows: Mapping[Column, CatalogRow]) -> None:
    """Rows are told apart byte by byte: PostgreSQL would name a group by whichever row is stored first."""
    sides = (side for hop in contract.hops for side in (*hop.lefts, *hop.rights))
    for column in (*contract.group, contract.recipient, *sides):
        if (collation := rows[column].collation) is not None:
            raise ExtractError(
                f'column "{column.name}" of {spoken(spec.schema, column.table)} has the nondeterministic'
                f" collation {collation}, under which texts that differ are equal; name a view instead that"
                ' reads it with COLLATE "C"',
                kind="contract",
            )


def _compares_in_spark(left: Column, right: Column) -> bool:
    """Whether two values are equal exactly when they are written alike, zeros at the end of a fraction aside.

    Not so for floats beside numerics, for `char(n)` beside text, and for types that have an idea of their own
    of what is equal (citext, intervals, networks).
    """
    types = {left.type, right.type}
    alike = ({*WHOLE, "numeric"}, {"text", "character varying"})
    return any(types <= group for group in alike) or (
        len(types) == 1
        and (left.type in ("character", "uuid", "boolean", "money", *_DATES) or left.category == "E")
    )
