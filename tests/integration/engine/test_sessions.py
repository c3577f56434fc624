"""Sessions in the source: their settings, and their end when a run or a connection ends."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import time
from dataclasses import replace

import psycopg
import pytest

import rolling_jdbc
import rolling_source
from tests.support.bank import Engine, Store

SETTINGS = rolling_source.local_settings("Etc/GMT", {"statement_timeout": "60s"})


def running(store: Store, word: str) -> int:
    """Return the number of active statements that contain `word`."""
    [(count,)] = store.connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE %s AND state = 'active'"
        " AND pid <> pg_backend_pid()",
        [f"%{word}%"],
    ).fetchall()
    return int(count)


def until_none(store: Store, word: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if running(store, word) == 0:
            return True
        time.sleep(0.2)
    return False


def test_statement_ends_soon_after_its_client_disconnects(bare_store: Store) -> None:
    client = psycopg.connect(bare_store.url, autocommit=True)
    client.execute("BEGIN")
    client.execute(SETTINGS.encode())
    client.pgconn.send_query(b"SELECT pg_sleep(60) AS of_a_client_that_is_gone")
    time.sleep(0.5)
    assert running(bare_store, "of_a_client_that_is_gone") == 1
    # Close the connection in the same way as the kernel does for a killed process.
    with socket.socket(fileno=client.fileno()) as connection:
        connection.shutdown(socket.SHUT_RDWR)
        connection.detach()
    assert until_none(bare_store, "of_a_client_that_is_gone", 10)


def test_session_can_start_if_the_server_lacks_client_connection_check_interval(bare_store: Store) -> None:
    """PostgreSQL 13 does not have client_connection_check_interval. There, the engine does not set it."""
    with psycopg.connect(bare_store.url) as connection:
        asked = SETTINGS.replace("client_connection_check_interval", "no_such_setting")
        connection.execute(asked.encode())


@pytest.mark.parametrize("way", ["database", "spark"])
def test_every_session_sets_client_connection_check_interval(store: Store, engine: Engine, way: str) -> None:
    branch = store.branch()
    store.loan(branch, "2026-10-01", 5)
    store.sql('ALTER TABLE "Loans" RENAME TO loans_proper')
    store.sql(
        """CREATE VIEW "Loans" AS SELECT * FROM loans_proper
        WHERE current_setting('client_connection_check_interval') = '5s'"""
    )
    assert engine("2026-10", aggregate_in=way).figures("Alpha") == {str(branch): "5.00"}


class Stalling(socketserver.ThreadingTCPServer):
    """A proxy in front of the server. It stops forwarding when `word` passes through it."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, port: int, word: bytes) -> None:
        self.port, self.word, self.dead = port, word, threading.Event()
        super().__init__(("127.0.0.1", 0), _Stalling)


class _Stalling(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Stalling)
        with socket.create_connection(("127.0.0.1", self.server.port)) as there:
            back = threading.Thread(target=self._pump, args=(there, self.request), daemon=True)
            back.start()
            self._pump(self.request, there)
            while self.server.dead.is_set():
                time.sleep(0.1)

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        assert isinstance(self.server, Stalling)
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.server.word in data:
                    self.server.dead.set()
                if self.server.dead.is_set():
                    return
                target.sendall(data)


def test_run_against_a_server_that_stops_responding_ends_with_a_connection_error(
    store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rolling_jdbc, "LOGIN", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://u:p@127.0.0.1:{silent.getsockname()[1]}/x?sslmode=disable"
        sentence = replace(engine, driver="jdbc").refusal("--period", "2026-10", "--database-url", url)
    assert sentence.startswith("2026-10: cannot reach the database at 127.0.0.1:")


@pytest.mark.parametrize("way", ["database", "spark"])
@pytest.mark.parametrize(
    "setting", ["quote_all_identifiers = on", "standard_conforming_strings = off", "statement_timeout = 1"]
)
def test_settings_of_the_database_do_not_change_a_run(
    store: Store, engine: Engine, way: str, setting: str
) -> None:
    branch = store.branch()
    store.loan(branch, "2026-10-01", 5)
    name = setting.partition(" ")[0]
    store.connection.execute(f"ALTER DATABASE store SET {setting}".encode())
    try:
        found = engine("2026-10", where=r"'a\b' <> 'a' AND '\' <> 'b'", aggregate_in=way)
    finally:
        store.connection.execute(f"ALTER DATABASE store RESET {name}".encode())
    assert found.figures("Alpha") == {str(branch): "5.00"}
