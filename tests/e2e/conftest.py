"""One emulated AWS and one demo for the whole run, and a team's project for each file of tests."""

from tests.support.clouds import cloud  # noqa: F401
from tests.support.demo import demo  # noqa: F401
from tests.support.story import story  # noqa: F401
