"""The spec of an extract, as `Glue/etl.py` writes it.

`rolling_spec_check` finds what contradicts itself without the database. Whether the names exist, and how the
source spells them, is for `rolling_resolve`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rolling_fields import named
from rolling_format import File

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

AGGREGATES = ("avg", "sum", "count", "min", "max")

# What no month can be reduced to, so that the database cannot hand over months for it: p1 to p99.
_PERCENTILE = re.compile(r"p([1-9][0-9]?)")

# Labels become CSV headers and, for the recipient, part of an object's key that others match with
# `bank_name=*`. PostgreSQL cuts a longer one.
_LONGEST_LABEL = 63
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# Texts and quoted names, in which anything may stand, and what is looked for outside of them.
_TOKEN = re.compile(
    r"""(?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")|(?P<word>[^\W\d][\w$]*)|(?P<sign>--|/\*|[;()$?{}'"\0])""",
)

# The same store and the same period must give the same bytes on any day.
_CLOCKS = (
    *("current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"),
    *("current_user", "session_user"),
)
_CLOCK_CALLS = (
    *("now", "age", "random", "timeofday", "clock_timestamp", "statement_timestamp"),
    *("transaction_timestamp", "nextval", "gen_random_uuid"),
)


@named
@dataclass(frozen=True, slots=True)
class Join:
    """One foreign-key step: the row of `table` whose `right` column equals `left`.

    `left` is a column of the entity or of an earlier join. The right side must be unique: a join leads from
    many rows to one. A key of several columns is a tuple on both sides.

    A table that the spec joins twice takes an `alias`, by which the rest of the spec calls it. If an
    `optional` join on the way to the recipient finds no row, the entity row goes to the recipient
    `Extract.unassigned`. Without `optional`, it is an orphan row.

    >>> Join("Employee", alias="Manager", left="Employee.manager_id", right="id", optional=True).name
    'Manager'
    >>> Join("production.Product", left="Sale.product_id", right="id").name
    'Product'
    """

    table: str  # "Account"; outside of the spec's schema "production.Product"
    left: str | tuple[str, ...]  # "Loans.Account_idAccount"
    right: str | tuple[str, ...]  # "idAccount", a column of `table`
    alias: str | None = None
    optional: bool = False
    fault: str | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def name(self) -> str:
        """Return what the spec calls the table of this join."""
        if self.alias is not None:
            return self.alias
        schema, dot, table = self.table.partition(".")
        return table if dot and schema and table else self.table

    @property
    def names(self) -> tuple[str, ...]:
        """Return every name that the spec may call the table by, `name` first."""
        return tuple(dict.fromkeys((self.name, self.alias or self.table)))

    @property
    def lefts(self) -> tuple[str, ...]:
        return (self.left,) if isinstance(self.left, str) else tuple(self.left)

    @property
    def rights(self) -> tuple[str, ...]:
        """Return the columns of `table`, without the table's name if it was written before them."""
        rights = (self.right,) if isinstance(self.right, str) else tuple(self.right)
        return tuple(_without(right, self.names) for right in rights)


def _without(reference: str, names: tuple[str, ...]) -> str:
    return next((reference[len(n) + 1 :] for n in names if reference.startswith(f"{n}.")), reference)


@named
@dataclass(frozen=True, slots=True)
class Metric:
    """An aggregate of an expression over a window of periods that ends with the reported one.

    >>> Metric("avg", "unit_price * quantity", window=3, where="status = 'paid'").aggregate
    'avg'
    """

    aggregate: str  # avg sum count count_distinct min max median p1 to p99 stddev
    expression: str | None = None  # a column or a SQL expression; None, for count alone, counts the rows
    window: int | str = 1  # periods, or "year_to_date"
    where: str | None = None  # a SQL condition for this metric alone
    scale: int | None = None  # digits after the point; None: whole numbers stay whole, else 2
    fault: str | None = field(default=None, init=False, repr=False, compare=False)


@named
@dataclass(frozen=True, slots=True)
class Extract:
    """The spec of one extract: either `group_by` and `metrics`, or `rows` for a listing of entity rows."""

    entity: str
    date_column: str
    recipient: Mapping[str, str]
    group_by: Mapping[str, str] | None = None
    metrics: Mapping[str, Metric] | None = None
    rows: Mapping[str, str] | None = None
    joins: tuple[Join, ...] = ()
    columns: tuple[str, ...] | None = None  # of the file, in order
    file: File = File()  # noqa: RUF009 (frozen)
    files: Mapping[str, File] | None = None  # by recipient, for those whose file differs
    where: str | None = None  # a SQL condition: only rows that meet it count
    recipients_where: str | None = None  # a SQL condition on the recipient's table: the others get no file
    grain: str = "month"
    time_zone: str = "Etc/GMT"
    schema: str = "public"
    unassigned: str = "Unassigned"
    max_orphan_rows: int = 0
    max_undated_rows: int = 0
    defuse_formulas: bool = True
    swing_factor: float | None = None
    late_data_periods: int = 3
    aggregate_in: str = "database"
    # For aggregate_in="spark":
    partitions: int = 8
    partition_by: str | None = None
    transform: Callable[[DataFrame], DataFrame] | None = None
    transform_columns: tuple[str, ...] = ()
    fault: str | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def entity_name(self) -> str:
        """Return what the spec calls the entity: its table without the schema."""
        return Join(self.entity, "", "").name

    @property
    def tables(self) -> tuple[str, ...]:
        """Return the entity and the table of each join, as the spec writes them."""
        return (self.entity, *(join.table for join in self.joins))

    @property
    def names(self) -> tuple[str, ...]:
        """Return what the spec calls the entity and the table of each join, in their order."""
        return (self.entity_name, *(join.name for join in self.joins))

    @property
    def recipient_label(self) -> str:
        return next(iter(self.recipient))

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the labels of the columns that are no metrics and no dates: recipient, groups or rows."""
        return (self.recipient_label, *(self.group_by or ()), *(self.rows or ()))

    @property
    def file_columns(self) -> tuple[str, ...]:
        """Return the columns of a file, in order."""
        if self.columns is not None:
            return tuple(self.columns)
        if self.rows is not None:
            return (*self.labels, "period")
        return (*self.labels, "period", "window_start", "window_end", *(self.metrics or ()))

    def split(self, reference: str) -> tuple[str, str]:
        """Return table and column of `Branch.idBranch`. A column without a table belongs to the entity.

        Only the tables of the spec count as a table, so that a column's name may have a dot. A table can be
        written in other case if only one fits.
        """
        called = {name: join.name for join in self.joins for name in join.names}
        called |= {self.entity: self.entity_name, self.entity_name: self.entity_name}
        for table in sorted(called, key=len, reverse=True):
            if reference.startswith(f"{table}."):
                return table, reference[len(table) + 1 :]
        return self.entity, reference


def check(spec: Extract) -> None:
    """Refuse a spec that contradicts itself, in one sentence, before anything is asked of AWS or of the
    database.
    """
    if spec.aggregate not in AGGREGATES and spec.percentile is None:
        raise _wrong(
            f'aggregate="{spec.aggregate}" is not one of {", ".join(AGGREGATES)}; with aggregate_in="spark"'
            " also median, or p1 to p99"
        )
    if spec.aggregate_in not in ("database", "spark"):
        raise _wrong(f'aggregate_in="{spec.aggregate_in}" is unknown; it takes "database" or "spark"')
    _check_way(spec)
    for name, value, least, most in (
        ("window_months", spec.window_months, 1, 1200),
        ("scale", spec.scale, 0, 18),
        ("partitions", spec.partitions, 1, 1000),
    ):
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise _wrong(f"{name}={value!r} is not a whole number from {least} to {most}")
    if (
        isinstance(spec.max_orphan_rows, bool)
        or not isinstance(spec.max_orphan_rows, int)
        or spec.max_orphan_rows < 0
    ):
        raise _wrong(f"max_orphan_rows={spec.max_orphan_rows!r} is not a whole number from 0 up")
    months = spec.late_data_months
    if isinstance(months, bool) or not isinstance(months, int) or not 0 <= months <= 24:
        raise _wrong(f"late_data_months={months!r} is not a whole number from 0 to 24")
    factor = spec.swing_factor
    if factor is not None and (
        isinstance(factor, bool) or not isinstance(factor, int | float) or not 1 < factor < inf
    ):
        raise _wrong(f"swing_factor={factor!r} is not a number above 1")
    zone(spec.time_zone)
    if spec.where is not None:
        _check_where(spec.where)
    if not any(character.isalnum() for character in spec.unassigned):
        raise _wrong(f'unassigned="{spec.unassigned}" has no letter or digit to name a file with')
    _check_joins(spec)
    _check_labels(spec)


def _check_way(spec: Extract) -> None:
    """Some things need the rows themselves, which the database keeps to itself unless told otherwise."""
    needing_rows = {
        f'aggregate="{spec.aggregate}"': spec.percentile is not None,
        "transform": spec.transform is not None,
        f'partition_by="{spec.partition_by}"': spec.partition_by is not None,
    }
    for what, is_given in needing_rows.items():
        if is_given and spec.aggregate_in != "spark":
            raise _wrong(f'{what} needs the rows themselves; add aggregate_in="spark"')
    if spec.transform is not None and not callable(spec.transform):
        raise _wrong(f"transform={spec.transform!r} is not a function from DataFrame to DataFrame")
    if isinstance(spec.transform_columns, str):
        raise _wrong(
            f'transform_columns="{spec.transform_columns}" is one text; write ("{spec.transform_columns}",)'
        )
    if spec.transform_columns and spec.transform is None:
        raise _wrong("transform_columns are given, but no transform that would use them")
    own = (*spec.transform_columns, *((spec.partition_by,) if spec.partition_by is not None else ()))
    for reference in own:
        if spec.split(reference)[0] != spec.entity:
            raise _wrong(f'"{reference}" is not a column of the entity "{spec.entity}"')


def _check_joins(spec: Extract) -> None:
    known = {spec.entity}
    for join in spec.joins:
        if join.name in known:
            raise _wrong(f'joins reach "{join.name}" twice; give this hop an alias to call it by')
        for left in join.lefts:
            if not any(left.startswith(f"{table}.") for table in known):
                raise _wrong(
                    f'the hop to "{join.name}" starts at "{left}", which is no column of'
                    f" {listed(sorted(known))};"
                    ' write left="Table.column" of the entity or of an earlier hop'
                )
        if not join.lefts or len(join.lefts) != len(join.rights):
            raise _wrong(
                f'the hop to "{join.name}" compares {len(join.lefts)} columns with {len(join.rights)};'
                " a key has as many on the left as on the right"
            )
        if len({spec.split(left)[0] for left in join.lefts}) > 1:
            raise _wrong(f'the hop to "{join.name}" starts at two tables; a key lies in one')
        known.add(join.name)
    named = {
        "recipient": next(iter(spec.recipient.values()), ""),
        **spec.group,
        "metric": spec.metric,
        "date_column": spec.date_column,
    }
    for what, reference in named.items():
        table, dot, _ = reference.partition(".")
        if dot and spec.split(reference)[0] == spec.entity and not reference.startswith(f"{spec.entity}."):
            raise _wrong(f'"{what}" is "{reference}", but no join leads to "{table}"')


def _check_labels(spec: Extract) -> None:
    if len(spec.recipient) != 1:
        raise _wrong(
            f'recipient names {len(spec.recipient)} columns; it takes one, e.g. {{"bank_name": "Bank.Name"}}'
        )
    if not spec.group:
        raise _wrong('group is empty; name what one line stands for, e.g. {"branch_id": "Branch.idBranch"}')
    for label in (*spec.recipient, *spec.group):
        if len(label) > _LONGEST_LABEL:
            raise _wrong(
                f'"{label[:40]}..." cannot head a column: it has {len(label)} characters, and'
                f" {_LONGEST_LABEL} are the most"
            )
        if _LABEL.fullmatch(label) is None:
            raise _wrong(f'"{label}" cannot head a column; use letters, digits and underscores')
    headers = [
        spec.recipient_label,
        *spec.group,
        "period",
        "window_start",
        "window_end",
        spec.count_label,
        spec.sum_label,
    ]
    if spec.aggregate != "sum":
        headers.append(spec.figure_label)
    twice = sorted({header for header in headers if headers.count(header) > 1})
    if twice:
        raise _wrong(
            f"two columns of the file would be called {listed(twice)}; give the group or the recipient"
            " another label"
        )


def _check_where(text: str) -> None:
    """Refuse what is not one condition: the text stands between parentheses in the statement and must not
    leave them, and it must mean the same tomorrow. The rest is for PostgreSQL to say, in the contract check.

    >>> _check_where("status = 'open; really' AND (kind <> 'x' OR \\"Odd (name\\" IS NULL)")
    """
    depth = 0
    previous = ""
    for match in _TOKEN.finditer(text):
        token, start = match[0], match.start()
        if match["text"]:
            # E'...' has escapes by backslash, and so may end elsewhere than it seems to.
            if token[0] == "'" and previous.lower() == "e" and text[start - 1 : start] in "eE":
                raise _no_condition(text, "has a text of the form E'…'; write it without escapes")
        elif match["word"]:
            word = token.lower()
            called = text[match.end() :].lstrip().startswith("(")
            if word in _CLOCKS or (called and word in _CLOCK_CALLS):
                raise _no_condition(
                    text, f"depends on {word}, so the same period would give other figures later"
                )
        else:
            depth = _sign(text, token, depth)
        previous = token
    if depth:
        raise _no_condition(text, "has a parenthesis that is not closed")
    if not text.strip():
        raise _no_condition(text, "is empty; leave it out to count every row")


def _sign(text: str, token: str, depth: int) -> int:
    """The depth of parentheses after `token`."""
    match token:
        case "(":
            return depth + 1
        case ")" if depth:
            return depth - 1
        case ")":
            raise _no_condition(text, "closes a parenthesis that it did not open")
        case ";":
            raise _no_condition(text, "has a semicolon; it takes one condition, not a statement")
        case "--" | "/*":
            raise _no_condition(text, "has a comment in it; comment in the spec, in Python")
        case "'" | '"':
            raise _no_condition(text, "has a quote that is not closed")
        case "?":
            raise _no_condition(
                text, "uses an operator with ?, which JDBC takes for a parameter; call its function"
            )
        case _:
            raise _no_condition(text, f"has a {token!r} outside of quotes")


def _no_condition(text: str, why: str) -> ExtractError:
    return _wrong(f'where="{text}" {why}')


def _identifier(name: str) -> str:
    return re.sub(r"\W+", "_", name).lower()


def _wrong(sentence: str) -> ExtractError:
    return ExtractError(sentence, kind="spec")
