"""Let PostgreSQL check the expressions of a spec before a run reads any row."""

from __future__ import annotations

from rolling_catalog import Reader
from rolling_columns import exact
from rolling_dialect import identifier
from rolling_errors import ExtractError
from rolling_expression import Exact, Node, Ref, columns_of, render
from rolling_nodes import WHOLE
from rolling_resolved import Resolved
from rolling_spec_check import wrong

_NUMBERS = (*WHOLE, "numeric")
_CONDITION = ("boolean",)


def check_expressions(session: Reader, resolved: Resolved) -> None:
    """Refuse an expression that PostgreSQL does not accept, or that has the wrong type for its place."""
    _check(session, resolved, "where", resolved.where, _CONDITION)
    _check(session, resolved, "recipients_where", resolved.recipients_where, _CONDITION)
    for metric in resolved.metrics:
        measure = resolved.measures[metric.measure]
        types = () if measure.counted_only else _NUMBERS
        _check(session, resolved, f"metrics.{metric.name}", measure.value, types)
        _check(session, resolved, f"metrics.{metric.name}.where", measure.where, _CONDITION)


def _check(session: Reader, resolved: Resolved, name: str, node: Node | None, types: tuple[str, ...]) -> None:
    if node is None or (isinstance(node, Ref) and types != _CONDITION):
        return
    if isinstance(node, Exact):
        node, types = node.operand, (*_NUMBERS, "real", "double precision")
    what = f'{_said(name)} "{resolved.texts[name]}"'
    try:
        [[found]] = session.rows(probe(resolved, node), reads_rows=False)
    except ExtractError as refused:
        if refused.kind != "database":
            raise
        said = refused.sentence.removeprefix("the database refused the read: ")
        raise ExtractError(
            f"PostgreSQL does not accept {what}: {said}", kind="spec", cause=refused.cause
        ) from None
    if types and found not in types:
        right = "a condition" if types == _CONDITION else "a number"
        raise wrong(f"{what} has the type {found}, but must be {right}")


def _said(name: str) -> str:
    """Return the name of an expression for a sentence.

    >>> _said("metrics.paid.where"), _said("metrics.paid"), _said("where")
    ('the where of metric paid,', 'the expression of metric paid,', 'where')
    """
    of, _, rest = name.partition(".")
    if not rest:
        return of
    metric, _, where = rest.partition(".")
    return f"the {where or 'expression'} of metric {metric},"


def probe(resolved: Resolved, node: Node) -> str:
    """Return a query for the type of an expression. PostgreSQL parses it, but does not compute it."""
    aliases = {column.alias for column in columns_of(node)}
    tables = "".join(
        f" LEFT JOIN {identifier(table.schema)}.{identifier(table.table)} AS {table.alias} ON false"
        for table in resolved.tables
        if table.alias in aliases
    )
    value = f"CASE WHEN false THEN {render(node, 'postgresql', exact)} END"
    return f"SELECT CAST(pg_typeof({value}) AS text) FROM (SELECT 1) AS one{tables}"
