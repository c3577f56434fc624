"""Check that the types of the columns fit their use in the spec."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rolling_expression import Binary, Call, Cast, In, Is, Node, Ref, Text, columns_of, is_portable
from rolling_names import Names, contract, missing
from rolling_nodes import COMPARISONS, WHOLE, children, walk
from rolling_resolved import Column, Resolved, Step
from rolling_spec_check import wrong

# Categories of pg_type that a file can show: numbers, text, dates, booleans, enums, network addresses and
# intervals. The type uuid is allowed separately, because its category U also contains json and other types.
_SHOWN = frozenset("NSDBEIT")
# If PostgreSQL compares values of these types, it ignores the spaces at their end. "bpchar" is the type
# without a length, for example the type of coalesce(a, b) in a view.
_PADDED = ("character", "bpchar")
_FLOATS = ("real", "double precision")
_NUMBERS = (*WHOLE, "numeric", "money", *_FLOATS)
# Operators and functions whose result depends on the order of the values.
_ORDERS = ("<", "<=", ">", ">=", "greatest", "least")
_DATES = ("date", "timestamp without time zone", "timestamp with time zone")


def is_number(column: Column) -> bool:
    return column.type in _NUMBERS


def check_types(resolved: Resolved, names: Names) -> None:
    """Refuse columns whose type does not fit their use in the spec."""
    if resolved.date.type not in _DATES:
        said = names.said(resolved.date)
        raise contract(f"date_column {said} is {resolved.date.type}, not a date or timestamp")
    listing = resolved.listing
    shown = {
        **resolved.group_by,
        resolved.recipient_label: resolved.recipient,
        **(dict(zip(names.spec.rows or (), listing.columns, strict=True)) if listing else {}),
    }
    for label, column in shown.items():
        if not _is_shown(column):
            raise contract(
                f'"{label}", {names.said(column)}, is {column.type}, which cannot be written to a file'
            )
    _check_operators(resolved, names)
    _check_texts(resolved, names)
    for step in resolved.steps:
        _check_join(resolved, step)
    for metric in resolved.metrics:
        value = resolved.measures[metric.measure].value
        if metric.aggregate == "count_distinct" and isinstance(value, Ref) and not _is_shown(value.column):
            raise contract(
                f'metric "{metric.name}", {names.said(value.column)}, is {value.column.type}, whose values'
                " cannot be compared"
            )
    if resolved.partition_by is not None and resolved.partition_by.type not in WHOLE:
        raise contract(
            f'partition_by="{names.spec.partition_by}" is {resolved.partition_by.type}; it must be a column'
            " of whole numbers"
        )
    _check_collations(resolved, names)
    if resolved.aggregate_in == "spark":
        _check_spark(resolved)


def _is_shown(column: Column) -> bool:
    """Return whether a file can show a column.

    The values of regclass and similar types are names that any role can choose, but their category is that of
    numbers.
    """
    return (column.category in _SHOWN or column.type == "uuid") and not re.match(r"reg[a-z]+$", column.type)


def _check_operators(resolved: Resolved, names: Names) -> None:
    """Refuse to compare values of a type that has its own operators, for example citext.

    The search_path has only pg_catalog, so PostgreSQL would silently use the operators for text. Enums
    are allowed, because they have no operators of their own. But a run compares the values of an enum as
    texts, so it cannot order them.
    """
    sides = (side for step in resolved.steps for side in (*step.lefts, *step.rights))
    measured = (node for measure in resolved.measures for node in (measure.value, measure.where))
    expressions = (*measured, resolved.where, resolved.recipients_where)
    nodes = [each for expression in expressions if expression is not None for each in walk(expression)]
    for node in nodes:
        _check_enums(node, names)
    for column in (*sides, *_operands(nodes)):
        if "." in column.type and column.category != "E":
            raise contract(
                f"{names.said(column)} has the type {column.type}, and a run does not use operators of this"
                " type; use a view that casts the column to a built-in type"
            )


def _check_texts(resolved: Resolved, names: Names) -> None:
    """Refuse columns that a run reads as text if the type is a user-defined array, composite type or range.

    The reason is that the owner of the type can create a cast to text that runs a function. Spark reads all
    columns of such types as texts.
    """
    columns = [*resolved.recipient_columns.values()]
    if resolved.aggregate_in == "spark":
        measured = (node for measure in resolved.measures for node in (measure.value, measure.where))
        columns += columns_of(*measured, resolved.where, resolved.recipients_where)
        columns += [*resolved.transform_columns, *(resolved.listing.key if resolved.listing else ())]
    for column in columns:
        if "." in column.type and column.category in "ACR":
            raise contract(
                f"{names.said(column)} has the type {column.type}, which a run does not convert to text; use"
                " a view that casts the column to a built-in type"
            )


def _check_enums(node: Node, names: Names) -> None:
    """Refuse to order the values of an enum, and to compare an enum with a text that is not its value."""
    found = children(node)
    enums = [each.column for each in found if isinstance(each, Ref) and each.column.category == "E"]
    if not enums:
        return
    said = names.said(enums[0])
    operator = node.operator if isinstance(node, Binary) else node.name if isinstance(node, Call) else ""
    if operator in _ORDERS:
        raise contract(f"{said} is an enum, and a run cannot order its values; use a view with numbers")
    if operator in COMPARISONS or isinstance(node, In):
        labels = names.row_of(enums[0]).labels
        for each in found:
            if isinstance(each, Text) and each.value not in labels:
                raise missing(f'{said} has no value "{each.value}"', each.value, labels)


def _operands(nodes: Iterable[Node]) -> Iterator[Column]:
    """Yield the columns that are operands of an operator or arguments of a function.

    For a cast, yield the column only if its type is an array, a composite type or a range. Every role can
    create a type of these kinds, and a cast from the type that runs a function. Other types, except enums,
    can be created only by a superuser.
    """
    for node in nodes:
        if not isinstance(node, Is):
            found = (child.column for child in children(node) if isinstance(child, Ref))
            yield from (each for each in found if not isinstance(node, Cast) or each.category in "ACR")


def _check_join(resolved: Resolved, step: Step) -> None:
    for left, right in zip(step.lefts, step.rights, strict=True):
        same = left.category == right.category and (left.category not in "UE" or left.type == right.type)
        if not same:
            raise contract(
                f"the join {step.name} compares {left.type} with {right.type}; both must be of the same kind"
            )
        if _equals_several(left.type, right.type):
            raise contract(
                f"the join {step.name} compares {left.type} with {right.type}, and one value of the left"
                " column could equal several values of the right column; use a view that casts the left"
                f" column to {right.type}"
            )
        if resolved.aggregate_in == "spark" and not _compares_in_spark(left, right):
            raise contract(
                f"the join {step.name} compares {left.type} with {right.type}, which Spark would not compare"
                ' as PostgreSQL does; use aggregate_in="database"'
            )


def _equals_several(left: str, right: str) -> bool:
    """Return whether a value of the type `left` can equal different values of the type `right`.

    If it can, a row can match several rows, even if the column on the right side has a unique index.
    PostgreSQL ignores the spaces at the end of a `char(n)` if it compares the `char(n)` with a text. It
    compares a float and another number as floats. If only one of two times has a time zone, the other is a
    local time of the session, and two different local times can be the same moment.
    """
    if left in _FLOATS:
        return right not in (*_FLOATS, "smallint", "integer")
    zone = "with time zone"
    return (left in _PADDED and right not in _PADDED) or (left.endswith(zone) and not right.endswith(zone))


def _compares_in_spark(left: Column, right: Column) -> bool:
    """Return whether the texts of two values are equal exactly if the values are equal.

    Zeros at the end of a number do not count.

    The result is false for a float and a numeric, for `char(n)` and text, and for types with their own
    equality (citext, intervals, networks).
    """
    types = {left.type, right.type}
    alike = ({*WHOLE, "numeric"}, {"text", "character varying"})
    return any(types <= group for group in alike) or (
        len(types) == 1
        and (left.type in ("character", "uuid", "boolean", "money", *_DATES) or left.category == "E")
    )


def _check_collations(resolved: Resolved, names: Names) -> None:
    """Refuse collations that treat different texts as equal. PostgreSQL could show any of these texts."""
    sides = (side for step in resolved.steps for side in (*step.lefts, *step.rights))
    distinct = (
        column
        for metric in resolved.metrics
        if metric.aggregate == "count_distinct"
        for column in columns_of(resolved.measures[metric.measure].value)
    )
    for column in (*resolved.group_by.values(), resolved.recipient, *sides, *distinct):
        if (collation := names.row_of(column).collation) is not None:
            raise contract(
                f"column {names.said(column)} has the nondeterministic collation {collation}, so"
                ' different texts can be equal; use a view that reads the column with COLLATE "C"'
            )


def _check_spark(resolved: Resolved) -> None:
    """Refuse expressions that Spark must compute but cannot compute exactly.

    PostgreSQL computes an expression over one table for Spark, unless a transform changes the table's rows.
    """
    found = {"where": resolved.where}
    for metric in resolved.metrics:
        measure = resolved.measures[metric.measure]
        found[f'metric "{metric.name}"'] = measure.value
        found[f'the where of metric "{metric.name}"'] = measure.where
    for what, node in found.items():
        aliases = {column.alias for column in columns_of(node)}
        transformed = resolved.transform is not None and "t0" in aliases and what != "where"
        if node is None or (len(aliases) <= 1 and not transformed):
            continue
        if (reason := is_portable(node)) is not None:
            where = "after the transform" if len(aliases) <= 1 else "over several tables"
            raise wrong(
                f"Spark must compute {what} {where}, but cannot compute it exactly: {reason}; use"
                ' aggregate_in="database", or a view that has the value as a column'
            )
