"""SQL of PostgreSQL for columns and numbers in a relation."""

from __future__ import annotations

from rolling_dialect import identifier
from rolling_resolved import Column

DECIMAL_DIGITS = 38  # the most digits that a decimal in Spark can have


def plain(column: Column) -> str:
    return f"{column.alias}.{identifier(column.name)}"


def text_of(column: Column) -> str:
    """Return the text of a column.

    For an enum, `::text` would run a function if the owner of the type creates a cast during the run.
    """
    source = plain(column)
    # the cast turns a domain into its enum
    return f"textin(enum_out({source}::{column.type}))" if column.category == "E" else f"{source}::text"


def exact(column: Column) -> str:
    source = plain(column)
    if column.is_float:
        # A cast of the float itself would round it to 15 digits. Its text has the fewest digits that identify
        # exactly this float.
        return f"{source}::text::numeric"
    return f"{source}::numeric" if column.type == "money" else source


def exact_type(column: Column) -> str:
    return "numeric" if column.is_float or column.type == "money" else column.type


def decimal(digits: int) -> str:
    return f"DECIMAL({DECIMAL_DIGITS}, {digits})"


def finite(sql: str) -> str:
    """Return a number as text for Spark, or NULL for NaN and Infinity, which the control totals report."""
    return f"nullif(nullif(nullif({sql}::text, 'NaN'), 'Infinity'), '-Infinity')"


def normal(sql: str) -> str:
    """Return the same text for all equal numbers: 9.5 for 9.50. PostgreSQL 12 has no trim_scale."""
    return f"CASE WHEN scale({sql}) > 0 THEN rtrim(rtrim({sql}::text, '0'), '.') ELSE {sql}::text END"


def day_number(sql: str) -> str:
    epoch = "DATE '2000-01-01'"
    end = "2147483647"
    return (
        f"CASE WHEN isfinite({sql}) THEN {sql} - {epoch} WHEN {sql} > {epoch} THEN {end}"
        f" WHEN {sql} < {epoch} THEN -{end} END"
    )
