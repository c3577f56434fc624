"""Fixtures: three emulated AWS.

`cloud` closes the gaps of ministack, `bare` has the gaps of ministack, and `refusing` gets invalid requests.
"""

from tests.support.clouds import bare, cloud, refusing  # noqa: F401
