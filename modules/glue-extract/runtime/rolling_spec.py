"""The spec of an extract. `Glue/etl.py` creates it.

`rolling_spec_check` finds errors that need no database. `rolling_resolve` checks whether the names exist, and
finds their spelling in the source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rolling_fields import named
from rolling_format import File

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@named
@dataclass(frozen=True, slots=True)
class Join:
    """One foreign-key step. It leads to the row of `table` whose column `right` equals `left`.

    `left` is a column of the entity or of an earlier join. `right` must be unique, because a join leads to at
    most one row. For a key of several columns, `left` and `right` are tuples.

    A table that the spec joins twice needs an `alias`, which the rest of the spec uses as its name. If an
    `optional` join on the way to the recipient finds no row, the entity row goes to the recipient
    `Extract.unassigned`. If this join is not `optional`, the entity row is an orphan row.

    >>> Join("Employee", alias="Manager", left="Employee.manager_id", right="id", optional=True).name
    'Manager'
    >>> Join("production.Product", left="Sale.product_id", right="id").name
    'Product'
    """

    table: str  # "Account"; "production.Product" for a table in another schema than the spec's
    left: str | tuple[str, ...]  # "Loans.Account_idAccount"
    right: str | tuple[str, ...]  # "idAccount", a column of `table`
    alias: str | None = None
    optional: bool = False
    fault: str | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The name that the spec uses for the table of this join."""
        if self.alias is not None:
            return self.alias
        schema, dot, table = self.table.partition(".")
        return table if dot and schema and table else self.table

    @property
    def names(self) -> tuple[str, ...]:
        """All names that the spec may use for the table, `name` first."""
        return tuple(dict.fromkeys((self.name, self.alias or self.table)))

    @property
    def lefts(self) -> tuple[str, ...]:
        return (self.left,) if isinstance(self.left, str) else tuple(self.left)

    @property
    def rights(self) -> tuple[str, ...]:
        """The columns of `table` in `right`, without the table's name: `id` for `Branch.id`."""
        rights = (self.right,) if isinstance(self.right, str) else tuple(self.right)
        return tuple(_without(right, self.names) for right in rights)


def _without(reference: str, names: tuple[str, ...]) -> str:
    return next((reference[len(n) + 1 :] for n in names if reference.startswith(f"{n}.")), reference)


@named
@dataclass(frozen=True, slots=True)
class Metric:
    """An aggregate of an expression, over a window of periods that ends with the reported period.

    >>> Metric("avg", "unit_price * quantity", window=3, where="status = 'paid'").aggregate
    'avg'
    """

    aggregate: str  # one of: avg sum count count_distinct min max median p1 to p99 stddev
    expression: str | None = None  # a column or a SQL expression; None counts the rows (only for count)
    window: int | str = 1  # periods, or "year_to_date"
    where: str | None = None  # a SQL condition for this metric only
    scale: int | None = None  # digits after the point; None means 0 if the results are whole numbers, else 2
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
    columns: tuple[str, ...] | None = None  # columns of the file, in order
    file: File = File()  # noqa: RUF009 (frozen)
    files: Mapping[str, File] | None = None  # keyed by recipient; all other recipients get `file`
    where: str | None = None  # a SQL condition; the extract uses only entity rows that meet it
    # a SQL condition on the recipient's table; recipients that do not meet it get no file
    recipients_where: str | None = None
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
    partitions: int | None = None
    partition_by: str | None = None
    transform: Callable[[DataFrame], DataFrame] | None = None
    transform_columns: tuple[str, ...] = ()
    fault: str | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def entity_name(self) -> str:
        """The name that the spec uses for the entity: its table without the schema."""
        return Join(self.entity, "", "").name

    @property
    def tables(self) -> tuple[str, ...]:
        """The entity and the table of each join, as the spec writes them."""
        return (self.entity, *(join.table for join in self.joins))

    @property
    def names(self) -> tuple[str, ...]:
        """The names that the spec uses for the entity and for the table of each join, in the spec's order."""
        return (self.entity_name, *(join.name for join in self.joins))

    @property
    def recipient_label(self) -> str:
        return next(iter(self.recipient))

    @property
    def is_recipient_of_entity(self) -> bool:
        """Whether the recipient is a column of the entity. Then there is no recipient's table."""
        return self.split(self.recipient[self.recipient_label])[0] == self.entity_name

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the columns that are neither metrics nor dates: recipient, groups or rows."""
        return (self.recipient_label, *(self.group_by or ()), *(self.rows or ()))

    @property
    def file_columns(self) -> tuple[str, ...]:
        """The columns of a file, in order."""
        if self.columns is not None:
            return tuple(self.columns)
        if self.rows is not None:
            return (*self.labels, "period")
        return (*self.labels, "period", "window_start", "window_end", *(self.metrics or ()))

    def split(self, reference: str) -> tuple[str, str]:
        """Split a reference such as `Branch.idBranch` into the name of a table and the name of a column.

        A reference without a table is a column of the entity. The text before a dot is the name of a table
        only if the spec has this table, because names of columns may contain dots. The case of the table's
        name is ignored if only one table of the spec fits.
        """
        called = {name: join.name for join in self.joins for name in join.names}
        called |= {self.entity: self.entity_name, self.entity_name: self.entity_name}
        for table in sorted(called, key=len, reverse=True):
            if reference.startswith(f"{table}."):
                return called[table], reference[len(table) + 1 :]
        for table in sorted(called, key=len, reverse=True):
            start = reference[: len(table) + 1].casefold()
            if start == f"{table.casefold()}." and [*map(str.casefold, called)].count(start[:-1]) == 1:
                return called[table], reference[len(table) + 1 :]
        return self.entity_name, reference
