"""All parts of a parallel read share one snapshot of the source."""

from __future__ import annotations

import itertools
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

import rolling_database
import rolling_jdbc
import rolling_snapshot
from local_cloud import database
from rolling_snapshot import Snapshot
from rolling_source import Source
from tests.support.bank import Engine, Store

ROWS = 'SELECT "Amount"::bigint AS amount, loan_date AS part FROM {}."Loans"'
PARTS = [
    "part < DATE '2026-08-15' OR part IS NULL",
    "part >= DATE '2026-08-15' AND part < DATE '2026-09-15'",
    "part >= DATE '2026-09-15' AND part < DATE '2026-10-15'",
    "part >= DATE '2026-10-15'",
]


@contextmanager
def writer(store: Store) -> Iterator[None]:
    """Move money between loans of different months all the time. The total never changes."""
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


Reader = Callable[[Snapshot], int]


@pytest.fixture
def reader(store: Store, spark: None) -> Iterator[Reader]:
    """Return a function that reads all loans of the window in four parts. The sum must be 6000."""
    branch = store.branch()
    for day in range(1, 31):
        for month in ("08", "10"):
            store.loan(branch, f"2026-{month}-{day:02d}", 100)

    def read(snapshot: Snapshot) -> int:
        rows = snapshot.read(ROWS.format(store.schema), PARTS)
        return int(rows.selectExpr("sum(amount)").collect()[0][0])

    with writer(store):
        yield read


@contextmanager
def exported(store: Store) -> Iterator[Snapshot]:
    """Yield a snapshot that a transaction has exported. The transaction stays open."""
    from pyspark.sql import SparkSession

    where = rolling_database.from_url(store.url)
    source = Source(where, rolling_jdbc.connect, "Etc/GMT", "test", 60, 60)
    session = SparkSession(rolling_jdbc.spark_context())
    with source.session() as transaction:
        yield Snapshot.exported(transaction, session)


def test_parallel_reads_under_concurrent_writes_are_consistent(store: Store, reader: Reader) -> None:
    totals, times = set(), set()
    for _ in range(50):
        with exported(store) as snapshot:
            totals.add(reader(snapshot))
            times.add(snapshot.identifier)
    assert totals == {6000}
    assert len(times) == 50


@pytest.mark.parametrize("taken_away", ["import", "fetch size"])
def test_parallel_reads_without_a_shared_snapshot_are_inconsistent(
    store: Store, reader: Reader, taken_away: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Show that the test of consistent reads would fail if the engine did not share the snapshot.

    The timing is random, so the test reads up to 100 times, and passes as soon as one total is wrong.
    """
    if taken_away == "import":
        monkeypatch.setattr(Snapshot, "_import", lambda self: "SELECT 1")
    else:
        monkeypatch.setattr(rolling_snapshot, "_FETCHED_AT_ONCE", 0)
    with exported(store) as snapshot:
        assert any(reader(snapshot) != 6000 for _ in range(100))


class _Turns(socketserver.ThreadingTCPServer):
    """An endpoint that alternates between two servers, like the reader endpoint of an Aurora cluster."""

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
            pass  # the other side closed the connection


def test_endpoint_of_several_servers_is_refused(store: Store, in_spark: Engine, tmp_path: Path) -> None:
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
    assert sentence.startswith("2026-10: the parts of the read could not use the same snapshot (")
    assert "connect to the endpoint of a single instance" in sentence
    assert in_spark.log[-1]["kind"] == "snapshot"


def test_snapshot_of_another_server_is_refused_even_if_the_name_exists_on_this_server(
    store: Store, in_spark: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.branch()
    made = Snapshot.exported

    def elsewhere(*parts: Any) -> Snapshot:
        return replace(made(*parts), server="2026-01-01 00:00:00+00")

    monkeypatch.setattr(Snapshot, "exported", elsewhere)
    assert "(the snapshot is of another server)" in in_spark.refusal("2026-10")


def test_snapshot_is_released_when_the_run_ends(store: Store, in_spark: Engine) -> None:
    store.branch()
    for spec in ({}, {"where": "true", "expression": "Nothing"}):
        if spec:
            in_spark.refusal("2026-10", **spec)
        else:
            in_spark("2026-10")
    idle = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
    end = time.monotonic() + 10  # a server takes a moment to see that its client has gone
    while store.connection.execute(idle).fetchone() != (0,):
        assert time.monotonic() < end
        time.sleep(0.1)
