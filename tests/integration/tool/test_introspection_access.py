"""How the tool reads a database: its statements, its timeouts, its rights and its URLs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from extracts.errors import ExtractsError
from extracts.introspect import catalog, rows
from local_cloud import database
from tests.support.introspection import NEW, paths
from tests.support.tool import Extracts


def test_number_of_statements_does_not_depend_on_the_number_of_tables(
    made: Callable[[str, str], str],
    server: database.Database,
    entities: Callable[..., dict[str, Any]],
    tmp_path: Path,
) -> None:
    tables = "".join(
        f"create table t{n} (id int primary key, t{n // 3}_id int references t{n // 3}, name text,"
        f" day date, amount numeric, note_{n} text);"
        for n in range(500)
    )
    url = made("many", tables)

    def scans() -> int:
        with psycopg.connect(url) as connection:
            [(number,)] = connection.execute(
                "select sum(seq_scan + coalesce(idx_scan, 0)) from pg_stat_user_tables"
            )
        return int(number)

    scanned = scans()
    log = server.authority.parent / "postgresql.log"
    before = len(log.read_text())
    found = entities(url)
    asked = re.findall(r"statement: (.*)", log.read_text()[before:])
    assert len(found) == 500
    # The tables refer to each other in a chain: 499 → 166 → 55 → 18 → 6 → 2 → 0.
    [last] = entities(url, "--entity", "t499").values()
    assert paths(last) == ["t499 → t166 → t55 → t18 → t6 → t2 → t0"]
    assert asked[0] == "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    assert len(asked) <= 12, asked
    assert any("statement_timeout" in statement for statement in asked)
    assert scans() == scanned


def test_locked_catalog_is_reported_after_the_timeout(shops: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "SECONDS", 1)
    with psycopg.connect(shops) as other:
        other.execute("lock table pg_catalog.pg_constraint in access exclusive mode")
        with pytest.raises(ExtractsError, match="did not answer within 1 s"):
            catalog.read(shops)


def test_report_for_a_role_without_rights_has_the_grant_statements(shops: str, extracts: Extracts) -> None:
    with psycopg.connect(shops, autocommit=True) as connection:
        connection.execute("create role nobody_yet login password 'none'")
    url = re.sub(r"//[^@]*@", "//nobody_yet:none@", shops)
    done = extracts(*NEW, "--database-url", url, "--entity", "sales", "--metric", "paid", "--recipient",
                    "regions.name", "--date-column", "sold_at")  # fmt: skip
    for table in ("sales", "stores", "regions"):
        said = f'  ! no right to read {table}; run: grant select on "public"."{table}" to "nobody_yet";'
        assert done.stdout.splitlines().count(said) == 1, done.stdout


@pytest.fixture(scope="session")
def locked(made: Callable[[str, str], str]) -> str:
    """The URL of a database, with the login of a role that has no other rights."""
    url = made("locked", """
        create schema "Clinic";
        create table "Clinic"."Visit" (id int primary key, ward text, fee numeric, day date);
        create role stranger login password 'none';
        """)  # fmt: skip
    return re.sub(r"//[^@]*@", "//stranger:none@", url)


OPEN = (
    'grant usage on schema "Clinic" to "stranger";',
    'grant select on all tables in schema "Clinic" to "stranger";',
)


def test_error_for_a_role_without_rights_has_all_grant_statements(
    locked: str, extracts: Extracts, server: database.Database, tmp_path: Path
) -> None:
    shown = extracts("inspect", "--database-url", locked)
    assert shown.stdout.splitlines() == [
        "locked: stranger cannot read any table with a date and a metric.",
        f"no right to read 1 of 1 tables; run as their owner: {' '.join(OPEN)}",
    ]
    stamped = extracts(*NEW, "--database-url", locked)
    assert stamped.stderr == (
        "✗ entity: stranger cannot read any table with a date and a metric in Clinic;"
        f" run as the owner: {' '.join(OPEN)}\n"
    )
    given = ("--entity", "Clinic.Visit", "--metric", "fee", "--date-column", "day", "--group", "ward")
    stamped = extracts(*NEW, "--database-url", locked, *given, "--recipient", "ward", "--dry-run")
    alone = f'{OPEN[0]} grant select on "Clinic"."Visit" to "stranger";'
    assert f"  ! no right to read Visit; run: {alone}" in stamped.stdout.splitlines()
    found = json.loads(extracts("inspect", "--database-url", locked, "--json").stdout)
    assert (found["entities"], found["unreadable"], found["grants"]) == ([], ["Clinic.Visit"], list(OPEN))
    owner = re.sub(r"//[^@]*@", f"//{server.user}:{server.password}@", locked)
    with psycopg.connect(owner) as connection:
        for statement in found["grants"]:
            connection.execute(statement.encode())
    opened = json.loads(extracts("inspect", "--database-url", locked, "--json").stdout)
    assert ([e["table"] for e in opened["entities"]], opened["unreadable"]) == (["Visit"], [])


def test_database_without_tables_is_reported(made: Callable[[str, str], str], extracts: Extracts) -> None:
    shown = extracts("inspect", "--database-url", made("bare", "select 1"))
    assert shown.returncode == 0
    assert shown.stdout == "bare: no table with a date and a metric among 0 tables.\n"


def test_long_statement_is_printed_on_one_line(made: Callable[[str, str], str], extracts: Extracts) -> None:
    name = "sums_" + "of_all_kinds_" * 4
    url = made("long", f"create table {name} (owner text, total int, booked_on_the_day_{'x' * 40} date)")
    statement = f'create index concurrently on "public"."{name}" ("booked_on_the_day_{"x" * 40}");'
    shown = extracts("inspect", "--database-url", url)
    assert any(line.endswith(statement) for line in shown.stdout.splitlines()), shown.stdout
    stamped = extracts(*NEW, "--database-url", url, "--group", "owner", "--dry-run")
    assert any(line.endswith(statement) for line in stamped.stdout.splitlines()), stamped


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://me:hunter2@host/db", "--database-url must have the form postgresql://"),
        (
            "postgresql://me:hunter2@127.0.0.1:1/db",
            "The database at 127.0.0.1:1 cannot be read: Connection refused.",
        ),
        ("postgresql:///db", "--database-url has no host; write postgresql://"),
        ("postgresql://me:hunter2@host:port/db", "--database-url must have the form postgresql://"),
    ],
)
def test_error_for_an_invalid_url_has_one_line_and_no_password(
    url: str, said: str, extracts: Extracts
) -> None:
    done = extracts("inspect", "--database-url", url)
    assert done.returncode == 1
    assert done.stderr.startswith(f"✗ {said}")
    assert len(done.stderr.splitlines()) == 1
    assert "hunter2" not in done.stderr


STRANGER = """
create role stranger_ROLE;
grant usage, create on schema public to stranger_ROLE; set role stranger_ROLE;
create table region (id int primary key, name text);
insert into region values (1, 'x'), (2, 'y');
create function seen() returns boolean language sql as $$ select true $$;
create policy own on region using (public.seen()); alter table region enable row level security;
reset role; revoke all on schema public from stranger_ROLE;
"""


def test_joins_to_a_table_of_another_owner_are_not_guessed(
    made: Callable[[str, str], str], entities: Callable[..., dict[str, Any]]
) -> None:
    """Policies and indexes of a table can call functions of its owner.

    If the tool guessed a join to a table of another owner, these functions could run with the rights of the
    tool's user.
    """
    own = "create table loan (id int primary key, region_id int, amount numeric, day date);"
    url = made("stranger", own + STRANGER.replace("ROLE", "of_guesses"))
    try:
        [loan] = entities(url, "--entity", "loan").values()
        assert paths(loan) == []
        with psycopg.connect(url) as connection:
            connection.execute("alter table region owner to current_user")
        [loan] = entities(url, "--entity", "loan").values()
        assert paths(loan) == ["loan → region"]
    finally:
        with psycopg.connect(url) as connection:
            connection.execute("drop owned by stranger_of_guesses cascade; drop role stranger_of_guesses")


def test_function_in_the_policy_of_a_table_is_not_called(made: Callable[[str, str], str]) -> None:
    url = made("policy", STRANGER.replace("ROLE", "of_policies"))
    try:
        with psycopg.connect(url) as connection:
            connection.execute("create role reader_of_policies login password 'r'")
            connection.execute("grant select on region to reader_of_policies")
        [region] = [table for table in catalog.read(url).tables if table.name == "region"]
        reader = re.sub("//.*@", "//reader_of_policies:r@", url)
        assert rows.repeats(reader)(region, ("name",)) is None
    finally:
        with psycopg.connect(url) as connection:
            connection.execute("drop owned by stranger_of_policies, reader_of_policies cascade")
            connection.execute("drop role stranger_of_policies, reader_of_policies")


LOANS = """
create schema crm; create table crm.bank (id int primary key, name text not null unique);
create table loans (id int primary key, bank_id int not null references crm.bank, amount numeric, day date);
"""


@pytest.mark.parametrize(
    ("shadow", "arguments", "sentence"),
    [
        ("Loans", [], 'entity: "Loans" could be "public"."Loans", "public"."loans"; rename all except one'),
        (
            "crm.bank",
            ["--joins", "crm.bank: loans.bank_id = id"],
            'joins: "crm.bank" could be "crm"."bank", "public"."crm.bank"; rename all except one',
        ),
    ],
)
def test_answer_is_refused_if_a_new_table_makes_it_ambiguous(
    made: Callable[[str, str], str], extracts: Extracts, shadow: str, arguments: list[str], sentence: str
) -> None:
    name = f"shadow_{len(arguments)}"
    url = made(name, LOANS)
    entity = "Loans" if shadow == "Loans" else "loans"
    new = (*NEW, "--database-url", url, "--entity", entity, "--metric", "amount", *arguments)
    done = extracts(*new, "--output-dir", name)
    assert done.returncode == 0, done.stderr
    with psycopg.connect(url) as connection:
        connection.execute(f'create table "{shadow}" (like loans)')
    done = extracts(*new, "--output-dir", f"{name}_again")
    assert done.returncode == 1
    assert sentence in done.stderr
