"""Check the programs that preview and deployment need."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable, Iterator

from extracts import extra, programs, terraform
from extracts.doctor.check import Check, failed, ok
from extracts.errors import ExtractsError

PROGRAMS: tuple[tuple[str, Callable[[], programs.Program], str], ...] = (
    ("Terraform", programs.terraform, "install Terraform 1.11 or newer, or set EXTRACTS_TERRAFORM"),
    ("Java", programs.java, "install Java 17 or 21, or set EXTRACTS_JAVA_HOME"),
)


def checks() -> Iterator[Check]:
    """Check Python, packages, programs, JDBC driver and AWS provider."""
    yield ok("Python", f"{sys.version.split()[0]}, {sys.executable}")
    if missing := extra.missing():
        what = f"{', '.join(missing)} not installed; preview and the checks of source and account need them"
        yield failed("packages", what, extra.install())
    else:
        found = (f"{name} {importlib.metadata.version(name)}" for name in extra.PACKAGES)
        yield ok("packages", ", ".join(found))
    for name, find, remedy in PROGRAMS:
        try:
            program = find()
        except ExtractsError as error:
            yield failed(name, str(error), remedy)
        else:
            yield ok(name, f"{program.version}, {program.path} ({program.origin})")
    try:
        yield ok("JDBC driver", str(programs.jdbc_driver()))
    except ExtractsError as error:
        yield failed("JDBC driver", str(error), "set EXTRACTS_JDBC_DRIVER to the path of the driver")
    try:
        yield ok("AWS provider", str(terraform.mirror() or "registry.terraform.io, no mirror found"))
    except ExtractsError as error:
        yield failed(
            "AWS provider", str(error), "run `terraform providers mirror`, or unset EXTRACTS_PROVIDER_MIRROR"
        )
