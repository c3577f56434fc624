"""Operators, functions and types of other schemas than pg_catalog cannot change the results of a run.

Up to PostgreSQL 14, every role may create operators, functions and types in the schema `public`. If such
an object fits the types of a query exactly, PostgreSQL prefers this object and runs it with the rights of
the reader.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

import rolling_catalog
import rolling_resolve
from rolling_extract import File
from rolling_spec import Join, Metric
from tests.support.bank import LOANS, Engine, Store

# Each function raises an error, so a run fails if it calls one. PostgreSQL would prefer these functions,
# because pg_catalog has none for exactly these types. For varchar, pg_catalog has only text = text and
# lower(text). If the argument of lower() is a constant, the planner itself calls lower().
SHADOWS = """
CREATE FUNCTION equal(varchar, varchar) RETURNS boolean IMMUTABLE LANGUAGE plpgsql
    AS $$BEGIN RAISE 'code of somebody else'; END$$;
CREATE FUNCTION lower(varchar) RETURNS varchar IMMUTABLE LANGUAGE plpgsql
    AS $$BEGIN RAISE 'code of somebody else'; END$$;
CREATE FUNCTION width_bucket(date, date[]) RETURNS int IMMUTABLE LANGUAGE plpgsql
    AS $$BEGIN RAISE 'code of somebody else'; END$$;
CREATE OPERATOR = (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = equal);
"""
CODES = (
    *LOANS.joins[:-1],
    Join("Bank", left="Branch.bank_code", right="code"),
)


@pytest.fixture
def shadowed(store: Store) -> Iterator[Store]:
    """A source with an operator and functions that somebody else has created in the reader's search_path."""
    schema = store.schema
    branch = store.branch()
    store.loan(branch, "2026-10-01", 5)
    store.loan(branch, "2026-09-01", 7)
    store.sql(
        """ALTER TABLE "Bank" ADD code varchar(10) DEFAULT 'A' UNIQUE;
        ALTER TABLE "Branch" ADD bank_code varchar(10) DEFAULT 'A';
        ALTER TABLE "Loans" ADD status varchar(10) DEFAULT 'open'"""
    )
    store.connection.execute(
        f"""CREATE SCHEMA {schema}_other; SET search_path = {schema}_other; {SHADOWS};
        SET search_path = {schema};
        CREATE ROLE {schema}_reader LOGIN PASSWORD 'reader';
        ALTER ROLE {schema}_reader SET search_path = {schema}_other;
        GRANT USAGE ON SCHEMA {schema}, {schema}_other TO {schema}_reader;
        GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {schema}_reader""".encode()
    )
    place = store.url.rpartition("@")[2]
    yield replace(store, url=f"postgresql://{schema}_reader:reader@{place}")
    store.connection.execute(
        f"""DROP SCHEMA {schema}_other CASCADE; DROP OWNED BY {schema}_reader;
        DROP ROLE {schema}_reader""".encode()
    )


@pytest.mark.parametrize(
    ("driver", "aggregate_in"), [("psycopg", "database"), ("jdbc", "database"), ("psycopg", "spark")]
)
@pytest.mark.parametrize(
    "changes",
    [
        {"joins": CODES},
        {"where": "status = 'open'"},
        {"where": "status = lower(CAST('OPEN' AS varchar))"},
    ],
    ids=["join", "where", "planned"],
)
def test_run_uses_no_functions_or_operators_of_other_schemas(
    shadowed: Store, engine: Engine, driver: str, aggregate_in: str, changes: dict[str, Any]
) -> None:
    reading = replace(engine, store=shadowed, driver=driver)
    found = reading("2026-10", aggregate_in=aggregate_in, **changes)
    assert [*found.figures("Alpha").values()] == ["6.00"]


def test_enums_and_domains_of_other_schemas_are_supported(store: Store, engine: Engine) -> None:
    """PostgreSQL compares values of enums and domains with operators of pg_catalog."""
    branch = store.branch()
    store.loan(branch, "2026-10-01", 5)
    store.sql(
        """CREATE TYPE mood AS ENUM ('open', 'closed'); CREATE DOMAIN word AS varchar(10);
        ALTER TABLE "Loans" ADD mood mood DEFAULT 'open', ADD word word DEFAULT 'yes'"""
    )
    for aggregate_in in ("database", "spark"):
        found = engine(
            "--period", "2026-10", "--restate", "--reason", aggregate_in,
            where="mood = 'open' AND mood IN ('open') AND word = 'yes' AND word LIKE 'y%'",
            group_by={"branch_id": "Branch.idBranch", "mood": "Loans.mood"}, aggregate_in=aggregate_in,
        )  # fmt: skip
        assert [(line["mood"], line["loans_count"]) for line in found.lines("Alpha")] == [("open", "1")]


@pytest.fixture
def citext(store: Store) -> Store:
    """A source with columns of the type citext, which has its own operators."""
    store.sql(
        """CREATE EXTENSION citext;
        ALTER TABLE "Bank" ADD code citext DEFAULT 'a' UNIQUE;
        ALTER TABLE "Branch" ADD bank_code citext DEFAULT 'A';
        ALTER TABLE "Loans" ADD status citext DEFAULT 'Open'"""
    )
    store.loan(store.branch(), "2026-10-01", 5)
    return store


WHY = (
    "has the type {schema}.citext, and a run does not use operators of this type; use a view that casts the"
    " column to a built-in type"
)


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"joins": CODES}, '"bank_code" in {schema}."Branch"'),
        ({"where": "status = 'open'"}, '"status" in {schema}."Loans"'),
        ({"where": "lower(status) = 'open'"}, '"status" in {schema}."Loans"'),
        ({"recipients_where": "code IN ('a')"}, '"code" in {schema}."Bank"'),
        ({"metrics": {"n": Metric("count", where="status LIKE 'o%'")}}, '"status" in {schema}."Loans"'),
    ],
)
@pytest.mark.parametrize("aggregate_in", ["database", "spark"])
def test_run_fails_if_it_needs_an_operator_of_a_type_from_another_schema(
    citext: Store, engine: Engine, changes: dict[str, Any], column: str, aggregate_in: str
) -> None:
    said = engine.refusal("--period", "2026-10", aggregate_in=aggregate_in, **changes)
    assert said.startswith(f"2026-10: {column} {WHY}".format(schema=citext.schema))


def test_column_with_a_type_from_another_schema_can_be_published_and_cast(
    citext: Store, engine: Engine
) -> None:
    found = engine(
        "2026-10",
        group_by={"branch_id": "Branch.idBranch", "status": "Loans.status"},
        where="status::text = 'Open' AND status IS NOT NULL",
        metrics={"n": Metric("count_distinct", "status")},
    )
    assert [(line["status"], line["n"]) for line in found.lines("Alpha")] == [("Open", "1")]


@pytest.fixture
def graded(store: Store) -> Store:
    """A source with an enum and a domain of the enum. Only the owner of an enum can create casts for it."""
    store.sql(
        """CREATE TYPE grade AS ENUM ('', 'A', 'B'); CREATE DOMAIN mark AS grade;
        ALTER TABLE "Bank" ADD grade grade DEFAULT 'A', ADD mark mark DEFAULT 'B' UNIQUE;
        ALTER TABLE "Branch" ADD mark mark DEFAULT 'B';
        ALTER TABLE "Loans" ADD grade grade DEFAULT '';
        CREATE FUNCTION steal(grade) RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN current_user; END$$"""
    )
    store.loan(store.branch(), "2026-10-01", 5)
    return store


GRADES: dict[str, Any] = {
    "group_by": {"branch_id": "Branch.idBranch", "mark": "Branch.mark", "grade": "Loans.grade"},
    "metrics": {"n": Metric("count_distinct", "Loans.grade")},
}


@pytest.mark.parametrize("aggregate_in", ["database", "spark"])
def test_file_contains_the_label_of_an_enum_value(graded: Store, engine: Engine, aggregate_in: str) -> None:
    found = engine("2026-10", aggregate_in=aggregate_in, **GRADES)
    assert [(line["mark"], line["grade"], line["n"]) for line in found.lines("Alpha")] == [("B", "", "1")]


@pytest.mark.parametrize("aggregate_in", ["database", "spark"])
@pytest.mark.parametrize("kind", ["price", "price[]", "prices", "named"])
def test_cast_of_a_composite_or_range_type_is_refused(
    store: Store, engine: Engine, kind: str, aggregate_in: str
) -> None:
    """The owner of the type could create a cast that runs a function with the rights of the reader."""
    store.sql(
        f"""CREATE TYPE price AS (amount int); CREATE TYPE prices AS RANGE (subtype = int);
        CREATE DOMAIN named AS price; ALTER TABLE "Loans" ADD price {kind}"""
    )
    for metric in (Metric("count", where="price::text = '(5)'"), Metric("sum", "price::text::numeric")):
        said = engine.refusal("--period", "2026-10", metrics={"n": metric}, aggregate_in=aggregate_in)
        assert f'"price" in {store.schema}."Loans" has the type {store.schema}.price' in said
        assert "use a view that casts the column to a built-in type" in said


CODED = File(name="{recipient}_{recipient[price]}_{date:%Y%m%d}.csv")
IN_SPARK: dict[str, Any] = {"aggregate_in": "spark"}
TRANSFORMED: dict[str, Any] = {**IN_SPARK, "transform": lambda rows: rows}


@pytest.mark.parametrize(
    ("table", "changes"),
    [
        ("Loans", {**IN_SPARK, "metrics": {"n": Metric("count", "price")}}),
        ("Bank", {**IN_SPARK, "metrics": {"n": Metric("count", "Bank.price")}}),
        ("Loans", {**TRANSFORMED, "transform_columns": ("price",)}),
        ("Loans", {**TRANSFORMED, "where": "price IS NOT NULL OR Bank.Name = 'Alpha'"}),
        ("Bank", {"file": CODED}),
        ("Bank", {**IN_SPARK, "file": CODED}),
    ],
)
@pytest.mark.parametrize("kind", ["price", "price[]", "prices", "named"])
def test_composite_or_range_column_is_refused_if_a_run_must_convert_it_to_text(
    store: Store, engine: Engine, kind: str, table: str, changes: dict[str, Any]
) -> None:
    """PostgreSQL would convert the value with a cast, and the owner of the type could create this cast."""
    store.connection.execute(
        f"""CREATE TYPE price AS (amount int); CREATE TYPE prices AS RANGE (subtype = int);
        CREATE DOMAIN named AS price; ALTER TABLE "{table}" ADD price {kind}""".encode()
    )
    said = engine.refusal("--period", "2026-10", **changes)
    assert f'2026-10: "price" in {store.schema}."{table}" has the type {store.schema}.price' in said
    assert ", which a run does not convert to text; use a view that casts the column to a built-in" in said


def test_listing_with_a_transform_is_refused_if_the_primary_key_has_a_composite_type(
    store: Store, engine: Engine
) -> None:
    store.sql(
        """CREATE TYPE price AS (amount int); ALTER TABLE "Loans" ADD price price DEFAULT ROW(5);
        ALTER TABLE "Loans" DROP CONSTRAINT "Loans_pkey", ADD PRIMARY KEY ("idLoan", price)"""
    )
    said = engine.refusal(
        "--period", "2026-10", group_by=None, metrics=None, rows={"loan": "Loans.idLoan"}, **TRANSFORMED
    )
    assert "which a run does not convert to text" in said


@pytest.mark.parametrize("kind", ["price", "price[]", "prices"])
def test_values_of_a_composite_or_range_type_can_be_counted(store: Store, engine: Engine, kind: str) -> None:
    store.connection.execute(
        f"""CREATE TYPE price AS (amount int); CREATE TYPE prices AS RANGE (subtype = int);
        ALTER TABLE "Loans" ADD price {kind}""".encode()
    )
    store.loan(store.branch(), "2026-10-01", 5)
    found = engine(
        "2026-10", metrics={"n": Metric("count", "price"), "none": Metric("count", where="price IS NULL")}
    )
    assert [(line["n"], line["none"]) for line in found.lines("Alpha")] == [("0", "1")]


def test_enum_is_published_even_if_the_name_of_its_schema_begins_with_reg(
    store: Store, engine: Engine
) -> None:
    name = f"registry_{store.schema}"
    store.sql(
        f"""CREATE SCHEMA {name}; CREATE TYPE {name}.mood AS ENUM ('open');
        ALTER TABLE "Loans" ADD mood {name}.mood DEFAULT 'open'"""
    )
    store.loan(store.branch(), "2026-10-01", 5)
    try:
        found = engine("2026-10", group_by={"branch_id": "Branch.idBranch", "mood": "Loans.mood"})
        assert [line["mood"] for line in found.lines("Alpha")] == ["open"]
    finally:
        store.sql(f"DROP SCHEMA {name} CASCADE")


# The owner of the enum executes one of these SQL texts during a run, to replace labels in the files.
EXCHANGES = {
    "cast": "CREATE CAST (grade AS text) WITH FUNCTION steal(grade)",
    "implicit cast": "CREATE CAST (grade AS text) WITH FUNCTION steal(grade) AS IMPLICIT",
    "type": """ALTER TYPE grade RENAME TO grade_old; ALTER TYPE grade_new RENAME TO grade;
        CREATE CAST (grade_old AS grade) WITH FUNCTION exchange(grade_old)""",
}


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("aggregate_in", ["database", "spark"])
def test_owner_who_changes_a_type_during_a_run_cannot_make_the_run_call_a_function(
    graded: Store, engine: Engine, aggregate_in: str, exchange: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    graded.sql(
        """CREATE TYPE grade_new AS ENUM ('', 'A', 'B', 'forged');
        CREATE FUNCTION exchange(grade) RETURNS grade_new LANGUAGE plpgsql
            AS $$BEGIN RETURN 'forged'; END$$"""
    )
    read_columns = rolling_catalog.read_columns

    def read(*given: Any) -> rolling_catalog.Catalog:
        found = read_columns(*given)
        graded.sql(EXCHANGES[exchange])  # in another session
        return found

    monkeypatch.setattr(rolling_resolve, "read_columns", read)
    found = engine(
        "2026-10",
        aggregate_in=aggregate_in,
        joins=(*LOANS.joins[:-1], Join("Bank", left="Branch.mark", right="mark", optional=False)),
        group_by={"branch_id": "Branch.idBranch", "mark": "Branch.mark", "grade": "Loans.grade"},
        where="grade = '' AND grade IN ('', 'A')",
        metrics={
            "n": Metric("count", where="grade::text = ''"),
            "kinds": Metric("count_distinct", "CASE WHEN grade = 'A' THEN grade END"),
        },
    )
    [line] = found.lines("Alpha")
    assert (line["mark"], line["grade"], line["n"], line["kinds"]) == ("B", "", "1", "0")


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("grade = 'C'", '"grade" in {schema}."Loans" has no value "C"'),
        ("grade IN ('A', 'a')", '"grade" in {schema}."Loans" has no value "a". Did you mean "A"?'),
        ("grade < 'B'", '"grade" in {schema}."Loans" is an enum, and a run cannot order its values;'),
        ("grade BETWEEN 'A' AND 'B'", '"grade" in {schema}."Loans" is an enum, and a run cannot order'),
        (
            "'A'::{schema}.grade = grade",
            "has a cast to {schema}.grade; only PostgreSQL's own types are allowed",
        ),
    ],
)
def test_unsupported_comparison_of_an_enum_is_refused(
    graded: Store, engine: Engine, where: str, said: str
) -> None:
    schema = graded.schema
    assert said.format(schema=schema) in engine.refusal(
        "--period", "2026-10", where=where.format(schema=schema)
    )


def test_column_of_the_type_regclass_is_refused(store: Store, engine: Engine) -> None:
    """The text of a regclass value is a table name, and the creator of a table could choose a formula."""
    store.sql('ALTER TABLE "Loans" ADD place regclass')
    said = engine.refusal("--period", "2026-10", group_by={"place": "Loans.place"})
    assert '"place", "place" in' in said
    assert "is regclass, which cannot be written to a file" in said
