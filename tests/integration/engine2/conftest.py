"""One PostgreSQL and one Spark for the whole run, as for the other tests of the engine."""

from tests.integration.engine.conftest import bare_store, engine, in_spark, server, spark, store

__all__ = ["bare_store", "engine", "in_spark", "server", "spark", "store"]
