"""Find the joins from the entity to the tables that the other answers name, and check given ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from extracts import rules
from extracts.errors import ExtractsError
from extracts.introspect import graph
from extracts.introspect.finding import RENAME, Finding, Scope, quoted, tables_of, unreadable_table
from extracts.introspect.words import missing


def joins(scope: Scope, answers: Mapping[str, str], *, given: bool) -> Finding:
    """Answer the question for the joins: one join per table that the other answers need."""
    if given:
        return Finding("joins", _checked(scope, answers["joins"]), "given")
    goals = tables_of(answers["recipient"], answers.get("group", ""), answers["date_column"])
    before = set(_pieces(answers["joins"])) if answers.get("joins", "none") != "none" else set()
    trees: list[graph.Path] = [()]
    for goal in [name for name in scope.reachable if name in goals and name != scope.entity.name]:
        paths = graph.paths(scope.links, scope.entity.name, goal)
        trees = list(
            dict.fromkeys(grown for tree in trees for path in paths if (grown := _grown(tree, path)))
        )
        trees = trees[: graph.MOST]
        if not trees:
            raise ExtractsError(
                f"joins: no foreign keys lead from {scope.entity.name} to {goal}; set the joins with --joins"
            )
    unusable = {tree: graph.unusable_name(tree) for tree in trees}
    ends = ", ".join(sorted(goals - {scope.entity.name}))
    if all(unusable.values()):
        name = next(iter(unusable.values()))
        raise ExtractsError(
            f'joins: the path to {ends} uses "{name}", which an answer cannot contain; {RENAME}'
        )
    trees = [tree for tree in trees if not unusable[tree]]
    trees = [tree for tree in trees if before <= {link.text for link in tree}] or trees
    if len(trees) > 1:
        because = f"{len(trees)} paths lead from {scope.entity.name} to {ends}"
        return Finding("joins", None, because, tuple(graph.text(tree) for tree in trees))
    [tree] = trees
    because = "foreign keys"
    if any(link.guess for link in tree):
        because = "names and types: a guess"
    elif not tree:
        because = "no other table is needed"
    return Finding("joins", graph.text(tree), because, notes=tuple(_notes(tree, scope.role)))


def _grown(tree: graph.Path, path: graph.Path) -> graph.Path | None:
    """Return the tree with the path added, or None if they reach a table by different joins."""
    known = {link.target.name: link for link in tree}
    if any(known.get(link.target.name, link) != link for link in path):
        return None
    return (*tree, *(link for link in path if link.target.name not in known))


def _notes(tree: graph.Path, role: str) -> Iterator[str]:
    for link in tree:
        join = f"{link.start.name} → {link.target.name}"
        if link.guess:
            yield f"{join} is a guess: {link.guess}"
        if not link.is_certain:
            columns = ", ".join(link.target_columns)
            yield f"{join}: no unique index on {columns}; a run fails if its values are not unique"
        if link.may_be_null:
            columns = ", ".join(link.columns)
            yield f"{join}: {columns} may be null; rows without a value reach no recipient and fail the run"
        yield from unreadable_table(link.target, role)


def _checked(scope: Scope, text: str) -> str:
    """Return the given joins if all their names exist. The template checks their form."""
    for table, start in starts(text).items():
        for name in (table, start):
            if name not in scope.tables:
                raise ExtractsError(f"joins: {missing('table', name, scope.tables)}")
    for piece in _pieces(text):
        table, _, condition = piece.partition(":")
        start = condition.partition(".")[0].strip()
        for equality in rules.equalities(condition):
            left, _, right = equality.partition("=")
            for name, column in (
                (start, left.strip()),
                (table.strip(), right.rpartition(".")[2].strip()),
            ):
                names = [c.name for c in scope.tables[name].columns] if name in scope.tables else [column]
                if column not in names:
                    where = f"in {quoted(scope.tables[name])}"
                    raise ExtractsError(f"joins: {missing('column', column, names, where)}")
    return text


def starts(answer: str) -> dict[str, str]:
    """Return the joined tables of an answer, each with the table that its join starts from."""
    found = {}
    for piece in _pieces(answer):
        table, _, condition = piece.partition(":")
        found[table.strip()] = condition.partition("=")[0].rpartition(".")[0].strip()
    return found


def paths(entity: str, answer: str) -> list[str]:
    """Return the paths of an answer, one text per end: `Loans → Account → Client`."""
    before = starts(answer)
    ends = [table for table in before if table not in before.values()]
    found = []
    for end in ends:
        chain = [end]
        while chain[0] in before and len(chain) <= len(before):
            chain.insert(0, before[chain[0]])
        found.append(" → ".join(chain))
    return found or [entity.rpartition(".")[2]]


def _pieces(text: str) -> list[str]:
    if text.strip().lower() == "none":
        return []
    return [piece.strip() for piece in text.split(";") if piece.strip()]
