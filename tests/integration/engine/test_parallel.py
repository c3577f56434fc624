"""The second way, aggregate_in="spark": one snapshot for all parts, what push-down cannot, the same bytes."""

from __future__ import annotations

import itertools
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

import rolling_contract
import rolling_database
import rolling_period
import rolling_snapshot
import rolling_source
import rolling_statement
from local_cloud import database
from rolling_extract import Extract, Join
from tests.support.bank import LOANS, Engine, Store


@pytest.fixture
def in_spark(engine: Engine) -> Engine:
    """The engine, with all of its work done in Spark."""
    return replace(engine, spec=replace(LOANS, aggregate_in="spark", partitions=3))


def both_ways(engine: Engine, *arguments: str, **changes: Any) -> bytes:
    """What the first recipient's file holds, if both ways write the very same files."""
    found = []
    for way in ("database", "spark"):
        folder = engine.folder / way
        done = replace(engine, folder=folder)(*arguments, **{**changes, "aggregate_in": way})
        found.append({path: (folder / path).read_bytes() for path in done.paths})
    assert found[0] == found[1]
    return next(iter(found[0].values()))


# -- one snapshot ------------------------------------------------------------------------------------------


@contextmanager
def writer(store: Store) -> Iterator[None]:
    """Moves money between two loans far apart in time, as fast as it can; the total never changes."""
    stop = threading.Event()

    def move() -> None:
        with psycopg.connect(store.url, autocommit=True) as connection:
            for amount in itertools.cycle((7, -7)):
                if stop.is_set():
                    break
                connection.execute(
                    sql.SQL(
                        """UPDATE {}."Loans" SET "Amount" = "Amount" +
                           CASE WHEN loan_date < '2026-09-15' THEN {} ELSE {} END"""
                    ).format(sql.Identifier(store.schema), amount, -amount)
                )

    thread = threading.Thread(target=move)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def reader(store: Store, engine: Engine) -> Iterator[Callable[[rolling_snapshot.Snapshot], int]]:
    """Reads all loans of the window in four parts, and says what they add up to: 6000, if anything."""
    branch = store.branch()
    for day in range(1, 31):
        for month in ("08", "10"):
            store.loan(branch, f"2026-{month}-{day:02d}", 100)
    spec = replace(LOANS, schema=store.schema)
    source = _source(store, spec)
    with source.connected() as connection:
        catalog = source.catalog(connection, rolling_contract.catalog_query(spec))
    contract = rolling_contract.resolve(spec, catalog)
    span = rolling_period.Span((rolling_period.Period(2026, 10),), 3)
    reads = rolling_statement.reads(contract, span, "Etc/GMT", None, 4, None)
    assert len(reads.partitions) == 4

    def read(snapshot: rolling_snapshot.Snapshot) -> int:
        rows = snapshot.read(reads.rows, reads.partitions)
        return int(rows.selectExpr("sum(metric)").collect()[0][0])

    with writer(store):
        yield read


def _source(store: Store, spec: Extract) -> rolling_source.Source:
    where = rolling_database.from_url(store.url)
    return rolling_source.Source(rolling_source.spark_context(), where, spec.time_zone, "test", 60, 60)


Reader = Callable[[rolling_snapshot.Snapshot], int]


def test_fifty_parallel_reads_under_a_writer_that_moves_money_never_drift(
    store: Store, reader: Reader
) -> None:
    source, totals, times = _source(store, LOANS), set(), set()
    for _ in range(50):
        with rolling_snapshot.exported(source) as snapshot:
            totals.add(reader(snapshot))
            times.add(snapshot.identifier)
    assert totals == {6000}
    assert len(times) == 50


@pytest.mark.parametrize("taken_away", ["import", "fetch size"])
def test_without_the_snapshot_the_parts_drift_apart(
    store: Store, reader: Reader, taken_away: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the test above can fail. Drift is a matter of luck: one in a hundred reads is enough."""
    if taken_away == "import":
        monkeypatch.setattr(rolling_snapshot.Snapshot, "_session", lambda self: self.source.settings())
    else:
        monkeypatch.setattr(rolling_snapshot, "_FETCHED_AT_ONCE", 0)
    source = _source(store, LOANS)
    with rolling_snapshot.exported(source) as snapshot:
        assert any(reader(snapshot) != 6000 for _ in range(100))


class _Turns(socketserver.ThreadingTCPServer):
    """An endpoint that leads to each of two servers in turn, as that of a cluster's readers does."""

    daemon_threads = True

    def __init__(self, ports: tuple[int, int]) -> None:
        self.turns = itertools.cycle(ports)
        super().__init__(("127.0.0.1", 0), _Pass)


class _Pass(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _Turns)
        with socket.create_connection(("127.0.0.1", next(self.server.turns))) as there:
            back = threading.Thread(target=self._pump, args=(there, self.request), daemon=True)
            back.start()
            self._pump(self.request, there)
            back.join()

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other side hung up


def test_an_endpoint_that_leads_to_several_servers_is_told_and_nothing_is_published(
    store: Store, in_spark: Engine, tmp_path: Path
) -> None:
    store.branch()
    with database.serve(tmp_path / "second") as second:
        with psycopg.connect(second.url, autocommit=True) as connection:
            schema, password = sql.Identifier(store.schema), store.url.split(":")[2].split("@")[0]
            connection.execute(sql.SQL("ALTER USER postgres PASSWORD {}").format(password))
            connection.execute(sql.SQL("CREATE SCHEMA {0}; SET search_path = {0}").format(schema))
            Store(connection, store.schema, second.url).create()
        first = int(store.url.rpartition(":")[2].partition("/")[0])
        with _Turns((first, second.port)) as endpoint:
            threading.Thread(target=endpoint.serve_forever, daemon=True).start()
            url = store.url.replace(str(first), str(endpoint.server_address[1]))
            sentence = in_spark.refusal("--period", "2026-10", "--database-url", url)
            endpoint.shutdown()
    assert sentence.startswith("2026-10: the parts of the read could not all see one snapshot (")
    assert "give the connection the endpoint of one instance" in sentence
    assert in_spark.log[-1]["kind"] == "snapshot"


def test_a_snapshot_of_the_same_name_on_another_server_is_not_taken_for_ours(
    store: Store, in_spark: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.branch()
    made = rolling_snapshot.Snapshot

    def elsewhere(*parts: Any) -> rolling_snapshot.Snapshot:
        return replace(made(*parts), server="2026-01-01 00:00:00+00")

    monkeypatch.setattr(rolling_snapshot, "Snapshot", elsewhere)
    assert "(the snapshot is of another server)" in in_spark.refusal("2026-10")


def test_the_snapshot_is_given_back_when_the_run_ends(store: Store, in_spark: Engine) -> None:
    store.branch()
    for spec in ({}, {"where": "true", "metric": "Nothing"}):
        if spec:
            in_spark.refusal("2026-10", **spec)
        else:
            in_spark("2026-10")
    idle = store.connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
    ).fetchone()
    assert idle == (0,)


# -- parts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [None, "idLoan"])
def test_the_rows_may_be_parted_by_day_or_by_key_into_more_parts_than_there_are(
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


def test_a_key_to_part_by_is_of_whole_numbers(store: Store, in_spark: Engine) -> None:
    assert 'partition_by="loan_date" is date; the read is parted by a column of whole numbers' in (
        in_spark.refusal("2026-10", partition_by="loan_date")
    )


def test_rows_without_the_key_that_they_are_parted_by_are_read_too(store: Store, in_spark: Engine) -> None:
    branch = store.branch()
    store.loan(branch, "2026-10-01", 4)
    store.loan(branch, "2026-10-01", 5)
    store.sql('ALTER TABLE "Loans" ADD shard int')
    store.sql('UPDATE "Loans" SET shard = "Amount" WHERE "Amount" = 4')
    assert in_spark("2026-10", partition_by="shard").figures("Alpha") == {str(branch): "4.50"}


# -- median and percentiles --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("aggregate", "amounts", "figure"),
    [
        ("median", ("1.00", "10.00", "2.00"), "2.00"),
        ("median", ("0.01", "0.02"), "0.02"),  # 0.015, half up
        ("median", ("-0.01", "-0.02"), "-0.02"),
        ("median", ("7.10",), "7.10"),
        ("p90", ("1.00", "2.00", "3.00"), "2.80"),
        ("p25", ("0.00", "0.10", "0.20", "0.30"), "0.08"),  # 0.075
        ("p99", ("99999999999999.99", "0.00"), "98999999999999.99"),
    ],
)
def test_a_percentile_lies_on_the_line_between_its_neighbours(
    bare_store: Store, in_spark: Engine, aggregate: str, amounts: tuple[str, ...], figure: str
) -> None:
    bare_store.create(amount="numeric(16,2)")
    branch = bare_store.branch()
    for month, amount in zip((8, 9, 10, 10), amounts, strict=False):
        bare_store.loan(branch, f"2026-{month:02d}-05", amount)
    bare_store.loan(branch, "2026-10-05", None)
    bare_store.loan(branch, "2026-07-31", 1000)
    bare_store.branch(bank="Beta")
    delivered = in_spark("2026-10", aggregate=aggregate)
    [line] = delivered.lines("Alpha")
    assert line[f"amount_{aggregate}"] == figure
    assert line["amount_sum"] == str(sum(map(Decimal, amounts)))
    [empty] = delivered.lines("Beta")
    assert (empty["loans_count"], empty[f"amount_{aggregate}"]) == ("0", "")


def test_a_median_is_what_postgresql_says_where_its_floats_can_tell(store: Store, in_spark: Engine) -> None:
    branch = store.branch()
    for amount in range(0, 1000, 7):
        store.loan(branch, "2026-10-05", amount * amount % 1013)
    for hundredths, aggregate in ((50, "median"), (1, "p1"), (37, "p37")):
        [[theirs]] = store.connection.execute(
            'SELECT percentile_cont(%s::float8 / 100) WITHIN GROUP (ORDER BY "Amount") FROM "Loans"',
            [hundredths],
        ).fetchall()
        folder = in_spark.folder / aggregate
        [line] = replace(in_spark, folder=folder)("2026-10", aggregate=aggregate).lines("Alpha")
        assert Decimal(line[f"amount_{aggregate}"]) == Decimal(repr(theirs)).quantize(
            Decimal("0.01"), ROUND_HALF_UP
        )


# -- the transform -----------------------------------------------------------------------------------------


def fees_taken_off(rows: Any) -> Any:
    """Two other columns of the entity, one of them text, change what a row is worth and whether it counts."""
    from pyspark.sql import functions as F

    return rows.where(F.col("state") != "void").withColumn(
        "Amount", F.col("Amount") - F.col("fee") * F.col("Amount")
    )


def test_a_transform_makes_other_rows_of_the_entitys_and_the_totals_are_taken_after_it(
    bare_store: Store, in_spark: Engine
) -> None:
    bare_store.create(amount="numeric(12,2)")
    bare_store.sql('ALTER TABLE "Loans" ADD fee numeric(5,4), ADD state text')
    branch, expected = bare_store.branch(), []
    for i in range(1, 9):
        bare_store.loan(branch, f"2026-{7 + i % 4:02d}-05", f"{i}.15")
        fee, state = Decimal(i) / 1000, "void" if i % 3 == 0 else "paid"
        bare_store.sql('UPDATE "Loans" SET fee = %s, state = %s WHERE fee IS NULL', fee, state)
        if i % 4 and state == "paid":
            expected.append(Fraction(Decimal(f"{i}.15") * (1 - fee)))
    delivered = in_spark("2026-10", transform=fees_taken_off, transform_columns=("fee", "state"), scale=6)
    [line] = delivered.lines("Alpha")
    total = sum(expected, Fraction(0))
    assert (line["loans_count"], Fraction(line["amount_sum"])) == (str(len(expected)), total)
    assert abs(Fraction(line["amount_avg"]) - total / len(expected)) <= Fraction(1, 2_000_000)
    source = delivered.manifest()["source"]
    assert (source["rows"], Fraction(source["sum"])) == (len(expected), total)


def test_a_transform_may_make_rows_and_move_them_to_another_group(store: Store, in_spark: Engine) -> None:
    from pyspark.sql import functions as F

    here, there = store.branch(), store.branch()
    store.loan(here, "2026-10-05", 10)
    account = store._accounts[there]

    def halved(rows: Any) -> Any:
        half = rows.withColumn("Amount", (F.col("Amount") / 2).cast("decimal(38,1)"))
        return half.union(half.withColumn("Account_idAccount", F.lit(account)))

    assert in_spark("2026-10", transform=halved).figures("Alpha") == {str(here): "5.00", str(there): "5.00"}


def test_a_transform_sees_the_types_that_it_can_reckon_with(bare_store: Store, in_spark: Engine) -> None:
    bare_store.create(amount="double precision", date="timestamptz")
    bare_store.sql('ALTER TABLE "Loans" ADD ok boolean, ADD day date, ADD at timestamp, ADD note uuid')
    bare_store.loan(bare_store.branch(), "2026-10-05", 0.1)
    seen = {}

    def look(rows: Any) -> Any:
        seen.update(rows.dtypes)
        seen["row"] = rows.collect()[0].asDict()
        return rows

    in_spark("2026-10", transform=look, transform_columns=("ok", "day", "at", "note", "idLoan"))
    row = seen.pop("row")
    assert seen == {
        "Account_idAccount": "bigint",
        "Amount": "decimal(38,1)",
        "at": "timestamp_ntz",
        "day": "date",
        "idLoan": "bigint",
        "loan_date": "timestamp",
        "note": "string",
        "ok": "boolean",
        "rolling_month": "int",
    }
    assert (row["Amount"], row["rolling_month"]) == (Decimal("0.1"), 3)


@pytest.mark.parametrize(
    ("transform", "sentence"),
    [
        (lambda rows: rows.drop("Amount"), "lost the column Amount; it must keep Account_idAccount, Amount"),
        (lambda rows: rows.selectExpr("*", "1 / 0"), None),
        (lambda rows: rows.where("no_such > 1"), "failed with AnalysisException in line "),
        (lambda rows: rows.collect()[9], "failed with IndexError in line "),
        (lambda rows: rows.collect(), "gave back list, not a DataFrame"),
        (
            lambda rows: rows.withColumn("Amount", rows["Amount"].cast("double")),
            'made "Amount" a double; it must stay a decimal or a whole number',
        ),
    ],
)
def test_a_transform_that_goes_wrong_is_told_in_one_sentence(
    store: Store, in_spark: Engine, transform: Callable[[Any], Any], sentence: str | None
) -> None:
    store.loan(store.branch(), "2026-10-05", 10)
    if sentence is None:  # nobody asked for what it cannot work out, so nothing is wrong
        in_spark("2026-10", transform=transform)
        return
    assert in_spark.refusal("2026-10", transform=transform).startswith(
        f"2026-10: the spec's transform {sentence}"
    )
    assert in_spark.log[-1]["kind"] == "transform"


def test_a_transform_that_is_not_the_same_twice_does_not_reconcile(store: Store, in_spark: Engine) -> None:
    store.loan(store.branch(), "2026-10-05", 10)

    def diced(rows: Any) -> Any:
        import secrets

        from pyspark.sql import functions as F

        dice = F.udf(lambda amount: amount + secrets.randbelow(10**9), "decimal(38,0)").asNondeterministic()
        return rows.withColumn("Amount", dice("Amount"))

    sentence = in_spark.refusal("2026-10", transform=diced)
    assert "control totals of 2026-10 do not reconcile" in sentence


def test_a_part_that_was_lost_on_the_way_is_missed(
    store: Store, in_spark: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    branch = store.branch()
    for date in ("2026-08-01", "2026-10-31"):
        store.loan(branch, date, 4)
    whole = rolling_statement.reads
    monkeypatch.setattr(
        rolling_statement,
        "reads",
        lambda *given: replace(made := whole(*given), partitions=made.partitions[:-1]),
    )
    assert "do not reconcile: the source has 2 rows with amount_sum 8" in in_spark.refusal("2026-10")
    assert "the database counts 2 rows with a sum of 8 in the window, but 1 with 4 were read" in (
        in_spark.refusal("2026-10", transform=lambda rows: rows)
    )


# -- the same bytes ----------------------------------------------------------------------------------------


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


def test_lines_of_every_type_come_in_the_same_order_and_in_the_same_words(
    bare_store: Store, engine: Engine
) -> None:
    """Off a joined table, and off the entity, whose groups exist from their first row on."""
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
        "metric": "total",
        "date_column": "day",
        "time_zone": "Europe/Paris",
    }
    common |= {"joins": (Join("thing", "sales.thing", "id"),), "recipient": {"owner": "owner"}}
    off_entity = {f"g{name}": name for name in columns}
    assert both_ways(engine, "2026-10", **common, group=off_entity).count(b"\r\n") > 20
    engine = replace(engine, folder=engine.folder / "joined")
    bare_store.sql("ALTER TABLE thing ADD owner text; UPDATE thing SET owner = 'A'")
    joined = {f"g{name}": f"thing.{name}" for name in columns}
    common |= {"recipient": {"owner": "thing.owner"}}
    lines = sum(map(len, KINDS.values())) + 1  # one for all that are NULL throughout
    assert both_ways(engine, "2026-10", **common, group=joined).count(b"\r\n") == 1 + lines


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
def test_keys_are_equal_in_spark_when_postgresql_says_so(
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
        metric="total",
        date_column="day",
        joins=(Join("shop", "sales.shop", "id"),),
        group={"shop": "shop.id"},
        recipient={"owner": "shop.owner"},
        max_orphan_rows=9,
    )


def test_keys_that_spark_would_compare_otherwise_are_refused(bare_store: Store, in_spark: Engine) -> None:
    bare_store.create()
    bare_store.sql('ALTER TABLE "Loans" ALTER "Account_idAccount" TYPE real')
    assert "compares real with integer, which Spark would not do as PostgreSQL does" in in_spark.refusal(
        "2026-10"
    )
