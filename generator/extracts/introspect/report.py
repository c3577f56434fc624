"""The report of `extracts inspect`, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NotRequired, TypedDict

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from extracts.errors import ExtractsError
from extracts.introspect import bridges, candidates, graph, measures
from extracts.introspect.catalog import Catalog
from extracts.introspect.catalog import Table as Source
from extracts.introspect.words import column_name, fitting, missing
from extracts.terminal import one_line

LISTED = 15  # maximum number of entities in the table, so that the report fits on a screen
NARROW = 16  # minimum width of a column of the table, in characters
NAMED = 3  # maximum number of paths in the report, and maximum number of candidates of each path
FULL = 3  # number of entities with paths in the JSON report, if the option --entity is not used


class Join(TypedDict):
    """One join of a path."""

    table: str
    left: list[str]
    right: list[str]
    guess: str | None  # the reason for the guess, if no foreign key is declared
    unique: bool
    may_be_null: bool


class Path(TypedDict):
    """One path from the entity to a table where the path ends."""

    tables: list[str]
    answer: str | None  # answer for `extracts new --joins`; None if an answer cannot contain one of the names
    joins: list[Join]
    recipients: list[str]
    groups: list[list[str]]


class Date(TypedDict):
    """A column that can be the date of a fact."""

    column: str
    type: str
    indexed: bool
    advice: str | None


class Described(TypedDict):
    """A table that can be the entity of an extract."""

    schema: str
    table: str
    kind: str
    rows: int | None
    dates: list[Date]
    metrics: list[str]
    ends: list[str]  # the tables where paths from the entity end
    paths: NotRequired[list[Path]]
    behind_bridges: NotRequired[list[str]]  # tables that can be reached only through bridge tables


class Report(TypedDict):
    """The whole report."""

    database: str
    role: str
    tables: int
    entities: list[Described]
    others: list[str]  # readable tables that are not listed as entities; `new --entity` accepts them, too
    unreadable: list[str]  # tables that the role may not read
    grants: list[str]  # statements that grant the missing rights


def describe(catalog: Catalog, schema: str | None, entity: str | None) -> Report:
    """Return the tables that can be an entity, the likeliest first, and the paths that start at them."""
    if schema is not None and schema not in catalog.schemas:
        raise ExtractsError(missing("schema", schema, catalog.schemas))
    named, _, table = (entity or "").rpartition(".")
    schemas = [name for name in catalog.schemas if schema in (None, name) and named in ("", name)]
    tables = [found.name for found in catalog.tables if found.schema in schemas]
    only = fitting(table, tables) if table else []
    if table and not only:
        raise ExtractsError(missing("table", table, tables))
    described = []
    links = bridges.of_catalog(catalog)
    for each in candidates.entities(catalog, schemas, links):
        if not only or each.table.name in only:
            described.append(_described(each))
            if only or len(described) <= FULL:
                described[-1]["paths"] = [
                    _path(links, each, path)
                    for end in each.ends
                    for path in graph.paths(links, each.table.id, end.id)
                ]
                described[-1]["behind_bridges"] = bridges.behind(links, each.table)
    unread = [found for found in catalog.tables if found.schema in schemas and not found.readable]
    return Report(
        database=catalog.database,
        role=catalog.role,
        tables=len(catalog.tables),
        entities=described,
        others=[] if only else _others(catalog, schemas, described),
        unreadable=[f"{found.schema}.{found.name}" for found in unread],
        grants=candidates.grants(unread, catalog.role, whole=True),
    )


def _others(catalog: Catalog, schemas: Sequence[str], described: Sequence[Described]) -> list[str]:
    """Return the names of the readable tables that are not in `described`."""
    shown = {(each["schema"], each["table"]) for each in described}
    return [
        table.name if table.schema == "public" else f"{table.schema}.{table.name}"
        for table in catalog.tables
        if table.schema in schemas and table.readable and (table.schema, table.name) not in shown
    ]


def _described(entity: candidates.Entity) -> Described:
    table = entity.table
    return Described(
        schema=table.schema,
        table=table.name,
        kind=table.kind,
        rows=table.rows,
        dates=[
            Date(
                column=date.name if dated is table else f"{dated.name}.{date.name}",
                type=date.type,
                indexed=not dated.unindexed(date.name),
                advice=candidates.index_advice(dated, date) or None,
            )
            for dated, date in (*((table, date) for date in entity.dates), *entity.joined_dates)
        ],
        metrics=[measure.answer for measure in entity.measures] or [measures.COUNT],
        ends=[end.name for end in entity.ends],
    )


def _path(links: graph.Links, entity: candidates.Entity, path: graph.Path) -> Path:
    end = path[-1].target
    return Path(
        tables=[entity.table.name, *(link.target.name for link in path)],
        answer=None if graph.unusable_name(path) else graph.text(path, entity.table.schema),
        joins=[
            Join(
                table=link.target.name,
                left=[f"{link.start.name}.{column}" for column in link.columns],
                right=list(link.target_columns),
                guess=link.guess or None,
                unique=link.is_certain,
                may_be_null=link.may_be_null,
            )
            for link in path
        ],
        recipients=[f"{column_name(end.name, name)} = {end.name}.{name}" for name in _recipients(end, links)],
        groups=[
            [f"{column_name(t.name, name)} = {t.name}.{name}" for name in candidates.row_columns(t, links)]
            for t in (link.target for link in reversed(path[:-1]))
        ],
    )


def _recipients(table: Source, links: graph.Links) -> Sequence[str]:
    """Return the columns that can name a recipient, without personal data.

    If the table has no such column, return its key.
    """
    named = [c.name for c in candidates.names(table, links) if not candidates.is_personal(c)]
    return named or candidates.key(table)


def show(report: Report, console: Console, *, everything: bool = False) -> None:
    """Print the report: the likeliest entities in a table, and the paths from the first entity.

    Without `everything`, the report fits on one screen. With `everything`, the report has all entities
    (including views), all columns and all paths.
    """
    unread, seen = len(report["unreadable"]), report["tables"]
    grants = " ".join(report["grants"])
    missing_rights = f"no right to read {unread} of {seen} tables; run as their owner: {grants}"
    if not report["entities"]:
        where, what = f"{report['database']}: ", "table with a date and a metric"
        if unread:
            console.print(_text(f"{where}{report['role']} cannot read any {what}."), soft_wrap=True)
            console.print(_text(missing_rights), soft_wrap=True)
        else:
            console.print(_text(f"{where}no {what} among {seen} tables."), soft_wrap=True)
        return
    tables = [each for each in report["entities"] if not each["kind"].endswith("view")]
    listed = report["entities"] if everything or not tables else tables[:LISTED]
    title = _text(f"{report['database']}: possible entities of an extract")
    console.print(_table(listed, title, console.width, everything=everything))
    counted = "1 table" if seen == 1 else f"{seen} tables"
    console.print(f"[dim]{counted}; row counts come from the statistics; ? means that ANALYZE never ran.[/]")
    if hidden := len(report["entities"]) - len(listed):
        what = "table or view" if hidden == 1 else "tables and views"
        console.print(f"[dim]--all lists {hidden} more {what}.[/]")
    if everything and report["others"]:
        names = _text(", ".join(report["others"]))
        console.print(f"[dim]Tables without a date and a metric: {names}[/]", soft_wrap=True)
    if unread:
        console.print(_text(missing_rights), soft_wrap=True)
    described = [each for each in listed if "paths" in each][: None if everything else 1]
    for each in described:
        if not (each["paths"] or each["behind_bridges"] or any(date["advice"] for date in each["dates"])):
            continue
        console.print(f"\n[bold]{_text(_name(each))}[/]")
        for path, others in _shown_paths(each["paths"], everything=everything):
            for text in _path_lines(path, None if everything else NAMED):
                console.print(f"  {text}", soft_wrap=True)
            if others:
                what = "path leads" if others == 1 else "paths lead"
                console.print(f"    [dim]{others} more {what} to {_text(path['tables'][-1])}.[/]")
        if (hidden := len(each["ends"]) - NAMED) > 0 and not everything:
            what = "table" if hidden == 1 else "tables"
            console.print(f"  [dim]--entity {_text(_name(each))} shows the paths to {hidden} more {what}.[/]")
        if behind := each["behind_bridges"]:
            shown = _text(", ".join(behind if everything else behind[:NAMED]))
            more = "" if everything or len(behind) <= NAMED else f" and {len(behind) - NAMED} more"
            console.print(f"  Behind bridge tables: {shown}{more}", soft_wrap=True)
        for date in each["dates"]:
            if date["advice"]:
                said = f"no index on {_text(date['column'])}; create the index before the first run: "
                console.print(f"  {said}{_text(date['advice'])}", soft_wrap=True)
    if len(described) < len(report["entities"]):
        console.print(
            f"\n[dim]To see the paths from another of the {len(report['entities'])} tables,"
            " use --entity TABLE.[/]"
        )


def _table(listed: Sequence[Described], title: str, width: int, *, everything: bool) -> Table:
    """Return the table of entities. Without `everything`, the table has only the columns that fit `width`."""
    table = Table(title=title, title_justify="left")
    table.add_column("table", no_wrap=True)
    table.add_column("rows", justify="right")
    cells = {
        "metrics": [each["metrics"] for each in listed],
        "date columns": [[date["column"] for date in each["dates"]] for each in listed],
        "paths end at": [each["ends"] or ["itself"] for each in listed],
    }
    rows = ["?" if each["rows"] is None else f"{each['rows']:,}" for each in listed]
    left = width - 7 - max(len(_name(each)) for each in listed) - max(4, *map(len, rows))
    shown = [*cells][: 3 if everything else max(1, left // (NARROW + 3))]
    for name in shown:
        table.add_column(name, overflow="fold") if everything else table.add_column(
            name, no_wrap=True, overflow="ellipsis", max_width=left // len(shown) - 3
        )
    for number, each in enumerate(listed):
        kind = "" if each["kind"] == "table" or not everything else f"\n[dim]{each['kind']}[/]"
        texts = (_text(", ".join(cells[name][number])) for name in shown)
        table.add_row(_text(_name(each)) + kind, rows[number], *texts)
    return table


def _shown_paths(paths: Sequence[Path], *, everything: bool) -> Iterator[tuple[Path, int]]:
    """Yield the paths to show, and for each path the number of hidden paths to the same table.

    Without `everything`, show only the shortest path to each of the likeliest tables.
    """
    if everything:
        yield from ((path, 0) for path in paths)
        return
    by_end: dict[str, list[Path]] = {}
    for path in paths:
        by_end.setdefault(path["tables"][-1], []).append(path)
    for found in [*by_end.values()][:NAMED]:
        yield found[0], len(found) - 1


def _text(text: str) -> str:
    """Return a text from the database as one line without markup."""
    return escape(one_line(text))


def _name(each: Described) -> str:
    return each["table"] if each["schema"] == "public" else f"{each['schema']}.{each['table']}"


def _path_lines(path: Path, most: int | None) -> Iterator[str]:
    guessed = any(join["guess"] for join in path["joins"])
    yield f"{_text(' → '.join(path['tables']))}{'  [yellow](a guess)[/]' if guessed else ''}"
    for join in path["joins"]:
        said = _join_notes(join)
        if said:
            yield f"  [dim]{_text(join['table'])}: {_text('; '.join(said))}[/]"
    for number, recipient in enumerate(path["recipients"][:most]):
        yield f"  {'' if number else 'recipient':<11}{_text(recipient)}"
    for number, group in enumerate(path["groups"][:most]):
        yield f"  {'' if number else 'group by':<11}{_text(', '.join(group))}"


def _join_notes(join: Join) -> Sequence[str]:
    notes = [join["guess"]] if join["guess"] else []
    if not join["unique"]:
        notes.append(f"no unique index on {', '.join(join['right'])}")
    if join["may_be_null"]:
        notes.append(f"{', '.join(join['left'])} can be null")
    return notes
