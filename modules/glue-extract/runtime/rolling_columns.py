"""SQL of PostgreSQL for columns and numbers in a relation."""

from __future__ import annotations

from rolling_dialect import identifier
from rolling_resolved import Column

DECIMAL_DIGITS = 38  # the most digits that a decimal in Spark can have


def plain(column: Column) -> str:
    return f"{column.alias}.{identifier(column.name)}"


def text_of(column: Column) -> str:
    """Return the text of a column.

    The owner of an enum can create a cast or exchange the type at any time, also during a run. Then
    PostgreSQL would call the owner's function for casts and comparisons of the enum. `concat` uses no cast.
    """
    source = plain(column)
    if column.category == "E":
        return f"CASE WHEN {source} IS NOT NULL THEN concat({source}) END"
    return f"{source}::text"


def compared(column: Column) -> str:
    """Return a column for the comparison with a column of the same type."""
    return text_of(column) if column.category == "E" else plain(column)


def exact(column: Column) -> str:
    """Return a column for an expression: a number without rounding, and an enum as text."""
    source = compared(column)
    if column.is_float:
        # A direct cast to numeric would round the float to 15 digits. So first cast the float to text: the
        # text has the fewest digits that identify exactly this float.
        return f"{source}::text::numeric"
    return f"{source}::numeric" if column.type == "money" else source


def exact_type(column: Column) -> str:
    if column.category == "E":
        return "text"
    return "numeric" if column.is_float or column.type == "money" else column.type


def decimal(digits: int) -> str:
    return f"DECIMAL({DECIMAL_DIGITS}, {digits})"


def finite(sql: str) -> str:
    """Return the SQL of a number's text for Spark.

    For NaN and Infinity, the SQL gives NULL. The check of the control totals refuses NaN and Infinity.
    """
    return f"nullif(nullif(nullif({sql}::text, 'NaN'), 'Infinity'), '-Infinity')"


def normal(sql: str) -> str:
    """Return the SQL of a number's text without zeros at the end of its fraction: 9.5 for 9.50.

    PostgreSQL 12 does not have the function trim_scale.
    """
    return f"CASE WHEN scale({sql}) > 0 THEN rtrim(rtrim({sql}::text, '0'), '.') ELSE {sql}::text END"


def day_number(sql: str) -> str:
    epoch = "DATE '2000-01-01'"
    end = "2147483647"
    return (
        f"CASE WHEN isfinite({sql}) THEN {sql} - {epoch} WHEN {sql} > {epoch} THEN {end}"
        f" WHEN {sql} < {epoch} THEN -{end} END"
    )
