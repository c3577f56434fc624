"""Emulated AWS accounts for a whole test run.

Each folder of tests that imports a fixture of this module gets its own account.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local_cloud import aws


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[aws.Cloud]:
    """The local cloud that the demo uses: an emulated AWS that enforces policies."""
    with aws.serve(tmp_path_factory.mktemp("cloud")) as served:
        yield served


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[aws.Cloud]:
    """The emulator as its authors publish it, without the corrections of the local cloud."""
    with aws.serve(tmp_path_factory.mktemp("bare"), gaps="open") as served:
        yield served


@pytest.fixture(scope="session")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[aws.Cloud]:
    """A local cloud for requests that AWS would refuse.

    With the fixture `cloud`, a request that AWS would refuse fails the test.
    """
    with aws.serve(tmp_path_factory.mktemp("refusing"), refusals="expected") as served:
        yield served
