"""Fixtures and settings for all tests."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from xdist.scheduler import LoadFileScheduling

pytest_plugins = ("tests.support.provider", "tests.support.stamping")

# The examples of test_oracle share one `engine`, and each example runs the engine on many random sources.
_quiet = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)
# Hypothesis does not simplify a failing example, because this would take minutes, and the failure already
# shows the file that differs.
_phases = (Phase.explicit, Phase.reuse, Phase.generate)
for _profile, _runs in (("default", 13), ("deep", 250)):
    settings.register_profile(
        _profile, max_examples=_runs, deadline=None, suppress_health_check=_quiet, phases=_phases
    )
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """Distribute test files to workers as `--dist loadfile` does, with exceptions.

    `test_terraform_tests_pass` takes minutes and has one case per module. Each case goes to any free worker.
    All files about mails go to one worker, because they share a deployment. For the same reason, all files
    about rights go to one worker, and all files about the SFTP instance go to one worker.
    """

    def _split_scope(self, nodeid: str) -> str:
        if "integration/modules/test_mail" in nodeid:
            return "mails"
        if "integration/modules/test_rights" in nodeid:
            return "rights"
        if "integration/modules/test_sftp_instance" in nodeid:
            return "instance"
        return nodeid if "::test_terraform_tests_pass[" in nodeid else str(super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling | None:
    """Return the scheduler of `make test`. None selects the scheduler of xdist."""
    return Scheduling(config, log) if config.getoption("dist") == "loadfile" else None
