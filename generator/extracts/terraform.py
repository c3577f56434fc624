"""Run Terraform in a folder, with the given environment."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extracts import children, programs
from extracts.errors import ExtractsError

PROVIDER = "registry.terraform.io/hashicorp/aws"
# Usual folders of provider mirrors. The variable `EXTRACTS_PROVIDER_MIRROR` has precedence.
MIRRORS = (
    "~/.terraform.d/plugins",
    "~/.local/share/terraform/plugins",
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
    "/opt/terraform/plugins",
    "/opt/terraform/providers",
    "/opt/tf-plugins",
    "/opt/terraform-plugins",
)


@dataclass(frozen=True, slots=True)
class Change:
    """A resource that a plan changes."""

    address: str
    actions: tuple[str, ...]
    attributes: frozenset[str]  # top-level attributes whose values differ; empty for a creation or deletion


def mirror() -> Path | None:
    """Return the folder of a provider mirror that contains the AWS provider, or None."""
    if named := os.environ.get("EXTRACTS_PROVIDER_MIRROR"):
        if not (Path(named) / PROVIDER).is_dir():
            raise ExtractsError(
                f"EXTRACTS_PROVIDER_MIRROR: no {PROVIDER} in {named}; run `terraform providers mirror`."
            )
        return Path(named)
    for place in MIRRORS:
        folder = Path(place).expanduser()
        if (folder / PROVIDER).is_dir():
            return folder
    return None


def environment(folder: Path) -> dict[str, str]:
    """Return the environment for Terraform, without the user's log level, default arguments and workspace."""
    ours = {k: v for k, v in os.environ.items() if k not in {"TF_LOG", "TF_CLI_ARGS", "TF_WORKSPACE"}}
    return ours | quiet(folder)


def quiet(folder: Path) -> dict[str, str]:
    """Return variables that prevent prompts of Terraform. If needed, write a settings file to `folder`."""
    # Terraform reads the schemas of all AWS resources for each command. With the default setting of Go's
    # garbage collector, a command takes 50% more processor time. GOGC changes this setting.
    collector = {"GOGC": os.environ.get("GOGC", "400")}
    variables = {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "TF_INPUT": "0"} | collector
    # Keep the user's settings, because they may configure a mirror. Ignore a settings file that does not
    # exist, because Terraform would only print a warning and continue without a mirror.
    if "EXTRACTS_PROVIDER_MIRROR" not in os.environ:
        for named in filter(None, (os.environ.get("TF_CLI_CONFIG_FILE"), "~/.terraformrc")):
            if (file := Path(named).expanduser()).is_file():
                return variables | {"TF_CLI_CONFIG_FILE": str(file)}
    settings = folder / "terraform.rc"
    found = mirror()
    text = "disable_checkpoint = true\n"
    if found:
        text += f'provider_installation {{\n  filesystem_mirror {{ path = "{found}" }}\n}}\n'
    settings.write_text(text)
    return variables | {"TF_CLI_CONFIG_FILE": str(settings)}


@dataclass(frozen=True, slots=True)
class Stack:
    """A root module in a folder."""

    folder: Path
    environment: Mapping[str, str]
    log: Path | None = None  # file that gets the output of Terraform

    def init(self) -> None:
        """Run `terraform init`."""
        self._run("init", "-input=false", "-no-color")

    def plan(self) -> list[Change]:
        """Return the changes that an apply would make."""
        return list(_changes(self.plan_in_full()))

    def plan_in_full(self) -> dict[str, Any]:
        """Return the plan in Terraform's JSON format."""
        with tempfile.TemporaryDirectory(prefix="extracts-plan-") as scratch:
            file = Path(scratch) / "plan"
            self._run("plan", "-input=false", "-no-color", f"-out={file}")
            shown: dict[str, Any] = json.loads(self._run("show", "-json", "-no-color", str(file)))
        return shown

    def apply(self) -> None:
        """Run `terraform apply`."""
        self._run("apply", "-input=false", "-no-color", "-auto-approve")

    def outputs(self) -> dict[str, object]:
        """Return the values of the outputs, keyed by name."""
        found = json.loads(self._run("output", "-json", "-no-color"))
        return {name: output["value"] for name, output in found.items()}

    def _run(self, *arguments: str) -> str:
        try:
            done = children.run(
                [*programs.terraform().command, *arguments], variables=self.environment, folder=self.folder
            )
        except OSError as error:
            raise ExtractsError(f"terraform {arguments[0]} could not start: {error.strerror}.") from error
        if self.log:
            with self.log.open("a") as log:
                # JSON output contains all values, including sensitive values, so it is not shown.
                shown = "" if "-json" in arguments else done.stdout
                log.write(f"$ terraform {' '.join(arguments)}\n{shown}{done.stderr}\n")
        if done.returncode:
            where = f" (log: {self.log})" if self.log else ""
            raise ExtractsError(f"terraform {arguments[0]}: {reason(done.stderr or done.stdout)}{where}")
        return done.stdout


def _changes(shown: Mapping[str, object]) -> Iterator[Change]:
    changes = shown.get("resource_changes", [])
    assert isinstance(changes, list)
    for resource in changes:
        change = resource["change"]
        actions = tuple(change["actions"])
        if resource["mode"] != "managed" or actions in (("no-op",), ("read",)):
            continue
        before, after = change.get("before") or {}, change.get("after") or {}
        unknown = change.get("after_unknown") or {}
        differ = {k for k in before.keys() | after.keys() if before.get(k) != after.get(k) or unknown.get(k)}
        yield Change(resource["address"], actions, frozenset(differ if before and after else ()))


def reason(text: str) -> str:
    """Return the first error of Terraform: its summary, and the first lines of its detail."""
    plain = re.sub(r"^[│╷╵ ]+", "", text, flags=re.MULTILINE)
    if (
        "Failed to query available provider packages" in plain
        or "could not connect to registry" in plain.lower()
    ):
        return (
            "no mirror on this machine has the provider hashicorp/aws, and the registry is not reachable; "
            "set EXTRACTS_PROVIDER_MIRROR to a mirror, or connect to the network"
        )
    if "no space left on device" in plain:
        return "the disk is full; free some space and retry"
    match = re.search(r"^Error: (.+(?:\n.+)*)((?:\n\n(?!Error:).+(?:\n.+)*){0,2})", plain, flags=re.MULTILINE)
    if not match:
        lines = [line for line in plain.splitlines() if line.strip()]
        return lines[-1] if lines else "no message"
    return " ".join(" ".join(match.groups()).split())[:600]
