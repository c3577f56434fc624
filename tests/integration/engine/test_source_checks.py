"""A spec that does not fit the source is refused. The message names the table or the column."""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
import pytest

from rolling_extract import Join
from tests.support.bank import LOANS, Engine, Store


def test_error_names_a_missing_column_and_the_nearest_match(store: Store, engine: Engine) -> None:
    assert engine.refusal("2026-10", expression="Ammount") == (
        f'2026-10: no column "Ammount" in {store.schema}."Loans". Did you mean "Amount"?'
        " Nothing was published."
    )


def test_error_names_a_missing_table_and_the_nearest_match(store: Store, engine: Engine) -> None:
    joins = (*LOANS.joins[:3], Join("Bakn", left="Branch.Bank_idBank", right="idBank"))
    sentence = engine.refusal("2026-10", joins=joins, recipient={"bank_name": "Bakn.Name"})
    assert f'no table {store.schema}."Bakn". Did you mean "Bank"?' in sentence


def test_error_names_a_missing_schema(store: Store, engine: Engine) -> None:
    assert 'no schema "nowhere_at_all"' in engine.refusal("2026-10", schema="nowhere_at_all")


def test_error_for_an_ambiguous_column_name_lists_the_possible_columns(store: Store, engine: Engine) -> None:
    store.sql('ALTER TABLE "Loans" ADD COLUMN amount int')
    assert engine.refusal("2026-10", expression="AMOUNT") == (
        f'2026-10: column "AMOUNT" of {store.schema}."Loans" could be "Amount", "amount";'
        " use the exact spelling of one of them. Nothing was published."
    )


def test_exact_spelling_is_preferred_over_another_case(store: Store, engine: Engine) -> None:
    store.sql('ALTER TABLE "Loans" ADD COLUMN amount text')
    branch = store.branch()
    store.loan(branch, "2026-10-01", 3)
    assert engine("2026-10").figures("Alpha") == {str(branch): "3.00"}


@pytest.mark.parametrize(
    ("entity", "shadow"),
    [("loans", 'SCHEMA."loans"'), ("Loans", 'SCHEMA."loans"'), ("SCHEMA.Loans", 'SCHEMA."SCHEMA.Loans"')],
)
def test_run_fails_if_a_new_table_also_matches_the_entity_name_of_the_spec(
    store: Store, engine: Engine, entity: str, shadow: str
) -> None:
    """If the run read the new table, a role that may create tables could choose the published rows."""
    store.loan(store.branch(), "2026-10-05", 100)
    shadow, entity = shadow.replace("SCHEMA", store.schema), entity.replace("SCHEMA", store.schema)
    store.connection.execute(f'CREATE TABLE {shadow} (LIKE "Loans")')
    date = "Loans.loan_date" if "." in entity else engine.spec.date_column
    changes = {"entity": entity, "date_column": date}
    sentence = engine.refusal("2026-10", **changes)
    assert f'table "{entity}" could be ' in sentence
    assert f'{store.schema}."Loans"' in sentence
    store.connection.execute(f"DROP TABLE {shadow}")
    engine("2026-10", **changes)


def test_run_fails_if_a_table_of_a_new_schema_also_matches_the_entity_name_of_the_spec(
    store: Store, engine: Engine
) -> None:
    branch = store.branch()
    store.loan(branch, "2026-10-05", 100)
    upper = store.schema.upper()
    store.connection.execute(f'CREATE SCHEMA "{upper}"')
    store.connection.execute(f'CREATE TABLE "{upper}"."Loans" (LIKE "Loans")')
    try:
        sentence = engine.refusal("2026-10", entity=f"{upper}.Loans", date_column="Loans.loan_date")
    finally:
        store.connection.execute(f'DROP SCHEMA "{upper}" CASCADE')
    assert f'table "{upper}.Loans" could be "{upper}"."Loans", {store.schema}."Loans"; rename' in sentence


@pytest.mark.parametrize(
    ("type", "reason"),
    [
        ("text", "is text, not a number"),
        ("real[]", "is real[], not a number"),
    ],
)
def test_metric_that_is_not_numeric_is_refused(
    bare_store: Store, engine: Engine, type: LiteralString, reason: str
) -> None:
    bare_store.create(amount=type)
    assert f'metric "amount_sum", "Amount" in {bare_store.schema}."Loans", {reason}' in engine.refusal(
        "2026-10"
    )


def test_metric_may_use_a_column_whose_type_is_a_domain_of_a_number(
    bare_store: Store, engine: Engine
) -> None:
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
def test_run_fails_if_a_value_of_a_metric_is_nan(
    bare_store: Store, engine: Engine, kind: LiteralString, way: dict[str, Any]
) -> None:
    bare_store.create(amount=kind)
    bare_store.loan(bare_store.branch(), "2026-10-01", "NaN")
    assert "in the window that ends with 2026-10 include NaN or Infinity" in engine.refusal("2026-10", **way)


def test_spark_refuses_a_sum_of_more_than_38_digits_but_the_database_computes_it(
    bare_store: Store, engine: Engine
) -> None:
    bare_store.create(amount="numeric(38,2)")
    branch = bare_store.branch()
    for month in (9, 10):
        bare_store.loan(branch, f"2026-{month}-01", "9" * 36)
    assert engine.refusal("2026-10", aggregate_in="spark") == (
        "2026-10: a sum of a metric's values has more than the 38 digits that Spark can add exactly;"
        ' use aggregate_in="database". Nothing was published.'
    )
    [line] = engine("2026-10").lines("Alpha")
    assert line["amount_sum"] == f"1{'9' * 35}8.00"


def test_date_column_that_is_not_a_date_is_refused(bare_store: Store, engine: Engine) -> None:
    bare_store.create(date="text")
    assert f'date_column "loan_date" in {bare_store.schema}."Loans" is text' in engine.refusal("2026-10")


def test_group_by_column_of_unsupported_type_is_refused(store: Store, engine: Engine) -> None:
    store.sql('ALTER TABLE "Branch" ADD COLUMN plan jsonb')
    sentence = engine.refusal("2026-10", group_by={"plan": "Branch.plan"})
    assert f'"plan", "plan" in {store.schema}."Branch", is jsonb' in sentence


def test_join_of_columns_that_postgresql_cannot_compare_is_refused(store: Store, engine: Engine) -> None:
    store.sql('ALTER TABLE "Loans" ALTER "Account_idAccount" TYPE text')
    assert (
        "the join Loans.Account_idAccount = Account.idAccount compares text with integer"
        in engine.refusal("2026-10")
    )


@pytest.mark.parametrize(
    ("table", "column", "spec"),
    [
        ("Bank", "Name", {}),
        ("Branch", "Address", {}),
        ("Loans", "owner", {"group_by": {"owner": "Loans.owner"}}),
    ],
)
@pytest.mark.parametrize("way", ["database", "spark"])
def test_nondeterministic_collation_is_refused(
    store: Store, engine: Engine, table: str, column: str, spec: dict[str, Any], way: str
) -> None:
    """If Alpha and alpha are equal, they are one group, and the order of the rows decides its name."""
    try:
        store.sql("CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
    except psycopg.errors.FeatureNotSupported:
        pytest.skip("this PostgreSQL is built without ICU; only ICU has such collations")
    store.sql('ALTER TABLE "Loans" ADD COLUMN owner text COLLATE ci')
    store.loan(store.branch(), "2026-10-01", 5)
    if not spec:
        store.sql(f'ALTER TABLE "{table}" ALTER "{column}" TYPE text COLLATE ci')
    assert engine.refusal("2026-10", aggregate_in=way, **spec) == (
        f'2026-10: column "{column}" in {store.schema}."{table}" has the nondeterministic collation ci, so'
        ' different texts can be equal; use a view that reads the column with COLLATE "C". Nothing was'
        " published."
    )


def test_column_that_only_a_condition_uses_may_have_any_collation(store: Store, engine: Engine) -> None:
    try:
        store.sql("CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
    except psycopg.errors.FeatureNotSupported:
        pytest.skip("this PostgreSQL is built without ICU; only ICU has such collations")
    store.sql("ALTER TABLE \"Loans\" ADD COLUMN note text COLLATE ci DEFAULT 'a'")
    branch = store.branch()
    store.loan(branch, "2026-10-01", 5)
    assert engine("2026-10", where="note = 'A'").figures("Alpha") == {str(branch): "5.00"}
