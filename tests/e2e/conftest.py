"""Fixtures: one emulated AWS and one demo for all tests, and one team's project for each test file."""

from tests.support.clouds import cloud  # noqa: F401
from tests.support.demo import demo  # noqa: F401
from tests.support.story import story  # noqa: F401
