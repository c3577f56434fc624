"""A real PgBouncer in transaction mode, with one connection to the PostgreSQL server of a test."""

from __future__ import annotations

import functools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from extracts.programs import cache
from local_cloud import processes
from local_cloud.database import Database

# PgBouncer needs these libraries, which the machine may lack. Each entry is the beginning of the name of a
# Debian package.
_LIBRARIES = ("libevent", "libc-ares", "libcares")


@dataclass(frozen=True, slots=True)
class Pooler:
    port: int
    server: Database

    @property
    def url(self) -> str:
        """Return the URL of PgBouncer for the same user as in the URL of the server, without TLS."""
        return self.server.url.replace(f":{self.server.port}/", f":{self.port}/") + "?sslmode=disable"


@contextmanager
def serve(server: Database, folder: Path, **settings: str) -> Iterator[Pooler]:
    """Start PgBouncer. All clients share one connection to the server, each for one transaction."""
    binary, libraries = _program()
    user = processes.unprivileged_user()
    port = processes.free_port()
    home = Path(tempfile.mkdtemp(prefix="extracts-pgbouncer-"))
    try:
        (home / "users").write_text(f'"{server.user}" "{server.password}"\n')
        given = {
            "listen_addr": processes.LOOPBACK,
            "listen_port": str(port),
            "unix_socket_dir": "",
            "auth_type": "plain",
            "auth_file": str(home / "users"),
            "pool_mode": "transaction",
            "default_pool_size": "1",
            "server_reset_query_always": "0",
            **settings,
        }
        lines = [f"{name} = {value}" for name, value in given.items()]
        database = f"{server.name} = host={server.host} port={server.port} dbname={server.name}"
        (home / "pgbouncer.ini").write_text("\n".join(["[databases]", database, "[pgbouncer]", *lines, ""]))
        account = pwd.getpwnam(user) if user else None
        if account:
            for path in (home, *home.iterdir()):
                os.chown(path, account.pw_uid, account.pw_gid)
        pooler = Pooler(port, server)

        def ready() -> bool:
            try:
                psycopg.connect(pooler.url, connect_timeout=2).close()
            except psycopg.OperationalError:
                return False
            return True

        log = folder / "pgbouncer.log"
        log.write_bytes(b"")
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LD_LIBRARY_PATH": str(libraries)}
        command = [str(binary), str(home / "pgbouncer.ini")]
        with processes.running(
            "PgBouncer", command, log=log, ready=ready, environment=environment, user=user
        ):
            yield pooler
    finally:
        shutil.rmtree(home, ignore_errors=True)


@functools.cache
def _program() -> tuple[Path, Path]:
    """Return the PgBouncer of this machine or of Debian's package, and the folder of its libraries."""
    if found := shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"):
        return Path(found), Path("/nonexistent")
    if not shutil.which("apt-get"):
        pytest.skip("PgBouncer is not installed, and there is no apt-get to download it")
    target = cache() / "pgbouncer"
    if not target.is_dir():
        with tempfile.TemporaryDirectory() as folder:
            _download(["pgbouncer"], Path(folder))
            [package] = Path(folder).glob("pgbouncer_*.deb")
            needs = _output("dpkg-deb", "--field", str(package), "Depends").split(",")
            names = [need.split()[0] for need in needs]
            _download([name for name in names if name.startswith(_LIBRARIES)], Path(folder))
            for file in Path(folder).glob("*.deb"):
                _output("dpkg-deb", "--extract", str(file), f"{folder}/root")
            root = Path(folder) / "root"
            root.chmod(0o755)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(root, target, symlinks=True, dirs_exist_ok=True)
    [libraries] = (target / "usr/lib").glob("*-linux-gnu")
    return target / "usr/sbin/pgbouncer", libraries


def _download(packages: list[str], folder: Path) -> None:
    subprocess.run(["apt-get", "download", "--quiet", *packages], cwd=folder, check=True, capture_output=True)


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
