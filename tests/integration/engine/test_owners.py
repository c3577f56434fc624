"""The owner of one table does not change how a run reads the other tables.

PostgreSQL runs some functions of a table's owner with the rights of the reader: a function in a view, and an
immutable function in an index. PostgreSQL runs the function of an index when it plans a query.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from tests.support.bank import Engine, Store

FORGED = """
CREATE FUNCTION forged(bigint, int) RETURNS bigint IMMUTABLE LANGUAGE sql AS 'SELECT 1000';
CREATE AGGREGATE sum(int) (sfunc = forged, stype = bigint);
CREATE FUNCTION yes(int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$BEGIN RETURN true; END$$
"""
PLACES = {
    "index": 'CREATE INDEX ON "Bank" ((code.yes(1)))',
    "view": """ALTER TABLE "Bank" RENAME TO bank_rows;
        CREATE VIEW "Bank" AS SELECT * FROM bank_rows WHERE code.yes(1);
        GRANT SELECT ON "Bank" TO PUBLIC""",
}
MODES = [("psycopg", "database"), ("jdbc", "database"), ("psycopg", "spark")]


@pytest.fixture
def owned(store: Store, engine: Engine) -> Iterator[Callable[[str, str], Engine]]:
    """A function that adds code to the table "Bank" and returns an engine that logs in as a reader.

    The owner of "Bank" owns nothing else. The code runs when a query reads or plans to read "Bank".
    """
    schema, place = store.schema, store.url.rpartition("@")[2]
    owner, reader, code = f"{schema}_owner", f"{schema}_reader", f"{schema}_code"
    store.loan(store.branch(), "2026-10-01", 5)
    store.connection.execute(
        f"""CREATE ROLE {owner} LOGIN PASSWORD 'owner'; CREATE ROLE {reader} LOGIN PASSWORD 'reader';
        CREATE SCHEMA {code} AUTHORIZATION {owner}; GRANT USAGE ON SCHEMA {code} TO PUBLIC;
        GRANT USAGE ON SCHEMA {schema} TO PUBLIC; GRANT CREATE ON SCHEMA {schema} TO {owner};
        ALTER TABLE "Bank" OWNER TO {owner};
        ALTER TABLE "Loans" ADD ratio double precision DEFAULT 123456.789,
                            ADD moment timestamptz DEFAULT '2026-10-01 20:00+00';
        GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {reader}""".encode()
    )

    def with_code(where: str, statements: str) -> Engine:
        with psycopg.connect(f"postgresql://{owner}:owner@{place}", autocommit=True) as connection:
            connection.execute(f"SET search_path = {code}; {FORGED}".encode())
            connection.execute(
                f"SET search_path = {schema}; {PLACES[where]}".replace("code.", f"{code}.").encode()
            )
            connection.execute(
                f"""CREATE OR REPLACE FUNCTION {code}.yes(int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql
                AS $$BEGIN {statements.replace("code,", f"{code},")}; RETURN true; END$$""".encode()
            )
        return replace(engine, store=replace(store, url=f"postgresql://{reader}:reader@{place}"))

    yield with_code
    store.connection.execute(
        f"DROP OWNED BY {owner}, {reader} CASCADE; DROP ROLE {owner}; DROP ROLE {reader}".encode()
    )


@pytest.mark.parametrize(("driver", "aggregate_in"), MODES)
@pytest.mark.parametrize("where", PLACES)
def test_run_fails_if_a_function_of_a_table_owner_changes_the_search_path(
    owned: Callable[[str, str], Engine], where: str, driver: str, aggregate_in: str
) -> None:
    reading = replace(
        owned(where, "PERFORM set_config('search_path', 'code, pg_catalog', true)"), driver=driver
    )
    said = reading.refusal("--period", "2026-10", aggregate_in=aggregate_in)
    assert said == (
        "2026-10: a function in a table or view of the extract has changed settings of the run's session"
        " (search_path), so the values could be wrong; remove the change from the function. Nothing was"
        " published."
    )
    assert reading.log[-1]["kind"] == "settings"


LISTING: dict[str, Any] = {
    "group_by": None,
    "metrics": None,
    "rows": {"loan": "Loans.idLoan", "ratio": "Loans.ratio", "moment": "Loans.moment"},
}


@pytest.mark.parametrize(("driver", "aggregate_in"), MODES)
@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize(
    ("setting", "value"),
    [("TimeZone", "Asia/Tokyo"), ("extra_float_digits", "-15"), ("IntervalStyle", "sql_standard")],
)
def test_run_fails_if_a_function_of_a_table_owner_changes_the_format_of_values(
    owned: Callable[[str, str], Engine], where: str, setting: str, value: str, driver: str, aggregate_in: str
) -> None:
    reading = owned(where, f"PERFORM set_config('{setting}', '{value}', true)")
    said = replace(reading, driver=driver).refusal(
        "--period", "2026-10", aggregate_in=aggregate_in, **LISTING
    )
    assert f"changed settings of the run's session ({setting})" in said


def test_run_fails_if_a_function_of_a_table_owner_changes_the_role(
    owned: Callable[[str, str], Engine], store: Store
) -> None:
    reading = owned("index", f"PERFORM set_config('role', '{store.schema}_owner', true)")
    store.connection.execute(f"GRANT {store.schema}_owner TO {store.schema}_reader".encode())
    store.connection.execute(
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {store.schema} TO {store.schema}_owner".encode()
    )
    assert "(role)" in reading.refusal("--period", "2026-10")


def test_function_may_change_a_setting_that_postgresql_resets_after_the_call(
    owned: Callable[[str, str], Engine], store: Store
) -> None:
    reading = owned("view", "PERFORM 1")
    store.connection.execute(f"ALTER FUNCTION {store.schema}_code.yes SET search_path = public".encode())
    assert [*reading("2026-10").figures("Alpha").values()] == ["5.00"]
