"""Each probe tests one gap: the published ministack differs from AWS, but the local cloud behaves like AWS.

If a newer ministack behaves like AWS, the test of the published ministack fails. Then delete the probe and
our code for this gap.
"""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

import h2.connection
import h2.events
import pytest

from local_cloud import aws
from tests.support.emulator import account, events, glue, instances, transfer
from tests.support.emulator.common import Probe

PROBES = (*account.PROBES, *events.PROBES, *glue.PROBES, *instances.PROBES, *transfer.PROBES)


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_local_cloud_behaves_like_aws(cloud: aws.Cloud, probe: Probe) -> None:
    assert probe.result(cloud) == probe.on_aws


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_ministack_without_our_corrections_still_differs_from_aws(bare: aws.Cloud, probe: Probe) -> None:
    assert probe.on_aws != probe.published
    assert probe.result(bare) == probe.published, "if it is as on AWS, delete the probe and our function"


def test_http2_connection_stays_open_for_more_than_1000_requests(cloud: aws.Cloud) -> None:
    # Terraform sends all requests of an apply over one connection.
    requests = 1_200
    place = urlsplit(cloud.endpoint)
    context = ssl.create_default_context(cafile=str(cloud.authority))
    context.set_alpn_protocols(["h2"])
    assert place.hostname
    assert place.port
    with (
        socket.create_connection((place.hostname, place.port), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname=place.hostname) as secure,
    ):
        assert secure.selected_alpn_protocol() == "h2"
        connection = h2.connection.H2Connection()
        connection.initiate_connection()
        headers = {
            ":method": "GET",
            ":path": "/_ministack/health",
            ":scheme": "https",
            ":authority": place.netloc,
        }
        answered = 0
        for _ in range(requests):
            stream = connection.get_next_available_stream_id()
            connection.send_headers(stream, list(headers.items()), end_stream=True)
            ended = False
            while not ended:
                secure.sendall(connection.data_to_send())
                received = secure.recv(65_536)
                assert received, f"closed after {answered} responses"
                for event in connection.receive_data(received):
                    if isinstance(event, h2.events.DataReceived):
                        connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    ended |= isinstance(event, h2.events.StreamEnded)
            answered += 1
    assert answered == requests
