"""Each gap of the emulator: still there in the published one, closed in ours.

When a probe finds a gap gone, its closing under `local_cloud/aws` is dead weight: delete both.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from local_cloud import aws
from tests.support.emulator import account, events, glue, transfer

PROBES = (*account.PROBES, *events.PROBES, *glue.PROBES, *transfer.PROBES)


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.__name__)
def test_ours_behaves_as_aws_does(cloud: aws.Cloud, probe: Callable[[aws.Cloud], bool]) -> None:
    assert probe(cloud)


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.__name__)
def test_the_published_one_still_has_the_gap(bare: aws.Cloud, probe: Callable[[aws.Cloud], bool]) -> None:
    try:
        closed = probe(bare)
    except (ClientError, KeyError):
        closed = False
    assert not closed, "closed upstream: delete the probe and its function in emulator.py"
