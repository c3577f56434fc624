"""Fixtures: an emulated AWS with the gaps of ministack closed, one with gaps open, one for bad requests."""

from tests.support.clouds import bare, cloud, refusing  # noqa: F401
