"""Find the names of a spec in the catalog of the source, and report missing or ambiguous ones."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from rolling_catalog import Catalog, CatalogColumn, CatalogTable
from rolling_dialect import identifier
from rolling_errors import ExtractError, listed
from rolling_nodes import WHOLE
from rolling_resolved import Column
from rolling_spec import Extract


@dataclass(frozen=True, slots=True)
class Names:
    """The catalog's entries for the tables of a spec, keyed by the names of the tables in the spec."""

    spec: Extract
    catalog: Catalog
    tables: dict[str, CatalogTable]
    aliases: dict[str, str]  # alias of each table in queries, with the same keys as `tables`

    def column(self, reference: str, *, of: str | None = None) -> Column:
        """Return a column that the role may read. If `of` is None, `reference` is `Table.column`."""
        owner, name = self.spec.split(reference) if of is None else (of, reference)
        row = self.row(owner, name)
        if not row.readable:
            raise ExtractError(
                f'permission denied for column "{row.name}" of table {spoken(self.tables[owner])}; grant'
                f' SELECT on it to role "{self.catalog.role}"',
                kind="permission",
            )
        return as_column(self.aliases[owner], row)

    def row(self, owner: str, name: str) -> CatalogColumn:
        """Return the catalog's entry for a column. `owner` is the table's name in the spec."""
        table = self.tables[owner]
        by_name = {row.name: row for row in self.catalog.columns_of(table)}
        found = fitting(name, by_name)
        if len(found) > 1:
            raise contract(
                f'column "{name}" of {spoken(table)} could be {listed([identifier(each) for each in found])};'
                " use the exact spelling of one of them"
            )
        if not found:
            raise missing(f'no column "{name}" in {spoken(table)}', name, by_name)
        return by_name[found[0]]

    def has(self, reference: str) -> bool:
        """Return whether a text is the name of exactly one column."""
        owner, name = self.spec.split(reference)
        return len(fitting(name, [row.name for row in self.catalog.columns_of(self.tables[owner])])) == 1

    def row_of(self, column: Column) -> CatalogColumn:
        """Return the catalog's entry for a resolved column."""
        owner = next(name for name, alias in self.aliases.items() if alias == column.alias)
        return self.row(owner, column.name)

    def said(self, column: Column) -> str:
        """Return the name of a column for a sentence."""
        owner = next(name for name, alias in self.aliases.items() if alias == column.alias)
        return f'"{column.name}" in {spoken(self.tables[owner])}'


def contract(sentence: str) -> ExtractError:
    return ExtractError(sentence, kind="contract")


def find_table(spec: Extract, name: str, catalog: Catalog) -> CatalogTable:
    """Return the table that the spec calls `name`: a table of the spec's schema, or "schema.table".

    Refuse a name that fits several tables, even if one table has exactly this spelling. Otherwise a role that
    may create tables could create a table that replaces the table of the spec.
    """
    usable = {each.name: each.usable for each in catalog.schemas}
    places = [(spec.schema, name)]
    before, dot, after = name.partition(".")
    if dot and after:
        places += [(schema, after) for schema in _in_any_case(before, usable)]
    found = [table for schema, each in places for table in _tables(catalog, schema, each)]
    if len(found) > 1:
        could = listed([spoken(table) for table in found])
        raise contract(
            f'table "{name}" could be {could}; rename all except one, or read a view with another name'
        )
    schema, name = (found[0].schema, found[0].name) if found else places[-1]
    if schema not in usable:
        raise missing(f'no schema "{schema}"', schema, usable)
    if not usable[schema]:
        raise ExtractError(
            f'permission denied for schema {_name(schema)}; grant USAGE on it to role "{catalog.role}"',
            kind="permission",
        )
    if not found:
        known = [table.name for table in catalog.tables if table.schema == schema]
        raise missing(f"no table {_name(schema)}.{_name(name)}", name, known)
    return found[0]


def schemas_of(spec: Extract) -> list[str]:
    """Return the schemas that tables of the spec can belong to."""
    before = [name.partition(".")[0] for name in (spec.entity, *(j.table for j in spec.joins)) if "." in name]
    return list(dict.fromkeys([spec.schema, *before, *(name.lower() for name in before)]))


def _tables(catalog: Catalog, schema: str, name: str) -> list[CatalogTable]:
    tables = {table.name: table for table in catalog.tables if table.schema == schema}
    return [tables[found] for found in _in_any_case(name, tables)]


def _in_any_case(name: str, candidates: Iterable[str]) -> list[str]:
    """Return all candidates that equal the name, without regard to case."""
    return [found for found in sorted(candidates) if found.casefold() == name.casefold()]


def fitting(name: str, candidates: Iterable[str]) -> list[str]:
    """Return the candidate with exactly this name, or else all that differ only in upper and lower case."""
    found = _in_any_case(name, candidates)
    return [name] if name in found else found


def missing(what: str, name: str, candidates: Iterable[str]) -> ExtractError:
    """Return the error for a name that does not exist. It suggests the most similar candidate."""
    by_lower = {candidate.casefold(): candidate for candidate in sorted(candidates)}
    near = difflib.get_close_matches(name.casefold(), by_lower, n=1, cutoff=0.6)
    hint = f'. Did you mean "{by_lower[near[0]]}"?' if near else ""
    return contract(f"{what}{hint}")


def spoken(table: CatalogTable) -> str:
    """Return a table's name for a sentence, with quotes where PostgreSQL needs them: `public."Loans"`."""
    return f"{_name(table.schema)}.{_name(table.name)}"


def _name(name: str) -> str:
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else identifier(name)


def check_readable(catalog: Catalog, tables: Iterable[CatalogTable]) -> None:
    """Refuse tables that the role must not read, or in which a row-level security policy may hide rows."""
    tables = list(dict.fromkeys(tables))
    closed = [spoken(table) for table in tables if not any(row.readable for row in catalog.columns_of(table))]
    if closed:
        some, them = ("table", "it") if len(closed) == 1 else ("tables", "them")
        raise ExtractError(
            f'permission denied for {some} {listed(closed)}; grant SELECT on {them} to role "{catalog.role}"',
            kind="permission",
        )
    for table in tables:
        if table.policies is not None:
            policies = listed([identifier(policy) for policy in table.policies])
            policies = policies or "none, so no row is visible"
            raise ExtractError(
                f'row-level security can hide rows of {spoken(table)} from role "{catalog.role}" (policy'
                f" {policies}); give the role BYPASSRLS, or read a view whose owner sees every row",
                kind="permission",
            )


def as_column(alias: str, row: CatalogColumn) -> Column:
    """Return a catalog row as a column: its type without the precision, and its digits after the point.

    >>> row = CatalogColumn("1", "Amount", "numeric(12,2)", "N", True, False, None)
    >>> as_column("t0", row)
    Column(alias='t0', name='Amount', type='numeric', category='N', digits=2, not_null=False)
    """
    name, _, modifier = row.type.partition("(")
    precision, _, rest = modifier.partition(")")
    digits: int | None = None
    if name in WHOLE:
        digits = 0
    elif name == "money":
        digits = 2  # see rolling_catalog.check_money
    elif name == "numeric" and precision:
        digits = max(0, int(precision.partition(",")[2] or 0))  # the scale is negative in numeric(6,-2)
    return Column(alias, row.name, name + rest, row.category, digits, row.not_null)
