"""Emulated AWS accounts. An account exists until the end of the test run.

If two test folders import the same fixture of this module, each folder gets its own account.
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
    """The emulator as its authors publish it. It lacks the corrections that our local cloud adds."""
    with aws.serve(tmp_path_factory.mktemp("bare"), gaps="open") as served:
        yield served


@pytest.fixture(scope="session")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[aws.Cloud]:
    """A local cloud for tests that send requests which AWS would refuse.

    If a test sends such a request to the fixture `cloud`, the test fails.
    """
    with aws.serve(tmp_path_factory.mktemp("refusing"), refusals="expected") as served:
        yield served
