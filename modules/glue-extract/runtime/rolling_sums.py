"""Sums of the values of a measure and of their squares, as exact in Spark as in PostgreSQL.

A decimal of Spark has 38 digits, and a square has twice the digits of its value. So Spark squares only short
values. It divides the digits of longer values into groups, and adds up the products of these groups. In this
way Spark can compute the squares of all values that it can add up.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import combinations_with_replacement

from rolling_columns import DECIMAL_DIGITS, decimal
from rolling_expression import Ref
from rolling_partials import GROUP_DIGITS, GROUPS
from rolling_relations import Relations

_SHORT = 14  # digits of a short value: the sum of 10 ** 10 squares of such values has at most 38 digits


def sum_of(relations: Relations, index: int) -> str:
    """Return the sum of a measure's values."""
    value = relations.measure(index)
    node = relations.resolved.measures[index].value
    if relations.dialect.is_spark and isinstance(node, Ref) and node.column.type == "bigint":
        value = f"CAST({value} AS DECIMAL(19, 0))"  # in Spark, a sum of bigint is a bigint and can overflow
    return f"sum({value})"


def squares(relations: Relations, index: int) -> str:
    """Return the sum of the squares of a measure's values.

    In Spark, the sum includes only the values with few digits (`_is_short`). `wide_squares` adds the others.
    """
    value = relations.measure(index)
    if not relations.dialect.is_spark:
        return f"sum(CAST({value} AS numeric) * {value})"
    square = f"CAST({value} AS {decimal(relations.spark_digits(index))}) * {value}"
    return f"sum(CASE WHEN {_is_short(relations, index)} THEN {square} END)"


def wide_squares(relations: Relations, index: int, place: int) -> str:
    """Return the part with the number `place` of the sum of the squares of long values.

    The digits of a value, without the decimal point, are divided into `GROUPS` groups. The part adds up the
    product of every two groups whose places have the sum `place`.
    """
    width = GROUPS * GROUP_DIGITS
    # In Spark, a value can have fewer digits after the point than `spark_digits`. For example, the value of
    # nullif(1, 0.5) has none. The cast adds the missing digits.
    value = f"CAST({relations.measure(index)} AS {decimal(relations.spark_digits(index))})"
    text = f"lpad(translate(CAST({value} AS string), '-.', ''), {width}, '0')"
    groups = [
        f"CAST(substr({text}, {1 + start}, {GROUP_DIGITS}) AS DECIMAL({GROUP_DIGITS}, 0))"
        for start in reversed(range(0, width, GROUP_DIGITS))
    ]
    products = [
        f"{'' if one == other else '2 * '}{groups[one]} * {groups[other]}"
        for one, other in combinations_with_replacement(range(GROUPS), 2)
        if one + other == place
    ]
    return f"sum(CASE WHEN NOT {_is_short(relations, index)} THEN {' + '.join(products)} END)"


def _is_short(relations: Relations, index: int) -> str:
    digits = relations.spark_digits(index)
    most = 0 if 2 * digits > DECIMAL_DIGITS else Decimal(1).scaleb(_SHORT - digits)
    return f"({relations.measure(index)} BETWEEN -{most:f} AND {most:f})"
