"""Fixture: one emulated AWS for the whole run."""

from tests.support.clouds import cloud  # noqa: F401
