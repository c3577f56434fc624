"""`extracts inspect` and `extracts new --database-url` on databases of different shapes."""

from __future__ import annotations

import ast
import csv
import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from extracts.errors import ExtractsError
from extracts.introspect import catalog
from local_cloud import database
from local_cloud.demo import store
from tests.support.files import tree
from tests.support.tool import Extracts

ROOT = Path(__file__).parents[3]
NEW = ("new", "--no-input")


@pytest.fixture(scope="session")
def bank(made: Callable[[str, str], str]) -> str:
    """The URL of a database with the tables of the bank."""
    url = made("bank", "select 1")
    store.load(url, store.generate(date(2026, 10, 1), loans=6_000), "unused")
    return url


@pytest.fixture
def entities(extracts: Extracts) -> Callable[..., dict[str, Any]]:
    """Return the tables of `extracts inspect --json`, keyed by name, in their order."""

    def entities(url: str, *arguments: str) -> dict[str, Any]:
        done = extracts("inspect", "--database-url", url, "--json", *arguments)
        assert done.returncode == 0, done.stderr
        return {f"{e['schema']}.{e['table']}": e for e in json.loads(done.stdout)["entities"]}

    return entities


def paths(entity: dict[str, Any]) -> list[str]:
    return [" → ".join(path["tables"]) for path in entity["paths"]]


def spec(project: Path) -> dict[str, Any]:
    """Return the keywords of `Extract(...)`, with the joins as source code."""
    tree = ast.parse((project / "Glue/etl.py").read_text())
    [call] = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "Extract"
    ]
    return {
        k.arg: ast.unparse(k.value) if k.arg == "joins" else ast.literal_eval(k.value)
        for k in call.keywords
        if k.arg
    }


# -- the bank ----------------------------------------------------------------------------------------------


def previewed(
    extracts: Extracts, url: str, project: Path, columns: tuple[str, ...]
) -> dict[str, list[tuple[str, ...]]]:
    """Return these columns of the files of October."""
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


def test_two_answers_give_the_project_of_the_bank(bank: str, extracts: Extracts, tmp_path: Path) -> None:
    done = extracts(*NEW, "--database-url", bank, "--entity", "loans", "--metric", "amount")
    assert done.returncode == 0, done.stderr
    assert "Loans → Account → Client → Branch → Bank" in done.stdout
    plain = extracts(*NEW, "--output-dir", "plain")
    assert plain.returncode == 0, plain.stderr

    # The bank's answers are the template's defaults, so the projects are equal.
    assert tree(tmp_path / "bank-loans") == tree(tmp_path / "plain/bank-loans")
    example = ROOT / "examples/bank-loans/Glue/etl.py"
    assert (tmp_path / "bank-loans/Glue/etl.py").read_bytes() == example.read_bytes()


def test_inspect_reports_facts_first_and_missing_indexes(
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
        "✗ entity: 2 candidates, each a table with a date and a number; choose one:",
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


def test_date_and_group_by_on_joined_tables_add_their_joins(
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
    assert found["group"] == {"client_id": "Client.idClient", "client_name": "Client.Name"}
    assert re.findall(r"Join\('(\w+)'", found["joins"]) == ["Account", "Client", "Branch"]


# -- no keys, names of another language --------------------------------------------------------------------


def test_joins_without_foreign_keys_are_marked_as_guesses(
    ledger: str, entities: Callable[..., dict[str, Any]]
) -> None:
    order = entities(ledger, "--schema", "vertrieb")["vertrieb.order"]
    assert paths(order) == ["order → Kunden → Filiale → Mandant"]
    [path] = order["paths"]
    assert all("no foreign key is declared" in join["guess"] for join in path["joins"])
    # Kunden has no key, so the join may multiply rows.
    assert [join["unique"] for join in path["joins"]] == [False, True, True]
    assert path["recipients"] == ["mandant_bezeichnung = Mandant.Bezeichnung"]
    assert order["metrics"] == ["Betrag €", "Betrag"]


def test_views_come_last_and_tables_without_a_number_are_left_out(
    ledger: str, entities: Callable[..., dict[str, Any]]
) -> None:
    found = entities(ledger)
    assert list(found) == ["vertrieb.order", "vertrieb.Umsätze"]
    assert found["vertrieb.Umsätze"]["kind"] == "view"
    assert found["vertrieb.Umsätze"]["dates"][0]["advice"] is None


def test_all_ambiguous_questions_are_reported_at_once(ledger: str, extracts: Extracts) -> None:
    done = extracts(*NEW, "--database-url", ledger, "--entity", "vertrieb.order")
    assert done.returncode == 1
    assert 'metric: 2 candidates, each a number in order; without "Betrag €", which' in done.stderr
    assert '    --metric "Betrag"\n' in done.stderr
    assert "date_column: 2 date columns; choose one:" in done.stderr
    assert '    --date-column "erfasst am"' in done.stderr


def test_project_from_guesses_publishes_correct_values(
    ledger: str, extracts: Extracts, tmp_path: Path
) -> None:
    given = ("--schema", "vertrieb", "--entity", "order", "--metric", "Betrag", "--date-column", "date")
    done = extracts(*NEW, "--database-url", ledger, *given, "--project-slug", "umsatz")
    assert done.returncode == 0, done.stderr
    assert "order → Kunden is a guess: KundeNr has the name of the table" in " ".join(done.stdout.split())
    assert spec(tmp_path / "umsatz")["schema"] == "vertrieb"
    columns = ("filiale_nr", "order_count", "betrag_avg")
    assert previewed(extracts, ledger, tmp_path / "umsatz", columns) == {
        "Nord_20261031.csv": [("10", "2", "150.15"), ("11", "0", "")],
        "SüdSöhne_20261031.csv": [("20", "1", "7.00")],
    }


# -- keys of two columns, partitions, several ways ---------------------------------------------------------


def test_partitions_and_children_belong_to_their_table(
    tenants: str, entities: Callable[..., dict[str, Any]]
) -> None:
    found = entities(tenants)
    assert not [name for name in found if "2025" in name or "mobile" in name]
    assert found["app.invoices"]["kind"] == "partitioned table"
    assert found["app.invoices"]["rows"] == 400
    assert found["app.events"]["rows"] == 30
    # The partition key needs no index for a range; the due date does.
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


def test_no_guess_where_a_foreign_key_is_declared(
    tenants: str, entities: Callable[..., dict[str, Any]]
) -> None:
    visits = entities(tenants)["app.visits"]
    # events is an inheritance parent, whose key does not cover its children; a view has no key.
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
    assert found["group"] == {"customer_id": "customers.id", "customer_name": "customers.name"}
    assert found["recipient"] == {"tenant_name": "tenants.name"}


def test_table_name_in_two_schemas_is_ambiguous(tenants: str, extracts: Extracts) -> None:
    done = extracts(*NEW, "--database-url", tenants, "--entity", "invoices")
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == ['    --entity "app.invoices"', '    --entity "archive.invoices"']


def test_table_without_foreign_keys_has_its_own_recipient(tenants: str, extracts: Extracts) -> None:
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
    # Both tenants call a region N.
    assert previewed(extracts, tenants, tmp_path / "regions-visits", columns) == {
        "Harbour_20261031.csv": [("Ann", "2", "45.00")],
        "Mountain_20261031.csv": [("Bo", "1", "600.00")],
    }


def test_names_in_a_given_composite_key_are_checked(tenants: str, extracts: Extracts) -> None:
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


def test_materialized_view_needs_an_index_until_it_has_one(
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


def test_group_by_does_not_repeat_the_recipient(shops: str, extracts: Extracts, tmp_path: Path) -> None:
    given = ("--recipient", "stores.store_name", "--group", "stores.id")
    done = extracts(*NEW, "--database-url", shops, "--recipient", "stores.store_name", "--dry-run", "--json")
    assert done.returncode == 1  # a row can also stand for a product
    assert '    --group "store_id = stores.id"' in done.stderr.splitlines()
    assert "_2" not in done.stderr
    done = extracts(*NEW, "--database-url", shops, *given, "--project-slug", "by-store")
    assert done.returncode == 0, done.stderr
    assert spec(tmp_path / "by-store")["group"] == {"store_id": "stores.id"}


# -- declared keys, two ends, circles ----------------------------------------------------------------------


def test_paths_with_two_ends_make_the_recipient_ambiguous(shops: str, extracts: Extracts) -> None:
    done = extracts(*NEW, "--database-url", shops)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "✗ recipient: the paths from sales end at 2 tables; choose one:",
        '    --recipient "category_title = categories.title"',
        '    --recipient "region_name = regions.name"',
    ]


def test_recipient_may_be_given_as_a_table(shops: str, extracts: Extracts, tmp_path: Path) -> None:
    done = extracts(*NEW, "--database-url", shops, "--recipient", "regions")
    assert done.returncode == 0, done.stderr
    found = spec(tmp_path / "regions-sales")
    assert found["metric"] == "paid"  # a domain over a domain over numeric
    assert found["date_column"] == "sold_at"
    assert found["group"] == {"store_id": "stores.id", "store_name": "stores.store_name"}
    assert "→ employees" not in done.stdout  # the circular path between stores and managers has no end


def test_nullable_join_is_reported(shops: str, entities: Callable[..., dict[str, Any]]) -> None:
    found = entities(shops)["public.sales"]["paths"]
    joins = {join["table"]: join for path in found for join in path["joins"]}
    assert joins["products"]["may_be_null"]
    assert not joins["stores"]["may_be_null"]


# -- names that no answer can hold -------------------------------------------------------------------------


@pytest.fixture(scope="session")
def awkward(made: Callable[[str, str], str]) -> str:
    """Names that PostgreSQL allows and an answer cannot contain."""
    return made("awkward", """
        create table "shops/all" (id int primary key, name text);
        create table towns (id int primary key, name text, "name, long" text);
        create table shops (id int primary key, "town.id" int references towns, " name " text);
        create table "order.lines" (amount numeric, day date, shop_id int references shops);
        create table sales (amount numeric, "Betrag €" numeric, "net; tax" int, day date, "day:booked" date,
                            shop_id int references shops, "all" int references "shops/all");
        """)  # fmt: skip


AWKWARD_SALE = ("--entity", "sales", "--metric", "amount", "--date-column", "day", "--joins", "none")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--entity", "order.lines"), 'entity: "order.lines" is not a valid table name; '),
        (("--metric", "Betrag €"), 'metric: "Betrag €" is not a valid column name; '),
        (("--metric", "net; tax"), 'metric: "net; tax" is not a valid column name; '),
        (("--date-column", "day:booked"), 'date_column: "day:booked" is not a valid column name; '),
        (("--recipient", "towns.name, long"), 'recipient: "name, long" is not a valid column name; '),
        (("--recipient", "shops/all"), 'recipient: "shops/all" is not a valid table name; '),
        (("--recipient", "shops"), 'recipient: " name " begins or ends with a blank, '),
        (("--group", "sales.Betrag €"), 'group: "Betrag €" is not a valid column name; '),
    ],
)
def test_name_that_an_answer_cannot_contain_is_refused(
    awkward: str, given: tuple[str, ...], said: str, extracts: Extracts, tmp_path: Path
) -> None:
    known = dict(zip(AWKWARD_SALE[::2], AWKWARD_SALE[1::2], strict=True))
    known |= {"--recipient": "shops.id", "--joins": "shops: sales.shop_id = id"}
    known |= {"--group": "shops.id"} if given[0] == "--recipient" else {}
    known[given[0]] = given[1]
    done = extracts(*NEW, "--database-url", awkward, *(word for pair in known.items() for word in pair))
    assert done.returncode == 1
    assert done.stderr.startswith(f"✗ {said}")
    assert done.stderr.endswith("create a view with another name\n")
    assert (len(done.stderr.splitlines()), done.stdout) == (1, "")
    assert not list(tmp_path.iterdir())


def test_unusable_candidates_are_named_and_keep_a_question_ambiguous(
    awkward: str, extracts: Extracts
) -> None:
    done = extracts(*NEW, "--database-url", awkward)
    assert done.stderr.splitlines() == [
        '✗ entity: 2 candidates, each a table with a date and a number; without "order.lines", which an'
        " answer cannot contain; choose one:",
        '    --entity "sales"',
    ]
    done = extracts(*NEW, "--database-url", awkward, "--entity", "sales")
    assert done.stderr.splitlines() == [
        '✗ metric: 3 candidates, each a number in sales; without "Betrag €", "net; tax", which an answer'
        " cannot contain; choose one:",
        '    --metric "amount"',
        'date_column: 2 date columns; without "day:booked", which an answer cannot contain; choose one:',
        '    --date-column "day"',
        'recipient: the paths from sales end at 2 tables; without "shops/all.name", which an answer cannot'
        " contain; choose one:",
        '    --recipient "town_name = towns.name"',
    ]


def test_path_with_an_unusable_name_has_no_answer(
    awkward: str, extracts: Extracts, entities: Callable[..., dict[str, Any]]
) -> None:
    found = entities(awkward, "--entity", "sales")["public.sales"]["paths"]
    assert {" → ".join(path["tables"]): path["answer"] for path in found} == {
        "sales → shops → towns": None,
        "sales → shops/all": None,
    }
    given = AWKWARD_SALE[:-2]
    done = extracts(*NEW, "--database-url", awkward, *given, "--recipient", "towns.name")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        '✗ joins: the path to towns uses "town.id", which an answer cannot contain; create a view with'
        " another name\n"
    )


def test_group_by_with_an_unusable_key_is_refused(
    made: Callable[[str, str], str], extracts: Extracts
) -> None:
    url = made("keyed", """
        create table owners (id int primary key, name text);
        create table shops ("No." int primary key, owner_id int not null references owners, name text);
        create table sales (amount numeric, day date, shop_id int references shops);
        """)  # fmt: skip
    done = extracts(*NEW, "--database-url", url)
    # The join to the shops needs this name, too.
    assert done.stderr == (
        '✗ joins: the path to owners uses "No.", which an answer cannot contain; create a view with'
        " another name\n"
    )


def test_generated_name_avoids_reserved_names(
    made: Callable[[str, str], str], extracts: Extracts, tmp_path: Path
) -> None:
    url = made("taken", """
        create table years (id int primary key, year text);
        create table shops (id int primary key, year_id int not null references years);
        create table sales (amount numeric, day date, shop_id int not null references shops);
        """)  # fmt: skip
    done = extracts(*NEW, "--database-url", url)
    assert done.returncode == 0, done.stderr
    assert spec(tmp_path / "years-sales")["recipient"] == {"year_2": "years.year"}


# -- how the database is read ------------------------------------------------------------------------------


def test_many_tables_need_no_more_statements_and_no_row_is_read(
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
    # The chain of references: 499 → 166 → 55 → 18 → 6 → 2 → 0.
    [last] = entities(url, "--entity", "t499").values()
    assert paths(last) == ["t499 → t166 → t55 → t18 → t6 → t2 → t0"]
    assert asked[0] == "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    assert len(asked) <= 12, asked
    assert any("statement_timeout" in statement for statement in asked)
    assert scans() == scanned


def test_locked_catalog_is_an_error_after_the_timeout(shops: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "SECONDS", 1)
    with psycopg.connect(shops) as other:
        other.execute("lock table pg_catalog.pg_constraint in access exclusive mode")
        with pytest.raises(ExtractsError, match="did not answer within 1 s"):
            catalog.read(shops)


def test_role_without_rights_gets_the_statements_to_grant_them(shops: str, extracts: Extracts) -> None:
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
    """The URL of a database for a role that may only log in."""
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


def test_role_without_rights_gets_all_grants(
    locked: str, extracts: Extracts, server: database.Database, tmp_path: Path
) -> None:
    shown = extracts("inspect", "--database-url", locked)
    assert shown.stdout.splitlines() == [
        "locked: stranger can read no table with a date and a number.",
        f"no right to read 1 of 1 tables; run as their owner: {' '.join(OPEN)}",
    ]
    stamped = extracts(*NEW, "--database-url", locked)
    assert stamped.stderr == (
        "✗ entity: stranger can read no table in Clinic with a date and a numeric column;"
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
    assert shown.stdout == "bare: no table with a date and a number among 0 tables.\n"


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
def test_invalid_url_is_one_line_without_the_password(url: str, said: str, extracts: Extracts) -> None:
    done = extracts("inspect", "--database-url", url)
    assert done.returncode == 1
    assert done.stderr.startswith(f"✗ {said}")
    assert len(done.stderr.splitlines()) == 1
    assert "hunter2" not in done.stderr


def test_missing_driver_is_reported_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(
        ExtractsError,
        match=r'This command needs psycopg; .* pip install "terraform-aws-extracts\[local\] @ git\+',
    ):
        catalog.read("postgresql://me@host/db")
