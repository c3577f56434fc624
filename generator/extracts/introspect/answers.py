"""Answer the template's questions from a catalog. If a question has several candidates, list them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from slugify import slugify

from extracts import rules
from extracts.errors import ExtractsError
from extracts.introspect import bridges, candidates, graph, measures
from extracts.introspect.catalog import Catalog, Column, Table
from extracts.introspect.finding import (
    Ambiguous,
    Candidate,
    Choose,
    Finding,
    Scope,
    in_scope,
    one_reading,
    quoted,
    reference,
    renamed,
    scope,
    single,
    sources,
    tables_of,
    unreadable,
    usable,
)
from extracts.introspect.joins import checked, joins, needed, starts
from extracts.introspect.words import column_name, missing

Step = Callable[[Mapping[str, str]], Finding]


def settle(
    catalog: Catalog,
    given: Mapping[str, str],
    schema: str | None,
    choose: Choose | None,
    repeats: candidates.Repeats = lambda _table, _columns: None,
) -> tuple[dict[str, str], list[Finding]]:
    """Check the given answers, and find the missing answers in the catalog.

    Return all answers, and a finding for each answer, which says how the answer was found.

    The function calls `choose` for open questions. Without `choose`, an open question raises `Ambiguous`.
    `repeats` returns whether several rows of a table have the same values in some columns.
    """
    first = _settled(lambda known: entity(catalog, known.get("entity"), schema), "entity", given, choose)
    if first.answer is None:
        raise Ambiguous([first])
    own = scope(catalog, first.answer, repeats)
    given_joins = "joins" in given
    if given_joins:
        own = replace(own, joined=checked(own, given["joins"])[1])
    found = {"entity": first}
    answers = {**given, "entity": first.answer}
    steps: list[tuple[str, Step]] = [
        ("metric", lambda known: metric(own, known.get("metric"), known.get("aggregate"))),
        ("date_column", lambda known: date_column(own, known.get("date_column"))),
        ("recipient", lambda known: recipient(own, known.get("recipient"))),
    ]
    if "group" in given:
        steps.append(("group", lambda known: group(own, known)))
    _take(steps, answers, found, choose)
    if answers.get("metric") == measures.COUNT and "aggregate" not in given:
        found["aggregate"] = Finding("aggregate", "count", "without a metric, the extract counts the rows")
        answers["aggregate"] = "count"
    _refuse_open(found)
    asked = {key: value for key, value in answers.items() if key != "joins" or given_joins}
    _take([("joins", lambda known: joins(own, known, given=given_joins))], asked, found, choose)
    _refuse_open(found)
    if "group" not in given:
        _take([("group", lambda known: group(own, known))], asked, found, choose)
        _refuse_open(found)
    if not given_joins and needed(asked) - {own.entity.name, *starts(asked["joins"])}:
        # The group-by columns need a table that is not on the path to the recipient, so find the joins again.
        _take([("joins", lambda known: joins(own, known, given=False))], asked, found, choose)
        _refuse_open(found)
    return {question: asked[question] for question in found}, list(found.values())


def _refuse_open(found: Mapping[str, Finding]) -> None:
    if open_ones := [finding for finding in found.values() if finding.answer is None]:
        raise Ambiguous(open_ones)


def _take(
    steps: Iterable[tuple[str, Step]],
    answers: dict[str, str],
    found: dict[str, Finding],
    choose: Choose | None,
) -> None:
    for question, step in steps:
        found[question] = _settled(step, question, answers, choose)
        if (answer := found[question].answer) is not None:
            answers[question] = answer


def _settled(step: Step, question: str, given: Mapping[str, str], choose: Choose | None) -> Finding:
    """Return the finding of one question. Repeat the question until the answer is valid."""
    known = dict(given)
    while True:
        try:
            finding = step(known)
            wrong = ""
        except ExtractsError as error:
            if choose is None or question not in known:
                raise
            wrong = str(error)
            del known[question]
            finding = step(known)
        if (finding.answer is not None and not wrong) or choose is None:
            return finding
        known[question] = choose(finding, wrong)


################################################################################
# Questions
################################################################################


def entity(catalog: Catalog, given: str | None, schema: str | None) -> Finding:
    """Find the table with one row per fact. The answer contains the schema, unless the schema is public."""
    if schema is not None and schema not in catalog.schemas:
        raise ExtractsError(f"schema: {missing('schema', schema, catalog.schemas)}")
    if given is None:
        return _likely_entities(catalog, schema)
    said_schema, dot, name = given.rpartition(".")
    said_schema = said_schema.strip() if dot else schema or ""
    tables = [table for table in catalog.tables if not said_schema or table.schema == said_schema]
    matching = [table for table in tables if table.name.lower() == name.strip().lower()]
    for table in matching:
        one_reading("entity", name.strip(), [each for each in matching if each.schema == table.schema])
    if not matching:
        for table in catalog.tables:
            if table.name == given and schema in (None, table.schema):
                return single("entity", [Candidate(given, table)], "table with this name", given=True)
        where = f"in schema {said_schema}" if said_schema else ""
        raise ExtractsError(f"entity: {missing('table', name.strip(), [t.name for t in tables], where)}")
    named = [Candidate(_entity_name(table), table) for table in matching]
    return single("entity", named, "table with this name", given=True)


def _likely_entities(catalog: Catalog, schema: str | None) -> Finding:
    wanted = (schema,) if schema else catalog.schemas
    ranked = candidates.entities(catalog, wanted, bridges.of_catalog(catalog))
    if not ranked:
        where = ", ".join(wanted) or catalog.database
        said = f"entity: {catalog.role} cannot read any table with a date and a metric in {where}"
        unread = [table for table in catalog.tables if table.schema in wanted and not table.readable]
        if unread:
            grants = " ".join(candidates.grants(unread, catalog.role, whole=True))
            raise ExtractsError(f"{said}; run as the owner: {grants}")
        raise ExtractsError(f"{said}; set --entity, and set --date-column to a column of a joined table")
    offered = [Candidate(_entity_name(found.table), found.table) for found in ranked]
    return single("entity", offered, "table with a date and a metric")


def _entity_name(table: Table) -> str:
    return table.name if table.schema == "public" else f"{table.schema}.{table.name}"


def metric(scope: Scope, given: str | None, aggregate: str | None) -> Finding:
    """Find what the metric aggregates: a number, an expression over columns, or `none` to count the rows."""
    if given is None:
        offered = [
            Candidate(measure.answer, scope.entity, measure.columns)
            for measure in measures.measures(scope.entity, scope.links)
        ]
        if not offered or aggregate == "count":
            return Finding("metric", measures.COUNT, "the extract counts the rows")
        found = single("metric", offered, f"number in {scope.entity.name}")
        notes = [m.note for m in measures.measures(scope.entity, scope.links) if m.note]
        return replace(found, notes=tuple(notes))
    if given.strip().lower() == measures.COUNT:
        return Finding("metric", measures.COUNT, "your answer")
    if "=" in given:
        return Finding("metric", given, "your answer")  # PostgreSQL checks the expression later, before a run
    table, column = reference("metric", scope, given)
    if not column.is_number:
        raise ExtractsError(f'metric: "{column.name}" of {quoted(table)} is {column.type}, not a number')
    answer = column.name
    if table is not scope.entity:
        name = column_name("", column.name)[:51]
        answer = f"{name} = {measures.sql_name(table.name)}.{measures.sql_name(column.name)}"
    return Finding("metric", answer, "your answer", notes=tuple(unreadable(scope, table, column)))


def date_column(scope: Scope, given: str | None) -> Finding:
    """Find the date of a fact: a column of the entity, or of a table that its foreign keys lead to."""
    if given is not None:
        table, column = reference("date_column", scope, given)
        if not column.is_date:
            said = f'"{column.name}" of {quoted(table)} is {column.type}, not a date or timestamp'
            raise ExtractsError(f"date_column: {said}")
        return _dated(scope, table, column, "your answer")
    own = candidates.dates(scope.entity)
    pairs = [(scope.entity, column) for column in own]
    if all(candidates.is_bookkeeping(column) for column in own):
        pairs = [*candidates.joined_dates(scope.entity, scope.links), *pairs]
    if not pairs:
        raise ExtractsError(
            f"date_column: no readable date column in {quoted(scope.entity)} or in a table that its foreign"
            " keys lead to"
        )
    answers, left_out = usable(
        "date_column",
        [Candidate(in_scope(scope, table, column.name), table, (column.name,)) for table, column in pairs],
    )
    if len(pairs) == 1:
        return _dated(scope, *pairs[0], "the only date column")
    return Finding("date_column", None, f"{len(pairs)} date columns{left_out}", answers)


def _dated(scope: Scope, table: Table, column: Column, because: str) -> Finding:
    advice = candidates.index_advice(table, column)
    slow = (
        [f"no index on {column.name}: every run reads the whole table; run once: {advice}"] if advice else []
    )
    undated = []
    # For a view, the catalog does not tell whether a column may be null.
    if column.nullable and not table.is_view:
        undated.append(
            f"{column.name} of {table.name} can be null: rows without a date fail the run unless"
            " max_undated_rows in Glue/etl.py allows them"
        )
    notes = (*slow, *undated, *unreadable(scope, table, column))
    return Finding("date_column", in_scope(scope, table, column.name), because, notes=notes)


def recipient(scope: Scope, given: str | None) -> Finding:
    """Find the recipient: a column whose values name the rows of the last table on a path from the entity."""
    if given is not None:
        said, equals, source = given.rpartition("=")
        found = sources("recipient", scope, source.strip(), with_key=False)
        name = said.strip() if equals else ""
        answers, left_out = usable("recipient", [_recipient(name, *one) for one in found])
        if len(found) > 1:
            return Finding("recipient", None, f"{len(found)} candidate columns{left_out}", answers)
        [(table, column)] = found
        notes = tuple(unreadable(scope, table, table.column(column)))
        return Finding("recipient", answers[0], "your answer", notes=notes)
    ends = graph.ends(scope.links, scope.entity.id) or [scope.entity]
    offered = [
        (table, column)
        for table in candidates.preferred(ends, scope.links, scope.entity, scope.repeats)
        for column in scope.recipients(table)
    ]
    offered.sort(key=lambda one: candidates.is_personal(one[0].column(one[1])))
    if not offered:
        raise ExtractsError(
            f"recipient: {', '.join(t.name for t in ends)} has no column that can be the recipient"
        )
    answers, left_out = usable("recipient", [_recipient("", *one) for one in offered])
    if len(offered) == 1:
        because = f"all paths from {scope.entity.name} end at {ends[0].name}"
        if ends[0] is scope.entity:
            because = "the only text column"
        return Finding("recipient", answers[0], because)
    because = f"{len(offered)} candidate columns in {ends[0].name}"
    if len(ends) > 1:
        because = f"the paths from {scope.entity.name} end at {len(ends)} tables"
    return Finding("recipient", None, because + left_out, answers)


def _recipient(name: str, table: Table, column: str) -> Candidate:
    return Candidate(renamed(name, table, column, [*rules.reserved_names()]), table, (column,))


def group(scope: Scope, answers: Mapping[str, str]) -> Finding:
    """Find the group by: the key and name columns of the table before the recipient's table on the path."""
    taken = [*rules.reserved_names(), answers["recipient"].partition("=")[0].strip()]
    if (given := answers.get("group")) is not None:
        columns: list[str] = []
        for piece in (piece for piece in given.split(",") if piece.strip()):
            said, _, source = piece.rpartition("=")
            for table, column in sources("group", scope, source.strip(), with_key=True):
                usable("group", [Candidate(column, table, (column,))])
                columns.append(renamed(said.strip(), table, column, taken))
        return Finding("group", ", ".join(columns), "your answer")
    [last] = tables_of(answers["recipient"])
    before = starts(answers["joins"]).get(last)
    row = _row(scope, scope.reachable[before], answers["recipient"]) if before else None
    if row and row.text and before != scope.entity.name:
        [columns_], _ = usable("group", [row])
        return Finding("group", columns_, f"{before} is the last table before {last} on the path")
    entity = scope.entity
    # Tables behind a bridge are not candidates, because joins to them may multiply rows.
    near = {entity.id: entity, **graph.reachable(scope.links, entity.id)}
    offered = [_row(scope, table, answers["recipient"]) for table in near.values() if table is not entity]
    # If the joins can reach no other table, the tool reads rows to find columns whose values several facts
    # share.
    own = [column.name for column in candidates.names(entity, scope.links)]
    offered += [
        Candidate(renamed("", entity, column, [*taken]), entity, (column,))
        for column in (own if len(near) > 1 else scope.recipients(entity))
        if (column,) != candidates.key(entity)
        and f"{entity.name}.{column}" != answers["recipient"].rpartition("=")[2].strip()
    ]
    offered = [one for one in offered if one.text]
    if not offered:
        raise ExtractsError(
            f"group: no column of {entity.name} can be the group by; set --group NAME=TABLE.COLUMN"
        )
    return single("group", offered, "candidate for the group by")


def _row(scope: Scope, table: Table, recipient: str) -> Candidate:
    """Return the columns that identify a row of the table, without the column of the recipient."""
    name, _, source = (part.strip() for part in recipient.partition("="))
    columns = candidates.row_columns(table, scope.links)
    kept = [column for column in columns if f"{table.name}.{column}" != source]
    used = [*rules.reserved_names(), name]
    return Candidate(", ".join(renamed("", table, column, used) for column in kept), table, tuple(kept))


def project_slug(answers: Mapping[str, str]) -> Iterator[str]:
    """Yield names for the project, the best name first. The template decides whether a name is valid."""
    [last] = tables_of(answers["recipient"])
    name = answers["entity"].rpartition(".")[2]
    if last != name:
        yield slugify(f"{last}-{name}")
    yield slugify(name)
