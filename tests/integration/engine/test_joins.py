"""Optional joins, composite keys, aliases, conditions, and metrics of float columns."""

from __future__ import annotations

from typing import Any, LiteralString

import pytest

from rolling_extract import Join, Metric
from tests.support.bank import LOANS, Engine, Store


def optional(*names: str) -> tuple[Join, ...]:
    """Return the joins to the bank. The joins to the tables in `names` are optional."""
    return tuple(Join(j.table, j.left, j.right, optional=j.table in names) for j in LOANS.joins)


def unassigned(engine: Engine, *period: str, **changes: Any) -> list[tuple[str, str, str]]:
    lines = engine(*(period or ("2026-10",)), **changes).lines(
        "Unassigned", period[-1] if period else "2026-10"
    )
    return [(line["branch_id"], line["loans_count"], line["amount_sum"]) for line in lines]


# -- optional joins ----------------------------------------------------------------------------------------


def test_rows_of_a_branch_without_a_bank_are_in_the_file_of_the_recipient_unassigned(
    store: Store, engine: Engine
) -> None:
    lost, kept = store.branch(), store.branch()
    store.sql('UPDATE "Branch" SET "Bank_idBank" = NULL WHERE "idBranch" = %s', lost)
    store.loan(lost, "2026-10-01", 70)
    store.loan(kept, "2026-10-01", 5)
    assert unassigned(engine, joins=optional("Bank")) == [(str(lost), "1", "70")]
    delivered = engine("2026-10", joins=optional("Bank"))
    assert delivered.figures("Alpha") == {str(kept): "5.00"}
    assert delivered.manifest()["orphans"]["rows"] == 0


def test_all_loans_without_a_branch_become_one_row_in_the_file_of_the_recipient_unassigned(
    store: Store, engine: Engine
) -> None:
    branch = store.branch()
    store.loan(None, "2026-10-01", 70)
    store.loan(None, "2026-10-02", 2)
    store.loan(branch, "2026-10-01", 5)
    assert unassigned(engine, joins=optional("Account")) == [("", "2", "72")]
    assert engine("2026-10", joins=optional("Account")).figures("Alpha") == {str(branch): "5.00"}


def test_row_is_unassigned_if_an_optional_join_before_a_mandatory_join_finds_no_row(
    store: Store, engine: Engine
) -> None:
    branch = store.branch()
    store.loan(None, "2026-10-01", 70)  # the loan has no account, and the join to Account is optional
    store.loan(branch, "2026-10-01", 5)
    store.sql('UPDATE "Client" SET "Branch_idBranch" = 999')  # no branch has this key
    assert "1 of 2 rows of the window that ends with 2026-10 reaches no recipient" in engine.refusal(
        "2026-10", joins=optional("Account")
    )
    assert unassigned(engine, joins=optional("Account", "Branch")) == [("", "2", "75")]


def test_row_is_an_orphan_if_a_mandatory_join_before_an_optional_join_finds_no_row(
    store: Store, engine: Engine
) -> None:
    store.loan(store.branch(), "2026-10-01", 5)
    store.loan(None, "2026-10-01", 70)
    sentence = engine.refusal("2026-10", joins=optional("Branch"))
    assert "1 of 2 rows of the window that ends with 2026-10 reaches no recipient (sum of" in sentence


def test_recipient_unassigned_gets_a_file_in_every_period(store: Store, engine: Engine) -> None:
    store.branch()
    store.loan(None, "2026-07-01", 70)
    joins = optional("Account")
    engine("--from", "2026-07", "--to", "2026-10", joins=joins)
    found = [
        len(engine(f"2026-{month}", joins=joins).lines("Unassigned", f"2026-{month}"))
        for month in ("09", "10")
    ]
    assert found == [1, 0]
    assert engine("2026-10", joins=joins).message.startswith(
        "nothing to write"
    )  # the first run already wrote the same bytes


def test_spec_may_choose_another_name_for_the_unassigned_recipient(store: Store, engine: Engine) -> None:
    store.branch()
    delivered = engine("2026-10", joins=optional("Bank"), unassigned="No bank")
    assert delivered.lines("Nobank") == []


def test_run_is_refused_if_a_bank_has_the_name_of_the_unassigned_recipient(
    store: Store, engine: Engine
) -> None:
    store.branch(bank="Unassigned")
    assert 'the source has a recipient "Unassigned"' in engine.refusal("2026-10", joins=optional("Bank"))


def test_rows_of_a_bank_without_a_name_are_orphans_even_if_the_join_to_the_bank_is_optional(
    store: Store, engine: Engine
) -> None:
    store.loan(store.branch(), "2026-10-01", 5)
    store.bank("Beta")
    store.sql("""UPDATE "Bank" SET "Name" = NULL WHERE "Name" = 'Alpha'""")
    assert "1 of 1 rows of the window that ends with 2026-10 reaches no recipient" in engine.refusal(
        "2026-10", joins=optional("Bank")
    )


def test_row_without_a_product_is_in_the_file_of_its_recipient_with_an_empty_group(
    bare_store: Store, engine: Engine
) -> None:
    bare_store.sql("CREATE TABLE shop (id int PRIMARY KEY, name text)")
    bare_store.sql("CREATE TABLE product (id int PRIMARY KEY, name text)")
    bare_store.sql("CREATE TABLE sales (shop int, product int, total bigint, day date)")
    bare_store.sql("INSERT INTO shop VALUES (1, 'A'); INSERT INTO product VALUES (1, 'tea')")
    bare_store.sql(
        "INSERT INTO sales VALUES (1, 1, 5, '2026-10-01'), (1, NULL, 7, '2026-10-01'),"
        " (NULL, 1, 9, '2026-10-01')"
    )
    delivered = engine(
        "2026-10",
        entity="sales",
        expression="total",
        date_column="day",
        joins=(
            Join("shop", "sales.shop", "id", optional=True),
            Join("product", "sales.product", "id", optional=True),
        ),
        group_by={"product": "product.name"},
        recipient={"shop": "shop.name"},
    )
    found = {
        name: [(line["product"], line["total_sum"]) for line in delivered.lines(name)]
        for name in ("A", "Unassigned")
    }
    assert found == {"A": [("", "7"), ("tea", "5")], "Unassigned": [("tea", "9")]}


# -- keys and aliases --------------------------------------------------------------------------------------


BY_KEY: dict[str, Any] = {
    "entity": "sales",
    "expression": "total",
    "date_column": "day",
    "joins": (Join("shop", left=("sales.land", "sales.shop"), right=("land", "id")),),
    "group_by": {"shop": "shop.id"},
    "recipient": {"owner": "shop.owner"},
}


@pytest.fixture
def shops(bare_store: Store) -> Store:
    """Shops whose numbers are unique only within a country."""
    bare_store.sql("CREATE TABLE shop (id int, land text, owner text)")
    bare_store.sql("CREATE TABLE sales (land text, shop int, total bigint, day date)")
    bare_store.sql("INSERT INTO shop VALUES (1, 'FR', 'Ann'), (1, 'IE', 'Bob'), (2, 'IE', 'Bob')")
    bare_store.sql(
        "INSERT INTO sales VALUES ('FR', 1, 5, '2026-10-01'), ('IE', 1, 7, '2026-10-01'),"
        " ('IE', 1, 1, '2026-10-02')"
    )
    return bare_store


@pytest.mark.parametrize("index", ["", "ALTER TABLE shop ADD PRIMARY KEY (land, id)"])
def test_join_may_use_several_columns(shops: Store, engine: Engine, index: LiteralString) -> None:
    if index:
        shops.sql(index)
    delivered = engine("2026-10", **BY_KEY)
    assert [line["total_sum"] for line in delivered.lines("Ann")] == ["5"]
    assert [(line["shop"], line["total_sum"]) for line in delivered.lines("Bob")] == [
        ("1", "8"),
        ("2", ""),
    ]


def test_error_names_the_columns_of_a_composite_key_that_is_not_unique(shops: Store, engine: Engine) -> None:
    shops.sql("ALTER TABLE shop ADD UNIQUE (id, land, owner)")  # this key allows rows with equal (land, id)
    shops.sql("INSERT INTO shop VALUES (1, 'IE', 'Eve')")
    assert (
        "the join sales.land = shop.land and sales.shop = shop.id would multiply rows: 1 value of"
        f' "land" and "id" of {shops.schema}."shop" is not unique' in engine.refusal("2026-10", **BY_KEY)
    )


def test_join_is_refused_if_it_uses_only_a_part_of_a_composite_key(shops: Store, engine: Engine) -> None:
    joins = (Join("shop", left="sales.shop", right="id"),)
    assert 'would multiply rows: 1 value of "id"' in engine.refusal("2026-10", **{**BY_KEY, "joins": joins})


def test_table_may_be_joined_twice_with_an_alias(bare_store: Store, engine: Engine) -> None:
    bare_store.sql('CREATE TABLE "Employee" (id int PRIMARY KEY, name text, manager_id int)')
    bare_store.sql("CREATE TABLE bonus (employee int, amount numeric(9,2), day date)")
    bare_store.sql(
        """INSERT INTO "Employee" VALUES (1, 'Root', NULL), (2, 'Mid', 1), (3, 'Leaf', 2), (4, 'Twig', 2)"""
    )
    bare_store.sql(
        "INSERT INTO bonus VALUES (3, 1.10, '2026-10-01'), (4, 2.20, '2026-10-01'), (1, 9, '2026-10-01')"
    )
    delivered = engine(
        "2026-10",
        entity="bonus",
        expression="amount",
        date_column="day",
        aggregate="sum",
        joins=(
            Join("Employee", left="bonus.employee", right="id"),
            Join("Employee", alias="Manager", left="Employee.manager_id", right="Manager.id", optional=True),
        ),
        group_by={"employee": "Employee.name"},
        recipient={"manager": "Manager.name"},
        unassigned="Nobody",
    )
    found = {
        name: [(line["employee"], line["amount_sum"]) for line in delivered.lines(name)]
        for name in ("Mid", "Root", "Nobody")
    }
    assert found == {
        "Mid": [("Leaf", "1.10"), ("Twig", "2.20")],
        "Root": [("Mid", "")],
        "Nobody": [("Root", "9.00")],
    }


# -- conditions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "figure"),
    [
        ('"Amount" > 5', "70.00"),
        ('"Loans"."Amount" < 6 OR "idLoan" IS NULL', "5.00"),
        ("'it''s; -- no (comment' <> 'x' AND \"Amount\" IN (5, 70)", "37.50"),
    ],
)
def test_condition_of_the_extract_selects_rows_of_the_entity(
    store: Store, engine: Engine, where: str, figure: str
) -> None:
    branch = store.branch()
    store.loan(branch, "2026-10-01", 5)
    store.loan(branch, "2026-10-02", 70)
    delivered = engine("2026-10", where=where)
    assert delivered.figures("Alpha") == {str(branch): figure}
    assert delivered.manifest()["expressions"]["where"] == where


def test_rows_that_the_condition_excludes_are_neither_orphans_nor_in_the_control_totals(
    store: Store, engine: Engine
) -> None:
    store.loan(None, "2026-10-01", 70)
    store.loan(store.branch(), "2026-10-01", 5)
    manifest = engine("2026-10", where='"Account_idAccount" IS NOT NULL').manifest()
    assert (manifest["source"]["rows"], manifest["orphans"]["rows"]) == (1, 0)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("amuont > 5", 'no column "amuont" in'),
        ('"Amount" + 1', 'where=""Amount" + 1" is a number, not a condition'),
        ('"Amount" > 5 GROUP BY 1', 'has "GROUP" (character 14) where the end should follow'),
        ('sum("Amount") > 5', "calls the aggregate sum()"),
        ('nosuch("Amount") > 5', "calls nosuch(), which is not a function of PostgreSQL"),
    ],
)
def test_invalid_condition_is_refused(store: Store, engine: Engine, where: str, said: str) -> None:
    sentence = engine.refusal("2026-10", where=where)
    assert said in sentence
    assert engine.log[-1]["kind"] in ("spec", "contract")


# -- joins of different types ------------------------------------------------------------------------------

RATES = (*LOANS.joins, Join("Rate", left="Loans.code", right="code"))
RATED: dict[str, Any] = {"joins": RATES, "metrics": {"n": Metric("sum", "Rate.factor")}}


def rate(store: Store, left: str, right: str, *rows: tuple[str, str]) -> None:
    """Add a column of the type `left` to "Loans", and a table "Rate" with a key of the type `right`.

    Each item of `rows` has the code of a loan and the code of a rate.
    """
    branch = store.branch()
    store.connection.execute(
        f"""ALTER TABLE "Loans" ADD code {left};
        CREATE TABLE "Rate" (code {right} PRIMARY KEY, factor int DEFAULT 1)""".encode()
    )
    for loan, code in rows:
        key = store.loan(branch, "2026-10-01", 5)
        store.sql('UPDATE "Loans" SET code = %s WHERE "idLoan" = %s', loan, key)
        store.sql('INSERT INTO "Rate" VALUES (%s)', code)


@pytest.mark.parametrize(
    ("left", "right", "rows"),
    [
        ("char(3)", "varchar(10)", [("EUR", "EUR"), ("USD", "EUR ")]),
        ("padded", "varchar(10)", [("EUR", "EUR"), ("USD", "EUR ")]),
        ("bpchar", "varchar(10)", [("EUR", "EUR"), ("USD", "EUR ")]),
        ("char(3)", "text", []),
        ("char(3)", "name", []),
        ("double precision", "bigint", [("9007199254740992", "9007199254740992"), ("5", "9007199254740993")]),
        ("double precision", "numeric", [("1", "1"), ("2", "1.000000000000000000000001")]),
        ("real", "numeric", [("1", "1"), ("2", "1.000000000000000000000001")]),
        ("timestamptz", "timestamp", [("2026-03-29 01:30Z", "2026-03-29 2:30"), ("now", "2026-03-29 03:30")]),
        ("timestamptz", "date", []),
        ("timetz", "time", []),
    ],
)  # fmt: skip
def test_join_is_refused_if_one_value_can_match_two_different_values_of_a_unique_column(
    store: Store, engine: Engine, left: str, right: str, rows: list[tuple[str, str]]
) -> None:
    """The join could repeat one row and lose another row, although the number of rows is correct."""
    store.sql("CREATE DOMAIN padded AS char(3)")
    rate(store, left, right, *rows)
    said = engine.refusal("2026-10", time_zone="Europe/Berlin", **RATED)
    assert said.startswith("2026-10: the join Loans.code = Rate.code compares ")
    assert ", and one value of the left column could equal several values of the right column; use" in said


@pytest.mark.parametrize(
    ("left", "right", "value"),
    [
        ("varchar(3)", "char(10)", "EUR"),
        ("char(3)", "bpchar", "EUR"),
        ("varchar(3)", "text", "EUR"),
        ("int", "numeric", "5"),
        ("numeric(9,2)", "bigint", "5"),
        ("bigint", "double precision", "5"),
        ("real", "int", "5"),
        ("real", "double precision", "0.5"),
        ("date", "timestamp", "2026-10-01"),
        ("timestamp", "timestamptz", "2026-10-01"),
    ],
)
def test_join_of_columns_of_different_types_is_allowed_if_each_value_matches_only_one_value(
    store: Store, engine: Engine, left: str, right: str, value: str
) -> None:
    rate(store, left, right, (value, value))
    assert [line["n"] for line in engine("2026-10", **RATED).lines("Alpha")] == ["1"]


# -- metrics of floats -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type", "total"), [("double precision", "123456789012345.87"), ("real", "123456790000000.20")]
)
def test_sum_of_a_float_column_adds_the_decimal_text_of_the_values_and_logs_a_warning(
    bare_store: Store, engine: Engine, type: LiteralString, total: str
) -> None:
    bare_store.create(amount=type)
    branch = bare_store.branch()
    for day, amount in ((1, 0.1), (2, 0.1), (3, 123456789012345.67)):
        bare_store.loan(branch, f"2026-10-{day:02d}", amount)
    delivered = engine("2026-10", aggregate="sum")
    [line] = delivered.lines("Alpha")
    assert line["amount_sum"] == total
    [warning] = [entry for entry in delivered.log if entry["event"] == "inexact_source"]
    assert warning["level"] == "warning"
    assert delivered.manifest()["notes"] == [warning["message"]]


def test_infinite_float_is_refused(bare_store: Store, engine: Engine) -> None:
    bare_store.create(amount="real")
    bare_store.loan(bare_store.branch(), "2026-10-01", float("inf"))
    assert (
        "the values of loans_count, amount_sum, amount_avg in the window that ends with 2026-10 include NaN"
        in (engine.refusal("2026-10"))
    )


def test_manifest_has_no_field_notes_if_no_column_is_a_float(store: Store, engine: Engine) -> None:
    store.branch()
    assert "notes" not in engine("2026-10").manifest()
