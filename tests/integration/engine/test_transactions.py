"""With each of the two drivers, a run logs in once and reads the source in one read-only transaction.

Behind a connection pooler, the next client does not get the settings of the run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import rolling_copy
import rolling_database
import rolling_jdbc
import rolling_psycopg
import rolling_source
from local_cloud import database
from rolling_errors import ExtractError
from rolling_source import Driver, Source
from tests.integration.engine.test_sessions import Stalling
from tests.support.bank import Store
from tests.support.engine import pgbouncer

DRIVERS: dict[str, Driver] = {"psycopg": rolling_psycopg.connect, "jdbc": rolling_jdbc.connect}

AWKWARD = (
    r"""SELECT E'tab\there', E'line\nfeed\r', E'back\\slash', '', NULL, 'Łódź 三菱 😀', '\N', '%s ? :x'"""
)


def source(url: str, driver: str = "psycopg", timeout: int = 60) -> Source:
    return Source(rolling_database.from_url(url), DRIVERS[driver], "Europe/Paris", "jr_1", timeout, 60)


@pytest.fixture(params=["psycopg", "jdbc"])
def driver(request: pytest.FixtureRequest) -> str:
    if request.param == "jdbc":
        request.getfixturevalue("spark")
    return str(request.param)


def test_both_drivers_return_every_text_unchanged(bare_store: Store, driver: str, tmp_path: Path) -> None:
    with source(bare_store.url, driver).session() as session:
        [row] = session.rows(AWKWARD)
        session.copy(AWKWARD, tmp_path / "rows")
    assert row == [*("tab\there", "line\nfeed\r", "back\\slash", "", None, "Łódź 三菱 😀", "\\N", "%s ? :x")]
    assert [*rolling_copy.rows_of(tmp_path / "rows")] == [row]


def test_session_sees_one_snapshot(bare_store: Store, driver: str) -> None:
    bare_store.sql("CREATE TABLE fees (id int)")
    query = f"SELECT count(*) FROM {bare_store.schema}.fees"
    with source(bare_store.url, driver).session() as session:
        assert session.rows(query) == [["0"]]
        bare_store.sql("INSERT INTO fees VALUES (1)")
        assert session.rows(query) == [["0"]]


def test_session_has_the_settings_of_the_engine(bare_store: Store, driver: str) -> None:
    names = {
        "transaction_isolation": "repeatable read",
        "transaction_read_only": "on",
        "statement_timeout": "1min",
        "row_security": "off",
        "TimeZone": "Europe/Paris",
        "lc_numeric": "C",
        "lc_time": "C",
        "client_connection_check_interval": "5s",
        "application_name": "rolling-extract jr_1",
        "idle_in_transaction_session_timeout": "0",
    }
    with source(bare_store.url, driver).session() as session:
        for name, value in names.items():
            assert session.rows(f"SELECT current_setting('{name}')") == [[value]], name


def cipher(url: str) -> str | None:
    with source(url, "jdbc").session() as session:
        [[found]] = session.rows("SELECT cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    return found


def test_jdbc_connection_uses_the_tls_cipher_that_is_fastest_in_java(spark: None, bare_store: Store) -> None:
    assert cipher(bare_store.url) == "TLS_CHACHA20_POLY1305_SHA256"


def test_jdbc_can_connect_to_a_server_without_tls_version_1_3(spark: None, bare_store: Store) -> None:
    bare_store.sql("ALTER SYSTEM SET ssl_max_protocol_version = 'TLSv1.2'")
    bare_store.sql("SELECT pg_reload_conf()")
    try:
        assert (cipher(bare_store.url) or "").startswith("ECDHE-")
    finally:
        bare_store.sql("ALTER SYSTEM RESET ssl_max_protocol_version")
        bare_store.sql("SELECT pg_reload_conf()")


def test_row_level_security_is_refused(bare_store: Store, driver: str) -> None:
    bare_store.sql("CREATE TABLE fees (id int, bank int); INSERT INTO fees VALUES (1, 1), (2, 2)")
    bare_store.sql(
        "CREATE ROLE secured LOGIN PASSWORD 'sw0rdfish'; ALTER TABLE fees ENABLE ROW LEVEL SECURITY"
    )
    try:
        bare_store.sql("CREATE POLICY p ON fees FOR SELECT TO secured USING (bank = 1)")
        bare_store.connection.execute(f"GRANT USAGE ON SCHEMA {bare_store.schema} TO secured")
        bare_store.sql("GRANT SELECT ON fees TO secured")
        url = f"postgresql://secured:sw0rdfish@{bare_store.url.partition('@')[2]}"
        with source(url, driver).session() as session, pytest.raises(ExtractError) as refusal:
            session.rows(f"SELECT id FROM {bare_store.schema}.fees")
    finally:
        bare_store.sql("DROP OWNED BY secured; DROP ROLE secured")
    assert refusal.value.sentence == (
        'row-level security would hide rows from role "secured" (query would be affected by row-level'
        ' security policy for table "fees"); give the role BYPASSRLS, or let the run log in as another role'
    )


@pytest.mark.parametrize(
    ("change", "words", "kind"),
    [
        (("postgres:", "nobody-here:"), "refused user", "authentication"),
        (("/store", "/nope"), "the database does not exist at 127.0.0.1:", "unreachable"),
        (("127.0.0.1", "no-such-host.invalid"), "cannot reach the database at no-such-host", "unreachable"),
    ],
)
def test_error_explains_a_failed_login(
    bare_store: Store, driver: str, change: tuple[str, str], words: str, kind: str
) -> None:
    url = bare_store.url.replace(*change)
    with pytest.raises(ExtractError, match=words) as refusal, source(url, driver).session():
        pass
    assert refusal.value.kind == kind
    assert "\n" not in str(refusal.value)


def test_error_message_contains_no_value_of_a_row(bare_store: Store, driver: str) -> None:
    with source(bare_store.url, driver).session() as session, pytest.raises(ExtractError) as refusal:
        session.rows("SELECT 'secret-value'::int")
    assert "secret-value" not in f"{refusal.value} {refusal.value.cause}"
    assert "a text cannot be cast to the type" in str(refusal.value)


def test_error_explains_a_statement_timeout(bare_store: Store, driver: str) -> None:
    late = pytest.raises(ExtractError, match=r"the read took too long \(canceling statement due to")
    with source(bare_store.url, driver, timeout=1).session() as session, late:
        session.rows("SELECT pg_sleep(30)")


@pytest.fixture
def stalling(bare_store: Store) -> Iterator[Stalling]:
    port = int(bare_store.url.rpartition(":")[2].partition("/")[0])
    with Stalling(port, b"of_a_lost_connection") as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield served
        served.dead.clear()
        served.shutdown()


def test_dead_connection_ends_soon_after_the_statement_timeout(
    bare_store: Store, driver: str, stalling: Stalling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rolling_source, "GRACE", 1)
    url = bare_store.url.replace(f":{stalling.port}/", f":{stalling.server_address[1]}/")
    lost = pytest.raises(ExtractError, match="was lost during the read")
    with source(f"{url}?sslmode=disable", driver, timeout=1).session() as session, lost:
        started = time.monotonic()  # after the login, which takes long if it starts Java
        session.rows("SELECT 1 AS of_a_lost_connection")
    assert time.monotonic() - started < 10


def test_session_leaves_no_settings_in_connections_of_a_pooler(
    server: database.Database, bare_store: Store, driver: str, tmp_path: Path
) -> None:
    bare_store.sql("CREATE TABLE fees (id int)")
    # PostgreSQL's JDBC driver before version 42.7.5 sets extra_float_digits when it connects.
    ignored = "extra_float_digits" if driver == "jdbc" else ""
    pooled = pgbouncer.serve(server, tmp_path, ignore_startup_parameters=ignored)
    with pooled as pooler, psycopg.connect(pooler.url, autocommit=True, prepare_threshold=None) as other:
        before = other.execute("SELECT name, setting FROM pg_settings ORDER BY name").fetchall()
        with source(pooler.url, driver).session() as session:
            for _ in range(8):  # the JDBC driver prepares a statement when it is used for the fifth time
                session.rows(f"SELECT count(*) FROM {bare_store.schema}.fees")
        after = other.execute("SELECT name, setting FROM pg_settings ORDER BY name").fetchall()
        other.execute(f"INSERT INTO {bare_store.schema}.fees VALUES (1)".encode())
        prepared = other.execute("SELECT name FROM pg_prepared_statements").fetchall()
    assert ([*set(before) ^ set(after)], prepared) == ([], [])


def test_error_names_the_parameters_that_a_pooler_refuses(
    server: database.Database, spark: None, tmp_path: Path
) -> None:
    ignored = "extra_float_digits"
    with pgbouncer.serve(server, tmp_path, ignore_startup_parameters=ignored) as pooler:
        found = source(pooler.url, "jdbc")
        found.database.properties["options"] = "-c jit=off"
        with pytest.raises(ExtractError) as refusal, found.session():
            pass
    assert "(unsupported startup parameter: options); add the parameter" in str(refusal.value)
