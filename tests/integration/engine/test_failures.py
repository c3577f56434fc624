"""Every failure is one sentence: it begins with the period and names what is wrong; nothing is left."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

import rolling_database
import rolling_delivery
import rolling_refusals
from extracts import programs
from rolling_copy import Connection
from rolling_errors import ExtractError
from rolling_extract import Join
from tests.support.bank import LOANS, Engine, Store

RUNTIME = Path(__file__).resolve().parents[3] / "modules/glue-extract/runtime"


@pytest.fixture
def role(store: Store) -> Iterator[str]:
    """A role that may read the store's schema, and no table in it. Its password would break a URL."""
    name = f"reader_{store.schema}"
    store.sql(f"CREATE ROLE {name} LOGIN PASSWORD 'p@ss/w:rd#%41'")
    store.sql(f"GRANT USAGE ON SCHEMA {store.schema} TO {name}")
    yield name
    store.sql(f"DROP OWNED BY {name}")
    store.sql(f"DROP ROLE {name}")


def as_role(store: Store, role: str, password: str = "p%40ss%2Fw%3Ard%23%2541") -> tuple[str, str]:
    """The argument that logs in as `role`."""
    return "--database-url", f"postgresql://{role}:{password}@{store.url.partition('@')[2]}"


# -- what the store does not hold, or not as the spec says -------------------------------------------------


def test_a_missing_column_is_named_with_its_nearest_match(store: Store, engine: Engine) -> None:
    assert engine.refusal("2026-10", metric="Ammount") == (
        f'2026-10: no column "Ammount" in {store.schema}."Loans". Did you mean "Amount"?'
        " Nothing was published."
    )


def test_a_missing_table_is_named_with_its_nearest_match(store: Store, engine: Engine) -> None:
    joins = (*LOANS.joins[:3], Join("Bakn", left="Branch.Bank_idBank", right="idBank"))
    sentence = engine.refusal("2026-10", joins=joins, recipient={"bank_name": "Bakn.Name"})
    assert f'no table {store.schema}."Bakn". Did you mean "Bank"?' in sentence


def test_a_missing_schema_is_named(store: Store, engine: Engine) -> None:
    assert 'no schema "nowhere_at_all"' in engine.refusal("2026-10", schema="nowhere_at_all")


def test_an_ambiguous_spelling_is_refused_and_names_the_candidates(store: Store, engine: Engine) -> None:
    store.sql('ALTER TABLE "Loans" ADD COLUMN amount int')
    assert engine.refusal("2026-10", metric="AMOUNT") == (
        f'2026-10: column "AMOUNT" of {store.schema}."Loans" could be "Amount", "amount";'
        " spell it as the store does. Nothing was published."
    )


def test_an_exact_spelling_wins_over_one_that_differs_in_case(store: Store, engine: Engine) -> None:
    store.sql('ALTER TABLE "Loans" ADD COLUMN amount text')
    branch = store.branch()
    store.loan(branch, "2026-10-01", 3)
    assert engine("2026-10").figures("Alpha") == {str(branch): "3.00"}


@pytest.mark.parametrize(
    ("type", "reason"),
    [
        ("text", "is text, not a number"),
        ("real[]", "is real[], not a number"),
    ],
)
def test_a_metric_that_is_no_number_is_refused(
    bare_store: Store, engine: Engine, type: LiteralString, reason: str
) -> None:
    bare_store.create(amount=type)
    assert f'metric "Amount" in {bare_store.schema}."Loans" {reason}' in engine.refusal("2026-10")


def test_a_domain_is_what_it_is_made_of(bare_store: Store, engine: Engine) -> None:
    bare_store.sql("CREATE DOMAIN euro AS numeric(12,2); CREATE DOMAIN fee AS euro CHECK (VALUE >= 0)")
    bare_store.create(amount="fee")
    branch = bare_store.branch()
    bare_store.loan(branch, "2026-10-01", "1.25")
    assert engine("2026-10").figures("Alpha") == {str(branch): "1.25"}


@pytest.mark.parametrize(
    "way",
    [{}, {"aggregate_in": "spark"}, {"aggregate_in": "spark", "transform": lambda rows: rows}],
    ids=["database", "spark", "transform"],
)
@pytest.mark.parametrize("kind", ["numeric", "double precision"])
def test_a_metric_of_nan_is_refused(
    bare_store: Store, engine: Engine, kind: LiteralString, way: dict[str, Any]
) -> None:
    bare_store.create(amount=kind)
    bare_store.loan(bare_store.branch(), "2026-10-01", "NaN")
    assert 'metric "Amount" holds NaN or Infinity in the window' in engine.refusal("2026-10", **way)


def test_a_sum_of_more_digits_than_a_decimal_of_spark_has_is_added_by_the_database_alone(
    bare_store: Store, engine: Engine
) -> None:
    bare_store.create(amount="numeric(38,2)")
    branch = bare_store.branch()
    for month in (9, 10):
        bare_store.loan(branch, f"2026-{month}-01", "9" * 36)
    assert "more than the 38 digits" in engine.refusal("2026-10", aggregate_in="spark")
    [line] = engine("2026-10").lines("Alpha")
    assert line["amount_sum"] == f"1{'9' * 35}8.00"


def test_a_date_column_that_is_no_date_is_refused(bare_store: Store, engine: Engine) -> None:
    bare_store.create(date="text")
    assert f'date column "loan_date" in {bare_store.schema}."Loans" is text' in engine.refusal("2026-10")


def test_a_group_that_cannot_stand_in_a_file_is_refused(store: Store, engine: Engine) -> None:
    store.sql('ALTER TABLE "Branch" ADD COLUMN plan jsonb')
    sentence = engine.refusal("2026-10", group={"plan": "Branch.plan"})
    assert f'"plan", "plan" in {store.schema}."Branch", is jsonb' in sentence


def test_a_hop_between_kinds_that_do_not_compare_is_refused(store: Store, engine: Engine) -> None:
    store.sql('ALTER TABLE "Loans" ALTER "Account_idAccount" TYPE text')
    assert "the hop Loans.Account_idAccount = Account.idAccount compares text with integer" in engine.refusal(
        "2026-10"
    )


# -- joins that would multiply or lose money ---------------------------------------------------------------


def test_a_hop_whose_right_side_is_not_unique_fails_with_its_name(store: Store, engine: Engine) -> None:
    store.sql('ALTER TABLE "Client" DROP CONSTRAINT "Client_pkey"')
    branch = store.branch()
    store.loan(branch, "2026-10-01", 5)
    store.sql('INSERT INTO "Client" SELECT * FROM "Client"')
    assert engine.refusal("2026-10") == (
        "2026-10: the hop Account.Client_idClient = Client.idClient would multiply rows: 1 value of"
        f' "idClient" of {store.schema}."Client" is not unique. Nothing was published.'
    )


def test_a_hop_that_is_unique_without_an_index_is_let_pass(store: Store, engine: Engine) -> None:
    store.sql('ALTER TABLE "Client" DROP CONSTRAINT "Client_pkey"')
    branch = store.branch()
    store.loan(branch, "2026-10-01", 5)
    assert engine("2026-10").figures("Alpha") == {str(branch): "5.00"}


def test_an_index_on_a_parent_does_not_vouch_for_its_children(store: Store, engine: Engine) -> None:
    branch = store.branch()
    store.loan(branch, "2026-10-01", 5)
    store.sql('CREATE TABLE more_clients () INHERITS ("Client")')
    store.sql('INSERT INTO more_clients SELECT * FROM "Client"')
    assert "Client.idClient would multiply rows" in engine.refusal("2026-10")


def test_orphans_fail_the_run_and_are_counted(store: Store, engine: Engine) -> None:
    store.loan(None, "2026-10-01", 70)
    store.loan(store.branch(), "2026-10-01", 5)
    assert engine.refusal("2026-10") == (
        "2026-10: 1 of 2 rows of the window reaches no recipient (amount_sum 70), more than"
        " max_orphan_rows=0; mend the keys on the way Loans -> Account -> Client -> Branch -> Bank."
        " Nothing was published."
    )
    assert engine.log[-1]["kind"] == "orphans"


def test_a_loan_of_a_bank_without_a_name_is_an_orphan(store: Store, engine: Engine) -> None:
    branch = store.branch()
    store.loan(branch, "2026-10-01", 5)
    store.sql('UPDATE "Bank" SET "Name" = NULL')
    assert "1 of 1 rows of the window reaches no recipient" in engine.refusal("2026-10")


def test_orphans_up_to_the_limit_are_reported_in_the_manifest(store: Store, engine: Engine) -> None:
    store.loan(None, "2026-10-01", 70)
    store.loan(store.branch(), "2026-10-01", 5)
    manifest = engine("2026-10", max_orphan_rows=1).manifest()
    assert manifest["orphans"] == {"rows": 1, "count": 1, "sum": "70", "undated_rows": 0}
    assert manifest["source"] == {"rows": 2, "count": 2, "sum": "75"}
    assert manifest["totals"] == {"rows": 1, "count": 1, "sum": "5"}


def test_orphans_outside_the_window_are_nobodys_business(store: Store, engine: Engine) -> None:
    store.loan(None, "2026-07-31", 70)
    store.branch()
    assert engine("2026-10").manifest()["orphans"]["rows"] == 0


def test_rows_that_lead_to_no_date_are_orphans_of_every_period(store: Store, engine: Engine) -> None:
    store.loan(None, "2026-10-01", 70)
    sentence = engine.refusal("2026-10", date_column="Account.open_date")
    assert '1 row reaches no "Account.open_date"' in sentence


def test_totals_that_do_not_reconcile_stop_the_run(
    store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could cause it is unknown by nature, so a line is lost on purpose."""
    import rolling_figures

    lines = rolling_figures.Figures.lines
    monkeypatch.setattr(rolling_figures.Figures, "lines", lambda *a: list(lines(*a))[1:])
    for _ in range(2):
        store.loan(store.branch(), "2026-10-01", 5)
    assert engine.refusal("2026-10") == (
        "2026-10: control totals of 2026-10 do not reconcile: the source has 2 rows with amount_sum 10 in the"
        " window, files and orphans have 1 with 5. Nothing was published."
    )
    assert not engine.folder.exists()


def test_a_join_that_multiplies_unseen_does_not_reconcile(
    store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check of the hop is what should see it; without it, the totals that were read by no hop do."""
    import rolling_figures

    monkeypatch.setattr(rolling_figures, "check_hops", lambda *_: None)
    store.sql('ALTER TABLE "Client" DROP CONSTRAINT "Client_pkey"')
    store.loan(store.branch(), "2026-10-01", 5)
    store.sql('INSERT INTO "Client" SELECT * FROM "Client"')
    assert engine.refusal("2026-10") == (
        "2026-10: control totals of 2026-10 do not reconcile: the source has 1 rows with amount_sum 5 in the"
        " window, files and orphans have 2 with 10. Nothing was published."
    )
    assert engine.log[-1]["kind"] == "reconciliation"
    assert not engine.folder.exists()


# -- names -------------------------------------------------------------------------------------------------


def test_two_banks_that_would_share_a_file_name_are_both_named(store: Store, engine: Engine) -> None:
    store.bank("First Bank")
    store.bank("First-Bank!")
    assert (
        'the recipients "First Bank" and "First-Bank!" would share the file name FirstBank'
        in engine.refusal("2026-10")
    )


def test_two_banks_of_one_name_do_not_get_each_others_figures(store: Store, engine: Engine) -> None:
    store.bank("Alpha")
    store.bank("Alpha")
    assert f'several rows of {store.schema}."Bank" are called "Alpha"' in engine.refusal("2026-10")


def test_a_bank_whose_name_would_be_empty_is_refused(store: Store, engine: Engine) -> None:
    store.bank("!?")
    assert 'the recipient "!?" has no letter or digit' in engine.refusal("2026-10")


def test_a_store_without_any_recipient_is_hardly_the_right_one(store: Store, engine: Engine) -> None:
    assert engine.refusal("2026-10") == (
        f'2026-10: {store.schema}."Bank" names no recipient; is this the right database?'
        " Nothing was published."
    )


def test_a_back_fill_that_fails_half_way_says_what_was_published(
    store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.branch()
    publish = rolling_delivery.publish

    def fail_at_the_third(store: Any, made: Any, *rest: Any) -> str:
        if str(made.period) == "2026-03":
            raise ExtractError("the disk is full", kind="store")
        return str(publish(store, made, *rest))

    monkeypatch.setattr(rolling_delivery, "publish", fail_at_the_third)
    assert engine.refusal("--from", "2026-01", "--to", "2026-03") == (
        "2026-01 to 2026-03: the disk is full. Published before that: 2026-01, 2026-02."
    )


def test_a_name_cannot_forge_a_line_of_a_mail_or_a_log(store: Store, engine: Engine) -> None:
    store.bank("Alpha\r\nSubject: all is well\u2028")
    store.bank("AlphaSubject all is well")
    sentence = engine.refusal("2026-10")
    assert '"Alpha Subject: all is well"' in sentence
    assert len(sentence.splitlines()) == 1


@pytest.mark.parametrize(
    ("table", "column", "spec"),
    [
        ("Bank", "Name", {}),
        ("Branch", "Address", {}),
        ("Loans", "owner", {"group": {"owner": "Loans.owner"}}),
    ],
)
@pytest.mark.parametrize("way", ["database", "spark"])
def test_texts_that_differ_and_are_equal_are_refused(
    store: Store, engine: Engine, table: str, column: str, spec: dict[str, Any], way: str
) -> None:
    """Under such a collation Alpha and alpha are one group, named by whichever row is stored first."""
    try:
        store.sql("CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
    except psycopg.errors.FeatureNotSupported:
        pytest.skip("this PostgreSQL is built without ICU, which alone has such collations")
    store.sql('ALTER TABLE "Loans" ADD COLUMN owner text COLLATE ci')
    store.loan(store.branch(), "2026-10-01", 5)
    if not spec:
        store.sql(f'ALTER TABLE "{table}" ALTER "{column}" TYPE text COLLATE ci')
    assert engine.refusal("2026-10", aggregate_in=way, **spec) == (
        f'2026-10: column "{column}" of {store.schema}."{table}" has the nondeterministic collation ci, under'
        ' which texts that differ are equal; name a view instead that reads it with COLLATE "C". Nothing'
        " was published."
    )


def test_a_column_that_no_row_is_told_apart_by_may_have_any_collation(store: Store, engine: Engine) -> None:
    try:
        store.sql("CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
    except psycopg.errors.FeatureNotSupported:
        pytest.skip("this PostgreSQL is built without ICU, which alone has such collations")
    store.sql("ALTER TABLE \"Loans\" ADD COLUMN note text COLLATE ci DEFAULT 'a'")
    branch = store.branch()
    store.loan(branch, "2026-10-01", 5)
    assert engine("2026-10", where="note = 'A'").figures("Alpha") == {str(branch): "5.00"}


# -- the way to the store ----------------------------------------------------------------------------------


def test_a_table_that_may_not_be_read_is_named_with_what_to_grant(
    store: Store, engine: Engine, role: str
) -> None:
    for table in ("Account", "Client", "Branch", "Bank"):
        store.sql(f'GRANT SELECT ON "{table}" TO {role}')
    assert engine.refusal("--period", "2026-10", *as_role(store, role)) == (
        f'2026-10: permission denied for table {store.schema}."Loans"; grant SELECT on it to role "{role}".'
        " Nothing was published."
    )


def test_grants_on_the_columns_of_the_spec_are_enough(store: Store, engine: Engine, role: str) -> None:
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


def test_a_column_that_may_not_be_read_is_named(store: Store, engine: Engine, role: str) -> None:
    store.sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA {store.schema} TO {role}")
    store.sql(f'REVOKE SELECT ON "Bank" FROM {role}')
    store.sql(f'GRANT SELECT ("idBank") ON "Bank" TO {role}')
    assert engine.refusal("--period", "2026-10", *as_role(store, role)).startswith(
        f'2026-10: permission denied for column "Name" of table {store.schema}."Bank"; grant SELECT on it'
    )


def test_a_schema_that_may_not_be_used_is_named(store: Store, engine: Engine, role: str) -> None:
    store.sql(f"REVOKE USAGE ON SCHEMA {store.schema} FROM {role}")
    assert engine.refusal("--period", "2026-10", *as_role(store, role)).startswith(
        f'2026-10: permission denied for schema {store.schema}; grant USAGE on it to role "{role}"'
    )


def test_a_wrong_password_is_told_without_the_password(store: Store, engine: Engine, role: str) -> None:
    sentence = engine.refusal("--period", "2026-10", *as_role(store, role, "swordfish"))
    assert f'refused user "{role}": password authentication failed' in sentence
    assert engine.log[-1]["kind"] == "authentication"
    assert "swordfish" not in sentence + json.dumps(engine.log)


def test_a_password_in_a_drivers_words_goes_no_further() -> None:
    database = rolling_database.from_url("postgresql://u:swordfish@h:1/d")
    error = rolling_refusals.explained(RuntimeError("PSQLException: no luck with swordfish"), database)
    assert "swordfish" not in f"{error} {error.cause} {database!r}"


def test_a_host_that_does_not_answer_is_told(store: Store, engine: Engine) -> None:
    sentence = engine.refusal("--period", "2026-10", "--database-url", "postgresql://u:p@127.0.0.1:1/x")
    assert sentence.startswith("2026-10: cannot reach the database at 127.0.0.1:1/x: check host, port,")


def test_a_database_that_is_not_there_is_told(store: Store, engine: Engine) -> None:
    sentence = engine.refusal("--period", "2026-10", "--database-url", store.url.rpartition("/")[0] + "/nope")
    assert 'database "nope" does not exist' in sentence


def in_place_of_loans(store: Store, condition: LiteralString) -> None:
    """A view called Loans, whose rows come with something that happens while they are read."""
    store.loan(store.branch(), "2026-10-01", 5)
    store.sql('ALTER TABLE "Loans" RENAME TO loans_proper')
    store.sql(f'CREATE VIEW "Loans" AS SELECT * FROM loans_proper WHERE {condition}')


def test_a_read_that_takes_too_long_is_ended_and_told(store: Store, engine: Engine) -> None:
    in_place_of_loans(store, "pg_sleep(60) IS NOT NULL")
    sentence = engine.refusal("--period", "2026-10", "--statement-timeout", "1")
    assert sentence == (
        "2026-10: the read took too long (canceling statement due to statement timeout); look for an index"
        " on the date column, or start the run with a longer --statement-timeout. Nothing was published."
    )
    assert engine.log[-1]["kind"] == "timeout"


def test_a_table_that_stays_locked_is_told(store: Store, engine: Engine) -> None:
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
        ("40001", "canceling statement due to conflict with recovery", "conflict", "the replica cancelled"),
        ("57014", "canceling statement due to user request", "database", "somebody cancelled the read"),
        ("53100", "could not extend file: No space left on device", "disk_full", "ran out of disk space"),
        ("53300", "too many clients already", "database", "takes no more connections"),
        ("XX000", "cache lookup failed", "database", "the database refused the read: cache lookup failed"),
    ],
)  # fmt: skip
def test_what_the_server_says_in_the_middle_of_a_read_is_told(
    store: Store, engine: Engine, state: LiteralString, message: LiteralString, kind: str, sentence: str
) -> None:
    """Raised by the server itself, in its words: a replica or a full disk would be too much for a test."""
    store.sql(
        f"""CREATE FUNCTION fails() RETURNS boolean LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = '{state}'; END $$"""
    )
    in_place_of_loans(store, f"{store.schema}.fails()")
    assert sentence in engine.refusal("2026-10")
    assert engine.log[-1]["kind"] == kind


def test_a_connection_lost_in_the_middle_of_a_read_is_told(store: Store, engine: Engine) -> None:
    in_place_of_loans(store, "pg_terminate_backend(pg_backend_pid())")
    sentence = engine.refusal("2026-10")
    assert "was lost in the middle of the read" in sentence
    assert engine.log[-1]["kind"] == "lost"


def test_a_full_disk_under_sparks_own_files_is_told() -> None:
    database = rolling_database.from_url("postgresql://u:p@h:1/d")
    error = RuntimeError("Job aborted: java.io.IOException: No space left on device")
    found = rolling_refusals.explained(error, database)
    assert (found.kind, found.sentence[:27]) == ("disk_full", "the job's own disk is full ")


def test_a_full_disk_under_what_the_database_sends_is_told(
    store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.branch()
    copy = Connection.copy
    monkeypatch.setattr(
        Connection, "copy", lambda connection, query, path: copy(connection, query, Path("/dev/full"))
    )
    assert engine.refusal("2026-10") == (
        "2026-10: the job's own disk is full (java.io.IOException: No space left on device); give the job a"
        " larger worker, or make room there. Nothing was published."
    )
    assert engine.log[-1]["kind"] == "disk_full"


def test_a_full_disk_under_the_files_to_be_is_told(
    store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/dev/full is a disk with no room; the kernel says so to whoever writes."""
    store.branch()
    opened = Path.open

    def on_a_full_disk(path: Path, *mode: Any, **more: Any) -> Any:
        return opened(Path("/dev/full"), "wb", 0) if "/files-" in str(path) else opened(path, *mode, **more)

    monkeypatch.setattr(Path, "open", on_a_full_disk)
    sentence = engine.refusal("2026-10")
    assert "cannot write the files on the job's own disk" in sentence
    assert "No space left on device" in sentence
    assert engine.log[-1]["kind"] == "disk_full"
    assert not engine.folder.exists()


def test_a_session_is_read_only_limited_and_bears_the_runs_name(store: Store, engine: Engine) -> None:
    """What the server thinks of the connection, seen from the rows that it reads."""
    in_place_of_loans(
        store,
        """current_setting('transaction_read_only') = 'on'
        AND current_setting('statement_timeout') = '50min' AND current_setting('lock_timeout') = '7s'
        AND current_setting('application_name') LIKE 'rolling-extract jr\\_9%'""",
    )
    delivered = engine("--period", "2026-10", "--JOB_RUN_ID", "jr_9", "--lock-timeout", "7")
    assert [line["loans_count"] for line in delivered.lines("Alpha")] == ["1"]


def test_a_zone_that_only_python_knows_is_told(store: Store, engine: Engine) -> None:
    assert 'there is no time zone "Mars/Olympus"' in engine.refusal("2026-10", time_zone="Mars/Olympus")


# -- the calendar and the command line ---------------------------------------------------------------------


def test_the_last_complete_month_is_the_default(store: Store, engine: Engine) -> None:
    store.branch()
    engine.now = datetime(2026, 11, 1, 0, 1, tzinfo=UTC)
    assert engine().message.startswith("2026-10: published")


def test_the_last_complete_month_is_so_in_the_extracts_zone(store: Store, engine: Engine) -> None:
    store.branch()
    engine.now = datetime(2026, 10, 31, 12, tzinfo=UTC)
    assert engine(time_zone="Pacific/Kiritimati").message.startswith("2026-10: published")


def test_a_period_that_is_not_over_is_refused(store: Store, engine: Engine) -> None:
    assert engine.refusal("2026-11") == (
        "2026-11: the period 2026-11 is not over in Etc/GMT; run it from 2026-12-01 on, or with"
        " --allow-incomplete. Nothing was published."
    )


def test_an_incomplete_period_may_be_asked_for_by_name_and_says_so(store: Store, engine: Engine) -> None:
    branch = store.branch()
    store.loan(branch, "2026-11-23", 5)
    store.loan(branch, "2026-11-24", 1000)  # tomorrow does not exist
    delivered = engine("--period", "2026-11", "--allow-incomplete", "true")
    assert delivered.figures("Alpha", "2026-11") == {str(branch): "5.00"}
    assert delivered.manifest("2026-11")["complete"] is False


def test_a_period_that_has_not_begun_is_refused_whatever_is_allowed(store: Store, engine: Engine) -> None:
    assert "2026-12 has not begun" in engine.refusal("--period", "2026-12", "--allow-incomplete")


def test_a_clock_ahead_of_the_databases_publishes_nothing(store: Store, engine: Engine) -> None:
    store.branch()
    engine.now = datetime(2999, 1, 1, 0, 1, tzinfo=UTC)
    assert "2998-12 is over by the clock of this job" in engine.refusal()
    assert engine.log[-1]["kind"] == "clock"
    assert not engine.folder.exists()


def test_a_back_fill_that_fails_names_all_its_periods(store: Store, engine: Engine) -> None:
    store.branch()
    store.loan(None, "2026-03-01", 1)
    sentence = engine.refusal("--from", "2026-01", "--to", "2026-09", window_months=1)
    assert sentence.startswith("2026-01 to 2026-09: 1 of 1 rows of the window reaches no recipient")
    assert sentence.endswith("Nothing was published.")
    assert not engine.folder.exists()


def test_a_back_fill_over_a_published_month_with_other_bytes_writes_nothing(
    store: Store, engine: Engine
) -> None:
    branch = store.branch()
    engine("2026-09")
    store.loan(branch, "2026-09-01", 1)
    assert "already published with other bytes" in engine.refusal("--from", "2026-08", "--to", "2026-10")
    assert [path.name for path in (engine.folder / "_manifests").glob("*.json")] == ["2026-09.json"]
    assert {path.stem for path in (engine.folder / "_manifests").iterdir()} == {"2026-09"}


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(store: Store, engine: Engine) -> None:
    store.branch()
    delivered = engine("--period", "2026-10", "--dry-run")
    assert delivered.message == (
        "2026-10: would write 1 new, replace 0 and remove 0 of 1 file, 1 line, as revision 1"
    )
    assert not engine.folder.exists()


def test_a_dry_run_says_how_it_differs_from_what_is_published(store: Store, engine: Engine) -> None:
    branch = store.branch()
    gone = store.bank("Gone")
    engine("2026-10")
    store.loan(branch, "2026-10-31", 9)
    store.sql('DELETE FROM "Bank" WHERE "idBank" = %s', gone)
    before = {path: path.read_bytes() for path in engine.folder.rglob("*") if path.is_file()}
    assert engine("--period", "2026-10", "--dry-run").message == (
        "2026-10: would write 0 new, replace 1 and remove 1 of 2 files, 1 line, as revision 2:"
        " Alpha_20261031.csv differs (count 0 -> 1, sum 0 -> 9), Gone_20261031.csv would be gone;"
        " only with --restate"
    )
    assert {path: path.read_bytes() for path in engine.folder.rglob("*") if path.is_file()} == before


def test_late_data_is_told_of_every_published_month_and_changes_none(store: Store, engine: Engine) -> None:
    branch = store.branch()
    for period in ("2026-06", "2026-07", "2026-08", "2026-09"):
        engine(period)
    before = {path: path.read_bytes() for path in engine.folder.rglob("*") if path.is_file()}
    store.loan(branch, "2026-07-31", 9)  # in the windows of 07, 08 and 09, and not in that of 10
    delivered = engine("2026-10")
    told = [line for line in delivered.log if line["event"] == "late_data"]
    assert [line["period"] for line in told] == ["2026-07", "2026-08", "2026-09"]
    assert told[0]["message"] == (
        "2026-07 is published and would differ now: Alpha_20260731.csv differs (count 0 -> 1, sum 0 -> 9);"
        " --period 2026-07 --restate --reason TEXT publishes it again"
    )
    assert delivered.manifest()["late_data"][2] == {
        "period": "2026-09",
        "difference": "Alpha_20260930.csv differs (count 0 -> 1, sum 0 -> 9)",
    }
    assert delivered.figures("Alpha") == {str(branch): ""}
    assert {path: path.read_bytes() for path in before} == before


def test_months_that_still_hold_are_not_told_of(store: Store, engine: Engine) -> None:
    store.loan(store.branch(), "2026-08-01", 9)
    engine("2026-09")
    delivered = engine("2026-10")
    assert delivered.manifest()["late_data"] == []
    assert "late_data" not in [line["event"] for line in delivered.log]


@pytest.mark.parametrize(
    "way",
    [{}, {"aggregate_in": "spark"}, {"aggregate_in": "spark", "transform": lambda rows: rows}],
    ids=["database", "spark", "transform"],
)
def test_a_published_month_that_cannot_be_worked_out_any_more_keeps_no_new_one_back(
    bare_store: Store, engine: Engine, way: dict[str, Any]
) -> None:
    bare_store.create(amount="numeric")
    branch = bare_store.branch()
    bare_store.loan(branch, "2026-10-01", 4)
    engine("2026-07")
    bare_store.loan(branch, "2026-07-01", "NaN")
    delivered = engine("2026-10", **way)
    assert delivered.figures("Alpha") == {str(branch): "4.00"}
    [told] = [line for line in delivered.log if line["event"] == "late_data"]
    assert told["message"].startswith("2026-07 could not be looked at again: ")


def test_how_far_back_to_look_is_set(store: Store, engine: Engine) -> None:
    branch = store.branch()
    engine("2026-09")
    store.loan(branch, "2026-07-31", 9)
    assert engine("2026-10", late_data_months=0).manifest()["late_data"] == []


@pytest.mark.parametrize(
    ("aggregate", "was", "now", "told"),
    [
        ("sum", [10], [21], 'amount_sum of "Alpha" went from 10.00 in 2026-09 to 21.00'),
        ("sum", [10], [20], None),
        ("sum", [10], [4], 'amount_sum of "Alpha" went from 10.00 in 2026-09 to 4.00'),
        ("avg", [10], [10, 10, 10], None),
        ("avg", [10], [10, 33], 'amount_avg of "Alpha" went from 10.00 in 2026-09 to 21.50'),
        ("count", [10], [1, 1, 1], 'loans_count of "Alpha" went from 1 in 2026-09 to 3'),
        ("sum", [10], [], 'amount_sum of "Alpha" went from 10.00 in 2026-09 to 0.00'),
        ("sum", [10], [-10], 'amount_sum of "Alpha" went from 10.00 in 2026-09 to -10.00'),
    ],
)
def test_a_swing_beyond_the_factor_is_a_warning(
    store: Store, engine: Engine, aggregate: str, was: list[int], now: list[int], told: str | None
) -> None:
    branch = store.branch()
    for month, amounts in (("2026-09", was), ("2026-10", now)):
        for amount in amounts:
            store.loan(branch, f"{month}-01", amount)
    months = ("--from", "2026-09", "--to", "2026-10")
    delivered = engine(*months, aggregate=aggregate, window_months=1, swing_factor=2)
    expected = [f"{told}, by more than the factor 2"] if told else []
    assert delivered.manifest()["warnings"] == expected
    assert [line["message"] for line in delivered.log if line["event"] == "swing"] == [
        f"2026-10: {warning}" for warning in expected
    ]
    assert delivered.manifest("2026-09")["warnings"] == []  # nothing to compare with


def test_a_restatement_is_recorded_with_its_reason(store: Store, engine: Engine) -> None:
    branch = store.branch()
    engine("2026-10")
    store.loan(branch, "2026-10-31", 9)
    assert "Alpha_20261031.csv differs (count 0 -> 1, sum 0 -> 9)" in engine.refusal("2026-10")
    manifest = engine("--period", "2026-10", "--restate", "true", "--reason", "late booking").manifest()
    assert (manifest["revision"], manifest["reason"]) == (2, "late booking")


def test_a_recipient_that_is_renamed_has_its_old_file_removed_and_listed(
    store: Store, engine: Engine
) -> None:
    store.branch()
    renamed = store.bank("Before")
    engine("2026-10")
    store.sql('UPDATE "Bank" SET "Name" = %s WHERE "idBank" = %s', "After", renamed)
    delivered = engine("--period", "2026-10", "--restate", "--reason", "merger")
    assert delivered.manifest()["withdrawn"] == ["bank_name=Before/year=2026/month=10/Before_20261031.csv"]
    assert delivered.paths == [
        "bank_name=After/year=2026/month=10/After_20261031.csv",
        "bank_name=Alpha/year=2026/month=10/Alpha_20261031.csv",
    ]
    [told] = [line["message"] for line in delivered.log if line["event"] == "withdrawn"]
    assert told == "2026-10: Before_20261031.csv of an earlier revision removed"


def test_a_defect_of_ours_is_still_one_sentence(
    store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rolling_contract.resolve", lambda *_: dict[str, int]()["boom"])
    sentence = engine.refusal("2026-10")
    assert re.fullmatch(
        r"2026-10: unexpected KeyError in test_failures\.py, line \d+\. Nothing was published\.", sentence
    )
    assert "rolling_extract.py, line " in engine.log[-1]["cause"]
    assert "boom" not in sentence + json.dumps(engine.log)  # it could be a value of a row


def test_without_the_drivers_jar_one_sentence_says_so(tmp_path: Path) -> None:
    """In a process of its own: a plain `python etl.py`, with nothing that gives Spark the driver."""
    script = tmp_path / "etl.py"
    script.write_text(f"from rolling_extract import Extract, Join, run\n\nrun({LOANS!r})\n")
    environment = {
        "PATH": os.environ["PATH"],
        "JAVA_HOME": str(programs.java_home()),
        "PYTHONPATH": str(RUNTIME),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    done = subprocess.run(
        [
            sys.executable,
            script,
            "--database-url",
            "postgresql://u:p@127.0.0.1:1/x",
            "--output",
            tmp_path / "out",
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        "Spark has no PostgreSQL driver (org.postgresql.Driver); give it the driver's jar,"
        " e.g. with spark.jars. Nothing was published."
    )
    assert "Traceback" not in done.stdout.replace("cause", "") + done.stderr
