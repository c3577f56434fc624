"""The emulated AWS as a context manager: endpoint, TLS certificate, region and mailbox."""

from __future__ import annotations

import functools
import os
import secrets
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from extracts import programs
from extracts.errors import ExtractsError
from local_cloud import certificates, processes
from local_cloud.aws.requests import record

REGION = "eu-west-1"
ACCOUNT = "000000000000"


@dataclass(frozen=True, slots=True)
class Cloud:
    """A running emulator. Clients of AWS reach it with the variables in `environment`."""

    endpoint: str
    sftp_port: int
    authority: Path
    mailbox: Path
    folder: Path
    # The keys of the administrator. Other users of the machine can connect, but do not know the keys.
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    pid: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment variables with which a program calls the emulator as an administrator."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_CA_BUNDLE": str(self.authority),
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def refusals(self) -> list[str]:
        """Return one sentence for each recorded request that AWS would have refused."""
        return record.read(self.folder / "aws.log")

    def client(self, service: str) -> Any:
        """Return a boto3 client with the permissions of an administrator."""
        return _client(service, self.endpoint, self.authority, self.access_key, self.secret_key)


@functools.cache  # the cached client reuses its connection, because a new TLS connection is slow
def _client(service: str, endpoint: str, authority: Path, access_key: str, secret_key: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        verify=str(authority),
        config=Config(retries={"max_attempts": 2}, s3={"addressing_style": "path"}),
    )


def start_schedule(cloud: Cloud, group: str, name: str) -> None:
    """Start the target of a schedule now, with the role of the schedule.

    The function creates a copy of the schedule in the same group. The copy is a one-time schedule for a time
    in the past, so the emulator starts the target immediately.
    """
    scheduler = cloud.client("scheduler")
    schedule = scheduler.get_schedule(GroupName=group, Name=name)
    kept = {key: schedule[key] for key in ("FlexibleTimeWindow", "GroupName", "Target")}
    scheduler.create_schedule(
        Name=f"now-{secrets.token_hex(4)}",
        ActionAfterCompletion="DELETE",
        ScheduleExpression="at(2026-01-01T00:00:00)",
        **kept,
    )


@contextmanager
def serve(
    folder: Path,
    *,
    gaps: str = "closed",
    refusals: str = "fail",
    sftp_port: int | None = None,
    kept: bool = False,
) -> Iterator[Cloud]:
    """Start an empty emulated AWS that listens on the loopback interface. It enforces every policy.

    If AWS would have refused a request, the manager raises an error on exit, unless `refusals` is "expected".
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = certificates.issue(folder, "local AWS")
    except OSError as error:
        raise ExtractsError(f"Cannot write to {folder}: {error.strerror}.") from error
    if sftp_port and processes.answers(sftp_port):
        raise processes.PortTakenError(
            f"Port {sftp_port} is in use by another program; choose another port for SFTP."
        )
    # This process binds the socket and passes it to the emulator, so that no other process can take the port.
    with socket.socket() as listener:
        listener.bind((processes.LOOPBACK, 0))
        listener.set_inheritable(True)
        port = listener.getsockname()[1]
        cloud = Cloud(
            endpoint=f"https://{processes.LOOPBACK}:{port}",
            sftp_port=sftp_port or processes.free_port(),
            authority=files.authority,
            mailbox=folder / "mailbox",
            folder=folder,
            access_key=f"AKIA{secrets.token_hex(8).upper()}",
            secret_key=secrets.token_hex(20),
        )
        environment = {
            **_basics(),
            **cloud.environment,
            "AUTH": "true",  # the emulator enforces identity policies, bucket policies and key policies
            "BIND_HOST": processes.LOOPBACK,
            "DOCKER_HOST": "unix:///nonexistent.sock",
            "EXTRACTS_EMULATOR_GAPS": gaps,
            "EXTRACTS_EMULATOR_SOCKET": str(listener.fileno()),
            "EXTRACTS_EMULATOR_TLS": f"{files.certificate}{os.pathsep}{files.key}",
            "EXTRACTS_MAILBOX": str(cloud.mailbox),
            "GATEWAY_PORT": str(port),
            "IOT_MTLS_ENABLED": "0",  # off: the IoT service would listen on every interface
            "LOG_LEVEL": "INFO",
            "MINISTACK_REGION": REGION,
            "SFN_WAIT_SCALE": "0.001",  # shorten waits, so that no retry waits for minutes
            "SFTP_HOST": processes.LOOPBACK,
            "SFTP_PORT": str(cloud.sftp_port),
            "USE_SSL": "1",
        }
        with processes.running(
            "The emulated AWS",
            [sys.executable, "-m", "local_cloud.aws.emulator"],
            log=folder / "aws.log",
            ready=lambda: _ready(cloud, port),
            environment=environment,
            pass_fds=[listener.fileno()],
            seconds=60,
            # After SIGTERM, hypercorn would wait until each client has closed its connection.
            stop_signal=signal.SIGKILL,
            kept=kept,
        ) as process:
            yield replace(cloud, pid=process.pid)
    if refusals == "fail" and cloud.refusals:
        raise ExtractsError("AWS would refuse these requests:\n" + "\n".join(cloud.refusals))


def _ready(cloud: Cloud, port: int) -> bool:
    if not processes.answers(port):
        return False
    try:
        return bool(cloud.client("sts").get_caller_identity()["Account"] == ACCOUNT)
    except OSError:
        return False


def _basics() -> dict[str, str]:
    """Return the environment that the process of the emulator needs, without the user's AWS credentials."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "EXTRACTS_CACHE", "EXTRACTS_PROGRAMS")
    found = {name: os.environ[name] for name in kept if name in os.environ}
    return found | {
        "JAVA_HOME": str(programs.java_home()),
        "EXTRACTS_JDBC_DRIVER": str(programs.jdbc_driver()),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
