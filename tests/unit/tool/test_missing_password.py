"""If the server requests a password and the user has not set one, the error message says what to set."""

from __future__ import annotations

import socket
import threading

import pytest

from extracts.errors import ExtractsError
from extracts.introspect import catalog


def test_error_for_a_missing_password_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGPASSWORD", "PGPASSFILE"):
        monkeypatch.delenv(name, raising=False)

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"R\x00\x00\x00\x08\x00\x00\x00\x03")  # the server requests a password
            connection.recv(4096)

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(ExtractsError) as refused:
            catalog.read(f"postgresql://the%20reader@127.0.0.1:{port}/bank?sslmode=disable")
        thread.join(10)
    assert str(refused.value) == f'no password for "the reader" at 127.0.0.1:{port}; set PGPASSWORD.'
