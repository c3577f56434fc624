"""Each gap of the emulator is open in its published version and closed in the local cloud.

When a probe finds a gap closed in the published version, delete the probe and our code for it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from local_cloud import aws
from tests.support.emulator import account, events, glue, transfer

PROBES = (*account.PROBES, *events.PROBES, *glue.PROBES, *transfer.PROBES)


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.__name__)
def test_local_cloud_behaves_like_aws(cloud: aws.Cloud, probe: Callable[[aws.Cloud], bool]) -> None:
    assert probe(cloud)


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.__name__)
def test_published_emulator_still_has_the_gap(bare: aws.Cloud, probe: Callable[[aws.Cloud], bool]) -> None:
    try:
        closed = probe(bare)
    except (ClientError, KeyError):
        closed = False
    assert not closed, "closed upstream: delete the probe and its function in emulator.py"
