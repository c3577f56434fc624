"""GitHub Actions as far as our workflows use it: `run` steps for real, actions by local equivalents.

A workflow is taken from the project that has it, called workflows from this repository. Jobs run in the
order of their `needs`, each in a checkout of its own; steps get the environment that the workflow gives them,
nothing of the user's, and the rights of their job: a call that GitHub would refuse is refused here too.
What a workflow uses and this runner does not know is an error, never passed over.
"""

from tests.support.github.actions import assume
from tests.support.github.model import HOME, ISSUER, ROOT, Event, Job, Run
from tests.support.github.repository import GitHub

__all__ = ["HOME", "ISSUER", "ROOT", "Event", "GitHub", "Job", "Run", "assume"]
