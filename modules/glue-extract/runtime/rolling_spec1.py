"""What a stamped `Glue/etl.py` says: the spec, in the words of the business, and the checks that need no
database.

The names in a spec are the ones a person reads in the ERD. Whether they exist, and how the store really
spells them, is the business of `rolling_contract1`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import inf
from typing import TYPE_CHECKING

from rolling_errors import ExtractError, listed
from rolling_period import zone

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

AGGREGATES = ("avg", "sum", "count", "min", "max")

# What no month can be reduced to, so that the database cannot hand over months for it: p1 to p99.
_PERCENTILE = re.compile(r"p([1-9][0-9]?)")

# Labels become CSV headers and, for the recipient, part of an object's key that others match with
# `bank_name=*`.
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


@dataclass(frozen=True, slots=True)
class Join:
    """One hop: the rows of `table` whose `right` column equals `left`, a column of the entity or of an
    earlier hop.

    The right side must be unique: a hop leads from many to one, never the other way, or it would multiply the
    money. A key of several columns is a tuple on both sides.

    A table that is visited twice, or visited again after it was the entity, takes an `alias`, by which the
    rest of the spec calls it. An `optional` hop may lead nowhere: what is lost there on the way to the
    recipient goes to the recipient that `Extract.unassigned` names, instead of being an orphan.

    >>> Join("Employee", alias="Manager", left="Employee.manager_id", right="id", optional=True).name
    'Manager'
    """

    table: str
    left: str | tuple[str, ...]  # "Loans.Account_idAccount"
    right: str | tuple[str, ...]  # "idAccount", a column of `table`
    alias: str | None = None
    optional: bool = False

    @property
    def name(self) -> str:
        """What the spec calls the table at the end of this hop."""
        return self.table if self.alias is None else self.alias

    @property
    def lefts(self) -> tuple[str, ...]:
        return (self.left,) if isinstance(self.left, str) else tuple(self.left)

    @property
    def rights(self) -> tuple[str, ...]:
        """The columns of `table` without its name, with which they may have been written."""
        rights = (self.right,) if isinstance(self.right, str) else tuple(self.right)
        return tuple(right.removeprefix(f"{self.name}.") for right in rights)


@dataclass(frozen=True, slots=True)
class Extract:
    """The spec of one monthly extract.

    Read it aloud and it should be the sentence that the business asked for.
    """

    entity: str
    metric: str
    date_column: str
    group: Mapping[str, str]
    recipient: Mapping[str, str]
    joins: tuple[Join, ...] = ()
    aggregate: str = "avg"
    window_months: int = 1
    schema: str = "public"
    time_zone: str = "Etc/GMT"
    scale: int = 2
    max_orphan_rows: int = 0
    aggregate_in: str = "database"
    defuse_formulas: bool = True
    where: str | None = None  # a condition in SQL on the entity's own columns: "status = 'open'"
    unassigned: str = "Unassigned"  # whose file takes what an optional hop loses
    swing_factor: float | None = None  # warn of a recipient's figure that grew or shrank by more in a month
    late_data_months: int = 3  # how many published months before the period are looked at again, see README
    # What follows is for aggregate_in="spark".
    partitions: int = 8  # how many parts of the window are read side by side, each over a connection
    partition_by: str | None = None  # a whole-number column of the entity to part by, instead of the date
    # From the entity's rows to the entity's rows, before they are joined and aggregated: see
    # `rolling_parallel1`. `transform_columns` are columns of the entity that it needs beside the spec's own.
    transform: Callable[[DataFrame], DataFrame] | None = None
    transform_columns: tuple[str, ...] = ()

    @property
    def tables(self) -> tuple[str, ...]:
        """Entity first, then the hops in their order; a table that is visited twice stands there twice."""
        return (self.entity, *(join.table for join in self.joins))

    @property
    def names(self) -> tuple[str, ...]:
        """What the spec calls each of `tables`: its alias, where it has one."""
        return (self.entity, *(join.name for join in self.joins))

    @property
    def recipient_label(self) -> str:
        return next(iter(self.recipient))

    @property
    def count_label(self) -> str:
        return f"{_identifier(self.entity)}_count"

    @property
    def sum_label(self) -> str:
        return f"{_identifier(self.split(self.metric)[1])}_sum"

    @property
    def figure_label(self) -> str:
        return f"{_identifier(self.split(self.metric)[1])}_{self.aggregate}"

    @property
    def percentile(self) -> Fraction | None:
        """How far up among the sorted values the figure lies; None for the aggregates that are sums.

        >>> Extract("a", "b", "c", {}, {}, aggregate="p90").percentile
        Fraction(9, 10)
        """
        if self.aggregate == "median":
            return Fraction(1, 2)
        match = _PERCENTILE.fullmatch(self.aggregate)
        return None if match is None else Fraction(int(match[1]), 100)

    @property
    def columns(self) -> tuple[str, ...]:
        """The header of a delivered file.

        `aggregate="sum"` has one column for the sum, not the same one twice.
        """
        figures = dict.fromkeys((self.count_label, self.sum_label, self.figure_label))
        return (self.recipient_label, *self.group, "period", "window_start", "window_end", *figures)

    def split(self, reference: str) -> tuple[str, str]:
        """Table and column of `Branch.idBranch`; a bare `loan_date` belongs to the entity.

        Only the spec's own tables count as a prefix, so that a column may have a dot in its name.
        """
        for table in sorted(self.names, key=len, reverse=True):
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
