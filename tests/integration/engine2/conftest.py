"""The PostgreSQL of the first engine's tests, for those of the second."""

from tests.integration.engine.conftest import bare_store, server  # noqa: F401
