"""Fixtures and settings of all tests."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

pytest_plugins = ("tests.support.stamping",)

# Each example is one run of the engine on many random sources: see test_oracle.
_quiet = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)
# No shrinking: it would take minutes, and the failure already shows the file that differs.
_phases = (Phase.explicit, Phase.reuse, Phase.generate)
for _profile, _runs in (("default", 13), ("deep", 250)):
    settings.register_profile(
        _profile, max_examples=_runs, deadline=None, suppress_health_check=_quiet, phases=_phases
    )
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
