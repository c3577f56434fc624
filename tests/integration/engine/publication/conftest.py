"""Fixtures for all tests of publications."""

from tests.support.engine.publisher import bucket, publisher

__all__ = ["bucket", "publisher"]
