"""One emulated AWS with its gaps closed, one with them open, and one for bad requests, for the whole run."""

from tests.support.clouds import bare, cloud, refusing  # noqa: F401
