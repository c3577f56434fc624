"""An emulation of GitHub Actions, as far as our workflows use it. Actions have local equivalents.

A workflow comes from the project, and the workflows that it calls come from this repository. Jobs run in the
order of their `needs`, each in its own checkout. A step gets the environment of the workflow, not the
environment of the user. A step has the permissions of its job. A call that GitHub would refuse fails here,
too. A workflow that uses a feature which this emulation does not support is an error.
"""

from tests.support.github.actions import assume
from tests.support.github.model import HOME, ISSUER, ROOT, Event, Job, Run
from tests.support.github.repository import GitHub

__all__ = ["HOME", "ISSUER", "ROOT", "Event", "GitHub", "Job", "Run", "assume"]
