"""A real PostgreSQL on the loopback interface, in place of Aurora.

The server has TLS, passwords and its own data folder.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from extracts.errors import ExtractsError
from local_cloud import certificates, processes, programs

PREFIX = "extracts-postgresql-"  # prefix of the name of a server's data folder
# Maximum number of starts. A start fails if another process takes the port before the server binds the port.
ATTEMPTS = 3

# The data is temporary, so it need not survive a power failure. Settings that are neither here nor in
# `_running` have the default values of PostgreSQL.
SETTINGS: Mapping[str, str] = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "timezone": "Etc/UTC",
}


@dataclass(frozen=True, slots=True)
class Database:
    """A running PostgreSQL server, and the login of its owner."""

    host: str
    port: int
    name: str
    user: str
    password: str
    authority: Path  # the certificate of the authority that signed the server's certificate, in PEM format
    home: Path  # the folder with data and keys; it is removed when the server ends
    pid: int = 0

    @property
    def url(self) -> str:
        """Return the owner's connection URL."""
        return f"postgresql://{self.user}:{self.password}@{self.host}:{self.port}/{self.name}"


@contextmanager
def serve(
    folder: Path,
    *,
    port: int | None = None,
    settings: Mapping[str, str] | None = None,
    kept: bool = False,
    locales: Path | None = None,
) -> Iterator[Database]:
    """Start a server with an empty database. Log and certificate are in `folder`. On exit, remove the data.

    `locales` is a folder with compiled locales. The server finds them in addition to the locales of the
    system.

    The data is not in `folder`. PostgreSQL refuses to run as root. If this process runs as root, the server
    runs as another user, who may lack access to `folder`.
    """
    program = programs.postgresql()
    user = processes.unprivileged_user()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        home = Path(tempfile.mkdtemp(prefix=PREFIX))
    except OSError as error:
        raise ExtractsError(
            f"Cannot create a folder for PostgreSQL: {error.strerror} ({error.filename})."
        ) from error
    try:
        authority = _initialize(program.path.parent, home, user)
        shutil.copyfile(authority, folder / "database-authority.pem")
        with ExitStack() as parts:
            for attempt in range(1, ATTEMPTS + 1):
                database = Database(
                    host=processes.LOOPBACK,
                    port=port or processes.free_port(),
                    name="store",
                    user="postgres",
                    password=(home / "password").read_text(),
                    authority=folder / "database-authority.pem",
                    home=home,
                )
                log = folder / "postgresql.log"
                server = _running(
                    program.path, database, user, log, settings or {}, kept=kept, locales=locales
                )
                try:
                    process = parts.enter_context(server)
                    break
                except processes.PortTakenError:
                    if port or attempt == ATTEMPTS:
                        raise
            yield replace(database, pid=process.pid)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _running(
    binary: Path,
    database: Database,
    user: str | None,
    log: Path,
    settings: Mapping[str, str],
    *,
    kept: bool,
    locales: Path | None,
) -> Iterator[subprocess.Popen[bytes]]:
    home = database.home
    options = {
        **SETTINGS,
        "listen_addresses": database.host,
        "port": str(database.port),
        "unix_socket_directories": "",
        "ssl": "on",
        "ssl_cert_file": str(home / "server.pem"),
        "ssl_key_file": str(home / "server.key"),
        "password_encryption": "scram-sha-256",
        **settings,
    }
    command = [
        str(binary),
        "-D",
        str(home / "data"),
        *(part for k, v in options.items() for part in ("-c", f"{k}={v}")),
    ]
    log.write_bytes(b"")

    def ready() -> bool:
        try:
            with psycopg.connect(
                database.url.replace("/store", "/postgres"), connect_timeout=2, autocommit=True
            ) as c:
                exists = c.execute("select 1 from pg_database where datname = 'store'").fetchone()
                if not exists:
                    c.execute("create database store")
                return True
        except psycopg.OperationalError:
            return False

    with processes.running(
        "PostgreSQL",
        command,
        log=log,
        ready=ready,
        user=user,
        environment=_environment() | ({} if locales is None else {"LOCPATH": str(locales)}),
        stop_signal=signal.SIGINT,
        kept=kept,
    ) as process:
        yield process


def _initialize(binaries: Path, home: Path, user: str | None) -> Path:
    """Create the database cluster, the owner's password and the certificate as files of `user`."""
    files = certificates.issue(home, "local PostgreSQL")
    (home / "password").write_text(secrets.token_urlsafe(18))
    account = pwd.getpwnam(user) if user else None
    if account:
        for path in (home, *home.iterdir()):
            os.chown(path, account.pw_uid, account.pw_gid)
    done = subprocess.run(
        [
            str(binaries / "initdb"),
            *("--pgdata", str(home / "data"), "--username", "postgres", "--pwfile", str(home / "password")),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
        ],
        capture_output=True,
        text=True,
        check=False,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
        env=_environment(),
        cwd="/",
    )
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        reason = next(
            (line for line in lines if "error" in line.lower() or "fatal" in line.lower()),
            lines[-1] if lines else "",
        )
        if "No space left" in reason:
            raise ExtractsError(
                f"PostgreSQL: the disk of {home.parent} is full; free some space and run the command again."
            )
        raise ExtractsError(f"PostgreSQL's initdb failed: {reason.removeprefix('initdb: ')}")
    # With the method md5, the server accepts MD5 and SCRAM passwords, like RDS. A role uses MD5 if its stored
    # password is an MD5 hash, otherwise SCRAM.
    (home / "data/pg_hba.conf").write_text("host all all all md5\n")
    return files.authority


def _environment() -> dict[str, str]:
    """Return the environment without the caller's PG* settings."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
