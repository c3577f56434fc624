"""Compute whether Spark must refuse an extract. This module does not use the code of the engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.support.engine.expressions import (
    Arithmetic,
    Call,
    Case,
    Column,
    Condition,
    Divided,
    Node,
    Number,
    columns,
)
from tests.support.engine.oracle import Tables, oracle
from tests.support.engine.random_sources import Setting

# The number of digits after the point for each type of an amount. None if the type does not fix this number.
AMOUNTS = {
    **dict.fromkeys(("smallint", "integer", "bigint"), 0),
    **{"numeric(20,2)": 2, "numeric(30,20)": 20, "money": 2},
    **dict.fromkeys(("numeric", "real", "double precision")),
}
# `discount` is a numeric(6,4) and `factor` is a numeric(8,3). All other numbers except amounts are whole.
OTHERS = {"discount": 4, "factor": 3}
QUOTIENT = 60  # number of digits after the point in the quotient of two columns in PostgreSQL
# The maximum number of digits after the point that Spark computes exactly. The first number is for an
# expression over several tables, the second for a sum.
MOST_JOINED, MOST = 19, 37


def refusal(setting: Setting, tables: Tables) -> str | None:
    """Return the error message with which Spark must refuse an extract, or None if Spark must run it."""
    return next(_over_several_tables(setting), None) or next(_too_many_digits(setting, tables), None)


def is_portable(setting: Setting) -> bool:
    """Return whether Spark must run the extract, whatever rows the source has."""
    quotients = (is_quotient(metric.expression) for metric in setting.case.metrics.values())
    return not any(quotients) and refusal(setting, {}) is None


def is_quotient(node: Node | None) -> bool:
    return isinstance(node, Divided) and isinstance(node.by, Column)


def _over_several_tables(setting: Setting) -> Iterator[str]:
    """Yield reasons to refuse an expression that has columns of several tables.

    Only Spark computes such expressions. PostgreSQL computes the expressions over one table.
    """
    parts: list[tuple[str, Node | Condition | None]] = [("where", setting.case.where)]
    for name, metric in setting.case.metrics.items():
        parts += [(f'metric "{name}"', metric.expression), (f'the where of metric "{name}"', metric.where)]
    for what, tree in parts:
        if len({column.table for column in columns(tree)}) < 2:
            continue
        if (reason := _reason(tree, setting)) is not None:
            yield (
                f"Spark must compute {what} over several tables, but cannot compute it exactly: {reason};"
                ' use aggregate_in="database", or a view that has the value as a column'
            )


def _reason(tree: Node | Condition | None, setting: Setting) -> str | None:
    if isinstance(tree, Divided) and is_quotient(tree):
        return "it divides by a column"
    if any(not column.text and _of_column(column, setting) is None for column in columns(tree)):
        return 'the type of column "Amount" does not fix the number of digits after the point'
    if isinstance(tree, Node) and (digits(tree, setting) or 0) > MOST_JOINED:
        return f"its values have more than {MOST_JOINED} digits after the point"
    return None


def _too_many_digits(setting: Setting, tables: Tables) -> Iterator[str]:
    for name, metric in setting.case.metrics.items():
        if metric.expression is None or (isinstance(metric.expression, Column) and metric.expression.text):
            continue
        if is_quotient(metric.expression):
            found = QUOTIENT if tables and _has_values(setting, tables, name) else 0
        else:
            found = digits(metric.expression, setting) or 0
        if found > MOST:
            yield (
                f"a metric has values with {found} digits after the point; Spark can add at most"
                f' {MOST} digits exactly; use aggregate_in="database"'
            )


def _has_values(setting: Setting, tables: Tables, name: str) -> bool:
    """Return whether a metric has a value in the longest window of a period."""
    case = setting.case
    for period in setting.periods:
        longest = max(
            (period[1] if isinstance(m.window, str) else m.window for m in case.metrics.values()), default=1
        )
        wide = {name: replace(case.metrics[name], window=longest)}
        if oracle(replace(case, metrics=wide), tables, period).counts[name]:
            return True
    return False


def digits(node: Node, setting: Setting) -> int | None:
    """Return the maximum number of digits after the point. Return None if a type does not fix the number.

    A division by a constant adds no digits, because the engine divides the sum and not each value.
    """
    match node:
        case Column():
            return _of_column(node, setting)
        case Number(number):
            exponent = number.as_tuple().exponent
            assert isinstance(exponent, int)
            return max(0, -exponent)
        case Arithmetic("*", left, right):
            found = [digits(left, setting), digits(right, setting)]
            return None if None in found else sum(each or 0 for each in found)
        case Arithmetic(_, left, right):
            return _most([left, right], setting)
        case Divided(left):
            return digits(left, setting)
        case Call(_, arguments):
            return _most(list(arguments), setting)
        case Case(_, one, other):
            return _most([one, *([] if other is None else [other])], setting)


def _most(nodes: list[Node], setting: Setting) -> int | None:
    found = [digits(node, setting) for node in nodes]
    return None if None in found else max(each or 0 for each in found)


def _of_column(column: Column, setting: Setting) -> int | None:
    return AMOUNTS[setting.amount] if column.name == "Amount" else OTHERS.get(column.name, 0)
