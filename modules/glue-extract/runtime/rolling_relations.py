"""The relations `t0`, `t1`, ...: subqueries on the tables of the source. The large queries read them.

PostgreSQL always runs the SQL of a relation, even if Spark runs the query over the relations. So a relation
may use all features of PostgreSQL: the range of dates, `width_bucket`, casts, and expressions over one table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import rolling_joins
from rolling_columns import compared, day_number, decimal, exact, exact_type, finite, normal, plain, text_of
from rolling_dialect import Dialect, identifier
from rolling_expression import Case, Node, Ref, columns_of, render
from rolling_nodes import WHOLE
from rolling_period import zone
from rolling_resolved import Column, Resolved
from rolling_span import Span

# Which rows of the entity a query reads. WINDOW: the rows in the span. BEGINNING: the rows in the span and
# all rows before the span. UNDATED: the rows in the span and the rows without a date.
WINDOW, BEGINNING, UNDATED = "window", "beginning", "undated"


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation for Spark: a temporary view `name` with the rows of `sql`, which PostgreSQL runs.

    Spark casts each column in `types` to the given type. All other columns have the type that the driver
    reads. The column `part` divides the rows for parallel reads and is dropped afterwards. This column is a
    whole number, or the date column of the entity. For a transform, `columns` are the plain columns of the
    table, keyed by their names in the view.
    """

    name: str
    sql: str
    types: Mapping[str, str]
    part: str | None
    columns: Mapping[str, Column]


@dataclass(slots=True)
class _Used:
    """The columns of one relation that queries use. Each column has an SQL expression and a name."""

    names: dict[tuple[str, str | None], str] = field(default_factory=dict)  # key: SQL, Spark type
    types: dict[str, str] = field(default_factory=dict)
    columns: dict[str, Column] = field(default_factory=dict)


class Relations:
    """The relations of one query, or of all queries in Spark. Queries add the columns that they need."""

    def __init__(
        self,
        resolved: Resolved,
        span: Span,
        cutoff: datetime | None,
        dialect: Dialect,
        rows: str = WINDOW,
        digits: Sequence[int] = (),
    ) -> None:
        self.resolved = resolved
        self.span = span
        self.dialect = dialect
        self._cutoff = cutoff
        self._rows = rows
        self._digits = digits
        self._used: dict[str, _Used] = {}

    # -- columns ---------------------------------------------------------------------------------------

    def key(self, column: Column, other: Column) -> str:
        """Return a column of a join in the form that is compared with the column `other`."""
        source = compared(column)
        if self.dialect.is_spark and not (column.type in WHOLE and other.type in WHOLE):
            number = column.category == "N" and other.category == "N"
            source = normal(exact(column)) if number else text_of(column)
        return self._add(column.alias, source, column=column)

    def label(self, column: Column) -> str:
        """Return a column as the text that a file shows."""
        if column.type in WHOLE:
            return self.dialect.text(self._add(column.alias, plain(column), column=column))
        source = f"{exact(column)}::text" if column.type == "money" else text_of(column)
        return self._add(column.alias, source, column=column)

    def plain_label(self, column: Column) -> str:
        """Return the column of the relation from which `label` makes its text."""
        label = self.label(column)
        return label if column.type not in WHOLE else self._add(column.alias, plain(column))

    def order(self, column: Column) -> str | None:
        """Return the value that orders a column, or None for a text. A text is ordered by its label."""
        if column.is_text:
            return None
        source = plain(column)
        if not self.dialect.is_spark or column.type in (*WHOLE, "boolean"):
            return self._add(column.alias, source, column=column)
        if column.type == "numeric" and column.digits is not None:
            return self.number(column)
        if column.type == "date":
            return self._add(column.alias, day_number(source))
        # Spark orders the values of some types in another way than PostgreSQL. So PostgreSQL computes the
        # rank of each value, and the query orders by the rank.
        return self._add(column.alias, f"dense_rank() OVER (ORDER BY {source} NULLS FIRST)")

    def number(self, column: Column) -> str:
        """Return a column as an exact number, for the function `render`."""
        if self.dialect.is_spark and column.category == "N" and column.type not in WHOLE:
            return self._add(column.alias, finite(exact(column)), decimal(column.digits or 0), column=column)
        return self._add(column.alias, exact(column), column=column)

    def expression(self, node: Node, spark_type: str = "boolean") -> str:
        """Return the SQL of an expression. `spark_type` is the type of its value in Spark."""
        aliases = sorted({column.alias for column in columns_of(node)})
        spark = self.dialect.is_spark
        if aliases == ["t0"] and not (spark and self.resolved.transform is not None):
            sql = render(node, "postgresql", exact)
            if self._rows == BEGINNING:
                # No metric contains a row before the span, so the value of such a row is NULL. Without this
                # rule, a division by zero in such a row would end the run.
                sql = f"CASE WHEN {plain(self.resolved.date)} >= {self._bound(0)} THEN {sql} END"
            return self._computed("t0", sql, spark_type)
        if not spark or len(aliases) != 1:
            return render(node, self.dialect.name, self.number)
        # The expression uses only one joined table, so PostgreSQL computes it for Spark. If the join finds no
        # row, the columns of this table are NULL, but the value of the expression may not be NULL: for
        # example coalesce(fee, 0).
        found = self._computed(aliases[0], render(node, "postgresql", exact), spark_type)
        if isinstance(node, Ref):
            return found
        nothing = render(node, "postgresql", lambda column: f"NULL::{exact_type(column)}")
        other = self._computed("t0", nothing, spark_type)
        return f"CASE WHEN {self.reached(aliases[0])} THEN {found} ELSE {other} END"

    def _computed(self, alias: str, sql: str, spark_type: str) -> str:
        if not self.dialect.is_spark or spark_type == "boolean":
            return self._add(alias, sql)
        if spark_type == "bigint":
            # With CASE and exact arithmetic, the value can have the type numeric. Without the cast, Spark
            # would read the value with 18 digits after the point.
            return self._add(alias, f"({sql})::bigint")
        if spark_type == "string":
            return self._add(alias, f"({sql})::text")
        return self._add(alias, finite(f"({sql})::numeric"), spark_type)

    def measure(self, index: int) -> str:
        """Return the SQL of a measure's value: NULL if its filter is not true, 1 if it counts rows."""
        measure = self.resolved.measures[index]
        value, where = measure.value, measure.where
        if where is not None and value is not None and {c.alias for c in measure.columns} == {"t0"}:
            value, where = Case(((where, value),)), None
        sql = "1" if value is None else self.expression(value, self._spark_type(index))
        if where is not None:
            sql = f"CASE WHEN {self.expression(where)} THEN {sql} END"
        if self._rows == BEGINNING and any(column.alias != "t0" for column in measure.columns):
            return f"CASE WHEN {self.segment} > 0 THEN {sql} END"
        return sql

    def _spark_type(self, index: int) -> str:
        measure = self.resolved.measures[index]
        if measure.counted_only:
            return "string"
        if isinstance(measure.value, Ref) and measure.value.column.type in WHOLE:
            return "bigint"
        return decimal(self.spark_digits(index) if self.dialect.is_spark else measure.digits or 0)

    def spark_digits(self, index: int) -> int:
        """Return the digits after the point that a measure's values have in Spark."""
        digits = self.resolved.measures[index].digits
        return self._digits[index] if digits is None else digits

    @property
    def segment(self) -> str:
        """The SQL that computes the number of a row's segment. The number of a row without a date is NULL."""
        if self.one_segment:
            return "1"
        bounds = ", ".join(self._bound(i) for i in range(len(self.span.bounds)))
        when = plain(self.resolved.date)
        if len(self.span.bounds) == 2 and self._rows == UNDATED:
            return self._add("t0", f"CASE WHEN {when} IS NOT NULL THEN 1 END", name="segment")
        return self._add("t0", f"width_bucket({when}, ARRAY[{bounds}])", name="segment")

    @property
    def one_segment(self) -> bool:
        """Whether all rows are in segment 1."""
        undated = self._rows == UNDATED and self.may_be_undated
        return len(self.span.bounds) == 2 and self._rows != BEGINNING and not undated

    @property
    def may_be_undated(self) -> bool:
        return self.resolved.date.alias != "t0" or not self.resolved.date.not_null

    # -- joins -----------------------------------------------------------------------------------------

    def reached(self, alias: str) -> str:
        """Return the condition that a LEFT JOIN has found a row: the key of the joined row is not NULL."""
        step = self.resolved.step(alias)
        return f"{self.key(step.rights[0], step.lefts[0])} IS NOT NULL"

    def rows_of(self, alias: str, aliases: Sequence[str], inner: Sequence[str] = ()) -> str:
        """Return the FROM clause of `alias`: inner joins to `inner`, LEFT JOINs to all other aliases."""
        self._used_of(alias)
        return f"\n  FROM {alias}{self.joined(aliases, inner)}"

    def joined(self, aliases: Sequence[str], inner: Sequence[str] = ()) -> str:
        """Return the JOIN clauses to `aliases`."""
        lines = []
        for alias in aliases:
            step = self.resolved.step(alias)
            pairs = zip(step.lefts, step.rights, strict=True)
            same = " AND ".join(f"{self.key(right, left)} = {self.key(left, right)}" for left, right in pairs)
            lines.append(f"\n  {'' if alias in inner else 'LEFT '}JOIN {alias} ON {same}")
        return "".join(lines)

    def unbroken(self, aliases: Sequence[str], among: Sequence[str] | None = None) -> list[str]:
        """Return the conditions that every mandatory join to `aliases` has found its row.

        If `among` is given, return only the conditions of the joins to the aliases in `among`.
        """
        conditions = []
        for must in rolling_joins.mandatory(self.resolved, aliases):
            if among is None or must.step.alias in among:
                reached = self.reached(must.step.alias)
                excuse = None if must.excuse is None else self.reached(must.excuse)
                conditions.append(reached if excuse is None else f"({reached} OR NOT {excuse})")
        return conditions

    def counting(self) -> str:
        """Return a WHERE clause if the condition `where` uses joined tables, or else an empty text."""
        where, aliases = self.resolved.where, rolling_joins.filtered(self.resolved)
        if where is None or not aliases:
            return ""
        broken = [f"NOT ({' AND '.join(found)})" for found in [self.unbroken(aliases)] if found]
        return f"\n  WHERE ({' OR '.join([self.expression(where), *broken])})"

    def recipient(self, aliases: Sequence[str]) -> str:
        """Return the SQL of the recipient's name, in a query that has joined `aliases`."""
        name = self.label(self.resolved.recipient)
        if not rolling_joins.may_be_unassigned(self.resolved, aliases):
            return name
        return (
            f"CASE WHEN {self.reached(self.resolved.recipient.alias)} THEN {name} ELSE {self.unassigned} END"
        )

    @property
    def unassigned(self) -> str:
        assert self.resolved.unassigned is not None
        return self.dialect.literal(self.resolved.unassigned)

    def owned(self, aliases: Sequence[str]) -> str:
        """Return the condition that a row reaches a recipient and every mandatory table of `aliases`."""
        return " AND ".join([f"{self.recipient(aliases)} IS NOT NULL", *self.unbroken(aliases)])

    def included(self, aliases: Sequence[str]) -> str | None:
        """Return the condition that the recipient gets a file, or None if all recipients get files."""
        if self.resolved.recipients_where is None:
            return None
        alias = self.resolved.recipient.alias
        included = self._add(
            alias, f"({render(self.resolved.recipients_where, 'postgresql', exact)}) IS TRUE"
        )
        if not rolling_joins.may_be_unassigned(self.resolved, aliases):
            return included
        return f"({included} OR NOT {self.reached(alias)})"

    # -- texts -----------------------------------------------------------------------------------------

    def query(self, *parts: str) -> str:
        """Return a complete query. For PostgreSQL, its WITH clause begins with the relations."""
        *named, body = parts
        if not self.dialect.is_spark:
            named = [
                *(f"{name} AS NOT MATERIALIZED (\n{sql}\n)" for name, sql in self.texts().items()),
                *named,
            ]
        return f"WITH {', '.join(named)}\n{body}" if named else body

    def texts(self) -> dict[str, str]:
        """Return the SQL of the relations by name."""
        return {alias: self._text(alias) for alias in rolling_joins.in_order(self._used)}

    def relations(self) -> tuple[Relation, ...]:
        """Return the relations for Spark."""
        found = []
        for alias in rolling_joins.in_order(self._used):
            used, part = self._used[alias], self._part(alias)
            sql = self._text(alias, *([] if part is None else [f"{part} AS part"]))
            found.append(Relation(alias, sql, used.types, part and "part", used.columns))
        return tuple(found)

    def _part(self, alias: str) -> str | None:
        if alias == "t0":
            return plain(self.resolved.partition_by or self.resolved.date)
        key = self.resolved.step(alias).rights[0]
        return plain(key) if key.type in WHOLE else None

    def _text(self, alias: str, *more: str) -> str:
        columns = [f"{sql} AS {name}" for (sql, _), name in self._used[alias].names.items()]
        lines = [
            f"  SELECT {', '.join([*columns, *more]) or '1 AS c0'}",
            f"  FROM {self.table(alias)} {alias}",
        ]
        if alias == "t0":
            lines += self._date_joins()
            lines.append(f"  WHERE {' AND '.join(self._conditions())}")
        return "\n".join(lines)

    def table(self, alias: str) -> str:
        table = self.resolved.table(alias)
        return f"{identifier(table.schema)}.{identifier(table.table)}"

    def _date_joins(self) -> list[str]:
        lines = []
        for alias in self.resolved.path(self.resolved.date.alias)[1:]:
            step = self.resolved.step(alias)
            pairs = zip(step.lefts, step.rights, strict=True)
            same = " AND ".join(f"{compared(right)} = {compared(left)}" for left, right in pairs)
            lines.append(f"  LEFT JOIN {self.table(alias)} {alias} ON {same}")
        return lines

    def _conditions(self) -> list[str]:
        """Return the conditions for entity rows: the range of dates, and `where` if it needs no join.

        The range compares the plain date column, so that PostgreSQL can use an index.
        """
        when = plain(self.resolved.date)
        found = [] if self._rows == BEGINNING else [f"{when} >= {self._bound(0)}"]
        found.append(f"{when} < {self._bound(-1)}")
        if self._cutoff is not None:
            found.append(f"{when} <= {self._literal(self._cutoff)}")
        if self._rows == UNDATED and self.may_be_undated:
            found = [f"({' AND '.join(found)} OR {when} IS NULL)"]
        where = self.resolved.where
        if where is not None and not rolling_joins.filtered(self.resolved):
            found.append(f"({render(where, 'postgresql', exact)})")
        return found

    def _bound(self, index: int) -> str:
        day = self.span.bounds[index]
        if self.resolved.date.type != "timestamp with time zone":
            return self._literal(datetime(day.year, day.month, day.day))
        # PostgreSQL's AT TIME ZONE is not used. If clocks are set back at midnight, there are two midnights.
        # PostgreSQL takes the second one, an hour after the month began. Python takes the first one.
        return self._literal(datetime(day.year, day.month, day.day, tzinfo=zone(self.resolved.time_zone)))

    def _literal(self, moment: datetime) -> str:
        match self.resolved.date.type:
            case "date":
                return f"DATE '{moment.date()}'"
            case "timestamp with time zone":
                return f"TIMESTAMPTZ '{moment.astimezone(UTC).isoformat()}'"
            case _:
                return f"TIMESTAMP '{moment.replace(tzinfo=None).isoformat(sep=' ')}'"

    # -- the registry ----------------------------------------------------------------------------------

    def _used_of(self, alias: str) -> _Used:
        return self._used.setdefault(alias, _Used())

    def _add(
        self, alias: str, sql: str, type: str | None = None, *, column: Column | None = None, name: str = ""
    ) -> str:
        used = self._used_of(alias)
        if (sql, type) not in used.names:
            made = used.names[sql, type] = name or f"c{len(used.names)}"
            if type is not None:
                used.types[made] = type
            if column is not None:
                used.columns[made] = column
        return f"{alias}.{used.names[sql, type]}"
