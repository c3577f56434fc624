"""One emulated AWS with its gaps closed and one with them open, for the whole run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from extracts.local import aws


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[aws.Cloud]:
    """The local cloud as the demo uses it."""
    with aws.serve(tmp_path_factory.mktemp("cloud")) as served:
        yield served


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[aws.Cloud]:
    """The emulator as it is published."""
    with aws.serve(tmp_path_factory.mktemp("bare"), gaps="open") as served:
        yield served
