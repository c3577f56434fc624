"""What `extracts inspect` says of a database, for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NotRequired, TypedDict

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from extracts.errors import ExtractsError
from extracts.introspect import candidates as offers
from extracts.introspect import links as ways
from extracts.introspect.catalog import Catalog
from extracts.introspect.words import fitting, label, missing

FULL = 5  # entities whose ways are told, unless one is named: there can be very many


class Hop(TypedDict):
    """One step of a way."""

    table: str
    left: list[str]
    right: list[str]
    guess: str | None  # why it is believed, where no foreign key is declared
    unique: bool
    may_be_empty: bool


class Way(TypedDict):
    """One way from the entity to the end of what it belongs to."""

    path: list[str]
    joins: str | None  # an answer for `extracts new`; None where no answer can hold it
    hops: list[Hop]
    recipients: list[str]
    groups: list[list[str]]


class Date(TypedDict):
    """A column that could say when a fact happened."""

    column: str
    type: str
    indexed: bool
    advice: str | None


class Described(TypedDict):
    """A table that an extract could be about."""

    schema: str
    table: str
    kind: str
    rows: int | None
    dates: list[Date]
    metrics: list[str]
    ends: list[str]  # the tables that its rows belong to in the end
    ways: NotRequired[list[Way]]


class Report(TypedDict):
    """All of it."""

    database: str
    role: str
    tables: int
    entities: list[Described]
    unreadable: list[str]  # tables of which the role may read nothing
    grants: list[str]  # what would let it


def describe(catalog: Catalog, schema: str | None, entity: str | None) -> Report:
    """The tables that an extract could be about, the likeliest first, and the ways from them."""
    if schema is not None and schema not in catalog.schemas:
        raise ExtractsError(missing("schema", schema, catalog.schemas))
    named, _, table = (entity or "").rpartition(".")
    schemas = [name for name in catalog.schemas if schema in (None, name) and named in ("", name)]
    tables = [found.name for found in catalog.tables if found.schema in schemas]
    only = fitting(table, tables) if table else []
    if table and not only:
        raise ExtractsError(missing("table", table, tables))
    described = []
    for name in schemas:
        links = ways.of_schema(catalog, name)
        for each in offers.entities(catalog, name, links):
            if not only or each.table.name in only:
                described.append(_described(each))
                if only or len(described) <= FULL:
                    described[-1]["ways"] = [
                        _way(links, each, path)
                        for end in each.ends
                        for path in ways.paths(links, each.table.name, end.name)
                    ]
    closed = [found for found in catalog.tables if found.schema in schemas and not found.readable]
    return Report(
        database=catalog.database,
        role=catalog.role,
        tables=len(catalog.tables),
        entities=described,
        unreadable=[f"{found.schema}.{found.name}" for found in closed],
        grants=offers.grants(closed, catalog.role, whole=True),
    )


def _described(entity: offers.Entity) -> Described:
    table = entity.table
    return Described(
        schema=table.schema,
        table=table.name,
        kind=table.kind,
        rows=table.rows,
        dates=[
            Date(
                column=date.name,
                type=date.type,
                indexed=not table.unindexed(date.name),
                advice=offers.index_advice(table, date) or None,
            )
            for date in entity.dates
        ],
        metrics=[column.name for column in entity.metrics],
        ends=[end.name for end in entity.ends],
    )


def _way(links: ways.Links, entity: offers.Entity, path: ways.Path) -> Way:
    end = path[-1].target
    return Way(
        path=[entity.table.name, *(link.target.name for link in path)],
        joins=None if ways.unsayable(path) else ways.text(path),
        hops=[
            Hop(
                table=link.target.name,
                left=[f"{link.start.name}.{column}" for column in link.columns],
                right=list(link.target_columns),
                guess=link.guess or None,
                unique=link.is_certain,
                may_be_empty=link.may_be_empty,
            )
            for link in path
        ],
        recipients=[f"{label(end.name, c.name)} = {end.name}.{c.name}" for c in offers.names(end, links)],
        groups=[
            [f"{label(t.name, name)} = {t.name}.{name}" for name in offers.line_columns(t, links)]
            for t in (link.target for link in reversed(path[:-1]))
        ],
    )


def show(report: Report, console: Console) -> None:
    """The report on a terminal: all entities in a table, then the ways of the likeliest ones."""
    closed, seen = len(report["unreadable"]), report["tables"]
    opening = f"{closed} of {seen} tables may not be read; run as their owner: {' '.join(report['grants'])}"
    if not report["entities"]:
        none = f"{report['database']}: no table with a date and a number"
        if closed:
            console.print(escape(f"{none} that {report['role']} may read."), soft_wrap=True)
            console.print(escape(opening), soft_wrap=True)
        else:
            console.print(escape(f"{none}; {seen} tables seen."), soft_wrap=True)
        return
    table = Table(title=f"{report['database']}: what an extract could be about", title_justify="left")
    table.add_column("table")
    table.add_column("rows", justify="right")
    table.add_column("when: date columns", overflow="fold")
    table.add_column("what: numbers", overflow="fold")
    table.add_column("ends at", overflow="fold")
    for each in report["entities"]:
        kind = "" if each["kind"] == "table" else f"\n[dim]{each['kind']}[/]"
        table.add_row(
            escape(_name(each)) + kind,
            "?" if each["rows"] is None else f"{each['rows']:,}",
            escape(", ".join(date["column"] for date in each["dates"])),
            escape(", ".join(each["metrics"])),
            escape(", ".join(each["ends"])) or "[dim]itself[/]",
        )
    console.print(table)
    console.print(
        f"[dim]{report['tables']} tables seen; rows by the statistics, ? where ANALYZE never ran.[/]"
    )
    if closed:
        console.print(escape(opening), soft_wrap=True)
    shown = [each for each in report["entities"] if "ways" in each]
    for each in shown:
        console.print(f"\n[bold]{escape(_name(each))}[/]")
        for way in each["ways"]:
            for text in _way_lines(way):
                console.print(f"  {text}", soft_wrap=True)
        for date in each["dates"]:
            if date["advice"]:
                told = f"no index on {escape(date['column'])}; before the first run: "
                console.print(f"  {told}{escape(date['advice'])}", soft_wrap=True)
    if len(shown) < len(report["entities"]):
        console.print(f"\n[dim]--entity TABLE shows the ways of another of the {len(report['entities'])}.[/]")


def _name(each: Described) -> str:
    return each["table"] if each["schema"] == "public" else f"{each['schema']}.{each['table']}"


def _way_lines(way: Way) -> Iterator[str]:
    guessed = any(hop["guess"] for hop in way["hops"])
    yield f"{escape(' → '.join(way['path']))}{'  [yellow](a guess)[/]' if guessed else ''}"
    for hop in way["hops"]:
        said = _hop_notes(hop)
        if said:
            yield f"  [dim]{escape(hop['table'])}: {escape('; '.join(said))}[/]"
    for number, recipient in enumerate(way["recipients"]):
        yield f"  {'' if number else 'recipient':<11}{escape(recipient)}"
    for number, group in enumerate(way["groups"]):
        yield f"  {'' if number else 'group':<11}{escape(', '.join(group))}"


def _hop_notes(hop: Hop) -> Sequence[str]:
    notes = [hop["guess"]] if hop["guess"] else []
    if not hop["unique"]:
        notes.append(f"no unique index on {', '.join(hop['right'])}")
    if hop["may_be_empty"]:
        notes.append(f"{', '.join(hop['left'])} may be empty")
    return notes
