"""Refuse errors in a spec, with one sentence, before a run connects to AWS or to the database."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import inf

from rolling_errors import ExtractError, counted, listed
from rolling_format_check import check_files
from rolling_grammar import parse
from rolling_nodes import Node, Ref
from rolling_period import zone
from rolling_repeatable import check_clocks
from rolling_resolved import YEAR_TO_DATE, Column
from rolling_spec import Extract, Join, Metric
from rolling_tokens import ExpressionError

AGGREGATES = ("avg", "sum", "count", "count_distinct", "min", "max", "median", "stddev")
_PERCENTILE = re.compile(r"p[1-9][0-9]?")
COUNTS = ("count", "count_distinct")
DATES = ("period", "window_start", "window_end")

# Labels are the names of the columns in the header of a CSV file. Keys of S3 objects contain the label of the
# recipient. PostgreSQL truncates names of more than 63 characters, so a label must not be longer.
_LONGEST_LABEL = 63
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_METRIC = re.compile(r"[^\W\d]\w*")


def check(spec: object) -> None:
    """Refuse a spec with invalid or contradictory fields.

    Nothing has checked the types of the fields before, so a field can have a value of any type.
    """
    if not isinstance(spec, Extract):
        raise wrong(f"run needs an Extract, not {_kind(spec)}")
    if spec.fault is not None:
        raise wrong(spec.fault)
    _check_types(spec)
    _check_numbers(spec)
    _check_joins(spec)
    _check_shape(spec)
    _check_labels(spec)
    check_files(spec, {name: _has_sum(metric) for name, metric in (spec.metrics or {}).items()})
    _check_spark(spec)
    for text, what, table in references(spec):
        _check_table(spec, text, what, table)
    read_early(spec)


def _has_sum(metric: Metric) -> bool:
    """Return whether totals can have a sum for the metric. The type of its values is not known yet."""
    return metric.aggregate != "count_distinct" and metric.expression is not None


def wrong(sentence: str) -> ExtractError:
    return ExtractError(sentence, kind="spec")


def expressions(spec: Extract) -> list[tuple[str, str, str]]:
    """Return name, text and default table of each expression. The name is for error messages."""
    return [
        (f'the expression "{metric.expression}" of metric "{name}"', metric.expression, spec.entity_name)
        for name, metric in (spec.metrics or {}).items()
        if metric.expression is not None
    ]


def conditions(spec: Extract) -> list[tuple[str, str, str]]:
    """Return name, text and default table of each condition. The name is for error messages."""
    recipient = spec.split(next(iter(spec.recipient.values())))[0]
    found = [
        (f'where="{spec.where}"', spec.where, spec.entity_name),
        (f'recipients_where="{spec.recipients_where}"', spec.recipients_where, recipient),
        *(
            (f'where="{metric.where}" of metric "{name}"', metric.where, spec.entity_name)
            for name, metric in (spec.metrics or {}).items()
        ),
    ]
    return [(what, text, table) for what, text, table in found if text is not None]


def references(spec: Extract) -> list[tuple[str, str, str | None]]:
    """Return name, field and table of each column in the spec. The table None means any table."""
    own = spec.entity_name
    return [
        (spec.date_column, "date_column", None),
        *((column, f'recipient "{label}"', None) for label, column in spec.recipient.items()),
        *((column, f'group_by "{label}"', None) for label, column in (spec.group_by or {}).items()),
        *((column, f'rows "{label}"', None) for label, column in (spec.rows or {}).items()),
        *((column, "transform_columns", own) for column in spec.transform_columns),
        *([(spec.partition_by, "partition_by", own)] if spec.partition_by is not None else []),
    ]


# -- types -------------------------------------------------------------------------------------------


def _kind(value: object) -> str:
    return "None" if value is None else f"{value!r}"[:60]


def _check_types(spec: Extract) -> None:
    for name in ("entity", "date_column", "grain", "time_zone", "schema", "unassigned", "aggregate_in"):
        value = getattr(spec, name)
        if not isinstance(value, str):
            raise wrong(f"{name}={_kind(value)} is not a text")
        if not value.strip():
            hint = "; write the name of a table" if name == "entity" else ""
            raise wrong(f"{name} is empty{hint}")
    for name in ("where", "recipients_where", "partition_by"):
        value = getattr(spec, name)
        if value is not None and not isinstance(value, str):
            raise wrong(f"{name}={_kind(value)} is not a text")
    if not isinstance(spec.defuse_formulas, bool):
        raise wrong(f"defuse_formulas={_kind(spec.defuse_formulas)} is not True or False")
    for name, example in (
        ("recipient", '{"bank_name": "Bank.Name"}'),
        ("group_by", '{"branch_id": "Branch.idBranch"}'),
        ("rows", '{"loan_id": "Loans.idLoan"}'),
    ):
        value = getattr(spec, name)
        if value is None and name != "recipient":
            continue
        if not isinstance(value, Mapping) or not value:
            raise wrong(f"{name}={_kind(value)} must name columns; write for example {name}={example}")
        for label, column in value.items():
            if not isinstance(label, str) or not isinstance(column, str) or not column.strip():
                raise wrong(f"{name} has {label!r}: {_kind(column)}; write for example {example}")
    if len(spec.recipient) != 1:
        raise wrong(
            f'recipient names {len(spec.recipient)} columns, but must name one: {{"bank_name": "Bank.Name"}}'
        )
    for name in ("columns", "transform_columns"):
        value = getattr(spec, name)
        if isinstance(value, str):
            raise wrong(f'{name}="{value}" is one text, not a tuple; write ("{value}",)')
        if value is None and name == "columns":
            continue
        if not isinstance(value, tuple | list) or not all(isinstance(each, str) for each in value):
            raise wrong(f"{name}={_kind(value)} must be a tuple of texts")
    if isinstance(spec.joins, Join):
        raise wrong("joins is one Join, not a tuple; write (Join(...),)")
    if not isinstance(spec.joins, tuple | list):
        raise wrong(f"joins={_kind(spec.joins)} must be a tuple of Join")
    _check_metric_types(spec)


def _check_metric_types(spec: Extract) -> None:
    if spec.metrics is None:
        return
    if not isinstance(spec.metrics, Mapping) or not spec.metrics:
        raise wrong(
            f"metrics={_kind(spec.metrics)} does not name metrics; write for example"
            ' metrics={"amount_sum": Metric("sum", "Amount")}'
        )
    for name, metric in spec.metrics.items():
        if not isinstance(name, str) or not isinstance(metric, Metric):
            raise wrong(f'metrics has {name!r}: {_kind(metric)}; write for example Metric("sum", "Amount")')
        if metric.fault is not None:
            raise wrong(f'metric "{name}": {metric.fault}')
        _check_metric(name, metric)


def _check_metric(name: str, metric: Metric) -> None:
    aggregate = metric.aggregate
    if not isinstance(aggregate, str) or (
        aggregate not in AGGREGATES and _PERCENTILE.fullmatch(aggregate) is None
    ):
        raise wrong(
            f'metric "{name}" has the aggregate {_kind(aggregate)}, which is not one of'
            f" {', '.join(AGGREGATES)} or p1 to p99"
        )
    for what, text in (("expression", metric.expression), ("where", metric.where)):
        if text is not None and not isinstance(text, str):
            raise wrong(f'metric "{name}" has {what}={_kind(text)}, which is not a text')
    if metric.expression is None and aggregate != "count":
        raise wrong(f'metric "{name}" has no expression; add an expression, or use "count" to count rows')
    if metric.expression is not None and not metric.expression.strip():
        raise wrong(f'metric "{name}" has an empty expression')
    window = metric.window
    if window != YEAR_TO_DATE and not _is_whole(window, 1, 1200):
        raise wrong(
            f'metric "{name}" has window={_kind(window)}, which is not a whole number from 1 to 1200 or'
            f' "{YEAR_TO_DATE}"'
        )
    if metric.scale is not None and not _is_whole(metric.scale, 0, 18):
        raise wrong(
            f'metric "{name}" has scale={_kind(metric.scale)}, which is not a whole number from 0 to 18'
        )
    if metric.scale and aggregate in COUNTS:
        raise wrong(
            f'metric "{name}" has scale={metric.scale}, but a count is a whole number; leave scale out'
        )


def _is_whole(value: object, least: int, most: float) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _check_numbers(spec: Extract) -> None:
    for name, least, most in (
        ("partitions", 1, 1000),
        ("late_data_periods", 0, 24),
        ("max_orphan_rows", 0, inf),
        ("max_undated_rows", 0, inf),
    ):
        value = getattr(spec, name)
        if not _is_whole(value, least, most) and (name != "partitions" or value is not None):
            limit = "up" if most == inf else f"to {most}"
            raise wrong(f"{name}={_kind(value)} is not a whole number from {least} {limit}")
    factor = spec.swing_factor
    if factor is not None and (
        isinstance(factor, bool) or not isinstance(factor, int | float) or not 1 < factor < inf
    ):
        raise wrong(f"swing_factor={_kind(factor)} is not a number above 1")
    if spec.grain != "month":
        raise wrong(f'grain="{spec.grain}" is not supported; the grain is "month"')
    zone(spec.time_zone)
    if not any(character.isalnum() for character in spec.unassigned):
        raise wrong(f'unassigned="{spec.unassigned}" must have a letter or digit, because it names a file')


# -- joins -------------------------------------------------------------------------------------------


def _check_joins(spec: Extract) -> None:
    known = {spec.entity_name}
    for join in spec.joins:
        if not isinstance(join, Join):
            raise wrong(f'joins has {_kind(join)}; write for example Join("Bank", "Branch.Bank_id", "id")')
        if join.fault is not None:
            raise wrong(join.fault)
        _check_join_types(join)
        if join.name in known:
            raise wrong(f'two tables of the spec are called "{join.name}"; give one of the joins an alias')
        if len(join.lefts) != len(join.rights):
            raise wrong(
                f'the join to "{join.name}" compares {counted(len(join.lefts), "column")} with'
                f" {len(join.rights)}; left and right must have the same number of columns"
            )
        starts = {table_of(spec, left, known) for left in join.lefts}
        if None in starts:
            left = next(left for left in join.lefts if table_of(spec, left, known) is None)
            raise wrong(
                f'the join to "{join.name}" starts at "{left}", which is not a column of'
                f' {listed(sorted(known))}; write left="Table.column" of the entity or of an earlier join'
            )
        if len(starts) > 1:
            raise wrong(f'the join to "{join.name}" starts at two tables; it must start at one table')
        known.add(join.name)


def _check_join_types(join: Join) -> None:
    for name, value in (("table", join.table), ("alias", join.alias)):
        if not (isinstance(value, str) and value.strip()) and not (name == "alias" and value is None):
            raise wrong(f"a join has {name}={_kind(value)}, which is not a text")
    if not isinstance(join.optional, bool):
        raise wrong(f'the join to "{join.name}" has optional={_kind(join.optional)}, not True or False')
    for name, side in (("left", join.left), ("right", join.right)):
        columns = (side,) if isinstance(side, str) else side
        if not isinstance(columns, tuple | list) or not columns:
            raise wrong(f'the join to "{join.name}" has {name}={_kind(side)}, which is not a column')
        if not all(isinstance(column, str) and column.strip() for column in columns):
            raise wrong(f'the join to "{join.name}" has {name}={_kind(side)}, which is not a column')


def table_of(spec: Extract, left: str, known: set[str]) -> str | None:
    """Return the table of a join's left column, or None if no earlier join has this table."""
    table, column = spec.split(left)
    return table if table in known and column != left else None


# -- columns of the file -----------------------------------------------------------------------------


def _check_shape(spec: Extract) -> None:
    if spec.rows is not None:
        for name in ("group_by", "metrics"):
            if getattr(spec, name) is not None:
                raise wrong(
                    f"rows and {name} must not be given together; a listing has no groups and no metrics"
                )
        return
    if spec.metrics is None:
        raise wrong(
            'metrics is missing; write for example metrics={"amount_sum": Metric("sum", "Amount")}, or rows='
            " for a listing"
        )
    if spec.group_by is None:
        raise wrong(
            "group_by is missing; name the columns that identify one row of a file, for example"
            ' group_by={"branch_id": "Branch.idBranch"}'
        )


def _check_labels(spec: Extract) -> None:
    metrics = tuple(spec.metrics or ())
    for label, pattern in [
        *((label, _LABEL) for label in spec.labels),
        *((name, _METRIC) for name in metrics),
    ]:
        if pattern is _LABEL and len(label) > _LONGEST_LABEL:
            raise wrong(
                f'"{label[:40]}..." cannot be the name of a column: it has {len(label)} characters, but'
                f" the limit is {_LONGEST_LABEL}"
            )
        if pattern.fullmatch(label) is None:
            raise wrong(f'"{label}" cannot be the name of a column; use letters, digits and underscores')
    names = [*spec.labels, *DATES, *metrics]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise wrong(f"two columns of the file have the name {listed(twice)}; choose another name")
    folded = [name.casefold() for name in names]
    if same := sorted({name for name in names if folded.count(name.casefold()) > 1}):
        raise wrong(
            f"column names of the file differ only in upper and lower case: {listed(same)}; choose another"
            " name"
        )
    if spec.columns is None:
        return
    if not spec.columns:
        raise wrong("columns is empty; to write all columns, leave it out")
    for column in spec.columns:
        if column not in names:
            raise wrong(f'columns has "{column}", which is not one of {", ".join(names)}')
        if list(spec.columns).count(column) > 1:
            raise wrong(f'columns has "{column}" twice')


def _check_spark(spec: Extract) -> None:
    if spec.aggregate_in not in ("database", "spark"):
        raise wrong(f'aggregate_in="{spec.aggregate_in}" is unknown; write "database" or "spark"')
    if spec.transform is not None and not callable(spec.transform):
        raise wrong(f"transform={_kind(spec.transform)} must be a function from DataFrame to DataFrame")
    given = {
        "transform": spec.transform is not None,
        f'partition_by="{spec.partition_by}"': spec.partition_by is not None,
    }
    for what, is_given in given.items():
        if is_given and spec.aggregate_in != "spark":
            raise wrong(f'{what} needs Spark; add aggregate_in="spark"')
    if spec.transform_columns and spec.transform is None:
        raise wrong(
            "transform_columns is given without a transform; add transform, or leave out transform_columns"
        )


# -- names and expressions, before the catalog is known ----------------------------------------------


def _check_table(spec: Extract, reference: str, what: str, only: str | None) -> None:
    table, column = spec.split(reference)
    if "." in reference and column == reference:
        raise wrong(f'{what} is "{reference}", but no join leads to "{reference.partition(".")[0]}"')
    if only is not None and table != only:
        raise wrong(f'{what} has "{reference}", which is not a column of the entity "{spec.entity}"')
    if "\0" in reference:
        raise wrong(f"{what} has a character that PostgreSQL does not accept")


def unresolved(spec: Extract, table: str, names: tuple[str, ...]) -> Column:
    """Return a column whose type is not known yet. The alias of the column is the name of its table."""
    if len(names) > 1:
        reference = ".".join(names)
        table, column = spec.split(reference)
        if column == reference:
            raise ExpressionError(f'names "{reference}", but no join leads to "{".".join(names[:-1])}"')
    else:
        column = names[0]
    is_date = (table, column) == spec.split(spec.date_column)
    return Column(table, column, "", "D" if is_date else "", None)


def _read_early(spec: Extract, what: str, text: str, table: str) -> Node:
    try:
        node = parse(text, lambda names: unresolved(spec, table, names))
        check_clocks(node)
    except ExpressionError as error:
        raise wrong(f"{what} {error}") from None
    return node


def read_early(spec: Extract) -> list[Node]:
    """Parse all expressions and conditions of a spec without the catalog, and return their nodes.

    In these nodes, the alias of each column is the name of its table.
    """
    nodes = [_read_early(spec, what, text, table) for what, text, table in conditions(spec)]
    for what, text, table in expressions(spec):
        try:
            nodes.append(_read_early(spec, what, text, table))
        except ExtractError:
            # The text may be the name of a column that is not valid SQL, for example "Loan Amount".
            if re.fullmatch(r"[^'()+/*=<>]+", text) is None:
                raise
            nodes.append(Ref(Column(*spec.split(text), "", "", None)))
    return nodes
