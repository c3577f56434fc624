"""An error of the connection or the database becomes one sentence, which says what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

import rolling_database
import rolling_refusals
from tests.support.bank import Engine, Store


@pytest.fixture
def role(store: Store) -> Iterator[str]:
    """A role that may use the schema, but not read any table in it. The password needs escaping in a URL."""
    name = f"reader_{store.schema}"
    store.sql(f"CREATE ROLE {name} LOGIN PASSWORD 'p@ss/w:rd#%41'")
    store.sql(f"GRANT USAGE ON SCHEMA {store.schema} TO {name}")
    yield name
    store.sql(f"DROP OWNED BY {name}")
    store.sql(f"DROP ROLE {name}")


def as_role(store: Store, role: str, password: str = "p%40ss%2Fw%3Ard%23%2541") -> tuple[str, str]:
    """Return the arguments for a run that logs in as `role`."""
    return "--database-url", f"postgresql://{role}:{password}@{store.url.partition('@')[2]}"


def test_error_names_an_unreadable_table_and_the_missing_grant(
    store: Store, engine: Engine, role: str
) -> None:
    for table in ("Account", "Client", "Branch", "Bank"):
        store.sql(f'GRANT SELECT ON "{table}" TO {role}')
    assert engine.refusal("--period", "2026-10", *as_role(store, role)) == (
        f'2026-10: permission denied for table {store.schema}."Loans"; grant SELECT on it to role "{role}".'
        " Nothing was published."
    )


def test_grants_on_the_columns_of_the_spec_are_sufficient(store: Store, engine: Engine, role: str) -> None:
    for columns in (
        '"Amount", "Account_idAccount", loan_date) ON "Loans"',
        '"idAccount", "Client_idClient") ON "Account"',
        '"idClient", "Branch_idBranch") ON "Client"',
        '"idBranch", "Bank_idBank", "Address") ON "Branch"',
        '"idBank", "Name") ON "Bank"',
    ):
        store.sql(f"GRANT SELECT ({columns} TO {role}")
    branch = store.branch()
    store.loan(branch, "2026-10-01", 5)
    delivered = engine("--period", "2026-10", *as_role(store, role))
    assert delivered.figures("Alpha") == {str(branch): "5.00"}


def test_error_names_an_unreadable_column(store: Store, engine: Engine, role: str) -> None:
    store.sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA {store.schema} TO {role}")
    store.sql(f'REVOKE SELECT ON "Bank" FROM {role}')
    store.sql(f'GRANT SELECT ("idBank") ON "Bank" TO {role}')
    assert engine.refusal("--period", "2026-10", *as_role(store, role)).startswith(
        f'2026-10: permission denied for column "Name" of table {store.schema}."Bank"; grant SELECT on it'
    )


def test_error_names_a_schema_that_the_role_may_not_use(store: Store, engine: Engine, role: str) -> None:
    store.sql(f"REVOKE USAGE ON SCHEMA {store.schema} FROM {role}")
    assert engine.refusal("--period", "2026-10", *as_role(store, role)).startswith(
        f'2026-10: permission denied for schema {store.schema}; grant USAGE on it to role "{role}"'
    )


def test_wrong_password_is_reported_without_the_password(store: Store, engine: Engine, role: str) -> None:
    sentence = engine.refusal("--period", "2026-10", *as_role(store, role, "swordfish"))
    assert f'refused user "{role}": password authentication failed' in sentence
    assert engine.log[-1]["kind"] == "authentication"
    assert "swordfish" not in sentence + json.dumps(engine.log)


def test_password_in_a_driver_message_is_removed() -> None:
    database = rolling_database.from_url("postgresql://u:swordfish@h:1/d")
    error = rolling_refusals.explained(RuntimeError("PSQLException: no luck with swordfish"), database)
    assert "swordfish" not in f"{error} {error.cause} {database!r}"


def test_unreachable_host_is_reported(store: Store, engine: Engine) -> None:
    sentence = engine.refusal("--period", "2026-10", "--database-url", "postgresql://u:p@127.0.0.1:1/x")
    assert sentence.startswith("2026-10: cannot reach the database at 127.0.0.1:1/x: check host, port,")


def test_missing_database_is_reported(store: Store, engine: Engine) -> None:
    sentence = engine.refusal("--period", "2026-10", "--database-url", store.url.rpartition("/")[0] + "/nope")
    assert 'database "nope" does not exist' in sentence


def in_place_of_loans(store: Store, condition: LiteralString) -> None:
    """Replace the table Loans with a view. The view evaluates `condition` for every row."""
    store.loan(store.branch(), "2026-10-01", 5)
    store.sql('ALTER TABLE "Loans" RENAME TO loans_proper')
    store.sql(f'CREATE VIEW "Loans" AS SELECT * FROM loans_proper WHERE {condition}')


def test_statement_timeout_is_reported(store: Store, engine: Engine) -> None:
    in_place_of_loans(store, "pg_sleep(60) IS NOT NULL")
    sentence = engine.refusal("--period", "2026-10", "--statement-timeout", "1")
    assert sentence == (
        "2026-10: the read took too long (canceling statement due to statement timeout); look for an index"
        " on the date column, or start the run with a longer --statement-timeout. Nothing was published."
    )
    assert engine.log[-1]["kind"] == "timeout"


def test_lock_timeout_is_reported(store: Store, engine: Engine) -> None:
    store.branch()
    with psycopg.connect(store.url) as other:
        other.execute(sql.SQL('LOCK TABLE {}."Loans"').format(sql.Identifier(store.schema)))
        sentence = engine.refusal("--period", "2026-10", "--lock-timeout", "1")
    assert sentence.startswith(
        "2026-10: a table of the extract stayed locked (canceling statement due to lock"
    )
    assert engine.log[-1]["kind"] == "locked"


@pytest.mark.parametrize(
    ("state", "message", "kind", "sentence"),
    [
        ("40001", "canceling statement due to conflict with recovery", "conflict", "the replica canceled"),
        ("57014", "canceling statement due to user request", "database", "the read was canceled"),
        ("53100", "could not extend file: No space left on device", "disk_full", "ran out of disk space"),
        ("53300", "too many clients already", "database", "accepts no more connections"),
        ("XX001", "invalid page in block 7", "database", "refused the read: invalid page in block 7"),
    ],
)  # fmt: skip
def test_server_error_during_a_read_is_reported(
    store: Store, engine: Engine, state: LiteralString, message: LiteralString, kind: str, sentence: str
) -> None:
    """A function raises the error, because a test cannot provide a replica or a full disk."""
    store.sql(
        f"""CREATE FUNCTION fails() RETURNS boolean LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = '{state}'; END $$"""
    )
    in_place_of_loans(store, f"{store.schema}.fails()")
    assert sentence in engine.refusal("2026-10")
    assert engine.log[-1]["kind"] == kind


def test_connection_lost_during_a_read_is_reported(store: Store, engine: Engine) -> None:
    in_place_of_loans(store, "pg_terminate_backend(pg_backend_pid())")
    sentence = engine.refusal("2026-10")
    assert "was lost during the read" in sentence
    assert engine.log[-1]["kind"] == "lost"


def test_session_is_read_only_and_has_timeouts_and_the_name_of_the_run(store: Store, engine: Engine) -> None:
    """The view has rows only if the session has the expected settings."""
    in_place_of_loans(
        store,
        """current_setting('transaction_read_only') = 'on'
        AND current_setting('statement_timeout') = '50min' AND current_setting('lock_timeout') = '7s'
        AND current_setting('application_name') LIKE 'rolling-extract jr\\_9%'""",
    )
    delivered = engine("--period", "2026-10", "--JOB_RUN_ID", "jr_9", "--lock-timeout", "7")
    assert [line["loans_count"] for line in delivered.lines("Alpha")] == ["1"]
