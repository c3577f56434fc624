"""The attributes that a server of Transfer Family keeps during an update."""

from __future__ import annotations

from typing import Any

import pytest
from ministack.core.responses import json_response
from ministack.services import transfer as emulated

from local_cloud.aws import ec2, transfer

DETAILS = {"VpcId": "vpc-1", "SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}


class Servers:
    """One server, and the list `endpoints` of the VPC endpoints that exist for this server."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server: dict[str, Any] = {"ServerId": "s-1", "EndpointType": "PUBLIC"}
        self.endpoints: list[str] = []
        handlers: dict[str, Any] = {}
        monkeypatch.setattr(emulated, "_servers", {"s-1": self.server})
        monkeypatch.setattr(transfer, "_endpoints", {})
        monkeypatch.setattr(
            transfer, "answer_json", lambda *_, instead, after: handlers.update({**instead, **after})
        )
        monkeypatch.setattr(ec2, "create_endpoint", self._create)
        monkeypatch.setattr(ec2, "delete_endpoint", self.endpoints.remove)
        transfer.close_transfer_servers()
        self._handlers = handlers

    def _create(self, service: str, vpc: str, subnets: list[str], groups: list[str]) -> str:
        assert (vpc, subnets, groups) == ("vpc-1", ["subnet-1"], ["sg-1"])
        self.endpoints.append("vpce-1")
        return "vpce-1"

    def create(self, **data: Any) -> None:
        self._handlers["CreateServer"](data, json_response({"ServerId": "s-1"}))

    def update(self, **data: Any) -> None:
        self._handlers["UpdateServer"]({"ServerId": "s-1", **data})


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Servers:
    return Servers(monkeypatch)


def test_update_of_a_server_in_a_vpc_keeps_its_endpoint(servers: Servers) -> None:
    servers.create(EndpointType="VPC", EndpointDetails=DETAILS)
    created = servers.server["EndpointDetails"]
    assert created == {"VpcId": "vpc-1", "SubnetIds": ["subnet-1"], "VpcEndpointId": "vpce-1"}
    servers.update(SecurityPolicyName="TransferSecurityPolicy-2025-03")
    assert servers.server["SecurityPolicyName"] == "TransferSecurityPolicy-2025-03"
    assert servers.server["EndpointDetails"] == created
    servers.update(EndpointDetails={"AddressAllocationIds": ["eipalloc-1"]})
    assert servers.server["EndpointDetails"] == {**created, "AddressAllocationIds": ["eipalloc-1"]}
    assert servers.endpoints == ["vpce-1"]


def test_vpc_endpoint_is_deleted_if_an_update_makes_the_server_public(servers: Servers) -> None:
    servers.create(EndpointType="VPC", EndpointDetails=DETAILS)
    servers.update(EndpointType="PUBLIC")
    assert "EndpointDetails" not in servers.server
    assert servers.endpoints == []
