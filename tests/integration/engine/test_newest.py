"""The newest period that has rows. A preview shows this period by default."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import rolling_login
import rolling_newest
import rolling_resolve
from rolling_arguments import parse
from rolling_extract import Extract
from rolling_period import Period
from tests.support.bank import LOANS, Store


def newest(store: Store, last: str = "2026-10", **changes: Any) -> str | None:
    spec: Extract = replace(LOANS, schema=store.schema, **changes)
    arguments = parse(["--database-url", store.url, "--output", "unused"])
    with rolling_login.session(arguments, spec.time_zone, "database") as session:
        found = rolling_newest.period(rolling_resolve.read(spec, session), Period.parse(last), session)
    return None if found is None else str(found)


def test_newest_period_ignores_rows_after_the_last_period_and_rows_without_a_date(store: Store) -> None:
    branch = store.branch()
    assert newest(store) is None
    for day in ("1998-05-31", "1998-04-01", "2026-11-01", None, "infinity"):
        store.loan(branch, day, 5)
    assert newest(store) == "1998-05"
    assert newest(store, "2026-11") == "2026-11"
    assert newest(store, "1998-04") == "1998-04"
    assert newest(store, "1998-03") is None


def test_newest_period_depends_on_the_time_zone_of_the_extract(bare_store: Store) -> None:
    bare_store.create(date="timestamptz")
    bare_store.loan(bare_store.branch(), "2026-08-31 22:30:00+00", 5)
    assert newest(bare_store) == "2026-08"
    assert newest(bare_store, time_zone="Europe/Paris") == "2026-09"
    assert newest(bare_store, "2026-08", time_zone="Europe/Paris") is None


def test_newest_period_can_use_a_date_column_and_a_condition_of_joined_tables(store: Store) -> None:
    for bank, day in (("Alpha", "2001-03-04"), ("Beta", "2005-06-07")):
        branch = store.branch(bank=bank)
        store.loan(branch, "2026-01-01", 5)
        store.sql('UPDATE "Account" SET open_date = %s WHERE open_date IS NULL', day)
    assert newest(store, date_column="Account.open_date") == "2005-06"
    assert newest(store, date_column="Account.open_date", where="Bank.\"Name\" = 'Alpha'") == "2001-03"
    assert newest(store, where='"Amount" > 5') is None


def test_query_of_the_newest_period_uses_the_index_on_the_date_column(store: Store) -> None:
    store.sql('CREATE INDEX ON "Loans" (loan_date)')
    store.sql("INSERT INTO \"Loans\" SELECT i, i, 1, DATE '1990-01-01' + i FROM generate_series(1, 9999) i")
    store.sql('ANALYZE "Loans"')
    arguments = parse(["--database-url", store.url, "--output", "unused"])
    with rolling_login.session(arguments, "Etc/GMT", "database") as session:
        resolved = rolling_resolve.read(replace(LOANS, schema=store.schema), session)
        query = rolling_newest.query(resolved, Period(2026, 10))
    plan = "\n".join(row[0] for row in store.connection.execute(f"EXPLAIN {query}".encode()))
    assert "Index Only Scan Backward" in plan
    assert "Seq Scan" not in plan


@pytest.mark.parametrize("day", ["-infinity", None])
def test_source_has_no_newest_period_if_all_dates_are_null_or_infinite(store: Store, day: str | None) -> None:
    store.loan(store.branch(), day, 5)
    assert newest(store) is None
