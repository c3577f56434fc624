"""One PostgreSQL and one Spark for the whole run, as for the tests of the first engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.engine.conftest import bare_store, server, spark, store
from tests.support.bank import Store
from tests.support.engine2.bank import Engine

__all__ = ["bare_store", "server", "spark", "store"]


@pytest.fixture
def engine(spark: None, bare_store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Engine:
    """The engine on the source of this test. It publishes to a folder."""
    return Engine(bare_store, tmp_path / "out", capsys)
