"""Each documented limit of AWS: what is within it passes, one more is refused with AWS's own code."""

from __future__ import annotations

import pytest
from tests.local.limits import iam
from tests.local.limits.probe import Parameters, Probe

from extracts.local.requests import limits
from extracts.local.requests.limits import state
from extracts.local.requests.limits.limit import Limit
from extracts.local.requests.request import Refusal, Request

PROBES: dict[str, dict[str, Probe]] = {"iam": iam.PROBES}


def ask(limit: Limit, probe: Probe, parameters: Parameters) -> Refusal | None:
    operation = probe.operation or limit.operations.split()[0]
    return limits.check(Request(limit.service, operation, parameters, "123456789012", "eu-west-1"))


@pytest.mark.parametrize("limit", limits.LIMITS, ids=lambda limit: f"{limit.service}: {limit.name}")
def test_limit_refuses_one_more(limit: Limit, monkeypatch: pytest.MonkeyPatch) -> None:
    probe = PROBES[limit.service][limit.name]
    for name, held in probe.state.items():
        monkeypatch.setattr(state, name, lambda *_, held=held: type(held)(held))
    assert ask(limit, probe, probe.accepted) is None
    refusal = ask(limit, probe, probe.refused)
    assert refusal is not None
    assert (refusal.code, refusal.status) == (limit.code, limit.status)
    assert probe.sentence in refusal.message


def test_every_limit_has_a_probe_and_every_probe_a_limit() -> None:
    listed = [(limit.service, limit.name) for limit in limits.LIMITS]
    assert len(listed) == len(set(listed))
    assert set(listed) == {(service, name) for service, probes in PROBES.items() for name in probes}


@pytest.mark.parametrize("limit", limits.LIMITS, ids=lambda limit: f"{limit.service}: {limit.name}")
def test_limit_names_its_source(limit: Limit) -> None:
    assert limit.source.title
    assert limit.source.address.startswith(("https://docs.aws.amazon.com/", "https://github.com/"))


def test_other_operations_pass() -> None:
    assert (
        limits.check(Request("iam", "GetRole", {"RoleName": "x" * 65}, "123456789012", "eu-west-1")) is None
    )
