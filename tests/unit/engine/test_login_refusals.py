"""If the database refuses the login, the message says what to do. psycopg and JDBC cause the same message."""

from __future__ import annotations

import psycopg
import pytest

from rolling_database import Database, from_url
from rolling_refusals import explained

URL = "postgresql://reader@127.0.0.1:5432/bank"
AT = 'connection failed: connection to server at "127.0.0.1", port 5432 failed: '
DRIVER = "org.postgresql.util.PSQLException: "
NO_TLS = "the database at 127.0.0.1:5432/bank does not support TLS; set ssl = on in its configuration"


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError(f"{AT}fe_sendauth: no password supplied"),
        RuntimeError(
            f"{DRIVER}The server requested SCRAM-based authentication, but no password was provided."
        ),
    ],
)
def test_error_for_a_missing_password_says_what_to_set(error: Exception) -> None:
    found = explained(error, from_url(URL), reads_rows=False)
    assert found.sentence == 'no password for "reader" at 127.0.0.1:5432/bank; set PGPASSWORD'
    assert found.kind == "authentication"


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError(f"{AT}server does not support SSL, but SSL was required"),
        RuntimeError(f"{DRIVER}The server does not support SSL."),
    ],
)
def test_error_for_a_server_without_tls_says_what_to_set(error: Exception) -> None:
    database = from_url(f"{URL}?sslmode=require")
    found = explained(error, database, reads_rows=False)
    assert found.sentence == (f"{NO_TLS}. If the network is private, add ?sslmode=disable to the URL instead")
    assert found.kind == "tls"
    # A run with a Glue connection has no URL, so the message does not mention a URL.
    of_glue = Database(database.url, database.properties, "secret")
    assert explained(error, of_glue, reads_rows=False).sentence == NO_TLS
