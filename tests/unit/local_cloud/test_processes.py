"""The local cloud finds out whether a server listens on a port."""

from __future__ import annotations

import socket

from local_cloud import processes


def test_connection_to_a_port_succeeds_only_while_a_server_listens_on_it() -> None:
    with socket.create_server((processes.LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        assert processes.answers(port)
    assert not processes.answers(port)
