"""The relation of the entity for a transform, and the relations of the rows that the transform returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rolling_columns import exact, finite, plain, text_of
from rolling_errors import ExtractError
from rolling_expression import columns_of, is_portable, literal, render
from rolling_nodes import WHOLE, Node
from rolling_relations import BEGINNING, Relations
from rolling_resolved import Column
from rolling_source import Session

SEGMENT = "rolling_segment"
VIEW = "rolling_entity"


class RawRelations(Relations):
    """The relation that a transform gets: the entity, with the column names of the source."""

    def add_raw(self, column: Column, kind: str) -> str:
        """Add a column of the Spark type `kind`, and return its name in the relation."""
        if kind.startswith("DECIMAL"):
            added = self._add("t0", finite(exact(column)), kind)
        elif kind in ("string", "timestamp", "timestamp_ntz"):
            added = self._add("t0", text_of(column), None if kind == "string" else kind)
        else:
            added = self._add("t0", plain(column), kind)
        return added.partition(".")[2]


class FrameRelations(Relations):
    """Relations whose `t0` is the frame that a transform returned. The frame is the view `rolling_entity`."""

    def __init__(self, session: Session, *given: Any) -> None:
        super().__init__(*given)
        self._session = session

    def key(self, column: Column, other: Column) -> str:
        if column.alias != "t0":
            return super().key(column, other)
        if column.type in WHOLE and other.type in WHOLE:
            return self._add("t0", f"CAST({_quoted(column)} AS bigint)")
        text = f"CAST({_quoted(column)} AS string)"
        if column.category == "N" and other.category == "N":
            # Remove zeros at the end: 5.10 becomes 5.1. PostgreSQL also writes the numbers of the joined
            # column without these zeros.
            text = rf"regexp_replace(regexp_replace({text}, '(\\.[0-9]*?)0+$', '$1'), '\\.$', '')"
        return self._add("t0", text)

    def label(self, column: Column) -> str:
        if column.alias != "t0":
            return super().label(column)
        if column.type in WHOLE:
            return self.dialect.text(self.plain_label(column))
        return self.plain_label(column)

    def plain_label(self, column: Column) -> str:
        if column.alias != "t0":
            return super().plain_label(column)
        kind = "bigint" if column.type in WHOLE else "string"
        return self._add("t0", f"CAST({_quoted(column)} AS {kind})")

    def order(self, column: Column) -> str | None:
        if column.alias != "t0" or column.is_text:
            return super().order(column)
        if column.type in WHOLE:
            return self.plain_label(column)
        if column.type == "boolean" or (column.category == "N" and column.digits is not None):
            return self._add("t0", _quoted(column))
        if column.type == "date":
            return self._add("t0", f"datediff({_quoted(column)}, DATE'2000-01-01')")
        return self.plain_label(column)  # the texts of timestamps have the same order as the timestamps

    def number(self, column: Column) -> str:
        return super().number(column) if column.alias != "t0" else self._add("t0", _quoted(column))

    def expression(self, node: Node, spark_type: str = "boolean") -> str:
        if {column.alias for column in columns_of(node)} - {"t0"}:
            return super().expression(node, spark_type)
        return render(node, "spark", self.number)

    def measure(self, index: int) -> str:
        value = super().measure(index)
        return value if self._rows != BEGINNING else f"CASE WHEN {self.segment} > 0 THEN {value} END"

    def included(self, aliases: Sequence[str]) -> str | None:
        node = self.resolved.recipients_where
        if node is None or self.resolved.recipient.alias != "t0":
            return super().included(aliases)
        if (reason := is_portable(node)) is not None:
            raise ExtractError(
                "Spark must compute recipients_where after the transform, but cannot compute it exactly:"
                f' {reason}; use aggregate_in="database"',
                kind="spec",
            )
        return self._add("t0", f"coalesce({render(node, 'spark', _quoted)}, false)")

    @property
    def segment(self) -> str:
        return "1" if self.one_segment else self._add("t0", SEGMENT, name="segment")

    def _computed(self, alias: str, sql: str, spark_type: str) -> str:
        if alias != "t0":
            return super()._computed(alias, sql, spark_type)
        # If an entity row has no joined row, an expression over the joined table has a constant value.
        # PostgreSQL computes this value.
        [[value]] = self._session.rows(f"SELECT ({sql})::text")
        text = "NULL" if value is None else literal(value, spark=True)
        return self._add("t0", f"CAST({text} AS {spark_type})")

    def _text(self, alias: str, *more: str) -> str:
        if alias != "t0":
            return super()._text(alias, *more)
        columns = [f"{sql} AS {name}" for (sql, _), name in self._used["t0"].names.items()]
        return f"SELECT {', '.join(columns) or '1 AS c0'} FROM {VIEW}"

    def _part(self, alias: str) -> str | None:
        return None if alias == "t0" else super()._part(alias)


def _quoted(column: Column) -> str:
    return "`" + column.name.replace("`", "``") + "`"
