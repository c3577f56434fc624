"""Emulated AWS accounts for a whole run. A folder of tests that imports one of these has its own account."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local_cloud import aws


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[aws.Cloud]:
    """The local cloud as the demo uses it: an emulated AWS that enforces policies."""
    with aws.serve(tmp_path_factory.mktemp("cloud")) as served:
        yield served


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[aws.Cloud]:
    """The emulator as it is published."""
    with aws.serve(tmp_path_factory.mktemp("bare"), gaps="open") as served:
        yield served


@pytest.fixture(scope="session")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[aws.Cloud]:
    """A local cloud for requests that AWS would refuse; the others fail at their end if there were any."""
    with aws.serve(tmp_path_factory.mktemp("refusing"), refusals="expected") as served:
        yield served
