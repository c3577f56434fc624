"""The golden files contain all queries of some specs. Run pytest with `REFRESH_GOLDEN=1` to update them.

In a review, the golden files show how a change of the engine changes its SQL. A test also parses
each query, so it finds invalid SQL without PostgreSQL and Spark.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlglot

import rolling_queries
from rolling_expression import Binary, Number, Ref, Text
from rolling_nodes import Case
from rolling_period import Period
from rolling_resolved import Listing, Resolved
from rolling_span import Span
from tests.support.engine.handmade import column, loans, measure, metric, resolved, step, tables

GOLDEN = Path(__file__).parent / "golden"
OCTOBER = (Period(2026, 10),)
AMOUNT = column("t0", "amount", "numeric", 2, not_null=True)
RATE = column("t1", "rate", "numeric", 4)
KIND = column("t0", "kind")
KEY = column("t0", "id", "bigint")
ACCOUNT = step(column("t0", "account", "bigint"), column("t1", "id", "bigint"))
BANK = step(column("t1", "bank", "text"), column("t2", "code", "text"), unique=False)

FEES = resolved(
    tables=tables("fee", "account", "bank", schema="Fees"),
    steps=(ACCOUNT, BANK),
    date=column("t0", "day", "date", not_null=True),
    recipient=column("t2", "name"),
    group_by={"account": column("t1", "id", "bigint")},
    measures=(measure(AMOUNT),),
    metrics=(metric("sum"),),
)
OF_KIND_A = Binary("=", Ref(KIND), Text("a"))
INTEREST = Binary("*", Ref(AMOUNT), Ref(RATE))
BIG = Case(((Binary(">", Ref(RATE), Number("1")), Ref(AMOUNT)),))

SPECS: dict[str, tuple[Resolved, tuple[Period, ...]]] = {
    "one_window": (loans(), OCTOBER),
    "backfill": (
        loans(
            metrics=(
                metric("sum", scale=None),
                metric("avg", window=3),
                metric("count", window="year_to_date", scale=None),
            )
        ),
        (Period(2026, 9), Period(2026, 10)),
    ),
    "expressions": (
        replace(
            FEES,
            measures=(
                measure(INTEREST, aliases=("t1",), digits=6),
                measure(AMOUNT, OF_KIND_A, needs=frozenset({"sum", "min", "max", "squares"})),
                measure(None, BIG, aliases=("t1",), needs=frozenset()),
            ),
            metrics=(metric("sum"), metric("stddev", 1), metric("count", 2, scale=None)),
        ),
        OCTOBER,
    ),
    "groups_of_the_entity": (
        replace(
            FEES,
            group_by={"kind": KIND, "amount": AMOUNT},
            steps=(replace(ACCOUNT, optional=True), BANK),
            unassigned="Nobody's",
        ),
        OCTOBER,
    ),
    "unassigned": (
        replace(
            FEES,
            steps=(replace(ACCOUNT, optional=True), BANK),
            unassigned="Nobody",
            measures=(measure(INTEREST, aliases=("t1",), digits=6),),
        ),
        OCTOBER,
    ),
    "percentiles": (
        replace(
            FEES,
            group_by={"since": column("t2", "since", "date")},
            metrics=(
                metric("median", window=2),
                metric("p95", window=2),
                metric("count_distinct", scale=None),
            ),
        ),
        (Period(2026, 9), Period(2026, 10)),
    ),
    "filters": (
        replace(
            FEES,
            where=Binary("<", Ref(RATE), Number("0.5")),
            recipients_where=Ref(column("t2", "active", "boolean")),
            date=column("t1", "closed", "timestamp with time zone"),
            time_zone="Europe/Paris",
        ),
        OCTOBER,
    ),
    "listing": (
        replace(FEES, group_by={}, measures=(), metrics=(), listing=Listing((KEY, AMOUNT, RATE), (KEY,))),
        OCTOBER,
    ),
}


def queries(name: str, dialect: str) -> Iterator[tuple[str, str]]:
    """Yield the title and the SQL of every query of a spec.

    For the dialect `spark`, leave out the queries that run only in PostgreSQL.
    """
    spec, periods = SPECS[name]
    if dialect == "spark":
        spec = replace(spec, aggregate_in="spark")
    span = Span.of(spec, periods)
    if dialect == "postgresql":
        checks = rolling_queries.checks(spec, span, None)
        yield "control totals", checks.control
        if checks.recipients is not None:
            yield "recipients", checks.recipients
        if checks.strays is not None:
            yield "groups without a recipient", checks.strays
        for alias, sql in checks.join_checks.items():
            yield f"keys of {alias} that are not unique", sql
    bodies = rolling_queries.bodies(spec, span, None, dialect, [2] * len(spec.measures))
    for relation in bodies.relations:
        yield f"relation {relation.name} (PostgreSQL), types {dict(relation.types)}", relation.sql
    if bodies.aggregates is not None:
        yield "aggregates", bodies.aggregates
    if bodies.broken is not None:
        yield "rows that the inner joins leave out", bodies.broken
    for sql in bodies.windows:
        yield "windows of single values", sql
    if bodies.listing is not None:
        yield "listing", bodies.listing


@pytest.mark.parametrize("dialect", ["postgresql", "spark"])
@pytest.mark.parametrize("name", SPECS)
def test_queries_of_a_spec_equal_its_golden_file(name: str, dialect: str) -> None:
    path = GOLDEN / f"{name}.{dialect}.sql"
    text = "\n".join(f"-- {title}\n{sql};\n" for title, sql in queries(name, dialect))
    if os.environ.get("REFRESH_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text(), f"{path.name} differs; REFRESH_GOLDEN=1 writes it anew"


@pytest.mark.parametrize("dialect", ["postgresql", "spark"])
@pytest.mark.parametrize("name", SPECS)
def test_every_query_is_valid_sql_of_its_dialect(name: str, dialect: str) -> None:
    for title, sql in queries(name, dialect):
        reader = "postgres" if "PostgreSQL" in title or dialect == "postgresql" else "spark"
        [parsed] = sqlglot.parse(sql, read=reader)
        assert parsed is not None
        assert not list(parsed.find_all(sqlglot.exp.Command)), title


def test_window_query_has_nearly_the_same_text_in_both_dialects() -> None:
    """From the relation `ranked` to the end of the query, the texts differ only in casts and collations."""
    spec, periods = SPECS["percentiles"]
    span = Span.of(spec, periods)
    texts = {}
    for dialect in ("postgresql", "spark"):
        [first, _] = rolling_queries.bodies(spec, span, None, dialect, [2]).windows
        ranked = first[first.index("ranked AS") :]
        texts[dialect] = ranked.replace(' COLLATE "C"', "").replace("AS text", "AS string")
    assert texts["postgresql"] == texts["spark"]


def test_every_golden_file_belongs_to_a_spec() -> None:
    names = {f"{name}.{dialect}.sql" for name in SPECS for dialect in ("postgresql", "spark")}
    assert {path.name for path in GOLDEN.iterdir()} == names
