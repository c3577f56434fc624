"""Make the resolved spec from the spec and the catalog of the source, or report one error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import rolling_spec
from rolling_catalog import Catalog, Reader, check_money, read_columns, read_tables
from rolling_errors import ExtractError
from rolling_exact import numerator, settled
from rolling_expression import Exact, Node, Ref, columns_of, digits_of, kind
from rolling_grammar import parse
from rolling_name import recipient_columns
from rolling_names import (
    Names,
    check_readable,
    contract,
    find_table,
    schemas_of,
    spoken,
)
from rolling_probe import check_expressions
from rolling_repeatable import check_clocks, check_functions, function_names
from rolling_resolved import Column, Listing, Measure, Metric, Resolved, Step, Table
from rolling_spec import Extract
from rolling_spec_check import COUNTS, read_early, references, wrong
from rolling_tokens import ExpressionError
from rolling_types import check_types, is_number

# For each aggregate of a spec, the partial aggregates that it needs in addition to the count.
_NEEDS = {
    "avg": frozenset({"sum"}),
    "sum": frozenset({"sum"}),
    "min": frozenset({"min"}),
    "max": frozenset({"max"}),
    "stddev": frozenset({"sum", "squares"}),
}
# A name that needs no quotes, for example `Amount` or `Loans.Amount`.
_PLAIN = re.compile(r"[\w$]+(\.[\w$]+)*")


def read(spec: Extract, session: Reader) -> Resolved:
    """Resolve a checked spec with the catalog. PostgreSQL checks the expressions. No rows are read."""
    resolved = from_catalog(spec, session)
    check_expressions(session, resolved)
    return resolved


def from_catalog(spec: Extract, session: Reader) -> Resolved:
    """Resolve a checked spec, but run no query on its tables.

    A query on a table can run code of the table's owner with the rights of the session's login.
    """
    catalog = read_tables(session, schemas_of(spec), function_names(read_early(spec)))
    tables = [find_table(spec, name, catalog) for name in (spec.entity, *(join.table for join in spec.joins))]
    catalog = read_columns(session, catalog, tables)
    resolved = resolve(spec, catalog)
    check_money(session, [column.name for column in numbers(resolved) if column.type == "money"])
    return resolved


def resolve(spec: Extract, catalog: Catalog) -> Resolved:
    """Resolve a checked spec with a catalog that was already read."""
    return _Resolver(spec, _names(spec, catalog)).resolved()


def numbers(resolved: Resolved) -> tuple[Column, ...]:
    """Return the columns whose values determine the result, except keys and dates."""
    nodes = [node for measure in resolved.measures for node in (measure.value, measure.where)]
    shown = [*resolved.group_by.values(), *(resolved.listing.columns if resolved.listing else ())]
    return tuple(dict.fromkeys([*columns_of(*nodes, resolved.where, resolved.recipients_where), *shown]))


def _names(spec: Extract, catalog: Catalog) -> Names:
    """Return the tables of the spec. The tables of unused joins get no alias."""
    found = [find_table(spec, name, catalog) for name in (spec.entity, *(join.table for join in spec.joins))]
    tables = dict(zip(spec.names, found, strict=True))
    used = {spec.entity_name, *(spec.split(reference)[0] for reference, _, _ in references(spec))}
    used |= {column.alias for column in columns_of(*read_early(spec))}
    for join in reversed(spec.joins):
        if join.name in used:
            used.add(spec.split(join.lefts[0])[0])
    aliases = {name: f"t{i}" for i, name in enumerate(name for name in spec.names if name in used)}
    names = Names(spec, catalog, tables, aliases)
    check_readable(catalog, [tables[name] for name in aliases])
    for join in spec.joins:
        for left, right in zip(join.lefts, join.rights, strict=True):
            names.row(*spec.split(left))
            names.row(join.name, right)
    return names


@dataclass(slots=True)
class _Resolver:
    spec: Extract
    names: Names
    measures: list[Measure] = field(default_factory=list)
    steps: tuple[Step, ...] = ()

    def resolved(self) -> Resolved:
        spec, names = self.spec, self.names
        self.steps = self._steps()
        recipient = names.column(next(iter(spec.recipient.values())))
        metrics = tuple(self._metric(name, metric) for name, metric in (spec.metrics or {}).items())
        found = Resolved(
            role=names.catalog.role,
            tables=tuple(
                Table(alias, name, names.tables[name].schema, names.tables[name].name, self._estimate(name))
                for name, alias in names.aliases.items()
            ),
            steps=self.steps,
            date=names.column(spec.date_column),
            time_zone=spec.time_zone,
            grain=spec.grain,
            recipient_label=spec.recipient_label,
            recipient=recipient,
            group_by={label: names.column(column) for label, column in (spec.group_by or {}).items()},
            measures=tuple(self.measures),
            metrics=metrics,
            listing=None if spec.rows is None else self._listing(spec.rows),
            columns=spec.file_columns,
            where=self._condition(f'where="{spec.where}"', spec.where, spec.entity_name),
            recipients_where=self._recipients_where(recipient),
            unassigned=spec.unassigned if self._is_optional(recipient.alias) else None,
            max_orphan_rows=spec.max_orphan_rows,
            max_undated_rows=spec.max_undated_rows,
            defuse_formulas=spec.defuse_formulas,
            swing_factor=spec.swing_factor,
            late_data_periods=spec.late_data_periods,
            aggregate_in=spec.aggregate_in,
            texts=self._texts(),
            file=spec.file,
            files=spec.files or {},
            recipient_columns=self._recipient_columns(),
            partitions=spec.partitions,
            partition_by=None if spec.partition_by is None else names.column(spec.partition_by),
            transform=spec.transform,
            transform_columns=tuple(names.column(column) for column in spec.transform_columns),
        )
        check_types(found, names)
        return found

    def _estimate(self, name: str) -> int:
        return self.names.tables[name].estimate

    def _recipient_columns(self) -> Mapping[str, Column]:
        """Return the columns of fields like {recipient[code]} in names and records of files."""
        owner, _ = self.spec.split(self.spec.recipient[self.spec.recipient_label])
        forms = (self.spec.file, *(self.spec.files or {}).values())
        keys = recipient_columns([template for form in forms for template in form.templates])
        return {key: self.names.column(key, of=owner) for key in keys}

    def _texts(self) -> Mapping[str, str]:
        """Return the expressions as they are written in the spec."""
        found = {"where": self.spec.where, "recipients_where": self.spec.recipients_where}
        for name, metric in (self.spec.metrics or {}).items():
            found |= {f"metrics.{name}": metric.expression, f"metrics.{name}.where": metric.where}
        return {name: text for name, text in found.items() if text is not None}

    # -- joins ---------------------------------------------------------------------------------------

    def _steps(self) -> tuple[Step, ...]:
        steps = []
        for join in self.spec.joins:
            if join.name not in self.names.aliases:
                continue
            rights = tuple(self.names.column(right, of=join.name) for right in join.rights)
            keys = self.names.catalog.keys_of(self.names.tables[join.name])
            pairs = zip(join.lefts, join.rights, strict=True)
            steps.append(
                Step(
                    alias=self.names.aliases[join.name],
                    lefts=tuple(self.names.column(left) for left in join.lefts),
                    rights=rights,
                    optional=join.optional,
                    unique=any(
                        key.unique and set(key.columns) <= {right.name for right in rights} for key in keys
                    ),
                    name=" and ".join(f"{left} = {join.name}.{right}" for left, right in pairs),
                )
            )
        return tuple(steps)

    def _way(self, alias: str) -> list[Step]:
        """Return the steps from the entity to a table, in reverse order."""
        found = []
        while alias != "t0":
            step = next(step for step in self.steps if step.alias == alias)
            found.append(step)
            alias = step.start
        return found

    def _is_optional(self, alias: str) -> bool:
        return any(step.optional for step in self._way(alias))

    # -- expressions -----------------------------------------------------------------------------------

    def _parse(self, what: str, text: str, table: str) -> Node:
        """Return the nodes of an expression. A column name without a table name means a column of `table`."""

        def column(names: tuple[str, ...]) -> Column:
            if len(names) == 1:
                return self.names.column(names[0], of=table)
            reference = ".".join(names)
            if self.spec.split(reference)[1] == reference:
                raise ExpressionError(f'names "{reference}", but no join leads to "{".".join(names[:-1])}"')
            return self.names.column(reference)

        try:
            node = parse(text, column)
            check_clocks(node)
            check_functions(node, self.names.catalog.functions)
            numerator(node)  # divides by zero
        except ExpressionError as error:
            raise wrong(f"{what} {error}") from None
        return node

    def _condition(self, what: str, text: str | None, table: str) -> Node | None:
        if text is None:
            return None
        node = self._parse(what, text, table)
        if kind(node) not in ("boolean", "unknown"):
            raise wrong(f"{what} is {_a(kind(node))}, not a condition")
        return settled(node)

    def _recipients_where(self, recipient: Column) -> Node | None:
        text = self.spec.recipients_where
        owner = self.spec.split(next(iter(self.spec.recipient.values())))[0]
        what = f'recipients_where="{text}"'
        node = self._condition(what, text, owner)
        for column in columns_of(node):
            if column.alias != recipient.alias:
                raise wrong(f'{what} names {self.names.said(column)}; it can name only columns of "{owner}"')
            if recipient.alias == "t0" and column.name != recipient.name:
                raise wrong(
                    f"{what} names {self.names.said(column)}; the recipient is a column of the entity, so"
                    f' the condition can name only "{recipient.name}"'
                )
        return node

    def _value(self, what: str, text: str) -> Node:
        """Return the nodes of a metric's expression, or the column if the expression is a column's name."""
        is_column = self.names.has(text)
        if is_column and _PLAIN.fullmatch(text):
            return Ref(self.names.column(text))
        try:
            node = self._parse(what, text, self.spec.entity_name)
        except ExtractError:
            if is_column:
                return Ref(self.names.column(text))
            raise
        if is_column and not isinstance(node, Ref):
            quoted = '"' + self.spec.split(text)[1].replace('"', '""') + '"'
            raise wrong(f"{what} is also the name of a column; to use the column, write {quoted}")
        return node

    # -- metrics -----------------------------------------------------------------------------------------

    def _metric(self, name: str, metric: rolling_spec.Metric) -> Metric:
        what = f'the expression "{metric.expression}" of metric "{name}"'
        value = None if metric.expression is None else self._value(what, metric.expression)
        where = self._condition(
            f'where="{metric.where}" of metric "{name}"', metric.where, self.spec.entity_name
        )
        is_count = metric.aggregate in COUNTS
        divisor, counted_only = 1, False
        if value is not None:
            value, is_number = self._as_number(name, what, value, is_count=is_count)
            value, divisor = numerator(value) if is_number else (settled(value), 1)
            counted_only = not is_number
        index = self._measure(value, where, divisor, counted_only)
        measure = self.measures[index]
        self.measures[index] = replace(
            measure, needs=measure.needs | _NEEDS.get(metric.aggregate, frozenset())
        )
        is_whole = is_count or (metric.aggregate in ("sum", "min", "max") and measure.whole)
        scale = None if is_count else metric.scale
        if scale is None and not is_whole:
            scale = 2
        return Metric(name, metric.aggregate, index, metric.window, scale)

    def _as_number(self, name: str, what: str, value: Node, *, is_count: bool) -> tuple[Node, bool]:
        """Return the value of a metric, and whether this value is a number.

        Refuse a value that is not a number, unless the metric is a count.
        """
        if isinstance(value, Ref):
            if is_number(value.column) or is_count:
                return value, is_number(value.column)
            said = self.names.said(value.column)
            raise contract(f'metric "{name}", {said}, is {value.column.type}, not a number')
        found = kind(value)
        if found == "unknown" and not is_count:
            return Exact(value), True
        if found != "number" and not is_count:
            raise wrong(f"{what} is {_a(found)}, not a number")
        return value, found == "number"

    def _measure(self, value: Node | None, where: Node | None, divisor: int, counted_only: bool) -> int:
        """Return the index of the measure with this value. Several metrics can share a measure."""
        columns = columns_of(value, where)
        steps = {step.alias for column in columns for step in self._way(column.alias)}
        digits = None if value is None else digits_of(value)
        made = Measure(
            value=value,
            where=where,
            columns=columns,
            aliases=tuple(step.alias for step in self.steps if step.alias in steps),
            whole=value is None or (digits == 0 and divisor == 1 and not counted_only),
            digits=0 if value is None else digits,
            divisor=divisor,
            counted_only=counted_only,
        )
        for index, known in enumerate(self.measures):
            if replace(known, needs=frozenset()) == made:
                return index
        self.measures.append(made)
        return len(self.measures) - 1

    def _listing(self, rows: Mapping[str, str]) -> Listing:
        entity = self.names.tables[self.spec.entity_name]
        primary = next((key for key in self.names.catalog.keys_of(entity) if key.primary), None)
        if primary is None:
            raise contract(
                f"a listing needs a primary key on {spoken(entity)}, which gives the order of the rows"
            )
        return Listing(
            columns=tuple(self.names.column(column) for column in rows.values()),
            key=tuple(self.names.column(column, of=self.spec.entity_name) for column in primary.columns),
            labels=tuple(rows),
        )


def _a(kind: str) -> str:
    return {"number": "a number", "text": "a text", "boolean": "a condition"}.get(
        kind, "a date or another value"
    )
