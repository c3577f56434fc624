"""Fixture: one emulated AWS for all tests."""

from tests.support.clouds import cloud  # noqa: F401
