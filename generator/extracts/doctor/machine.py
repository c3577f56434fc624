"""What this machine has: the programs that a preview, a demo or a deployment starts."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable, Iterator

from extracts import extra, programs, terraform
from extracts.doctor.check import Check, failed, ok
from extracts.errors import ExtractsError

PROGRAMS: tuple[tuple[str, Callable[[], programs.Program], str], ...] = (
    ("Terraform", programs.terraform, "install Terraform 1.11 or newer, or name it in EXTRACTS_TERRAFORM"),
    ("Java", programs.java, "install Java 17 or 21, or name its folder in EXTRACTS_JAVA_HOME"),
    ("PostgreSQL", programs.postgresql, "install PostgreSQL 14 or newer; only demo and tests need it"),
    ("sftp", lambda: programs.openssh("sftp"), "install the OpenSSH client; only demo and tests need it"),
)


def checks() -> Iterator[Check]:
    """Python first, then in the order in which a project needs them."""
    yield ok("Python", f"{sys.version.split()[0]}, {sys.executable}")
    if missing := extra.missing():
        what = f"{', '.join(missing)} not installed: no preview, no look at a database or an account"
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
        yield failed("JDBC driver", str(error), "name the driver's jar in EXTRACTS_JDBC_DRIVER")
    try:
        yield ok("AWS provider", str(terraform.mirror() or "registry.terraform.io, no mirror found"))
    except ExtractsError as error:
        yield failed("AWS provider", str(error), "run `terraform providers mirror`, or unset the variable")
