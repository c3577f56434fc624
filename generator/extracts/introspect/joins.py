"""Find the joins from the entity to the tables that other answers name, and check given joins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from extracts import rules
from extracts.errors import ExtractsError
from extracts.introspect import candidates, graph
from extracts.introspect.catalog import Table
from extracts.introspect.finding import (
    RENAME,
    Finding,
    Scope,
    one_reading,
    quoted,
    tables_of,
    unreadable_table,
)
from extracts.introspect.words import missing


def joins(scope: Scope, answers: Mapping[str, str], *, given: bool) -> Finding:
    """Answer the question for the joins: one join per table that the other answers need."""
    if given:
        return Finding("joins", checked(scope, answers["joins"])[0], "your answer")
    goals = needed(answers)
    before = set(_pieces(answers["joins"])) if answers.get("joins", "none") != "none" else set()
    trees: list[graph.Path] = [()]
    for goal in [table for table in scope.reachable.values() if table.name in goals - {scope.entity.name}]:
        paths = graph.paths(scope.links, scope.entity.id, goal.id)
        grown = (_grown(tree, path) for tree in trees for path in paths)
        trees = list(dict.fromkeys(tree for tree in grown if tree is not None))
        trees = sorted(trees, key=len)[: graph.MOST]
        if not trees:
            raise ExtractsError(
                f"joins: no foreign keys lead from {scope.entity.name} to {goal.name};"
                " set the joins with --joins"
            )
    unusable = {tree: graph.unusable_name(tree) for tree in trees}
    ends = ", ".join(sorted(goals - {scope.entity.name}))
    if all(unusable.values()):
        name = next(iter(unusable.values()))
        raise ExtractsError(
            f'joins: the path to {ends} uses "{name}", and an answer cannot contain this name; {RENAME}'
        )
    schema = scope.entity.schema
    trees = [tree for tree in trees if not unusable[tree]]
    multiplied = {tree: _multiplying(scope, tree) for tree in trees}
    if all(multiplied.values()):
        raise ExtractsError(_refusal(scope, trees[0], multiplied[trees[0]]))
    trees = [tree for tree in trees if not multiplied[tree]]
    trees = [tree for tree in trees if before <= {link.text(schema) for link in tree}] or trees
    if len(trees) > 1:
        because = f"{len(trees)} paths lead from {scope.entity.name} to {ends}"
        return Finding("joins", None, because, tuple(graph.text(tree, schema) for tree in trees))
    [tree] = trees
    because = "foreign keys"
    if any(link.guess for link in tree):
        because = "a guess from names and types"
    elif not tree:
        because = "no other table is needed"
    return Finding("joins", graph.text(tree, schema), because, notes=tuple(_notes(scope, tree)))


def needed(answers: Mapping[str, str]) -> set[str]:
    """Return the names of the tables that the other answers use."""
    plain = (answers["recipient"], answers.get("group", ""), answers["date_column"])
    return tables_of(*plain).union(rules.tables_of_metric(answers.get("metric", "")))


def _grown(tree: graph.Path, path: graph.Path) -> graph.Path | None:
    """Return the tree with the added path, or None if path and tree join the same table differently."""
    known = {link.target.name: link for link in tree}
    if any(known.get(link.target.name, link) != link for link in path):
        return None
    return (*tree, *(link for link in path if link.target.name not in known))


################################################################################
# Joins that multiply rows
################################################################################


def _multiplying(scope: Scope, tree: graph.Path) -> graph.Link | None:
    """Return the first join that is known to multiply rows: its target has rows with the same key."""
    for link in tree:
        if not link.is_certain and scope.repeats(link.target, link.target_columns):
            return link
    return None


def _refusal(scope: Scope, tree: graph.Path, link: graph.Link | None) -> str:
    """Return the error message for joins that multiply rows. The message can propose a view instead."""
    assert link is not None
    entity, bridge, schema = scope.entity, link.target, scope.entity.schema
    key = ", ".join(link.target_columns)
    said = (
        f"joins: {bridge.name} has several rows with the same {key}. A row of {entity.name} would count"
        " once for each of these rows, and the sum over all recipients would be too high. Choose a recipient"
        f" and a group by that do not need {bridge.name}"
    )
    before = tree[: tree.index(link) + 1]
    way = [link]
    while way[0].start is not entity:
        way.insert(0, next(one for one in before if one.target is way[0].start))
    own = {column.name for column in entity.columns}
    keys = graph.foreign_keys(scope.links, bridge)
    others = [column for column in keys if column not in (*link.target_columns, *own)]
    if not others:
        return said
    name = f"{entity.name}_by_{bridge.name}"
    joined = "".join(
        f" join {quoted(one.target)} on "
        + " and ".join(
            f"{quoted(one.target)}.{candidates.quoted(right)} = {quoted(one.start)}.{candidates.quoted(left)}"
            for left, right in zip(one.columns, one.target_columns, strict=True)
        )
        for one in way
    )
    columns = "".join(f", {quoted(bridge)}.{candidates.quoted(column)}" for column in others)
    view = (
        f"create view {candidates.quoted(schema, name)} as select {quoted(entity)}.*{columns}"
        f" from {quoted(entity)}{joined};"
    )
    written = name if schema == "public" else f"{schema}.{name}"
    return (
        f"{said}. To count each row of {entity.name} once for each matching row, run: {view}"
        f" Then use --entity {written}"
    )


def _notes(scope: Scope, tree: graph.Path) -> Iterator[str]:
    for link in tree:
        join = f"{link.start.name} → {link.target.name}"
        if link.guess:
            yield f"{join} is a guess: {link.guess}"
        if not link.is_certain:
            columns = ", ".join(link.target_columns)
            unique = scope.repeats(link.target, link.target_columns) is False
            now = " Today the values are unique." if unique else ""
            yield f"{join}: no unique index on {columns}; a run fails if the values are not unique.{now}"
        if link.may_be_null:
            columns = ", ".join(link.columns)
            yield f"{join}: {columns} can be null; rows without a value reach no recipient and fail the run"
        yield from unreadable_table(link.target, scope.role)


def checked(scope: Scope, text: str) -> tuple[str, tuple[Table, ...]]:
    """Return the given joins and their tables. Raise ExtractsError if a name does not exist.

    The function does not check the form of the joins, because the template checks it.
    """
    known = {scope.entity.name: scope.entity}
    for piece in _pieces(text):
        name, _, condition = piece.partition(":")
        table = _named(scope, name.strip())
        start = condition.partition(".")[0].strip()
        if start not in known:
            raise ExtractsError(f"joins: {missing('table', start, known, 'before this join')}")
        known[table.name] = table
        for equality in rules.equalities(condition):
            left, _, right = equality.partition("=")
            for one, column in (
                (known[start], left.strip()),
                (table, right.rpartition(".")[2].strip()),
            ):
                names = [each.name for each in one.columns]
                if column not in names:
                    raise ExtractsError(f"joins: {missing('column', column, names, f'in {quoted(one)}')}")
    del known[scope.entity.name]
    return text, tuple(known.values())


def _named(scope: Scope, name: str) -> Table:
    """Return the table that a name stands for: `TABLE` in the entity's schema, or `SCHEMA.TABLE`."""
    spelled = [(graph.written(table, scope.entity.schema), table) for table in scope.catalog.tables]
    known = dict(spelled)
    own, elsewhere = f"{scope.entity.schema}.", [known_ for known_ in known if known_.endswith(f".{name}")]
    plain = name.removeprefix(own)
    one_reading("joins", name, [table for text, table in spelled if text.lower() == plain.lower()])
    if plain in known:
        return known[plain]
    hint = f"; write {elsewhere[0]}" if elsewhere else ""
    where = f"in schema {scope.entity.schema}" if elsewhere else ""
    raise ExtractsError(f"joins: {missing('table', name, [] if elsewhere else known, where)}{hint}")


def starts(answer: str) -> dict[str, str]:
    """Return the joined tables of an answer, without schemas, and the table where each join starts."""
    found = {}
    for piece in _pieces(answer):
        table, _, condition = piece.partition(":")
        found[table.strip().rpartition(".")[2]] = condition.partition("=")[0].rpartition(".")[0].strip()
    return found


def paths(entity: str, answer: str) -> list[str]:
    """Return the paths of an answer, one text per last table: `Loans → Account → Client`."""
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
