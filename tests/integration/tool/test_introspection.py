"""Run `extracts inspect` and `extracts new --database-url` on databases of different shapes."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local_cloud.demo import store
from tests.support.files import tree
from tests.support.introspection import NEW, paths, spec
from tests.support.tool import Extracts

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def bank(made: Callable[[str, str], str]) -> str:
    """The URL of a database with the tables of the bank."""
    url = made("bank", "select 1")
    store.load(url, store.generate(date(2026, 10, 1), loans=6_000), "unused")
    return url


# -- the bank ----------------------------------------------------------------------------------------------


def previewed(
    extracts: Extracts, url: str, project: Path, columns: tuple[str, ...]
) -> dict[str, list[tuple[str, ...]]]:
    """Return the values of the given columns in all files of October."""
    output = project.with_name("files")
    done = extracts(
        "preview", str(project), "--period", "2026-10", "--output", str(output), "--database-url", url
    )
    assert done.returncode == 0, done.stderr
    lines = {}
    for file in output.rglob("*.csv"):
        with file.open(encoding="utf-8", newline="") as text:
            lines[file.name] = [tuple(line[name] for name in columns) for line in csv.DictReader(text)]
    return lines


def test_two_answers_are_enough_to_create_the_bank_loans_project(
    bank: str, extracts: Extracts, tmp_path: Path
) -> None:
    done = extracts(*NEW, "--database-url", bank, "--entity", "loans", "--metric", "amount")
    assert done.returncode == 0, done.stderr
    assert "Loans → Account → Client → Branch → Bank" in done.stdout
    plain = extracts(*NEW, "--output-dir", "plain")
    assert plain.returncode == 0, plain.stderr

    # The answers for the bank are the defaults of the template, so both projects are equal.
    assert tree(tmp_path / "bank-loans") == tree(tmp_path / "plain/bank-loans")
    example = ROOT / "examples/bank-loans/Glue/etl.py"
    assert (tmp_path / "bank-loans/Glue/etl.py").read_bytes() == example.read_bytes()


def test_inspect_lists_fact_tables_first_and_reports_missing_indexes(
    bank: str, entities: Callable[..., dict[str, Any]]
) -> None:
    found = entities(bank)
    assert list(found) == ["public.Loans", "public.Account"]
    assert found["public.Loans"]["rows"] == 6_000
    assert found["public.Loans"]["dates"] == [
        {"column": "loan_date", "type": "date", "indexed": True, "advice": None}
    ]
    [opened] = found["public.Account"]["dates"]
    assert opened["advice"] == 'create index concurrently on "public"."Account" ("open_date");'
    with psycopg.connect(bank, autocommit=True) as connection:
        connection.execute(opened["advice"].encode())
    [opened] = entities(bank)["public.Account"]["dates"]
    assert (opened["indexed"], opened["advice"]) == (True, None)


def test_ambiguous_entity_is_reported_with_its_candidates(bank: str, extracts: Extracts) -> None:
    done = extracts(*NEW, "--database-url", bank)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "✗ entity: 2 candidates, each a table with a date and a metric; choose one:",
        '    --entity "Loans"',
        '    --entity "Account"',
    ]


def test_misspelled_answer_is_reported_with_the_nearest_name(
    bank: str, extracts: Extracts, tmp_path: Path
) -> None:
    given = ("--entity", "Loans", "--metric", "Ammount")
    done = extracts(*NEW, "--database-url", bank, *given)
    assert done.returncode == 1
    assert done.stderr == (
        '✗ metric: there is no column "Ammount" in "public"."Loans"; did you mean "Amount"?\n'
    )
    assert not list(tmp_path.iterdir())


def test_joins_are_added_if_the_date_and_the_group_by_are_in_other_tables(
    bank: str, extracts: Extracts, tmp_path: Path
) -> None:
    given = ("--entity", "Loans", "--metric", "Amount", "--date-column", "account.open_date")
    done = extracts(
        *NEW, "--database-url", bank, *given, "--recipient", "Branch.Address", "--group", "client"
    )
    assert done.returncode == 0, done.stderr
    found = spec(tmp_path / "branch-loans")
    assert found["date_column"] == "Account.open_date"
    assert found["recipient"] == {"branch_address": "Branch.Address"}
    assert found["group_by"] == {"client_id": "Client.idClient", "client_name": "Client.Name"}
    assert re.findall(r"Join\('(\w+)'", found["joins"]) == ["Account", "Client", "Branch"]


# -- no keys, names in another language --------------------------------------------------------------------


def test_joins_without_foreign_keys_are_marked_as_guesses(
    ledger: str, entities: Callable[..., dict[str, Any]]
) -> None:
    order = entities(ledger, "--schema", "vertrieb")["vertrieb.order"]
    assert paths(order) == ["order → Kunden → Filiale → Mandant"]
    [path] = order["paths"]
    assert all("no foreign key is declared" in join["guess"] for join in path["joins"])
    # The table Kunden has no key, so the join may multiply rows.
    assert [join["unique"] for join in path["joins"]] == [False, True, True]
    assert path["recipients"] == ["mandant_bezeichnung = Mandant.Bezeichnung"]
    assert order["metrics"] == ["Betrag €", "Betrag"]


def test_report_lists_tables_with_numbers_first_and_views_last(
    ledger: str, entities: Callable[..., dict[str, Any]]
) -> None:
    found = entities(ledger)
    assert list(found) == ["vertrieb.order", "vertrieb.Notizen", "vertrieb.Umsätze"]
    assert found["vertrieb.Notizen"]["metrics"] == ["none"]
    assert found["vertrieb.Umsätze"]["kind"] == "view"
    assert found["vertrieb.Umsätze"]["dates"][0]["advice"] is None


def test_all_ambiguous_questions_are_reported_at_once(ledger: str, extracts: Extracts) -> None:
    done = extracts(*NEW, "--database-url", ledger, "--entity", "vertrieb.order")
    assert done.returncode == 1
    left_out = 'the list omits these names, because an answer cannot contain them: "Betrag €"'
    assert f"metric: 2 candidates, each a number in order; {left_out}" in done.stderr
    assert '    --metric "Betrag"\n' in done.stderr
    assert "date_column: 2 date columns; choose one:" in done.stderr
    assert '    --date-column "erfasst am"' in done.stderr


def test_project_with_guessed_joins_publishes_correct_values(
    ledger: str, extracts: Extracts, tmp_path: Path
) -> None:
    given = ("--schema", "vertrieb", "--entity", "order", "--metric", "Betrag", "--date-column", "date")
    done = extracts(*NEW, "--database-url", ledger, *given, "--project-slug", "umsatz")
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "order → Kunden is a guess: KundeNr contains the name of the table" in said
    assert spec(tmp_path / "umsatz")["schema"] == "vertrieb"
    columns = ("filiale_nr", "order_count", "betrag_avg")
    assert previewed(extracts, ledger, tmp_path / "umsatz", columns) == {
        "Nord_20261031.csv": [("10", "2", "150.15"), ("11", "0", "")],
        "SüdSöhne_20261031.csv": [("20", "1", "7.00")],
    }


# -- keys of two columns, partitions, several paths --------------------------------------------------------


def test_partitions_and_inheritance_children_are_not_listed_as_tables(
    tenants: str, entities: Callable[..., dict[str, Any]]
) -> None:
    found = entities(tenants)
    assert not [name for name in found if "2025" in name or "mobile" in name]
    assert found["app.invoices"]["kind"] == "partitioned table"
    assert found["app.invoices"]["rows"] == 400
    assert found["app.events"]["rows"] == 30
    # A query for a range of the partition key `issued_on` needs no index. The other dates need an index.
    assert [(d["column"], d["indexed"]) for d in found["app.invoices"]["dates"]] == [
        ("issued_on", True),
        ("due_on", False),
        ("updated_at", False),
    ]


def test_each_inheritance_child_needs_an_index(tenants: str, entities: Callable[..., dict[str, Any]]) -> None:
    with psycopg.connect(tenants, autocommit=True) as connection:
        connection.execute("create table app.calls (id int primary key, day date, seconds int)")
        connection.execute('create table archive."old calls" () inherits (app.calls)')
        connection.execute('create table archive.older () inherits (archive."old calls")')
        connection.execute('create index on archive."old calls" (day)')
        [day] = entities(tenants)["app.calls"]["dates"]
        assert not day["indexed"]
        statements = re.findall(r"create [^;]+;", day["advice"])
        assert statements == [
            'create index concurrently on "app"."calls" ("day");',
            'create index concurrently on "archive"."older" ("day");',
        ]
        for statement in statements:
            connection.execute(statement.encode())
        [day] = entities(tenants)["app.calls"]["dates"]
        assert (day["indexed"], day["advice"]) == (True, None)
        connection.execute("drop table app.calls cascade")


def test_column_with_a_declared_foreign_key_gets_no_guessed_join(
    tenants: str, entities: Callable[..., dict[str, Any]]
) -> None:
    visits = entities(tenants)["app.visits"]
    # The tool guesses no join to app.events, because its key does not cover its inheritance children.
    # The tool guesses no join to a view, because a view has no key.
    assert {" → ".join(path["tables"][:2]) for path in visits["paths"]} == {"visits → customers"}
    assert not any(join["guess"] for path in visits["paths"] for join in path["joins"])


def test_several_paths_to_a_table_are_ambiguous(tenants: str, extracts: Extracts) -> None:
    given = ("--entity", "app.invoices", "--date-column", "issued_on")
    done = extracts(*NEW, "--database-url", tenants, *given)
    assert done.returncode == 1
    first, *candidates = done.stderr.splitlines()
    assert re.fullmatch(r"✗ joins: \d+ paths lead from invoices to tenants; choose one:", first)
    assert candidates[0] == (
        '    --joins "customers: invoices.customer_id = id; tenants: customers.tenant_id = id"'
    )
    assert any("invoices.billing_address_id" in line for line in candidates)
    assert any("invoices.shipping_address_id" in line for line in candidates)


def test_printed_candidate_is_a_valid_answer(tenants: str, extracts: Extracts, tmp_path: Path) -> None:
    given = ("--entity", "app.invoices", "--date-column", "issued_on")
    joins = "customers: invoices.customer_id = id; tenants: customers.tenant_id = id"
    done = extracts(*NEW, "--database-url", tenants, *given, "--joins", joins)
    assert done.returncode == 0, done.stderr
    found = spec(tmp_path / "tenants-invoices")
    assert found["schema"] == "app"
    assert found["group_by"] == {"customer_id": "customers.id", "customer_name": "customers.name"}
    assert found["recipient"] == {"tenant_name": "tenants.name"}


def test_table_name_in_two_schemas_is_ambiguous(tenants: str, extracts: Extracts) -> None:
    done = extracts(*NEW, "--database-url", tenants, "--entity", "invoices")
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == ['    --entity "app.invoices"', '    --entity "archive.invoices"']


def test_recipient_may_be_a_column_of_an_entity_without_foreign_keys(
    tenants: str, extracts: Extracts
) -> None:
    given = ("--schema", "archive", "--entity", "invoices", "--date-column", "due_on")
    done = extracts(*NEW, "--database-url", tenants, *given, "--recipient", "customer_id")
    assert done.returncode == 1
    assert done.stderr.startswith("✗ group: ")


def test_project_with_a_composite_key_publishes_correct_values(
    tenants: str, extracts: Extracts, entities: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    [path] = [p for p in entities(tenants)["app.visits"]["paths"] if "regions" in p["tables"]]
    [join] = [join for join in path["joins"] if join["table"] == "regions"]
    assert join["left"] == ["customers.tenant_id", "customers.region_code"]
    assert join["right"] == ["tenant_id", "code"]
    joins = (
        "customers: visits.customer_id = id;"
        " regions: customers.tenant_id = tenant_id and customers.region_code = code"
    )
    assert path["answer"] == f"{joins}; tenants: regions.tenant_id = id"
    given = ("--entity", "app.visits", "--recipient", "regions.title")
    done = extracts(*NEW, "--database-url", tenants, *given)
    assert done.returncode == 0, done.stderr
    assert spec(tmp_path / "regions-visits")["joins"].endswith(
        "Join('regions', left=('customers.tenant_id', 'customers.region_code'), right=('tenant_id', 'code')))"
    )
    kept = (tmp_path / "regions-visits/extract.yaml").read_text()
    assert f'joins: "{joins}"' in kept
    columns = ("customer_name", "visits_count", "seconds_avg")
    # The region N exists for both tenants.
    assert previewed(extracts, tenants, tmp_path / "regions-visits", columns) == {
        "Harbour_20261031.csv": [("Ann", "2", "45.00")],
        "Mountain_20261031.csv": [("Bo", "1", "600.00")],
    }


def test_unknown_column_in_a_given_composite_key_is_refused(tenants: str, extracts: Extracts) -> None:
    given = ("--entity", "app.visits", "--recipient", "regions.title")
    joins = "customers: visits.customer_id = id; regions: customers.tenant_id = tenant_id and customers."
    done = extracts(*NEW, "--database-url", tenants, *given, "--joins", f"{joins}region_code = cod")
    assert done.returncode == 1
    assert done.stderr.startswith(
        '✗ joins: there is no column "cod" in "app"."regions"; did you mean "code"?'
    )
    done = extracts(*NEW, "--database-url", tenants, *given, "--joins", f"{joins}region = code")
    assert done.returncode == 1
    assert done.stderr.startswith('✗ joins: there is no column "region" in "app"."customers"')


def test_missing_index_of_a_materialized_view_is_reported(
    tenants: str, entities: Callable[..., dict[str, Any]]
) -> None:
    with psycopg.connect(tenants, autocommit=True) as connection:
        connection.execute(
            "create materialized view app.wide as select n as total, date '2026-01-01' + n % 9 as day"
            " from generate_series(1, 20000) n"
        )
        connection.execute("analyze app.wide")
        [day] = entities(tenants)["app.wide"]["dates"]
        assert day["advice"] == 'create index concurrently on "app"."wide" ("day");'
        connection.execute(day["advice"].encode())
        [day] = entities(tenants)["app.wide"]["dates"]
        assert (day["indexed"], day["advice"]) == (True, None)
        connection.execute("drop materialized view app.wide")


def test_group_by_does_not_contain_the_column_of_the_recipient(
    shops: str, extracts: Extracts, tmp_path: Path
) -> None:
    given = ("--recipient", "stores.store_name", "--group", "stores.id")
    done = extracts(*NEW, "--database-url", shops, "--recipient", "stores.store_name", "--dry-run", "--json")
    assert done.returncode == 1  # group by is ambiguous, because several tables are candidates
    assert '    --group "store_id = stores.id"' in done.stderr.splitlines()
    assert "_2" not in done.stderr
    done = extracts(*NEW, "--database-url", shops, *given, "--project-slug", "by-store")
    assert done.returncode == 0, done.stderr
    assert spec(tmp_path / "by-store")["group_by"] == {"store_id": "stores.id"}


# -- declared foreign keys, paths that end at two tables, circular paths -----------------------------------


def test_recipient_is_ambiguous_if_paths_end_at_two_tables(shops: str, extracts: Extracts) -> None:
    done = extracts(*NEW, "--database-url", shops)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "✗ recipient: the paths from sales end at 2 tables; choose one:",
        '    --recipient "category_title = categories.title"',
        '    --recipient "region_name = regions.name"',
    ]


def test_answer_for_the_recipient_may_be_a_table_name(shops: str, extracts: Extracts, tmp_path: Path) -> None:
    done = extracts(*NEW, "--database-url", shops, "--recipient", "regions")
    assert done.returncode == 0, done.stderr
    found = spec(tmp_path / "regions-sales")
    # The type of "paid" is a domain over a domain over numeric.
    assert "Metric('sum', 'paid'" in found["metrics"]
    assert found["date_column"] == "sold_at"
    assert found["group_by"] == {"store_id": "stores.id", "store_name": "stores.store_name"}
    assert "→ employees" not in done.stdout  # no path follows the circle of "stores" and "employees"


def test_nullable_join_is_reported(shops: str, entities: Callable[..., dict[str, Any]]) -> None:
    found = entities(shops)["public.sales"]["paths"]
    joins = {join["table"]: join for path in found for join in path["joins"]}
    assert joins["products"]["may_be_null"]
    assert not joins["stores"]["may_be_null"]
