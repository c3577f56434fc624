"""The tool reports doubts about a database, for example date columns that can be null."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.support.introspection import NEW
from tests.support.tool import Extracts

TABLES = """
create table regions (id int primary key, name text not null unique);
create table orders (id int primary key, shipped_on date, total numeric not null,
                     region int not null references regions);
create table visits (id int primary key, left_on date, arrived_on date not null, total numeric not null,
                     region int not null references regions);
create table slips (slip_id int primary key, number text not null unique, till text not null,
                    shop_id int not null, email text, total numeric not null, day date not null);
insert into slips select n, 'No. ' || n, 'Till ' || n % 3, n % 2, 'a@example.com', n, '2026-10-05'
  from generate_series(1, 9) n;
create table t (a int primary key, d date not null, v numeric not null, r text not null unique);
"""


@pytest.fixture(scope="module")
def doubtful(made: Callable[[str, str], str]) -> str:
    return made("doubtful", TABLES)


def test_nullable_date_column_is_reported(doubtful: str, extracts: Extracts) -> None:
    done = extracts(*NEW, "--database-url", doubtful, "--entity", "orders", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "! shipped_on of orders can be null: rows without a date fail the run unless" in done.stdout


def test_date_column_that_cannot_be_null_is_the_first_candidate(doubtful: str, extracts: Extracts) -> None:
    done = extracts(*NEW, "--database-url", doubtful, "--entity", "visits", "--dry-run")
    assert done.stderr.splitlines()[1:3] == ['    --date-column "arrived_on"', '    --date-column "left_on"']


def test_tables_without_a_date_are_listed_only_if_the_option_all_is_set(
    doubtful: str, extracts: Extracts
) -> None:
    shown = extracts("inspect", "--database-url", doubtful, "--all")
    assert "Tables without a date and a metric: regions" in shown.stdout.splitlines()
    assert "regions" not in extracts("inspect", "--database-url", doubtful).stdout.splitlines()[-1]


def test_error_for_a_missing_group_by_says_how_to_set_it(doubtful: str, extracts: Extracts) -> None:
    given = ("--database-url", doubtful, "--entity", "t", "--recipient", "t.r", "--dry-run")
    done = extracts(*NEW, *given)
    assert done.stderr == "✗ group: no column of t can be the group by; set --group NAME=TABLE.COLUMN\n"
    done = extracts(*NEW, *given, "--group", "a=t.a")
    assert done.returncode == 0
    assert re.search(r"group +│ a = t.a +│ your answer", done.stdout)


def test_key_of_the_entity_is_not_the_first_candidate_for_recipient_or_group_by(
    doubtful: str, extracts: Extracts
) -> None:
    """The key is different in each row, so it would create one file or one row for each fact."""
    given = ("--database-url", doubtful, "--entity", "slips", "--dry-run")
    done = extracts(*NEW, *given)
    candidates = [line.rpartition(".")[2].strip(' "') for line in done.stderr.splitlines()[1:]]
    assert candidates == ["till", "shop_id", "number", "slip_id", "email"]
    done = extracts(*NEW, *given, "--recipient", "slip_till = slips.till")
    candidates = [line.rpartition(".")[2].strip(' "') for line in done.stderr.splitlines()[1:]]
    assert candidates == ["shop_id", "number", "email"]


def test_empty_value_of_the_option_entity_is_refused(extracts: Extracts) -> None:
    done = extracts("inspect", "--database-url", "postgresql://me@127.0.0.1:1/x", "--entity", "")
    assert done.returncode == 2
    assert "--entity is empty" in done.stderr


def test_error_suggests_no_name_if_no_name_is_similar(doubtful: str, extracts: Extracts) -> None:
    done = extracts(*NEW, "--database-url", doubtful, "--entity", "Loans")
    assert done.stderr == '✗ entity: there is no table "Loans"\n'


def test_invalid_period_is_reported_before_a_missing_project(extracts: Extracts) -> None:
    done = extracts("resend", "nowhere", "--period", "2026", "--recipient", "x")
    assert done.stderr == '✗ "2026" is not a period; write YYYY-MM, for example 2026-10.\n'
