"""A machine with real systemd, OpenSSH and FUSE in namespaces, for the tests of an EC2 instance.

The machine has its own processes, mounts, network and cgroups, and needs root. It sees the files of the host,
but its writes stay in memory. Programs that the host lacks come from Debian packages, which are unpacked but
not installed.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from extracts import programs
from tests.support.waiting import until

PACKAGES = ("cloud-init", "fuse3", "iproute2", "openssh-server", "rclone", "shellcheck", "systemd")
COMMAND_LINE = "awscli==1.46.3"
HERE = Path(__file__).parent
NEW_NETWORK = 0x40000000  # the flag CLONE_NEWNET of setns(2)


def missing() -> str:
    """Return why a machine cannot start here, or an empty text."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "a machine in namespaces needs Linux and root"
    for program in ("apt-get", "dpkg-deb", "gcc", "nsenter", "unshare"):
        if not shutil.which(program):
            return f"a machine in namespaces needs {program}"
    if not Path("/dev/fuse").exists():
        return "Mountpoint for Amazon S3 needs /dev/fuse"
    done = subprocess.run(["unshare", "--mount", "--pid", "--fork", "--net", "true"], capture_output=True)
    return f"this machine allows no namespaces: {done.stderr.decode().strip()}" if done.returncode else ""


@dataclass(frozen=True)
class Machine:
    """A running machine. `pid` is the process ID of its systemd."""

    pid: int

    def path(self, name: str) -> Path:
        """Return the path at which the test process can open a file of the machine."""
        return Path(f"/proc/{self.pid}/root{name}")

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the machine."""
        entered = ["nsenter", "--target", str(self.pid), "--all", "--wdns=/", *command]
        done = subprocess.run(entered, capture_output=True, text=True, check=False, timeout=120)
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done

    def write(self, name: str, text: str, mode: int = 0o644) -> None:
        """Write a file in the machine."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def socket(self) -> socket.socket:
        """Return a new TCP socket in the network of the machine."""
        made: list[socket.socket] = []

        def enter() -> None:
            with Path(f"/proc/{self.pid}/ns/net").open() as network:
                if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), NEW_NETWORK):
                    raise OSError(ctypes.get_errno(), "setns")
            made.append(socket.socket())

        # A network namespace belongs to a thread. So a new thread enters the network of the machine, and all
        # other threads of the tests stay in the network of the host.
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        return made[0]

    def reach(self, port: int) -> None:
        """Let the machine connect to a port on the loopback interface of the host, at the same address."""
        listener = self.socket()
        listener.bind(("127.0.0.1", port))
        _forward(listener, lambda: socket.create_connection(("127.0.0.1", port)))

    def expose(self, port: int) -> int:
        """Return a port of the host that leads to a port of the machine."""
        listener = socket.create_server(("127.0.0.1", 0))

        def connect() -> socket.socket:
            made = self.socket()
            made.connect(("127.0.0.1", port))
            return made

        _forward(listener, connect)
        return int(listener.getsockname()[1])


def _forward(listener: socket.socket, connect: Callable[[], socket.socket]) -> None:
    """Accept connections in the background. Forward each to a new connection that `connect` returns."""
    listener.listen(64)

    def pump(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:  # the other end has closed the connection
            for end in (source, target):
                # Unlike `close`, `shutdown` also ends a thread that reads from the socket.
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        while True:
            client = listener.accept()[0]
            try:
                server = connect()
            except OSError:  # no server listens at this port now
                client.close()
                continue
            for pair in ((client, server), (server, client)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


@contextmanager
def boot(folder: Path, *shown: Path) -> Iterator[Machine]:
    """Start a machine that can read the `shown` folders. At the end, remove the whole machine."""
    folder.mkdir()
    group = _cgroup() / f"extracts-{os.getpid()}-{time.monotonic_ns()}"
    group.mkdir()
    namespaces = ("--mount", "--pid", "--fork", "--net", "--uts", "--ipc", "--cgroup", "--kill-child")
    start = f'echo $$ > {group}/cgroup.procs && exec unshare {" ".join(namespaces)} "$@"'
    command = ["sh", "-c", start, "sh", str(HERE / "machine.sh"), str(packages()), str(folder)]
    command += [str(path) for path in dict.fromkeys((Path(sys.prefix), Path(sys.base_prefix), *shown))]
    with (
        (folder.parent / f"{folder.name}.log").open("w") as log,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as process,
    ):
        try:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            machine = Machine(int(until(children.read_text, 30).split()[0]))
            until(lambda: _is_up(machine), 30)
            try:
                yield machine
            except BaseException:  # pytest shows this output together with the error
                print(machine.run("journalctl", "--no-pager", "--lines=200", check=False).stdout)
                raise
        finally:
            process.kill()
            _remove(group)


def _remove(group: Path) -> None:
    """End all processes of a cgroup, and remove the cgroup."""
    (group / "cgroup.kill").write_text("1")
    until(lambda: "populated 0" in (group / "cgroup.events").read_text(), 30)
    for inner in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
        inner.rmdir()
    group.rmdir()


def _is_up(machine: Machine) -> bool:
    return machine.run("systemctl", "is-system-running", check=False).stdout.strip() in (
        "running",
        "degraded",
    )


def _cgroup() -> Path:
    """Return the path at which cgroups version 2 are mounted. Older systems use another path."""
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    return next(Path(fields[1]) for fields in mounts if fields[2] == "cgroup2")


def packages() -> Path:
    """Return the folder with the unpacked programs that the host lacks."""
    target = programs.cache() / "machine-1"
    if target.is_dir():
        return target
    staging = programs.cache() / f".machine-{os.getpid()}"
    archives = staging / "archives"
    (archives / "partial").mkdir(parents=True)
    install = ["apt-get", "install", "--download-only", "--yes", "--no-install-recommends"]
    install += ["-o", f"Dir::Cache::archives={archives}", *PACKAGES]
    if subprocess.run(install, capture_output=True).returncode:
        subprocess.run(["apt-get", "update"], check=True, capture_output=True)
        subprocess.run(install, check=True, capture_output=True)
    root = staging / "root"
    for package in archives.glob("*.deb"):
        subprocess.run(["dpkg-deb", "--extract", package, root], check=True)
    for name in ("bin", "sbin", "lib", "lib64"):  # on this system, these folders are links to folders in usr
        if (root / name).is_dir():
            shutil.copytree(root / name, root / "usr" / name, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(root / name)
    (root / "etc/cloud").mkdir(parents=True, exist_ok=True)
    (root / "etc/cloud/cloud-init.disabled").touch()
    library = root / "usr/lib/machine-log.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, HERE / "machine_log.c"], check=True)
    shutil.rmtree(archives)
    root.rename(target)
    shutil.rmtree(staging)
    return target


def command_line() -> Path:
    """Return a folder with the AWS CLI and its dependencies."""
    target = programs.cache() / COMMAND_LINE.replace("==", "-")
    if not target.is_dir():
        staging = programs.cache() / f".awscli-{os.getpid()}"
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(staging), COMMAND_LINE]
        subprocess.run(pip, check=True, capture_output=True)
        staging.rename(target)
    return target
