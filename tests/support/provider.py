"""One running AWS provider that many Terraform commands share.

Each Terraform command, and each run block of `terraform test`, starts the provider, which needs a second to
build the schemas of all AWS resources. With `-debug`, the provider keeps running, and Terraform uses the
provider that TF_REATTACH_PROVIDERS names: https://developer.hashicorp.com/terraform/plugin/debugging

`terraform init` still installs the provider and checks its lock file. Other commands do not check the lock
file with a running provider. So the tests of the demo, the workflows and the tool do not use this module.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from extracts.terraform import PROVIDER
from local_cloud import processes
from tests.support import schemas

_OWN = ("AWS_", "SSL_CERT_")  # prefixes of variables that the provider itself reads
# Without these settings, the provider would log every request.
_QUIET = {"TF_LOG_PROVIDER": "off", "TF_LOG_SDK": "off"}


class Provider:
    """A running provider, and the folder and the environment in which it was started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts = ExitStack()
        self.given: tuple[Path, dict[str, str]] | None = None
        self.address = ""

    def attach(self, root: Path, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the variables with which Terraform uses the running provider in an initialized root module.

        A running provider has one configuration at a time. A root module with several configurations needs
        aliases. For such a module, the result is empty, and Terraform starts a provider for each
        configuration.
        """
        found = sorted((root / ".terraform/providers" / PROVIDER).glob("*/*/terraform-provider-aws*"))
        files = [file for pattern in ("*.tf", "*.tf.json") for file in root.glob(pattern)]
        if not found or any(re.search(r'\balias"?\s*[=:]', file.read_text()) for file in files):
            return {}
        # The provider opens relative paths of resources in its own folder, so each root needs a provider.
        given = root, {name: value for name, value in environment.items() if name.startswith(_OWN)}
        if given != self.given or not self.alive():
            self.start(found[0].resolve(), root, {**environment, **_QUIET})
            self.given = given
        return {"TF_REATTACH_PROVIDERS": self.address}

    def start(self, binary: Path, folder: Path, environment: Mapping[str, str]) -> None:
        """Stop the running provider, and start it in this folder."""
        self.stop()
        log = self.folder / "provider.log"
        log.unlink(missing_ok=True)
        # A provider that is configured a second time refuses AWS_CA_BUNDLE. Go reads SSL_CERT_FILE instead.
        own = {name: value for name, value in environment.items() if name != "AWS_CA_BUNDLE"}
        if bundle := environment.get("AWS_CA_BUNDLE"):
            own["SSL_CERT_FILE"] = bundle
        self.process = self.parts.enter_context(
            processes.running(
                "The AWS provider",
                [binary, "-debug"],
                log=log,
                ready=lambda: bool(_address(log)),
                environment=own,
                seconds=120,
                folder=folder,
            )
        )
        [(name, started)] = json.loads(_address(log)).items()
        socket = self.parts.enter_context(schemas.filtered(binary, started["Addr"]["String"]))
        self.address = json.dumps({name: started | {"Addr": {"Network": "unix", "String": socket}}})

    def alive(self) -> bool:
        """Return whether the provider still runs."""
        return self.process.poll() is None

    def stop(self) -> None:
        """Stop the provider, if it runs."""
        self.parts.close()
        self.given = None


def _address(log: Path) -> str:
    found = re.search(r"TF_REATTACH_PROVIDERS='(\{.*\})'", log.read_text(errors="replace"))
    return found[1] if found else ""


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """Return the provider that the commands of a whole test run share."""
    shared = Provider(tmp_path_factory.mktemp("provider"))
    yield shared
    shared.stop()
