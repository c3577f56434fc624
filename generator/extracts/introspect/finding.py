"""The answers to the template's questions, the candidates, and the tables that an answer may name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from extracts import rules
from extracts.errors import ExtractsError
from extracts.introspect import bridges, candidates, graph
from extracts.introspect.catalog import Catalog, Column, Table
from extracts.introspect.words import column_name, fitting, missing

SHOWN = 12  # maximum number of candidates in an error message
RENAME = "create a view with another name"


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question, or the candidates to choose from."""

    question: str
    answer: str | None
    because: str
    candidates: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # warnings about this answer


Choose = Callable[[Finding, str], str]
"""A function that asks the user a question and returns the answer.

The second argument is the error message for the previous answer, or empty.
"""


class Ambiguous(ExtractsError):
    """Questions for which the database has several candidates."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(_described(finding) for finding in findings))
        self.findings = tuple(findings)


def _described(finding: Finding) -> str:
    option = "--" + finding.question.replace("_", "-")
    shown = [f'\n    {option} "{candidate}"' for candidate in finding.candidates[:SHOWN]]
    more = len(finding.candidates) - len(shown)
    rest = f"\n    and {more} more" if more > 0 else ""
    return f"{finding.question}: {finding.because}; choose one:{''.join(shown)}{rest}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One possible answer, and the table or the columns that it names."""

    text: str
    table: Table
    columns: tuple[str, ...] = ()

    @property
    def refusal(self) -> str:
        """Return why the template refuses the name, or an empty text.

        PostgreSQL allows more names than the template.
        """
        own = [("table", self.table.name), *(("column", column) for column in self.columns)]
        if self.table.schema != "public":
            own.insert(0, ("schema", self.table.schema))
        reason = next(filter(None, (rules.unusable_name(name, what) for what, name in own)), "")
        return reason and f"{reason}; {RENAME}"


def usable(question: str, offered: Sequence[Candidate]) -> tuple[tuple[str, ...], str]:
    """Return the candidates that can be an answer, and a clause that names the other candidates.

    Raises ExtractsError if no candidate is usable.
    """
    refused = [candidate for candidate in offered if candidate.refusal]
    if offered and len(refused) == len(offered):
        raise ExtractsError(f"{question}: {refused[0].refusal}")
    names = ", ".join(f'"{candidate.text.rpartition(" = ")[2]}"' for candidate in refused)
    left_out = (
        f"; the list omits these names, because an answer cannot contain them: {names}" if names else ""
    )
    return tuple(candidate.text for candidate in offered if candidate not in refused), left_out


def single(question: str, offered: Sequence[Candidate], what: str, *, given: bool = False) -> Finding:
    """Return the only candidate as the answer. Return several candidates as a list to choose from."""
    answers, left_out = usable(question, offered)
    if len(offered) == 1:
        return Finding(question, answers[0], "your answer" if given else f"the only {what}")
    return Finding(question, None, f"{len(offered)} candidates, each a {what}{left_out}", answers)


def one_reading(question: str, name: str, tables: Sequence[Table]) -> None:
    """Raise ExtractsError if several tables match a name, even if one of them has exactly this name.

    The engine does the same. Without this rule, a role that may create tables could create a table with a
    similar name, and the tool could use this table instead of the table that the user means.
    """
    if len(tables) > 1:
        could = ", ".join(quoted(table) for table in tables)
        raise ExtractsError(
            f'{question}: "{name}" could be {could}; rename all except one, or create a view with'
            " another name"
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """The entity, with all tables and links of the database."""

    entity: Table
    catalog: Catalog
    links: graph.Links
    repeats: candidates.Repeats
    joined: tuple[Table, ...] = ()  # the tables of the joins that the user gave

    @property
    def role(self) -> str:
        return self.catalog.role

    @property
    def reachable(self) -> dict[str, Table]:
        """Return the tables that an answer can name, keyed by name without schema, the nearest first.

        Tables behind a bridge table come last.
        """
        found = {self.entity.name: self.entity, **{table.name: table for table in self.joined}}
        for behind_bridges in (False, True):
            for table in graph.reachable(self.links, self.entity.id, bridges=behind_bridges).values():
                found.setdefault(table.name, table)
        return found

    def recipients(self, table: Table) -> list[str]:
        """Return the columns of a table whose values can be recipients, the likeliest first."""
        find = candidates.own_recipients if table is self.entity else candidates.recipients
        return find(table, self.links, self.repeats)

    def table(self, text: str) -> Table:
        """Return the table that `TABLE` or `SCHEMA.TABLE` names. The case of the letters may differ.

        Raises ExtractsError if the table does not exist, or if no foreign keys lead to it.
        """
        known = self.reachable
        named = {f"{table.schema}.{table.name}": table for table in known.values()}
        for names in (known, named):
            if len(found := fitting(text, names)) == 1:
                return names[found[0]]
        everywhere = {f"{table.schema}.{table.name}": table for table in self.catalog.tables}
        bare = {table.name: table for table in reversed(self.catalog.tables)}
        for names in (everywhere, bare):
            for name in fitting(text, names)[:1]:
                other = names[name]
                if other.name in known:
                    raise ExtractsError(
                        f"{quoted(other)} has the same name as {quoted(known[other.name])}, which is nearer"
                        f" to {self.entity.name}; create a view with another name"
                    )
                raise ExtractsError(
                    f"no foreign keys lead from {self.entity.name} to {quoted(other)};"
                    " set the joins with --joins"
                )
        raise ExtractsError(missing("table", text, [*known, *everywhere]))


def scope(catalog: Catalog, entity: str, repeats: candidates.Repeats) -> Scope:
    """Return the scope for an entity. `entity` has the form of an answer: `Loans` or `sales.Loans`."""
    schema, dot, name = entity.rpartition(".")
    wanted = (schema if dot else "public", name)
    [table] = [table for table in catalog.tables if table.id == wanted]
    return Scope(table, catalog, bridges.of_catalog(catalog), repeats)


################################################################################
# Names in answers
################################################################################


def reference(question: str, scope: Scope, text: str) -> tuple[Table, Column]:
    """Return the column that the text names: `TABLE.COLUMN`, or `COLUMN` for a column of the entity.

    The names in the text may have upper or lower case.
    """
    own = any(column.name == text.strip() for column in scope.entity.columns)
    table_name, dot, name = ("", "", text.strip()) if own else text.strip().rpartition(".")
    table = scope.entity
    if dot:
        try:
            table = scope.table(table_name.strip())
        except ExtractsError as error:
            raise ExtractsError(f"{question}: {error}") from None
    names = [column.name for column in table.columns]
    columns = fitting(name.strip(), names)
    if len(columns) != 1:
        where = f"in {quoted(table)}"
        raise ExtractsError(f"{question}: {missing('column', name.strip(), names, where)}")
    usable(question, [Candidate(columns[0], table, (columns[0],))])
    return table, table.column(columns[0])


def sources(question: str, scope: Scope, text: str, *, with_key: bool) -> list[tuple[Table, str]]:
    """Return the columns of an answer: `TABLE.COLUMN`, a column of the entity, or a whole table."""
    try:
        table = scope.table(text)
    except ExtractsError as error:
        own = [column.name.lower() for column in scope.entity.columns]
        if "." not in text and text.lower() not in own:
            raise ExtractsError(f"{question}: {error}") from None
        table, column = reference(question, scope, text)
        return [(table, column.name)]
    if with_key:
        return [(table, column) for column in candidates.row_columns(table, scope.links)]
    named = scope.recipients(table)
    if not named:
        raise ExtractsError(f"{question}: {quoted(table)} has no column that can be the recipient")
    return [(table, column) for column in named]


def renamed(given: str, table: Table, column: str, taken: list[str]) -> str:
    """Return `NAME = TABLE.COLUMN`, and add NAME to `taken`. If `given` is empty, make a name."""
    name = made = given or column_name(table.name, column)
    number = 2
    while not given and name in taken:
        name, number = f"{made}_{number}", number + 1
    taken.append(name)
    return f"{name} = {table.name}.{column}"


def in_scope(scope: Scope, table: Table, column: str) -> str:
    """Return the column in the form of an answer: with its table, unless the table is the entity."""
    return column if table is scope.entity else f"{table.name}.{column}"


def tables_of(*answers: str) -> set[str]:
    """Return the tables in answers of the forms `NAME = TABLE.COLUMN` and `TABLE.COLUMN`."""
    found = set()
    for answer in answers:
        for piece in answer.split(","):
            table, dot, _ = piece.rpartition("=")[2].strip().partition(".")
            if dot:
                found.add(table.strip())
    return found


def quoted(table: Table) -> str:
    """Return the schema and the name of a table as SQL identifiers in quotes."""
    return candidates.quoted(table.schema, table.name)


################################################################################
# Notes about missing rights
################################################################################


def unreadable(scope: Scope, table: Table, column: Column) -> Iterator[str]:
    """Yield a note if the role may not read the column."""
    if not table.readable:
        yield from unreadable_table(table, scope.role)
    elif not column.readable:
        grant = f"grant select ({candidates.quoted(column.name)}) on {quoted(table)}"
        role = candidates.quoted(scope.role)
        yield f"no right to read {column.name} of {table.name}; run: {grant} to {role};"


def unreadable_table(table: Table, role: str) -> Iterator[str]:
    """Yield a note if the role has no right to read any column of the table."""
    if not table.readable:
        yield f"no right to read {table.name}; run: {' '.join(candidates.grants([table], role))}"
