"""The resolved spec: it spells each name as the catalog of the source does, and has the type of each column.

`rolling_resolve` makes the resolved spec once. Later steps of a run use only the resolved spec.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from rolling_expression import Node
from rolling_format import File

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

YEAR_TO_DATE = "year_to_date"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the source. The entity has the alias `t0`, and the first joined table the alias `t1`."""

    alias: str
    name: str  # name in the spec: the table's name or the join's alias
    schema: str
    table: str
    estimate: int  # number of rows that the planner's statistics estimate; -1 if unknown


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    alias: str  # alias of the column's table
    name: str
    # Name of the type, for example "timestamp with time zone". It is the result of PostgreSQL's format_type,
    # without a precision. For a domain, it is the name of the base type.
    type: str
    category: str  # pg_type.typcategory
    digits: int | None  # number of digits after the point, if the type fixes it
    not_null: bool = False

    @property
    def is_text(self) -> bool:
        """Whether the values are texts. A file orders texts by their code points."""
        return self.category in "SE"

    @property
    def is_float(self) -> bool:
        return self.type in ("real", "double precision")


@dataclass(frozen=True, slots=True)
class Step:
    """A join of one earlier table with the table `alias`.

    The join finds the row of `alias` whose columns `rights` equal the columns `lefts` of the earlier table.
    """

    alias: str
    lefts: tuple[Column, ...]
    rights: tuple[Column, ...]
    optional: bool
    # Whether a unique index covers the right columns or some of them. If not, a query checks that no two rows
    # have the same values in the right columns.
    unique: bool
    name: str  # for error messages: "Loans.Account_idAccount = Account.idAccount"

    @property
    def start(self) -> str:
        """The alias of the table that the step starts from."""
        return self.lefts[0].alias


@dataclass(frozen=True, slots=True)
class Measure:
    """An expression with a filter. It is computed once per row, for one or several metrics.

    `value` is None if the measure counts rows. A value is an exact number, unless `counted_only` is true:
    count and count_distinct accept values of any type.
    """

    value: Node | None
    where: Node | None
    columns: tuple[Column, ...]  # columns that `value` and `where` use
    aliases: tuple[
        str, ...
    ]  # aliases of the tables on the way to these columns, in the order of the joins, without t0
    whole: bool  # whether the type makes every value a whole number
    digits: int | None  # maximum number of digits after the point; None if the types do not fix it
    divisor: int = 1  # exact divisor of every aggregated value: 100 for "amount / 100"
    counted_only: bool = False
    needs: frozenset[str] = frozenset()  # partial aggregates besides count: "sum" "min" "max" "squares"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric over its window of periods."""

    name: str
    aggregate: str  # one of: avg sum count count_distinct min max median p1 to p99 stddev
    measure: int  # index into Resolved.measures
    window: int | str  # number of periods, or YEAR_TO_DATE
    scale: (
        int | None
    )  # digits after the point; None for whole numbers (count, or sum, min, max of whole numbers)

    @property
    def fraction(self) -> Fraction | None:
        """The percentile as a fraction: 1/2 for the median. None for other aggregates."""
        if self.aggregate == "median":
            return Fraction(1, 2)
        if self.aggregate[0] == "p" and self.aggregate[1:].isdecimal():
            return Fraction(int(self.aggregate[1:]), 100)
        return None

    @property
    def merges(self) -> bool:
        """Whether the metric can be computed from partial aggregates of segments."""
        return self.fraction is None and self.aggregate != "count_distinct"


@dataclass(frozen=True, slots=True)
class Listing:
    """The columns of a listing. It has one row for each entity row of the period, in the order of `key`."""

    columns: tuple[Column, ...]
    key: tuple[Column, ...]  # the entity's primary key
    labels: tuple[str, ...] = ()  # names of the columns in the file


@dataclass(frozen=True, slots=True)
class Resolved:
    """The resolved spec. Each tuple of aliases is in the order of the joins."""

    role: str
    tables: tuple[Table, ...]  # the entity and the joined tables that are used, in the order of the spec
    steps: tuple[Step, ...]  # for each of `tables` except the entity, the join to this table
    date: Column
    time_zone: str
    grain: str
    recipient_label: str
    recipient: Column
    group_by: Mapping[str, Column]  # keyed by label; empty for a listing
    measures: tuple[Measure, ...]
    metrics: tuple[Metric, ...]
    listing: Listing | None
    # columns of the file, in order: labels, metrics, "period", "window_start", "window_end"
    columns: tuple[str, ...]
    where: Node | None  # condition of the extract
    recipients_where: Node | None  # condition that uses only columns of the recipient's table
    unassigned: str | None  # name of this recipient; None if no join to the recipient is optional
    max_orphan_rows: int
    max_undated_rows: int
    defuse_formulas: bool
    swing_factor: float | None
    late_data_periods: int
    aggregate_in: str  # "database" or "spark"
    texts: Mapping[str, str] = field(
        default_factory=dict
    )  # expressions of the spec, for messages and the manifest: "where", ...
    file: File = File()  # noqa: RUF009 (frozen)
    files: Mapping[str, File] = field(default_factory=dict)  # keyed by recipient
    # Columns of the recipient's table that names and records of files contain. The key is the text in the
    # brackets, for example "code" for the field {recipient[code]}.
    recipient_columns: Mapping[str, Column] = field(default_factory=dict)
    # For aggregate_in="spark":
    partitions: int | None = None
    partition_by: Column | None = None
    transform: Callable[[DataFrame], DataFrame] | None = None
    transform_columns: tuple[Column, ...] = ()

    @property
    def recipient_key(self) -> tuple[Column, ...]:
        """The columns of the recipient's table that its join compares, without the column of the name.

        They still identify a recipient after its name has changed.
        """
        alias = self.recipient.alias
        rights = () if alias == "t0" else self.step(alias).rights
        return tuple(column for column in rights if column.name != self.recipient.name)

    def file_of(self, recipient: str) -> File:
        return self.files.get(recipient, self.file)

    def table(self, alias: str) -> Table:
        return next(table for table in self.tables if table.alias == alias)

    def step(self, alias: str) -> Step:
        """Return the step that leads to `alias`, which must not be t0."""
        return next(step for step in self.steps if step.alias == alias)

    def path(self, alias: str) -> tuple[str, ...]:
        """Return the aliases on the path from `t0` to `alias`, including both."""
        found = [alias]
        while found[0] != "t0":
            found.insert(0, self.step(found[0]).start)
        return tuple(found)
