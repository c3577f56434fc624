"""Read the catalog of a database: tables, columns, keys and row counts, but no rows.

The module runs six statements in one read-only transaction, for any number of tables. The server cancels a
statement that takes too long. The statements read `pg_catalog`, because `information_schema` hides tables
that the role may not read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from extracts.errors import ExtractsError

if TYPE_CHECKING:
    import psycopg

SECONDS = 15  # time limit of a connection, and of each statement

KINDS = {"r": "table", "p": "partitioned table", "v": "view", "m": "materialized view", "f": "foreign table"}
NUMBERS = ("smallint", "integer", "bigint", "numeric", "money", "real", "double precision")
DATES = ("date", "timestamp without time zone", "timestamp with time zone")

# The queries exclude partitions and inheritance children, because a query of the parent table also returns
# their rows. The queries also exclude tables of extensions.
_SEEN = """
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      and not exists (select from pg_catalog.pg_inherits i where i.inhrelid = c.oid)
      and not exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::regclass
                      and d.objid = c.oid and d.deptype = 'e')
"""
_TABLES = f"""
with recursive seen as (
    select c.oid, n.nspname, c.relname, c.relkind, c.relhassubclass,
           pg_catalog.pg_get_userbyid(c.relowner)::text as owner,
           has_schema_privilege(n.oid, 'usage') as open {_SEEN}
), tree(root, oid) as (
    select oid, oid from seen
    union all
    select t.root, i.inhrelid from tree t join pg_catalog.pg_inherits i on i.inhparent = t.oid
), counted as (
    -- Autovacuum analyzes partitions, but not the partitioned table.
    select t.root, sum(c.reltuples) filter (where c.reltuples >= 0 and c.relkind <> 'p') as rows
    from tree t join pg_catalog.pg_class c on c.oid = t.oid group by t.root
)
select s.oid::bigint, s.nspname::text, s.relname::text, s.relkind::text, s.relhassubclass, s.open,
       c.rows::bigint, coalesce(p.partattrs::text, ''), s.owner
from seen s join counted c on c.root = s.oid
left join pg_catalog.pg_partitioned_table p on p.partrelid = s.oid
order by s.nspname, s.relname
"""
_COLUMNS = f"""
with recursive base(oid, made_of, modifier) as (
    -- The base type of a domain, also of a domain over a domain.
    select oid, typbasetype, typtypmod from pg_catalog.pg_type where typtype = 'd'
    union all
    select b.oid, t.typbasetype, case when b.modifier >= 0 then b.modifier else t.typtypmod end
    from base b join pg_catalog.pg_type t on t.oid = b.made_of and t.typtype = 'd'
), plain as (
    select b.oid, b.made_of from base b join pg_catalog.pg_type t on t.oid = b.made_of and t.typtype <> 'd'
)
select a.attrelid::bigint, a.attnum::int, a.attname::text,
       pg_catalog.format_type(coalesce(plain.made_of, a.atttypid), null), t.typcategory::text,
       not a.attnotnull, has_column_privilege(a.attrelid, a.attnum, 'select')
from pg_catalog.pg_attribute a
join pg_catalog.pg_type t on t.oid = a.atttypid
left join plain on plain.oid = a.atttypid
where a.attnum > 0 and not a.attisdropped and a.attrelid in (select c.oid {_SEEN})
order by a.attrelid, a.attnum
"""
_INDEXES = f"""
select i.indrelid::bigint, i.indkey::text, i.indnkeyatts::int, i.indisprimary,
       i.indisunique and i.indimmediate and i.indpred is null and i.indexprs is null,
       i.indpred is null and m.amname in ('btree', 'brin')
from pg_catalog.pg_index i
join pg_catalog.pg_class x on x.oid = i.indexrelid
join pg_catalog.pg_am m on m.oid = x.relam
where i.indisvalid and i.indrelid in (select c.oid {_SEEN})
order by i.indrelid, not i.indisprimary, i.indnkeyatts, x.relname
"""
# An index of a partitioned table covers its partitions. Inheritance children need their own indexes.
_CHILDREN = """
with recursive tree(root, oid) as (
    select i.inhparent, i.inhrelid
    from pg_catalog.pg_inherits i join pg_catalog.pg_class p on p.oid = i.inhparent and p.relkind = 'r'
    union
    select t.root, i.inhrelid from tree t join pg_catalog.pg_inherits i on i.inhparent = t.oid
)
select t.root::bigint, n.nspname::text, c.relname::text, array(
    select a.attname::text
    from pg_catalog.pg_index i
    join pg_catalog.pg_class x on x.oid = i.indexrelid
    join pg_catalog.pg_am m on m.oid = x.relam
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
    where i.indrelid = c.oid and i.indisvalid and i.indpred is null and m.amname in ('btree', 'brin'))
from tree t
join pg_catalog.pg_class c on c.oid = t.oid and c.relkind = 'r'
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
order by n.nspname, c.relname
"""
# PostgreSQL copies a foreign key of a partitioned table to each partition. The query excludes these copies:
# their `conparentid` is not 0. A foreign key that partitions declare themselves counts as one foreign key of
# the partitioned table.
_FOREIGN_KEYS = """
select coalesce(pg_catalog.pg_partition_root(c.conrelid), c.conrelid)::bigint, c.confrelid::bigint,
       array(select a.attname::text from unnest(c.conkey) with ordinality k(number, place)
             join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.number
             order by place),
       c.confkey::int[]
from pg_catalog.pg_constraint c
where c.contype = 'f' and c.conparentid = 0
order by c.conname
"""


Id = tuple[str, str]
"""Schema and name of a table."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column. Its name is written as in the database."""

    name: str
    type: str  # the type without precision; for a domain, the base type
    category: str  # the category in pg_type, for example N for numbers, D for dates and S for texts
    nullable: bool
    readable: bool

    @property
    def is_number(self) -> bool:
        return self.type in NUMBERS

    @property
    def is_date(self) -> bool:
        return self.type in DATES

    @property
    def is_text(self) -> bool:
        return self.category == "S"


@dataclass(frozen=True, slots=True)
class Heap:
    """The table itself, or one of its inheritance children. Each has its own rows and its own indexes."""

    schema: str
    name: str
    indexed: frozenset[str]  # for each index that can find a range of values, its first column


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view. A table includes its partitions and its inheritance children."""

    schema: str
    name: str
    kind: str
    rows: int | None  # the number of rows in the statistics; None without statistics
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    keys: tuple[tuple[str, ...], ...]  # the primary key and the columns of other unique indexes
    partitioned_by: str | None  # for a partitioned table, the first column of the partition key
    heaps: tuple[Heap, ...]
    is_open: bool = True  # whether the role may use the schema of the table
    owner: str = ""

    @property
    def id(self) -> Id:
        return self.schema, self.name

    def unindexed(self, column: str) -> tuple[Heap, ...]:
        """Return the parts of the table that have no index to find a range of values in this column."""
        if column == self.partitioned_by:
            return ()
        return tuple(heap for heap in self.heaps if column not in heap.indexed)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def readable(self) -> bool:
        return any(column.readable for column in self.columns)

    @property
    def is_view(self) -> bool:
        return self.kind.endswith("view")


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A declared foreign key."""

    table: Table
    columns: tuple[str, ...]
    target: Table
    target_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Catalog:
    """The tables and foreign keys that the role can see in a database."""

    database: str
    role: str
    tables: tuple[Table, ...]
    foreign_keys: tuple[ForeignKey, ...]

    @property
    def schemas(self) -> tuple[str, ...]:
        return tuple(sorted({table.schema for table in self.tables}))


def read(url: str) -> Catalog:
    """Return the catalog of the database at `url`."""
    with connected(url) as connection:
        [(database, role)] = connection.execute("select current_database()::text, current_user::text")
        relations = connection.execute(_TABLES).fetchall()
        names: dict[int, dict[int, str]] = {}
        columns: dict[int, list[Column]] = {}
        for oid, number, name, type_, category, nullable, readable in connection.execute(_COLUMNS):
            names.setdefault(oid, {})[number] = name
            columns.setdefault(oid, []).append(Column(name, type_, category, nullable, readable))
        indexes: dict[int, list[tuple[tuple[str, ...], bool, bool, bool]]] = {}
        for oid, key, width, primary, unique, ranged in connection.execute(_INDEXES):
            numbers = [int(number) for number in key.split()][:width]
            if oid in names and all(numbers):  # ignore an index with an expression, whose number is 0
                indexed = tuple(names[oid][number] for number in numbers)
                indexes.setdefault(oid, []).append((indexed, primary, unique, ranged))
        children: dict[int, list[Heap]] = {}
        for parent, schema, name, indexed in connection.execute(_CHILDREN):
            children.setdefault(parent, []).append(Heap(schema, name, frozenset(indexed)))
        tables: dict[int, Table] = {}
        for oid, schema, name, kind, has_children, is_open, rows, partitioned_by, owner in relations:
            found = indexes.get(oid, [])
            # An index of an inheritance parent does not cover the inheritance children.
            whole = kind == "p" or not has_children
            ranges = frozenset(columns_[0] for columns_, _, _, ranged in found if ranged)
            parts = [int(number) for number in partitioned_by.split()]
            tables[oid] = Table(
                schema=schema,
                name=name,
                kind=KINDS[kind],
                rows=rows,
                columns=tuple(column if is_open else _unreadable(column) for column in columns.get(oid, [])),
                primary_key=next((key for key, primary, _, _ in found if primary and whole), ()),
                keys=tuple(dict.fromkeys(key for key, _, unique, _ in found if unique and whole)),
                partitioned_by=next((names[oid][number] for number in parts[:1] if number), None),
                heaps=(Heap(schema, name, ranges), *children.get(oid, [])),
                is_open=is_open,
                owner=owner,
            )
        foreign_keys = dict.fromkeys(
            ForeignKey(
                tables[oid],
                tuple(own),
                tables[target],
                tuple(names[target][number] for number in theirs),
            )
            for oid, target, own, theirs in connection.execute(_FOREIGN_KEYS)
            if oid in tables and target in tables
        )
    return Catalog(database, role, tuple(tables.values()), tuple(foreign_keys))


def _unreadable(column: Column) -> Column:
    return Column(column.name, column.type, column.category, column.nullable, readable=False)


@contextmanager
def connected(url: str) -> Iterator[psycopg.Connection]:
    """Open one read-only transaction. Raise an error of the driver as ExtractsError, without the password."""
    import psycopg

    if not url.startswith(("postgresql://", "postgres://")):
        # The message does not quote the URL, because the URL may contain a password.
        raise ExtractsError("--database-url must have the form postgresql://user:password@host:port/database")
    if not re.match(r"\w+://([^/?#]*@)?[^/?#@:]", url) and "host=" not in url:
        raise ExtractsError("--database-url has no host; write postgresql://user:password@host:port/database")
    try:
        options: dict[str, Any] = {"connect_timeout": SECONDS, "application_name": "extracts", **_tls(url)}
        with psycopg.connect(url, **options) as connection:
            connection.read_only = True
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.execute(f"set local statement_timeout = '{SECONDS}s'")
            connection.execute(f"set local lock_timeout = '{SECONDS}s'")
            connection.execute("set local search_path = pg_catalog, pg_temp")
            # A row-level security policy could run functions of the table's owner. With this setting, a query
            # fails instead of applying a policy.
            connection.execute("set local row_security = off")
            yield connection
    except psycopg.Error as error:
        raise ExtractsError(_sentence(error, url)) from None


def _tls(url: str) -> dict[str, str]:
    """Return the options that require TLS for a server on another machine.

    Without these options, libpq sends the password in clear text to a server that has no TLS. The options do
    not verify the server. To verify it, add `?sslmode=verify-full&sslrootcert=FILE` to the URL.
    """
    from psycopg.conninfo import conninfo_to_dict

    given = conninfo_to_dict(url)
    hosts = str(given.get("hostaddr") or given.get("host") or "").split(",")
    if "sslmode" in given or os.environ.get("PGSSLMODE") or all(map(is_here, hosts)):
        return {}
    return {"sslmode": "require"}


def is_here(host: str) -> bool:
    """Return whether the host is this machine: a socket, or a loopback address.

    >>> [is_here(host) for host in ("/run/postgresql", "localhost", "127.0.0.2", "::1", "db.internal")]
    [True, True, True, True, False]
    """
    if host.startswith("/") or host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def without_password(url: str) -> str:
    """Return the URL without its password, for messages. A user can set the password in PGPASSWORD instead.

    >>> without_password("postgresql://me:secret@db:5432/bank?password=secret&sslmode=require")
    'postgresql://me@db:5432/bank?sslmode=require'
    >>> without_password("postgresql://me:se?c#ret@db/bank")  # libpq accepts it
    'postgresql://me@db/bank'
    """
    plain = re.sub(r"^(\w+://[^/@:]*):[^/@]*@", r"\1@", url)
    return re.sub(r"(?<=[?&])(ssl)?password=[^&]*&?", "", plain).rstrip("?&")


def _sentence(error: Exception, url: str) -> str:
    """Return the reason of a driver's error and, for known errors, what the user must do."""
    from urllib.parse import unquote, urlsplit

    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # After the line "connection to server at ... failed: Connection refused", the driver prints a hint, which
    # is not the reason.
    telling = [
        line.rpartition(word)[2]
        for word in ("FATAL:", "ERROR:", "failed: ")
        for line in lines
        if word in line
    ]
    said = (telling or lines or [""])[0].strip().rstrip(".") or type(error).__name__
    try:
        parts = urlsplit(url)
        place, password = f"{parts.hostname}:{parts.port or 5432}", parts.password
        user = unquote(parts.username or "")
    except ValueError:
        return "--database-url must have the form postgresql://user:password@host:port/database"
    for secret in {password, unquote(password)} if password else set():
        said = said.replace(secret, "***")
    if "no password supplied" in said:
        return f'no password for "{user}" at {place}; set PGPASSWORD.'
    if "server does not support SSL" in said:
        return (
            f"The database at {place} does not support TLS; set ssl = on in its configuration. If the network"
            " is private, add ?sslmode=disable to the URL instead."
        )
    if getattr(error, "sqlstate", None) == "57014":
        return f"The database at {place} did not answer within {SECONDS} s; retry when its load is lower."
    return f"The database at {place} cannot be read: {said}."
