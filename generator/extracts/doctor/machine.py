"""Check the programs that preview and deployment need."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable, Iterator

from extracts import extra, programs, terraform
from extracts.doctor.check import Check, failed, ok, skipped
from extracts.errors import ExtractsError


def checks() -> Iterator[Check]:
    """Check Python, packages, programs, JDBC driver and AWS provider."""
    yield ok("Python", f"{sys.version.split()[0]}, {sys.executable}")
    yield ok("psycopg", importlib.metadata.version("psycopg"))
    if extra.is_installed("boto3"):
        yield ok("boto3", importlib.metadata.version("boto3"))
    else:
        yield failed("boto3", "not installed; all commands that call AWS need boto3", extra.install("boto3"))
    yield _program(
        "Terraform", programs.terraform, "install Terraform 1.11 or newer, or set EXTRACTS_TERRAFORM"
    )
    yield from _spark()
    try:
        yield ok(
            "AWS provider", str(terraform.mirror() or "no mirror found; Terraform uses registry.terraform.io")
        )
    except ExtractsError as error:
        yield failed(
            "AWS provider", str(error), "run `terraform providers mirror`, or unset EXTRACTS_PROVIDER_MIRROR"
        )


def _program(name: str, find: Callable[[], programs.Program], remedy: str) -> Check:
    try:
        program = find()
    except ExtractsError as error:
        return failed(name, str(error), remedy)
    return ok(name, f"{program.version}, {program.path} ({program.origin})")


def _spark() -> Iterator[Check]:
    """Check the programs for a preview with aggregate_in="spark". Other previews do not need them."""
    if not extra.is_installed("pyspark"):
        only = (
            f'not installed; needed only for a preview with aggregate_in="spark": {extra.install("pyspark")}'
        )
        yield skipped("Spark", only)
        return
    yield ok("Spark", importlib.metadata.version("pyspark"))
    yield _program("Java", programs.java, "install Java 17 or 21, or set EXTRACTS_JAVA_HOME")
    try:
        yield ok("JDBC driver", str(programs.jdbc_driver()))
    except ExtractsError as error:
        yield failed("JDBC driver", str(error), "set EXTRACTS_JDBC_DRIVER to the path of the driver")
