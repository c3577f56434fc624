"""Definitions of the metrics. Each test excludes a mistake that other solutions of this task make."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import LiteralString

import psycopg
import pytest

from local_cloud.database import Database
from rolling_extract import Join
from tests.support.bank import LOANS, Engine, Store


def test_average_is_computed_over_all_loans_of_the_window(store: Store, engine: Engine) -> None:
    branch = store.branch()
    for date, amount in (("2026-08-01", 100), ("2026-09-15", 100), ("2026-09-16", 100), ("2026-10-31", 500)):
        store.loan(branch, date, amount)
    assert engine("2026-10").figures("Alpha") == {
        str(branch): "200.00"
    }  # the average of the monthly averages would be 233.33


def test_window_consists_of_calendar_months(store: Store, engine: Engine) -> None:
    branch = store.branch()
    for date, amount in (("2026-07-31", 1), ("2026-08-01", 10), ("2026-10-31", 30), ("2026-11-01", 5)):
        store.loan(branch, date, amount)
    [line] = engine("2026-10").lines("Alpha")
    assert (line["loans_count"], line["amount_sum"], line["amount_avg"]) == ("2", "40", "20.00")
    assert (line["period"], line["window_start"], line["window_end"]) == (
        "2026-10",
        "2026-08-01",
        "2026-10-31",
    )


def test_month_without_loans_does_not_extend_the_window(store: Store, engine: Engine) -> None:
    branch = store.branch()
    store.loan(branch, "2026-05-05", 999)
    store.loan(branch, "2026-10-05", 7)
    assert engine("2026-10").figures("Alpha") == {str(branch): "7.00"}


def test_branch_without_loans_in_the_window_has_empty_metrics(store: Store, engine: Engine) -> None:
    store.branch("Mall of the South", bank="Beta")
    [line] = engine("2026-10").lines("Beta")
    assert (line["loans_count"], line["amount_sum"], line["amount_avg"]) == ("0", "", "")


def test_bank_without_branches_gets_a_file_with_only_a_header(store: Store, engine: Engine) -> None:
    store.bank("Gamma")
    assert engine("2026-10").bytes("Gamma") == (
        b"bank_name,branch_id,branch_address,period,window_start,window_end,"
        b"loans_count,amount_sum,amount_avg\r\n"
    )


def test_branches_with_the_same_address_have_separate_rows(store: Store, engine: Engine) -> None:
    here, there = store.branch("Main St 1", bank="Alpha"), store.branch("Main St 1", bank="Alpha")
    store.loan(here, "2026-10-01", 10)
    store.loan(there, "2026-10-01", 20)
    assert engine("2026-10").figures("Alpha") == {str(here): "10.00", str(there): "20.00"}


def test_each_bank_gets_only_its_own_branches(store: Store, engine: Engine) -> None:
    alpha, beta = store.branch(bank="Alpha"), store.branch(bank="Beta")
    store.loan(alpha, "2026-10-01", 1)
    store.loan(beta, "2026-10-01", 2)
    delivered = engine("2026-10")
    assert delivered.figures("Alpha") == {str(alpha): "1.00"}
    assert delivered.figures("Beta") == {str(beta): "2.00"}


def test_names_of_clients_are_not_published(store: Store, engine: Engine) -> None:
    store.loan(store.branch(), "2026-10-01", 1)
    assert b"Ann" not in engine("2026-10").bytes("Alpha")


def test_loans_after_the_period_are_ignored(store: Store, engine: Engine) -> None:
    branch = store.branch()
    store.loan(branch, "2026-10-31", 5)
    store.loan(branch, "2026-11-02", 1000)
    store.loan(branch, "2031-01-01", 1000)
    delivered = engine("2026-10")
    assert delivered.figures("Alpha") == {str(branch): "5.00"}
    assert delivered.paths == ["bank_name=Alpha/year=2026/month=10/Alpha_20261031.csv"]


def test_loan_of_october_2025_is_not_in_the_window_of_october_2026(store: Store, engine: Engine) -> None:
    branch = store.branch()
    store.loan(branch, "2025-10-10", 1000)
    store.loan(branch, "2026-10-10", 5)
    assert engine("2026-10").figures("Alpha") == {str(branch): "5.00"}


def test_window_spans_the_turn_of_the_year(store: Store, engine: Engine) -> None:
    branch = store.branch()
    store.loan(branch, "2025-11-01", 1)
    store.loan(branch, "2026-01-31", 3)
    assert engine("2026-01").figures("Alpha", "2026-01") == {str(branch): "2.00"}


def test_null_amount_is_neither_summed_nor_counted(store: Store, engine: Engine) -> None:
    branch = store.branch()
    store.loan(branch, "2026-10-01", None)
    store.loan(branch, "2026-10-02", 8)
    [line] = engine("2026-10").lines("Alpha")
    assert (line["loans_count"], line["amount_avg"]) == ("1", "8.00")


def test_branch_with_only_null_amounts_has_empty_metrics(store: Store, engine: Engine) -> None:
    branch = store.branch()
    store.loan(branch, "2026-10-01", None)
    [line] = engine("2026-10").lines("Alpha")
    assert (line["loans_count"], line["amount_sum"], line["amount_avg"]) == ("0", "", "")


def test_loan_without_a_date_does_not_belong_to_any_period(store: Store, engine: Engine) -> None:
    branch = store.branch()
    store.loan(branch, None, 1000)
    store.loan(branch, "2026-10-01", 2)
    sentence = engine.refusal("2026-10")
    assert (
        f'1 row of {store.schema}."Loans" has no date ("loan_date"), more than max_undated_rows=0' in sentence
    )
    assert engine.log[-1]["kind"] == "undated"
    delivered = engine("2026-10", max_undated_rows=1)
    assert delivered.figures("Alpha") == {str(branch): "2.00"}
    assert delivered.manifest()["undated_rows"] == 1


@pytest.mark.parametrize(
    ("aggregate", "figure"),
    [("avg", "3.33"), ("sum", "10"), ("count", "3"), ("min", "1"), ("max", "6")],
)
def test_every_aggregate_covers_the_whole_window(
    store: Store, engine: Engine, aggregate: str, figure: str
) -> None:
    branch = store.branch()
    for date, amount in (("2026-08-03", 3), ("2026-09-03", 6), ("2026-10-03", 1)):
        store.loan(branch, date, amount)
    [line] = engine("2026-10", aggregate=aggregate).lines("Alpha")
    assert line[f"amount_{aggregate}"] == figure


def test_file_has_columns_only_for_the_metrics_that_the_spec_defines(store: Store, engine: Engine) -> None:
    store.branch()
    assert (
        engine("2026-10", aggregate="sum")
        .bytes("Alpha")
        .split(b"\r\n")[0]
        .endswith(b"window_end,loans_count,amount_sum")
    )


def test_sum_and_average_of_decimals_are_exact(bare_store: Store, engine: Engine) -> None:
    bare_store.create(amount="numeric(12,2)")
    branch = bare_store.branch()
    for day in range(1, 11):
        bare_store.loan(branch, f"2026-10-{day:02d}", "0.10")
    bare_store.loan(branch, "2026-10-11", "9999999999.99")
    [line] = engine("2026-10").lines("Alpha")
    assert line["amount_sum"] == "10000000000.99"
    assert line["amount_avg"] == "909090909.18"  # 10000000000.99 / 11 = 909090909.180909…


def test_average_of_half_a_cent_is_rounded_away_from_zero(bare_store: Store, engine: Engine) -> None:
    bare_store.create(amount="numeric(12,3)")
    branch = bare_store.branch()
    bare_store.loan(branch, "2026-10-01", "0.005")
    other = bare_store.branch()
    bare_store.loan(other, "2026-10-01", "-0.005")
    assert engine("2026-10").figures("Alpha") == {str(branch): "0.01", str(other): "-0.01"}


def test_numeric_without_precision_keeps_all_digits(bare_store: Store, engine: Engine) -> None:
    bare_store.create(amount="numeric")
    branch = bare_store.branch()
    # This amount has 24 digits after the point. Spark would keep only 18 of them.
    bare_store.loan(branch, "2026-09-01", "0.000000000000000000000001")
    bare_store.loan(branch, "2026-10-01", "12345678901234")
    [line] = engine("2026-10", scale=18).lines("Alpha")
    assert line["amount_sum"] == "12345678901234.000000000000000000"
    manifest = engine("2026-10", scale=18).manifest()
    assert manifest["source"]["metrics"]["amount_sum"]["sum"] == "12345678901234.000000000000000000000001"


def test_rows_are_ordered_by_numeric_key(store: Store, engine: Engine) -> None:
    for key in (110, 109, 120, 1000):
        store.branch(key=key)
    assert list(engine("2026-10").figures("Alpha")) == ["109", "110", "120", "1000"]


def test_text_keys_are_ordered_by_code_point_in_every_locale(store: Store, engine: Engine) -> None:
    collation = store.connection.execute(
        "SELECT quote_ident(collname) FROM pg_collation WHERE collname ~* '^en[_-](x-icu|US.*utf)' LIMIT 1"
    ).fetchone()
    if collation is None:
        pytest.skip(reason="this PostgreSQL knows no locale but C")
    store.sql(f'ALTER TABLE "Branch" ALTER "Address" TYPE text COLLATE {collation[0]}')
    for address in ("b", "B", "a", "É", "Z"):
        store.branch(address)
    lines = engine("2026-10", group_by={"address": "Branch.Address"}).lines("Alpha")
    assert [line["address"] for line in lines] == ["B", "Z", "a", "b", "É"]


def test_time_zone_decides_the_month_of_a_timestamp(bare_store: Store, engine: Engine) -> None:
    bare_store.create(date="timestamptz")
    branch = bare_store.branch()
    bare_store.loan(branch, "2026-09-30 22:30:00+00", 1)  # October in Paris, but September in Greenwich
    bare_store.loan(branch, "2026-10-31 23:30:00+00", 10)  # November in Paris, but October in Greenwich
    paris = engine("2026-10", output=engine.folder / "paris", window=1, time_zone="Europe/Paris")
    greenwich = engine("2026-10", output=engine.folder / "greenwich", window=1)
    assert [
        (engine.folder / name / "bank_name=Alpha/year=2026/month=10/Alpha_20261031.csv")
        .read_text()
        .splitlines()[1]
        .split(",")[-2]
        for name in ("paris", "greenwich")
    ] == ["1", "10"]
    assert paris.message.startswith("2026-10: published")
    assert greenwich.message.startswith("2026-10: published")


def test_both_loans_in_a_repeated_hour_belong_to_the_same_month(bare_store: Store, engine: Engine) -> None:
    # In Havana, clocks go back from 01:00 to 00:00 on 1 November 2026, so the time 00:30 occurs twice.
    bare_store.create(date="timestamptz")
    branch = bare_store.branch()
    for instant in ("2026-11-01 04:30+00", "2026-11-01 05:30+00"):
        bare_store.loan(branch, instant, 1)
    months = ("--from", "2026-10", "--to", "2026-11", "--allow-incomplete", "true")
    delivered = engine(*months, window=1, time_zone="America/Havana")
    counts = [int(delivered.lines("Alpha", period)[0]["loans_count"]) for period in ("2026-10", "2026-11")]
    assert counts == [0, 2]  # both times are on 1 November


def test_timestamp_without_time_zone_is_local_time_of_the_extract(bare_store: Store, engine: Engine) -> None:
    bare_store.create(date="timestamp")
    branch = bare_store.branch()
    bare_store.loan(branch, "2026-10-31 23:59:59.999999", 3)
    bare_store.loan(branch, "2026-11-01 00:00:00", 5)
    assert engine("2026-10", time_zone="Asia/Tokyo").figures("Alpha") == {str(branch): "3.00"}


def test_date_column_may_be_in_a_joined_table(store: Store, engine: Engine) -> None:
    old, new = store.branch(), store.branch()
    store.sql('UPDATE "Account" SET open_date = \'2026-10-05\' WHERE "Client_idClient" = %s', new + 1)
    store.sql('UPDATE "Account" SET open_date = \'2020-01-01\' WHERE "Client_idClient" = %s', old + 1)
    store.loan(old, None, 1)
    store.loan(new, None, 2)
    assert engine("2026-10", date_column="Account.open_date").figures("Alpha") == {
        str(old): "",
        str(new): "2.00",
    }


def test_file_has_a_row_for_each_group_whose_first_entity_row_is_not_after_the_period(
    bare_store: Store, engine: Engine
) -> None:
    bare_store.sql("CREATE TABLE sales (shop text, product text, total numeric, month date)")
    bare_store.sql(
        "INSERT INTO sales VALUES ('A', 'tea', 3, '2026-01-05'), ('A', 'rum', 4, '2026-09-05'),"
        " ('A', 'rum', 6, '2026-10-05'), ('B', 'tea', 1, '2026-11-05'), ('A', NULL, 1, '2026-10-01')"
    )
    delivered = engine(
        "--from",
        "2026-08",
        "--to",
        "2026-10",
        entity="sales",
        expression="total",
        date_column="month",
        joins=(),
        group_by={"product": "product"},
        recipient={"shop": "shop"},
        window=2,
    )
    lines = [
        [(line["product"], line["total_avg"]) for line in delivered.lines("A", f"2026-{month}")]
        for month in ("08", "09", "10")
    ]
    assert lines == [
        [("tea", "")],
        [("rum", "4.00"), ("tea", "")],
        [("", "1.00"), ("rum", "5.00"), ("tea", "")],
    ]
    assert not (delivered.folder / "shop=B").exists()  # the first sale of shop B is in November


def test_group_by_columns_and_recipient_may_use_different_joins(bare_store: Store, engine: Engine) -> None:
    bare_store.sql("CREATE TABLE shop (id int PRIMARY KEY, name text)")
    bare_store.sql("CREATE TABLE product (id int PRIMARY KEY, name text)")
    bare_store.sql("CREATE TABLE sales (shop int, product int, total bigint, day date)")
    bare_store.sql(
        "INSERT INTO shop VALUES (1, 'A'), (2, 'B'); INSERT INTO product VALUES (1, 'tea'), (2, 'rum')"
    )
    bare_store.sql(
        "INSERT INTO sales VALUES (1, 1, 5, '2026-10-01'), (1, 2, 7, '2026-10-01'), (2, 2, 9, '2025-01-01')"
    )
    delivered = engine(
        "2026-10",
        entity="sales",
        expression="total",
        date_column="day",
        joins=(Join("shop", "sales.shop", "id"), Join("product", "sales.product", "id")),
        group_by={"product": "product.name"},
        recipient={"shop": "shop.name"},
    )
    assert [(line["product"], line["total_avg"]) for line in delivered.lines("A")] == [
        ("rum", "7.00"),
        ("tea", "5.00"),
    ]
    assert [(line["product"], line["total_avg"]) for line in delivered.lines("B")] == [("rum", "")]


def test_backfill_writes_the_same_files_as_one_run_per_month(store: Store, engine: Engine) -> None:
    branch = store.branch()
    for month in range(1, 11):
        store.loan(branch, f"2026-{month:02d}-15", month**3)
    engine("--from", "2026-03", "--to", "2026-10")
    for period in ("2026-03", "2026-07", "2026-10"):
        assert engine(period).message.startswith("nothing to write")


def test_lower_case_table_and_column_names_do_not_change_the_files(bare_store: Store, engine: Engine) -> None:
    bare_store.create()
    branch = bare_store.branch()
    bare_store.loan(branch, "2026-10-01", 7)
    before = engine("2026-10").bytes("Alpha")
    names: dict[LiteralString, tuple[LiteralString, ...]] = {
        "Bank": ("idBank", "Name"),
        "Branch": ("idBranch", "Bank_idBank", "Address"),
        "Client": ("idClient", "Branch_idBranch"),
        "Account": ("idAccount", "Client_idClient"),
        "Loans": ("Amount", "Account_idAccount"),
    }
    for table, columns in names.items():
        for column in columns:
            bare_store.sql(f'ALTER TABLE "{table}" RENAME "{column}" TO {column}')
        bare_store.sql(f'ALTER TABLE "{table}" RENAME TO {table}')
    after = engine("2026-10")
    assert after.message.startswith("nothing to write")
    assert after.bytes("Alpha") == before


def test_existing_spark_session_keeps_its_settings(store: Store, engine: Engine) -> None:
    """On Glue or in a notebook, another program has already created the Spark session."""
    store.branch()
    engine = replace(engine, spec=replace(LOANS, aggregate_in="spark"))
    engine("2026-10")  # this run creates a Spark session if there is none
    from pyspark.sql import SparkSession

    theirs = SparkSession.builder.getOrCreate()
    theirs.conf.set("spark.sql.shuffle.partitions", "77")
    theirs.conf.set("spark.sql.ansi.enabled", "false")
    theirs.sparkContext.setLogLevel("WARN")
    engine("2026-10")
    # The root logger is off, because a log entry of a failed task would contain values of the row.
    jvm = theirs._jvm
    assert jvm is not None
    assert jvm.org.apache.logging.log4j.LogManager.getRootLogger().getLevel().toString() == "OFF"
    assert theirs.conf.get("spark.sql.shuffle.partitions") == "77"
    assert theirs.conf.get("spark.sql.ansi.enabled") == "false"


def test_run_during_concurrent_writes_reads_one_snapshot(
    store: Store, engine: Engine, server: Database
) -> None:
    """A writer increases an amount all the time. Each run publishes a sum that equals its control totals."""
    branches = [store.branch() for _ in range(4)]
    for branch in branches:
        for day in range(1, 29):
            store.loan(branch, f"2026-10-{day:02d}", 100)
    stop = threading.Event()

    def write() -> None:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(f"SET search_path = {store.schema}")
            while not stop.is_set():
                connection.execute(
                    'UPDATE "Loans" SET "Amount" = "Amount" + 1'
                    ' WHERE "idLoan" = (SELECT min("idLoan") FROM "Loans")'
                )

    writer = threading.Thread(target=write)
    writer.start()
    sums = []
    try:
        for attempt in range(5):
            engine("2026-10", output=engine.folder / str(attempt))
            manifest = json.loads((engine.folder / str(attempt) / "_manifests/2026-10.json").read_text())
            assert manifest["source"] == manifest["totals"]
            sums.append(int(manifest["totals"]["metrics"]["amount_sum"]["sum"]))
    finally:
        stop.set()
        writer.join()
    assert sums == sorted(set(sums)), "without a write between two runs, they prove nothing"
