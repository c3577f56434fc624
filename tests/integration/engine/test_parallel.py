"""A parallel read with `aggregate_in="spark"` gives the same bytes as an aggregation in the database."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any, LiteralString

import pytest
from psycopg import sql
from pyspark import SparkContext

import rolling_jdbc
import rolling_resolve
import rolling_snapshot
import rolling_spark
from rolling_extract import Join, Metric
from tests.support.bank import Delivered, Engine, Store


def both_ways(engine: Engine, *arguments: str, **changes: Any) -> bytes:
    """Check that both aggregations write the same files. Return the file of the first recipient."""
    found = []
    for way in ("database", "spark"):
        folder = engine.folder / way
        done = replace(engine, folder=folder)(*arguments, **{**changes, "aggregate_in": way})
        found.append({path: (folder / path).read_bytes() for path in done.paths})
    assert found[0] == found[1]
    return next(iter(found[0].values()))


@pytest.mark.parametrize("by", [None, "idLoan"])
def test_read_with_more_partitions_than_rows_writes_a_correct_file(
    store: Store, engine: Engine, by: str | None
) -> None:
    branch = store.branch()
    for date in ("2026-07-31", "2026-08-01", "2026-10-31", "2026-11-01"):
        store.loan(branch, date, 4)
    found = both_ways(engine, "2026-10")
    in_parts = replace(engine, folder=engine.folder / "parts")
    delivered = in_parts("2026-10", aggregate_in="spark", partitions=400, partition_by=by)
    assert delivered.bytes("Alpha") == found
    assert delivered.lines("Alpha")[0]["loans_count"] == "2"


def test_default_number_of_partitions_is_the_number_of_cores(store: Store, engine: Engine) -> None:
    branch = store.branch()
    for day in range(1, 9):
        store.loan(branch, f"2026-10-{day:02}", 4)
    log = engine("2026-10", aggregate_in="spark").log
    read = [event["message"] for event in log if event["message"].startswith("reading t0")]
    assert read == ["reading t0 from one snapshot, in 2 parts"]


def test_source_is_checked_while_spark_starts(
    store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.loan(store.branch(), "2026-10-01", 4)
    start, resolve = rolling_jdbc._context, rolling_resolve.read
    resolved, waited = threading.Event(), []

    def slow_start() -> Any:
        waited.append(resolved.wait(20))
        return start()

    def read(*given: Any) -> Any:
        found = resolve(*given)
        resolved.set()
        return found

    monkeypatch.setattr(rolling_jdbc, "_context", slow_start)
    monkeypatch.setattr(rolling_resolve, "read", read)
    assert engine("2026-10", aggregate_in="spark").figures("Alpha")
    assert waited
    assert all(waited)


def test_run_reports_the_error_if_spark_does_not_start(
    store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.loan(store.branch(), "2026-10-01", 4)

    def broken(*given: Any) -> Any:
        raise RuntimeError("no Java")

    monkeypatch.setattr(SparkContext, "getOrCreate", broken)
    assert "unexpected RuntimeError in test_parallel.py" in engine.refusal("2026-10", aggregate_in="spark")


@pytest.mark.parametrize(
    ("limit", "expected"), [(2 * 3 * 56, {"t1", "t2"}), (3 * 56, {"t1"}), (3 * 56 - 1, set())]
)
def test_spark_broadcasts_joined_tables_of_numbers_up_to_the_size_limit(
    store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch, limit: int, expected: set[str]
) -> None:
    for amount in (4, 5, 7):
        store.loan(store.branch(), "2026-10-01", amount)
    store.sql("ANALYZE")
    choose, chosen = rolling_spark._Reader._small, []

    def small(*given: Any) -> set[str]:
        chosen.append(choose(*given))
        return chosen[-1]

    monkeypatch.setattr(rolling_spark, "FEW_ROWS", 0)
    monkeypatch.setattr(rolling_spark, "_BROADCAST", limit)
    monkeypatch.setattr(rolling_spark._Reader, "_small", small)
    both_ways(engine, "2026-10")
    assert chosen == [expected]


def test_metrics_are_exact_if_values_of_their_expression_have_different_decimal_places(
    store: Store, engine: Engine
) -> None:
    """Values of the metric "whole" have no digits after the point.

    Values of the other two metrics have one digit after the point.
    """
    store.sql('ALTER TABLE "Account" ADD fee numeric')
    for fee in ("0.5", "2"):
        store.loan(store.branch(), "2026-10-01", 4)
        store.sql('UPDATE "Account" SET fee = %s WHERE fee IS NULL', fee)
    metrics = {
        "whole": Metric("sum", "abs(Account.fee)", window=1, where="Account.fee IN (1, 2)"),
        "all": Metric("sum", "abs(Account.fee)", window=1),
        "count": Metric("count", "abs(Account.fee)", window=1),
    }
    found = both_ways(engine, "2026-10", metrics=metrics).decode()
    assert [line.split(",")[-3:] for line in found.splitlines()[1:]] == [
        ["", "0.50", "1"],
        ["2.00", "2.00", "1"],
    ]


def test_database_and_spark_write_the_same_bytes_for_zeros_of_a_decimal_column(
    store: Store, engine: Engine
) -> None:
    """PostgreSQL writes `least(0.25, 0)` as 0, and Spark writes it as 0.0000."""
    store.sql('ALTER TABLE "Loans" ADD fee numeric(6, 4) DEFAULT 0.25')
    store.loan(store.branch(), "2026-10-01", 4)
    metrics = {
        name: Metric(name, "least(fee, 0)", window=1) for name in ("min", "sum", "avg", "median", "stddev")
    }
    found = both_ways(engine, "2026-10", metrics=metrics).decode()
    assert found.splitlines()[1].endswith(",0.00" * 4 + ",")


def test_standard_deviation_of_values_with_many_digits_is_exact(store: Store, engine: Engine) -> None:
    """A squared value has twice as many digits as the value, but a decimal of Spark has at most 38 digits."""
    store.sql(
        'ALTER TABLE "Loans" ADD price numeric(30,19), ADD tiny numeric(30,20), ADD long numeric(38,0),'
        " ADD big bigint, ADD rate double precision"
    )
    branch = store.branch()
    for month, amount, rate in ((9, 1, "1234.5"), (10, 3, "0.30000000000000004")):
        loan = store.loan(branch, f"2026-{month}-01", amount)
        store.sql(
            """UPDATE "Loans" SET price = "Amount", tiny = "Amount" * 1e-20, big = "Amount" * 3e18::bigint,
                   long = ("Amount" - 2) * (1e37 - 1), rate = %s::float8 WHERE "idLoan" = %s""",
            rate,
            loan,
        )
    expected = {
        "abs(price - 1)": "1.414213562373095049",
        "price - Account.Balance": "1.414213562373095049",
        "tiny": "0.000000000000000000",
        "long": "14142135623730950488016887242096980784.282505191396385683",
        "big": "4242640687119285146.405066172629094236",
        "rate": "872.711189340436954587",
        "nullif(big - Account.Balance, 0.5)": "4242640687119285146.405066172629094236",
        "nullif(price, 3)": "",
    }
    metrics = {f"m{i}": Metric("stddev", text, window=3, scale=18) for i, text in enumerate(expected)}
    found = both_ways(engine, "2026-10", metrics=metrics)
    assert found.decode().splitlines()[1].split(",")[-len(expected) :] == [*expected.values()]

    # In this backfill, each loan is in a different segment of the window.
    apart = replace(engine, folder=engine.folder / "apart")
    both_ways(apart, "--from", "2026-09", "--to", "2026-10", metrics=metrics)
    assert Delivered(apart.folder / "spark", []).bytes("Alpha") == found

    # After a transform, Spark computes every expression: values may have at most 19 digits after the point.
    del metrics["m2"]
    transformed = replace(engine, folder=engine.folder / "transformed")
    done = transformed("2026-10", metrics=metrics, aggregate_in="spark", transform=lambda rows: rows)
    [line] = done.lines("Alpha")
    assert [line[f"m{i}"] for i, text in enumerate(expected) if text != "tiny"] == [
        value for text, value in expected.items() if text != "tiny"
    ]


def test_numbers_with_different_decimal_places_are_compared_exactly(store: Store, engine: Engine) -> None:
    """By default, Spark 4 rounds the number with more decimal places. The engine disables this rounding."""
    store.sql(
        'ALTER TABLE "Account" ADD fee numeric(20,2) DEFAULT 0.01;'
        ' ALTER TABLE "Loans" ADD discount numeric(6,4) DEFAULT 0.0108'
    )
    store.loan(store.branch(), "2026-10-01", 4)
    metrics = {
        "filtered": Metric("count", where="Account.fee >= discount"),
        "whole": Metric("count", where="Account.Balance + Amount * 0.1 < 0.5"),
        "greatest": Metric("sum", "greatest(Account.fee, discount)", scale=4),
        "chosen": Metric("sum", "CASE WHEN Account.fee < 1 THEN discount ELSE Account.fee END", scale=4),
    }
    found = both_ways(engine, "2026-10", metrics=metrics).decode()
    assert found.splitlines()[1].endswith(",0,1,0.0108,0.0108")


def test_sum_of_bigint_values_may_exceed_the_range_of_bigint(store: Store, engine: Engine) -> None:
    store.sql('ALTER TABLE "Loans" ADD big bigint DEFAULT 9223372036854775807')
    branch = store.branch()
    for amount in (1, 2):
        store.loan(branch, "2026-10-01", amount)
    found = both_ways(engine, "2026-10", metrics={"big": Metric("sum", "big")}).decode()
    assert found.splitlines()[1].endswith(",18446744073709551614")


def test_partition_column_that_is_not_an_integer_is_refused(store: Store, in_spark: Engine) -> None:
    assert 'partition_by="loan_date" is date; it must be a column of whole numbers' in (
        in_spark.refusal("2026-10", partition_by="loan_date")
    )


def test_rows_with_a_null_partition_column_are_read(store: Store, in_spark: Engine) -> None:
    branch = store.branch()
    store.loan(branch, "2026-10-01", 4)
    store.loan(branch, "2026-10-01", 5)
    store.sql('ALTER TABLE "Loans" ADD shard int')
    store.sql('UPDATE "Loans" SET shard = "Amount" WHERE "Amount" = 4')
    assert in_spark("2026-10", partition_by="shard").figures("Alpha") == {str(branch): "4.50"}


def test_control_totals_do_not_reconcile_if_spark_does_not_read_one_partition(
    store: Store, in_spark: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    branch = store.branch()
    for date in ("2026-08-01", "2026-10-31"):
        store.loan(branch, date, 4)
    whole = rolling_snapshot.Snapshot.conditions

    def all_but_one(snapshot: Any, resolved: Any, relation: Any) -> list[str]:
        conditions = whole(snapshot, resolved, relation)
        return conditions[:-1] if relation.name == "t0" else conditions

    monkeypatch.setattr(rolling_snapshot.Snapshot, "conditions", all_but_one)
    assert "do not reconcile: the source has 2 rows" in in_spark.refusal("2026-10")


KINDS: dict[LiteralString, tuple[LiteralString, ...]] = {
    "date": ("0044-03-15 BC", "2026-10-01", "12026-01-01", "infinity", "-infinity"),
    "timestamptz": ("2026-10-25 01:30+02", "2026-10-25 01:30+01", "1999-01-01 00:00+00"),
    "boolean": ("true", "false"),
    "numeric": ("10", "9.5", "-3.25", "9.50", "1000000000000000000000000000000000000000000", "NaN"),
    "double precision": ("1e300", "-0", "0", "2", "10", "NaN", "-Infinity"),
    "interval": ("1 month", "30 days", "1 year", "-2 hours"),
    "inet": ("10.0.0.2", "9.0.0.1", "::1", "10.0.0.0/8"),
    "uuid": ("a0000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-00000000000b"),
    "mood": ("sad", "ok", "happy"),
    "char(4)": ("b", "a", "é"),
    "money": ("-1.00", "9.50", "10.00"),
    "oid": ("10", "9"),
}


def test_database_and_spark_return_groups_of_every_type_in_the_same_order(
    bare_store: Store, engine: Engine
) -> None:
    """The first extract groups by columns of the entity, the second by columns of a joined table."""
    bare_store.sql("CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')")
    columns = [f"c{i}" for i, _ in enumerate(KINDS)]
    kinds = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind))
        for name, kind in zip(columns, KINDS, strict=True)
    )
    connection = bare_store.connection
    connection.execute(sql.SQL("CREATE TABLE thing (id serial PRIMARY KEY, {})").format(kinds))
    connection.execute(
        sql.SQL("CREATE TABLE sales (thing int, total bigint, day date, owner text, {})").format(kinds)
    )
    for name, values in zip(columns, KINDS.values(), strict=True):
        for value in (*values, None):
            add = "INSERT INTO thing ({}) VALUES (%s); INSERT INTO sales ({}) VALUES (%s)"
            name_ = sql.Identifier(name)
            for statement in add.split("; "):
                connection.execute(sql.SQL(statement).format(name_), [value])
    bare_store.sql("UPDATE sales SET owner = 'A', day = '2026-10-01', total = 1, thing = 1")
    bare_store.sql("UPDATE sales SET day = '2020-10-01' WHERE c0 IS NULL")
    common: dict[str, Any] = {
        "entity": "sales",
        "expression": "total",
        "date_column": "day",
        "time_zone": "Europe/Paris",
    }
    common |= {"joins": (Join("thing", "sales.thing", "id"),), "recipient": {"owner": "owner"}}
    off_entity = {f"g{name}": name for name in columns}
    assert both_ways(engine, "2026-10", **common, group_by=off_entity).count(b"\r\n") > 20
    engine = replace(engine, folder=engine.folder / "joined")
    bare_store.sql("ALTER TABLE thing ADD owner text; UPDATE thing SET owner = 'A'")
    joined = {f"g{name}": f"thing.{name}" for name in columns}
    common |= {"recipient": {"owner": "thing.owner"}}
    lines = sum(map(len, KINDS.values())) + 1  # the 1 is for the rows of `thing` in which all values are NULL
    assert both_ways(engine, "2026-10", **common, group_by=joined).count(b"\r\n") == 1 + lines


@pytest.mark.parametrize(
    ("left", "right", "keys"),
    [
        ("int", "numeric(9,3)", (("1", "1.000"), ("20", "20.5"))),
        ("numeric", "numeric", (("1.50", "1.5"), ("100", "100.000"), ("0.0", "0"))),
        ("varchar(9)", "text", (("é", "é"), ("a ", "a"), ("B", "b"))),
        ("char(5)", "char(9)", (("a", "a"),)),
        ("date", "date", (("2026-10-01", "2026-10-01"),)),
        ("money", "money", (("1.50", "1.50"),)),
    ],
)
def test_spark_compares_join_keys_in_the_same_way_as_postgresql(
    bare_store: Store,
    engine: Engine,
    left: LiteralString,
    right: LiteralString,
    keys: tuple[tuple[str, str], ...],
) -> None:
    bare_store.sql(f"CREATE TABLE shop (id {right}, owner text)")
    bare_store.sql(f"CREATE TABLE sales (shop {left}, total bigint, day date)")
    for here, there in keys:
        bare_store.sql("INSERT INTO shop VALUES (%s, 'A')", there)
        bare_store.sql("INSERT INTO sales VALUES (%s, 1, '2026-10-01')", here)
    both_ways(
        engine,
        "2026-10",
        entity="sales",
        expression="total",
        date_column="day",
        joins=(Join("shop", "sales.shop", "id"),),
        group_by={"shop": "shop.id"},
        recipient={"owner": "shop.owner"},
        max_orphan_rows=9,
    )


def test_join_keys_that_spark_and_postgresql_compare_differently_are_refused(
    bare_store: Store, in_spark: Engine
) -> None:
    bare_store.create()
    bare_store.sql('ALTER TABLE "Loans" ALTER "Account_idAccount" TYPE real')
    assert "compares real with integer, which Spark would not compare as PostgreSQL does" in in_spark.refusal(
        "2026-10"
    )
