"""Find the template's answers in a catalog: take what is certain, name the candidates of what is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from slugify import slugify

from extracts import rules
from extracts.errors import ExtractsError
from extracts.introspect import candidates as offers
from extracts.introspect import links as ways
from extracts.introspect.catalog import Catalog, Column, Table
from extracts.introspect.words import fitting, label, missing

SHOWN = 12  # candidates in a sentence


@dataclass(frozen=True, slots=True)
class Finding:
    """What the database says to one question: the answer, or the candidates to choose from."""

    question: str
    answer: str | None
    because: str
    candidates: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # what one should know before taking it


class Doubtful(ExtractsError):
    """Questions that the database leaves open, each with its candidates."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(_open(finding) for finding in findings))
        self.findings = tuple(findings)


def _open(finding: Finding) -> str:
    option = "--" + finding.question.replace("_", "-")
    shown = [f'\n    {option} "{candidate}"' for candidate in finding.candidates[:SHOWN]]
    more = len(finding.candidates) - len(shown)
    rest = f"\n    and {more} more" if more > 0 else ""
    return f"{finding.question}: {finding.because}; give one:{''.join(shown)}{rest}"


@dataclass(frozen=True, slots=True)
class Offer:
    """One possible answer, and what it names: a table, or columns of it."""

    text: str
    table: Table
    columns: tuple[str, ...] = ()

    @property
    def refusal(self) -> str:
        """Why the template cannot take it: PostgreSQL allows names that its answers have no words for."""
        own = [("table", self.table.name), *(("column", column) for column in self.columns)]
        if self.table.schema != "public":
            own.insert(0, ("schema", self.table.schema))
        reason = next(filter(None, (rules.unsayable(name, what) for what, name in own)), "")
        return reason and f"{reason}; {ELSE}"


ELSE = "a view can give it another name"


def _sayable(question: str, offers: Sequence[Offer]) -> tuple[tuple[str, ...], str]:
    """The answers that can be given, and the words for those that cannot; refused where none can."""
    refused = [offer for offer in offers if offer.refusal]
    if offers and len(refused) == len(offers):
        raise ExtractsError(f"{question}: {refused[0].refusal}")
    names = ", ".join(f'"{offer.text.rpartition(" = ")[2]}"' for offer in refused)
    passed_over = f", and no answer can hold {names}" if names else ""
    return tuple(offer.text for offer in offers if offer not in refused), passed_over


@dataclass(frozen=True, slots=True)
class Scope:
    """The schema that the extract reads, from the entity on."""

    entity: Table
    tables: Mapping[str, Table]
    links: ways.Links
    role: str

    @property
    def reachable(self) -> dict[str, Table]:
        return {self.entity.name: self.entity, **ways.reachable(self.links, self.entity.name)}


Choose = Callable[[Finding, str], str]
"""Brings the person's answer to an open question; the text says what was wrong with the last one, if any."""


def settle(
    catalog: Catalog, given: Mapping[str, str], schema: str | None, choose: Choose | None
) -> tuple[dict[str, str], list[Finding]]:
    """The answers that the database can give, and how each was found; those in `given` are spelled out.

    What is open goes to `choose`; without it, all that is open is one `Doubtful`.
    """
    first = _settled(lambda known: entity(catalog, known.get("entity"), schema), "entity", given, choose)
    if first.answer is None:
        raise Doubtful([first])
    scope = _scope(catalog, first.answer)
    found = {"entity": first}
    answers = {**given, "entity": first.answer}
    steps: list[tuple[str, Callable[[Mapping[str, str]], Finding]]] = [
        ("metric", lambda known: metric(scope, known.get("metric"))),
        ("date_column", lambda known: date_column(scope, known.get("date_column"))),
        ("recipient", lambda known: recipient(scope, known.get("recipient"))),
    ]
    _take(steps, answers, found, choose)
    if doubts := [finding for finding in found.values() if finding.answer is None]:
        raise Doubtful(doubts)
    own_way = "joins" in given
    asked = {key: value for key, value in answers.items() if key != "joins" or own_way}
    _take([("joins", lambda known: joins(scope, known, own_way=own_way))], asked, found, choose)
    if found["joins"].answer is None:
        raise Doubtful([found["joins"]])
    _take([("group", lambda known: group(scope, known))], asked, found, choose)
    if found["group"].answer is None:
        raise Doubtful([found["group"]])
    if not own_way and _tables_of(asked["group"]) - {scope.entity.name, *_hops(asked["joins"])}:
        # The group that was chosen lies off the way to the recipient.
        _take([("joins", lambda known: joins(scope, known, own_way=False))], asked, found, choose)
        if found["joins"].answer is None:
            raise Doubtful([found["joins"]])
    return {question: asked[question] for question in found}, list(found.values())


def _take(
    steps: Iterable[tuple[str, Callable[[Mapping[str, str]], Finding]]],
    answers: dict[str, str],
    found: dict[str, Finding],
    choose: Choose | None,
) -> None:
    for question, step in steps:
        found[question] = _settled(step, question, answers, choose)
        if (answer := found[question].answer) is not None:
            answers[question] = answer


def _settled(
    step: Callable[[Mapping[str, str]], Finding],
    question: str,
    given: Mapping[str, str],
    choose: Choose | None,
) -> Finding:
    """The finding, after as many questions as it takes."""
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


# -- the questions -----------------------------------------------------------------------------------------


def entity(catalog: Catalog, given: str | None, schema: str | None) -> Finding:
    """The table with one row per fact, with its schema in front unless that is public."""
    if schema is not None and schema not in catalog.schemas:
        raise ExtractsError(f"schema: {missing('schema', schema, catalog.schemas)}")
    if given is None:
        wanted = [schema] if schema else catalog.schemas
        ranked = [e for name in wanted for e in offers.entities(catalog, name, ways.of_schema(catalog, name))]
        if not ranked:
            where = ", ".join(wanted) or catalog.database
            said = f"entity: no table in {where} has a date and a numeric column that {catalog.role} may read"
            closed = [table for table in catalog.tables if table.schema in wanted and not table.readable]
            if closed:
                opening = " ".join(offers.grants(closed, catalog.role, whole=True))
                raise ExtractsError(f"{said}; run as its owner: {opening}")
            raise ExtractsError(f"{said}; name the table and the joined one that has the date")
        offered = [Offer(_entity_name(e.table), e.table) for e in ranked]
        return _one("entity", offered, "table with a date and a number")
    said_schema, dot, name = given.rpartition(".")
    said_schema = said_schema.strip() if dot else schema or ""
    tables = [table for table in catalog.tables if not said_schema or table.schema == said_schema]
    names = fitting(name.strip(), [table.name for table in tables])
    matching = [table for table in tables if table.name in names]
    if not matching:
        for table in catalog.tables:
            if table.name == given and schema in (None, table.schema):
                return _one("entity", [Offer(given, table)], "table of that name", given=True)
        where = f"in schema {said_schema}" if said_schema else ""
        raise ExtractsError(f"entity: {missing('table', name.strip(), [t.name for t in tables], where)}")
    named = [Offer(_entity_name(table), table) for table in matching]
    return _one("entity", named, "table of that name", given=True)


def metric(scope: Scope, given: str | None) -> Finding:
    """The numeric column that is reported."""
    if given is None:
        offered = [
            Offer(column.name, scope.entity, (column.name,))
            for column in offers.metrics(scope.entity, scope.links)
        ]
        if not offered:
            raise ExtractsError(
                f"metric: {_quoted(scope.entity)} has no numeric column besides its keys that may be read"
            )
        return _one("metric", offered, f"number in {scope.entity.name}")
    table, column = _reference("metric", scope, given)
    if table is not scope.entity:
        raise ExtractsError(f"metric: {given} is not on {scope.entity.name}; it is a column of that table")
    if not column.is_number:
        raise ExtractsError(f'metric: "{column.name}" of {_quoted(table)} is {column.type}, not a number')
    return Finding("metric", column.name, "given", notes=tuple(_closed(scope, table, column)))


def date_column(scope: Scope, given: str | None) -> Finding:
    """When a fact happened: on the entity, or on a table that it leads to."""
    if given is not None:
        table, column = _reference("date_column", scope, given)
        if not column.is_date:
            said = f'"{column.name}" of {_quoted(table)} is {column.type}, not a date or timestamp'
            raise ExtractsError(f"date_column: {said}")
        return _dated(scope, table, column, "given")
    own = offers.dates(scope.entity)
    pairs = [(scope.entity, column) for column in own]
    if all(offers.is_bookkeeping(column) for column in own):
        pairs += [
            (table, column)
            for table in ways.reachable(scope.links, scope.entity.name).values()
            for column in offers.dates(table)
            if not offers.is_bookkeeping(column)
        ]
    if not pairs:
        raise ExtractsError(
            f"date_column: neither {_quoted(scope.entity)} nor a table that it leads to has a date column"
            " that may be read"
        )
    answers, passed_over = _sayable(
        "date_column",
        [Offer(_on(scope, table, column.name), table, (column.name,)) for table, column in pairs],
    )
    if len(pairs) == 1:
        return _dated(scope, *pairs[0], "the only date column")
    return Finding("date_column", None, f"{len(pairs)} columns are dates{passed_over}", answers)


def _dated(scope: Scope, table: Table, column: Column, because: str) -> Finding:
    advice = offers.index_advice(table, column)
    slow = (f"no index serves it, so every run reads the whole table; run once: {advice}",) if advice else ()
    return Finding(
        "date_column", _on(scope, table, column.name), because, notes=(*slow, *_closed(scope, table, column))
    )


def recipient(scope: Scope, given: str | None) -> Finding:
    """Whose file it is: the name on the table where the ways from the entity end."""
    if given is not None:
        said, equals, source = given.rpartition("=")
        sources = _sources("recipient", scope, source.strip(), with_key=False)
        head = said.strip() if equals else ""
        answers, passed_over = _sayable("recipient", [_owner(head, *found) for found in sources])
        if len(sources) > 1:
            because = f"{len(sources)} columns could name it{passed_over}"
            return Finding("recipient", None, because, answers)
        [(table, column)] = sources
        notes = tuple(_closed(scope, table, table.column(column)))
        return Finding("recipient", answers[0], "given", notes=notes)
    ends = ways.ends(scope.links, scope.entity.name) or [scope.entity]
    offered = [
        (table, column.name)
        for table in ends
        for column in offers.names(table, scope.links) or [table.column(name) for name in offers.key(table)]
    ]
    if not offered:
        raise ExtractsError(f"recipient: {', '.join(t.name for t in ends)} has no column that could name it")
    answers, passed_over = _sayable("recipient", [_owner("", *found) for found in offered])
    if len(offered) == 1:
        because = f"all ways from {scope.entity.name} end at {ends[0].name}"
        return Finding(
            "recipient", answers[0], because if scope.links[scope.entity.name] else "the only text"
        )
    what = f"{len(offered)} columns of {ends[0].name} could name it"
    if len(ends) > 1:
        what = f"the ways from {scope.entity.name} end at {len(ends)} tables"
    return Finding("recipient", None, what + passed_over, answers)


def joins(scope: Scope, answers: Mapping[str, str], *, own_way: bool) -> Finding:
    """The hops to every table that the other answers speak of."""
    if own_way:
        return Finding("joins", _checked_hops(scope, answers["joins"]), "given")
    goals = _tables_of(answers["recipient"], answers.get("group", ""), answers["date_column"])
    before = set(_pieces(answers["joins"])) if answers.get("joins", "none") != "none" else set()
    trees: list[ways.Path] = [()]
    for goal in [name for name in scope.reachable if name in goals and name != scope.entity.name]:
        onward = ways.paths(scope.links, scope.entity.name, goal)
        trees = list(
            dict.fromkeys(grown for tree in trees for path in onward if (grown := _grown(tree, path)))
        )
        trees = trees[: ways.MOST]
        if not trees:
            raise ExtractsError(
                f"joins: no keys lead from {scope.entity.name} to {goal}; give the hops in --joins"
            )
    held = {tree: ways.unsayable(tree) for tree in trees}
    if all(held.values()):
        ends = ", ".join(sorted(goals - {scope.entity.name}))
        name = next(iter(held.values()))
        raise ExtractsError(f'joins: the way to {ends} is over "{name}", which no answer can hold; {ELSE}')
    trees = [tree for tree in trees if not held[tree]]
    trees = [tree for tree in trees if before <= {link.text for link in tree}] or trees
    if len(trees) == 1:
        [tree] = trees
        guesses = any(link.guess for link in tree)
        because = (
            ("names and types: a guess" if guesses else "foreign keys")
            if tree
            else "no other table is needed"
        )
        return Finding("joins", ways.text(tree), because, notes=tuple(_notes(tree, scope.role)))
    what = (
        f"{len(trees)} ways lead from {scope.entity.name} to {', '.join(sorted(goals - {scope.entity.name}))}"
    )
    return Finding("joins", None, what, tuple(ways.text(tree) for tree in trees))


def _grown(tree: ways.Path, path: ways.Path) -> ways.Path | None:
    """The tree with the path added; None where the path reaches a table in another way than the tree does."""
    known = {link.target.name: link for link in tree}
    if any(known.get(link.target.name, link) != link for link in path):
        return None
    return (*tree, *(link for link in path if link.target.name not in known))


def _notes(tree: ways.Path, role: str) -> Iterator[str]:
    for link in tree:
        hop = f"{link.start.name} → {link.target.name}"
        if link.guess:
            yield f"{hop} is a guess: {link.guess}"
        if not link.is_certain:
            columns = ", ".join(link.target_columns)
            yield f"{hop}: no unique index on {columns}; a run fails if it is not unique"
        if link.may_be_empty:
            empty = f"{', '.join(link.columns)} may be empty"
            yield f"{hop}: {empty}, and rows without it reach no recipient, which fails a run"
        yield from _unread(link.target, role)


def group(scope: Scope, answers: Mapping[str, str]) -> Finding:
    """What a line stands for: the last table before the recipient's, by its key and its name."""
    taken = [*rules.taken_labels(), answers["recipient"].partition("=")[0].strip()]
    if (given := answers.get("group")) is not None:
        columns: list[str] = []
        for piece in (piece for piece in given.split(",") if piece.strip()):
            said, _, source = piece.rpartition("=")
            for table, column in _sources("group", scope, source.strip(), with_key=True):
                _sayable("group", [Offer(column, table, (column,))])
                columns.append(_labelled(said.strip(), table, column, taken))
        return Finding("group", ", ".join(columns), "given")
    hops = _hops(answers["joins"])
    [owner] = _tables_of(answers["recipient"])
    before = hops.get(owner)
    if before is not None and before != scope.entity.name:
        table = scope.tables[before]
        [said], _ = _sayable("group", [_line(scope, table, answers["recipient"])])
        return Finding("group", said, f"{before} is the last table before {owner}")
    own = [c.name for c in offers.names(scope.entity, scope.links)]
    offered = [
        _line(scope, table, answers["recipient"])
        for name, table in scope.reachable.items()
        if name != scope.entity.name
    ]
    offered += [Offer(_labelled("", scope.entity, name, [*taken]), scope.entity, (name,)) for name in own]
    return _one("group", [offer for offer in offered if offer.text], "thing a line could stand for")


def _line(scope: Scope, table: Table, recipient: str) -> Offer:
    """A row of the table as the columns of a line: its key first, and nothing that the file is named for."""
    label_, _, source = (part.strip() for part in recipient.partition("="))
    columns = offers.line_columns(table, scope.links)
    told = [column for column in columns if f"{table.name}.{column}" != source] or columns
    used = [*rules.taken_labels(), label_]
    return Offer(", ".join(_labelled("", table, column, used) for column in told), table, tuple(told))


def project_slug(answers: Mapping[str, str]) -> Iterator[str]:
    """Names for the project, the best first; whether they can be used is the template's to say."""
    [owner] = _tables_of(answers["recipient"])
    name = answers["entity"].rpartition(".")[2]
    if owner != name:
        yield slugify(f"{owner}-{name}")
    yield slugify(name)


def lines(scope_entity: str, joins_answer: str) -> list[str]:
    """The ways that the answer describes, one line for each end: `Loans → Account → Client`."""
    start = scope_entity.rpartition(".")[2]
    before = _hops(joins_answer)
    ends = [table for table in before if table not in before.values()]
    found = []
    for end in ends:
        chain = [end]
        while chain[0] in before and len(chain) <= len(before):
            chain.insert(0, before[chain[0]])
        found.append(" → ".join(chain))
    return found or [start]


# -- small pieces ------------------------------------------------------------------------------------------


def _scope(catalog: Catalog, answer: str) -> Scope:
    schema, dot, name = answer.rpartition(".")
    schema = schema if dot else "public"
    tables = {table.name: table for table in catalog.tables if table.schema == schema}
    return Scope(tables[name], tables, ways.of_schema(catalog, schema), catalog.role)


def _entity_name(table: Table) -> str:
    return table.name if table.schema == "public" else f"{table.schema}.{table.name}"


def _one(question: str, offered: Sequence[Offer], what: str, *, given: bool = False) -> Finding:
    answers, passed_over = _sayable(question, offered)
    if len(offered) == 1:
        return Finding(question, answers[0], "given" if given else f"the only {what}")
    return Finding(question, None, f"there are {len(offered)}, each a {what}{passed_over}", answers)


def _reference(question: str, scope: Scope, text: str) -> tuple[Table, Column]:
    """`Table.column` or a column of the entity, however it is spelled."""
    own = any(column.name == text.strip() for column in scope.entity.columns)
    table_name, dot, column_name = ("", "", text.strip()) if own else text.strip().rpartition(".")
    table = scope.entity
    if dot:
        known = scope.reachable
        tables = fitting(table_name.strip(), known)
        if len(tables) != 1:
            where = f"among those that {scope.entity.name} leads to"
            raise ExtractsError(f"{question}: {missing('table', table_name.strip(), known, where)}")
        table = known[tables[0]]
    names = [column.name for column in table.columns]
    columns = fitting(column_name.strip(), names)
    if len(columns) != 1:
        what = f"{question}: {missing('column', column_name.strip(), names, f'in {_quoted(table)}')}"
        raise ExtractsError(what)
    _sayable(question, [Offer(columns[0], table, (columns[0],))])
    return table, table.column(columns[0])


def _sources(question: str, scope: Scope, text: str, *, with_key: bool) -> list[tuple[Table, str]]:
    """The columns that `Table.column`, a column of the entity or a whole table stands for."""
    known = scope.reachable
    tables = fitting(text, known)
    if "." not in text and len(tables) == 1:
        table = known[tables[0]]
        if with_key:
            return [(table, column) for column in offers.line_columns(table, scope.links)]
        named = [column.name for column in offers.names(table, scope.links)] or list(offers.key(table))
        if not named:
            raise ExtractsError(f"{question}: {_quoted(table)} has no column that could name it")
        return [(table, column) for column in named]
    table, column = _reference(question, scope, text)
    return [(table, column.name)]


def _owner(said: str, table: Table, column: str) -> Offer:
    """Whose file it is, as an answer."""
    return Offer(_labelled(said, table, column, [*rules.taken_labels()]), table, (column,))


def _labelled(said: str, table: Table, column: str, taken: list[str]) -> str:
    """`label = Table.column`, the label made from the names unless it was said; it is taken from then on."""
    head = made = said or label(table.name, column)
    number = 2
    while not said and head in taken:
        head, number = f"{made}_{number}", number + 1
    taken.append(head)
    return f"{head} = {table.name}.{column}"


def _on(scope: Scope, table: Table, column: str) -> str:
    return column if table is scope.entity else f"{table.name}.{column}"


def _closed(scope: Scope, table: Table, column: Column) -> Iterator[str]:
    if not table.readable:
        yield from _unread(table, scope.role)
    elif not column.readable:
        what = (
            f"grant select ({offers.quoted(column.name)}) on {_quoted(table)} to {offers.quoted(scope.role)};"
        )
        yield f"{column.name} of {table.name} may not be read; run: {what}"


def _unread(table: Table, role: str) -> Iterator[str]:
    if not table.readable:
        yield f"{table.name} may not be read; run: {' '.join(offers.grants([table], role))}"


def _tables_of(*answers: str) -> set[str]:
    """The tables that answers of `label = Table.column` and `Table.column` speak of."""
    found = set()
    for answer in answers:
        for piece in answer.split(","):
            table, dot, _ = piece.rpartition("=")[2].strip().partition(".")
            if dot:
                found.add(table.strip())
    return found


def _pieces(text: str) -> list[str]:
    return (
        [piece.strip() for piece in text.split(";") if piece.strip()]
        if text.strip().lower() != "none"
        else []
    )


def _hops(text: str) -> dict[str, str]:
    """Of each table that is joined, the one that its hop starts from."""
    found = {}
    for piece in _pieces(text):
        table, _, condition = piece.partition(":")
        found[table.strip()] = condition.partition("=")[0].rpartition(".")[0].strip()
    return found


def _checked_hops(scope: Scope, text: str) -> str:
    """The hops as given, every name in them known; their form is the template's to judge."""
    for table, start in _hops(text).items():
        for name in (table, start):
            if name not in scope.tables:
                raise ExtractsError(f"joins: {missing('table', name, scope.tables)}")
    for piece in _pieces(text):
        table, _, condition = piece.partition(":")
        start = condition.partition(".")[0].strip()
        for equality in rules.equalities(condition):
            left, _, right = equality.partition("=")
            for owner, column in (
                (start, left.strip()),
                (table.strip(), right.rpartition(".")[2].strip()),
            ):
                names = [c.name for c in scope.tables[owner].columns] if owner in scope.tables else [column]
                if column not in names:
                    where = f"in {_quoted(scope.tables[owner])}"
                    raise ExtractsError(f"joins: {missing('column', column, names, where)}")
    return text


def _quoted(table: Table) -> str:
    return offers.quoted(table.schema, table.name)
