"""One running AWS provider for many commands of Terraform.

Each command of Terraform, and each run of `terraform test`, starts the provider, which takes a second to
build the schemas of all AWS resources. A provider that is started with `-debug` keeps running.
Terraform uses this provider if the variable TF_REATTACH_PROVIDERS contains its address:
https://developer.hashicorp.com/terraform/plugin/debugging

`terraform init` still installs the provider and checks its hash in the lock file. Commands that use the
running provider do not check the hash again. The tests of the demo and the tool must include this check, so
they do not use the running provider.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from extracts import programs, terraform
from extracts.terraform import PROVIDER
from local_cloud import processes
from tests.support import schemas

_OWN = ("AWS_", "SSL_CERT_")  # prefixes of the variables that the provider reads
# Turn logging off. Without these values, a provider that Terraform did not start would log every request.
_QUIET = {"TF_LOG_PROVIDER": "off", "TF_LOG_SDK": "off"}


class Provider:
    """The provider that was started last, and the folder and the environment of its start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts = ExitStack()
        self.given: tuple[Path, dict[str, str], int] | None = None
        self.processes: list[subprocess.Popen[bytes]] = []

    def attach(self, root: Path, environment: Mapping[str, str]) -> dict[str, str]:
        """Start the provider if necessary, and return the variables that let Terraform use it.

        `root` is an initialized root module. A process of the provider can have only one configuration at a
        time, so one process runs for each configuration.
        """
        found = sorted((root / ".terraform/providers" / PROVIDER).glob("*/*/terraform-provider-aws*"))
        if not found:
            return {}
        files = [file for pattern in ("*.tf", "*.tf.json") for file in root.glob(pattern)]
        aliases = sum(len(re.findall(r'\balias"?\s*[=:]', file.read_text())) for file in files)
        own = {name: value for name, value in environment.items() if name.startswith(_OWN)}
        # The provider resolves relative paths of S3 objects from its working folder. So only roots without S3
        # objects can share a provider.
        folder = root if _has_objects(root) else Path()
        given = folder, own, 1 + aliases
        if given != self.given or not self.alive():
            self.start(found[0].resolve(), root, {**environment, **_QUIET}, given[2])
            self.given = given
        self.proxy.begin()
        return {"TF_REATTACH_PROVIDERS": json.dumps({PROVIDER: self.started})}

    def start(self, binary: Path, folder: Path, environment: Mapping[str, str], count: int) -> None:
        """Stop the running processes of the provider, and start new processes."""
        self.stop()
        # If AWS_CA_BUNDLE is set, the provider cannot be configured a second time. So SSL_CERT_FILE names the
        # file of certificates instead. The standard library of Go reads this variable.
        own = {name: value for name, value in environment.items() if name != "AWS_CA_BUNDLE"}
        if bundle := environment.get("AWS_CA_BUNDLE"):
            own["SSL_CERT_FILE"] = bundle
        logs = [self.folder / f"provider-{number}.log" for number in range(count)]
        for log in logs:
            log.unlink(missing_ok=True)
            running = processes.running(
                "The AWS provider",
                [binary, "-debug"],
                log=log,
                ready=partial(_ready, log),
                environment=own,
                seconds=120,
                folder=folder,
            )
            self.processes.append(self.parts.enter_context(running))
        sockets = [_started(log)["Addr"]["String"] for log in logs]
        self.proxy = self.parts.enter_context(schemas.filtered(binary, sockets))
        self.started = _started(logs[0]) | {"Addr": {"Network": "tcp", "String": self.proxy.address}}

    def alive(self) -> bool:
        """Return whether all processes of the provider still run."""
        return all(process.poll() is None for process in self.processes)

    def stop(self) -> None:
        """Stop the provider, if one runs."""
        self.parts.close()
        self.processes = []
        self.given = None


def _has_objects(root: Path) -> bool:
    """Return whether a root or one of its modules has an S3 object, the only resource that reads files."""
    index = root / ".terraform/modules/modules.json"
    called = json.loads(index.read_text())["Modules"] if index.is_file() else []
    folders = {root, *(root / module["Dir"] for module in called)}
    return any("aws_s3_object" in file.read_text() for place in folders for file in place.glob("*.tf*"))


def _started(log: Path) -> dict[str, Any]:
    """Return the address of the provider from its log, or {} if the provider has not started yet."""
    found = re.search(r"TF_REATTACH_PROVIDERS='(\{.*\})'", log.read_text(errors="replace"))
    return dict(json.loads(found[1])[PROVIDER]) if found else {}


def _ready(log: Path) -> bool:
    return bool(_started(log))


@pytest.fixture(scope="session", autouse=True)
def small_mirror(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Create a provider mirror that contains small scripts instead of the programs of providers.

    Each script starts the program in the provider mirror of this machine. Terraform computes the checksum of
    an installed file in `init`, and in each command that does not use the running provider. The checksum of
    the program, which has 700 MB, takes half a second of processor time.
    """
    folder = tmp_path_factory.mktemp("mirror")
    own = terraform.quiet(folder)["TF_CLI_CONFIG_FILE"] == str(folder / "terraform.rc")
    if own and (mirror := terraform.mirror()):
        for program in (mirror / PROVIDER).glob("*/*/terraform-provider-aws*"):
            script = folder / program.relative_to(mirror)
            script.parent.mkdir(parents=True)
            script.write_text(f'#!/bin/sh\nexec {shlex.quote(str(program))} "$@"\n')
            script.chmod(0o755)
            os.environ["EXTRACTS_PROVIDER_MIRROR"] = str(folder)


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """Return the provider that the commands of a whole test run share."""
    shared = Provider(tmp_path_factory.mktemp("provider"))
    yield shared
    shared.stop()


@pytest.fixture(scope="session")
def terraform_program(provider: Provider) -> Iterator[Path]:
    """Return a program `terraform` that uses the shared provider, for programs that a test starts."""

    class Asked(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            request = json.loads(self.rfile.readline())
            found = provider.attach(Path(request["folder"]), request["environment"])
            self.wfile.write(json.dumps(found).encode() + b"\n")

    # The folder is private. Its path is short, because the path of a Unix socket has a limited length.
    with tempfile.TemporaryDirectory(prefix="extracts-") as folder:
        address, program = Path(folder) / "provider", Path(folder) / "terraform"
        script = Path(__file__).with_name("terraform_program.py")
        command = (sys.executable, "-I", "-S", script, address, *programs.terraform().command)
        program.write_text(f'#!/bin/sh\nexec {shlex.join(map(str, command))} "$@"\n')
        program.chmod(0o755)
        with socketserver.UnixStreamServer(str(address), Asked) as server:
            # One thread handles all requests, because a provider ends when the thread that started it ends.
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            yield program
            server.shutdown()
            thread.join()
