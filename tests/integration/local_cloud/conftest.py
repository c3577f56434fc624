"""Fixtures: three variants of an emulated AWS.

`cloud` is the local cloud of the demo. `bare` is ministack without our corrections. `refusing` is a local
cloud for requests that AWS would refuse.
"""

from tests.support.clouds import bare, cloud, refusing  # noqa: F401
