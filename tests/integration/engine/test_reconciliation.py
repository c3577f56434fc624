"""A join that would multiply or lose rows fails the run."""

from __future__ import annotations

import pytest

import rolling_checks
import rolling_result
from rolling_blocks import blocks_of
from tests.support.bank import Engine, Store


def test_error_names_the_join_key_that_is_not_unique(store: Store, engine: Engine) -> None:
    store.sql('ALTER TABLE "Client" DROP CONSTRAINT "Client_pkey"')
    branch = store.branch()
    store.loan(branch, "2026-10-01", 5)
    store.sql('INSERT INTO "Client" SELECT * FROM "Client"')
    assert engine.refusal("2026-10") == (
        "2026-10: the join Account.Client_idClient = Client.idClient would multiply rows: 1 value of"
        f' "idClient" of {store.schema}."Client" is not unique. Nothing was published.'
    )


def test_join_to_a_unique_key_without_an_index_is_accepted(store: Store, engine: Engine) -> None:
    store.sql('ALTER TABLE "Client" DROP CONSTRAINT "Client_pkey"')
    branch = store.branch()
    store.loan(branch, "2026-10-01", 5)
    assert engine("2026-10").figures("Alpha") == {str(branch): "5.00"}


def test_duplicate_key_in_a_child_table_is_found_despite_the_index_of_the_parent_table(
    store: Store, engine: Engine
) -> None:
    branch = store.branch()
    store.loan(branch, "2026-10-01", 5)
    store.sql('CREATE TABLE more_clients () INHERITS ("Client")')
    store.sql('INSERT INTO more_clients SELECT * FROM "Client"')
    assert "Client.idClient would multiply rows" in engine.refusal("2026-10")


def test_orphan_rows_fail_the_run_and_are_counted(store: Store, engine: Engine) -> None:
    store.loan(None, "2026-10-01", 70)
    store.loan(store.branch(), "2026-10-01", 5)
    assert engine.refusal("2026-10") == (
        "2026-10: 1 of 2 rows of the window that ends with 2026-10 reaches no recipient (sum of"
        " loans_count, amount_sum, amount_avg: 70), more than max_orphan_rows=0; fix the foreign keys along"
        " Loans.Account_idAccount = Account.idAccount, Account.Client_idClient = Client.idClient,"
        " Client.Branch_idBranch = Branch.idBranch, Branch.Bank_idBank = Bank.idBank. Nothing was published."
    )
    assert engine.log[-1]["kind"] == "orphans"


def test_loan_of_a_bank_without_a_name_is_an_orphan_row(store: Store, engine: Engine) -> None:
    branch = store.branch()
    store.loan(branch, "2026-10-01", 5)
    store.sql('UPDATE "Bank" SET "Name" = NULL')
    assert "1 of 1 rows of the window that ends with 2026-10 reaches no recipient" in engine.refusal(
        "2026-10"
    )


def test_orphan_rows_up_to_the_limit_are_in_the_manifest(store: Store, engine: Engine) -> None:
    store.loan(None, "2026-10-01", 70)
    store.loan(store.branch(), "2026-10-01", 5)
    manifest = engine("2026-10", max_orphan_rows=1).manifest()
    for part, rows, total in (("orphans", 1, "70"), ("source", 2, "75"), ("totals", 1, "5")):
        assert manifest[part]["rows"] == rows
        assert manifest[part]["metrics"]["amount_avg"] == {"count": rows, "sum": total}


def test_orphan_rows_outside_the_window_are_ignored(store: Store, engine: Engine) -> None:
    store.loan(None, "2026-07-31", 70)
    store.branch()
    assert engine("2026-10").manifest()["orphans"]["rows"] == 0


def test_run_fails_if_an_entity_row_finds_no_row_in_the_table_with_the_date(
    store: Store, engine: Engine
) -> None:
    store.loan(None, "2026-10-01", 70)
    sentence = engine.refusal("2026-10", date_column="Account.open_date")
    assert f'1 row of {store.schema}."Loans" has no date ("open_date")' in sentence


def test_totals_that_do_not_reconcile_fail_the_run(
    store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test itself removes a row from the result, because no known fault of a run loses a row."""
    rows = rolling_result.Result.rows
    monkeypatch.setattr(rolling_result.Result, "blocks", lambda *a: blocks_of(list(rows(*a))[1:]))
    for _ in range(2):
        store.loan(store.branch(), "2026-10-01", 5)
    assert engine.refusal("2026-10") == (
        "2026-10: the control totals of 2026-10 do not reconcile: the source has 2 rows (sum of loans_count,"
        " amount_sum, amount_avg: 10) in the window; files, orphan rows and excluded rows together have 1 row"
        " (sum of loans_count, amount_sum, amount_avg: 5). Nothing was published."
    )
    assert not engine.folder.exists()


def test_control_totals_do_not_reconcile_if_the_check_of_the_joins_misses_a_duplicate_key(
    store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control totals use no joins. So they differ from the files if a join key is not unique."""
    monkeypatch.setattr(rolling_checks, "check_repeated", lambda *_: None)
    store.sql('ALTER TABLE "Client" DROP CONSTRAINT "Client_pkey"')
    store.loan(store.branch(), "2026-10-01", 5)
    store.sql('INSERT INTO "Client" SELECT * FROM "Client"')
    assert engine.refusal("2026-10") == (
        "2026-10: the control totals of 2026-10 do not reconcile: the source has 1 row (sum of loans_count,"
        " amount_sum, amount_avg: 5) in the window; files, orphan rows and excluded rows together have 2 rows"
        " (sum of loans_count, amount_sum, amount_avg: 10). Nothing was published."
    )
    assert engine.log[-1]["kind"] == "reconciliation"
    assert not engine.folder.exists()
