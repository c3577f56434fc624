"""Three emulated AWS for the whole run: with the gaps closed, with the gaps open, and for bad requests."""

from tests.support.clouds import bare, cloud, refusing  # noqa: F401
