"""One PostgreSQL and one Spark for the whole run, as for the tests of the first engine."""

from tests.integration.engine.conftest import bare_store, server, spark, store

__all__ = ["bare_store", "server", "spark", "store"]
