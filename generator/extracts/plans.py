"""Describe what an update would change in a deployment: the difference between two Terraform plans.

Two plans are necessary because a project may have its own changes that are not yet applied. Both plans
contain these changes, so the difference does not contain them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from extracts import children, update
from extracts.errors import ExtractsError

Json = Mapping[str, Any]

# Kinds of resources that lose their content when Terraform replaces them.
PRECIOUS = {
    "aws_s3_bucket": "the files in the bucket",
    "aws_kms_key": "all data that was encrypted with the key",
    "aws_secretsmanager_secret": "the login in the secret",
    "aws_transfer_server": "the host name that recipients know",
}


# The kinds of changes, the most dangerous kind first.
VERBS = (
    *("destroyed", "replaced", "changed", "created", "moved", "forgotten"),
    *("created differently", "no longer created"),
)


@dataclass(frozen=True, slots=True)
class Change:
    """What the update does to one resource."""

    address: str
    verb: str  # one of VERBS
    detail: str

    def __str__(self) -> str:
        return f"{self.address} is {self.verb}{': ' if self.detail else ''}{self.detail}"


def difference(made: update.Update) -> list[Change]:
    """Run `terraform plan` in copies of the project before and after the update. Return the difference."""
    with TemporaryDirectory(prefix="extracts-plans-") as scratch:
        before = _copied(made.project.folder, Path(scratch) / "before")
        after = _copied(made.project.folder, Path(scratch) / "after")
        if made.conflicts:
            raise ExtractsError(f"Resolve the conflicts in {', '.join(made.conflicts)} before planning.")
        update.write_files(made, after)
        return list(compare(_planned(before), _planned(after)))


def compare(before: Json, after: Json) -> Iterator[Change]:
    """Yield the changes that are in the second plan only."""
    pending, planned = _changes(before), _changes(after)
    for address, resource in sorted(planned.items()):
        was = pending.get(address)
        if was and was["change"] == resource["change"]:
            continue
        change = resource["change"]
        actions = tuple(change["actions"])
        if (old := resource.get("previous_address")) and not (was and was.get("previous_address")):
            yield Change(address, "moved", f"from {old}")
        if actions == ("create",):
            if was is None:
                yield Change(address, "created", "")
            else:
                names = _differing(was["change"]["after"], change["after"])
                yield Change(address, "created differently", names)
        elif actions == ("update",):
            yield Change(
                address, "changed", _differing(change["before"], change["after"], change["after_unknown"])
            )
        elif actions == ("delete",):
            yield Change(address, "destroyed", _lost(resource))
        elif actions == ("forget",):
            yield Change(address, "forgotten", "the resource stays, but Terraform no longer manages it")
        elif "delete" in actions:
            forced = ", ".join(dict.fromkeys(str(path[0]) for path in change.get("replace_paths", [])))
            because = f"because {forced} cannot change in place" if forced else ""
            yield Change(address, "replaced", "; ".join(filter(None, (because, _lost(resource)))))
    for address, resource in sorted(pending.items()):
        if address not in planned and resource["change"]["actions"] == ["create"]:
            yield Change(address, "no longer created", "")


def summary(changes: Sequence[Change]) -> str:
    """Return the number of changes of each kind."""
    counted = [(verb, sum(change.verb == verb for change in changes)) for verb in VERBS]
    return ", ".join(f"{count} {verb}" for verb, count in counted if count) or "no changes"


def _changes(plan: Json) -> dict[str, Json]:
    """Return the changes of a plan, keyed by address. A move of a resource is a change, too."""
    return {
        resource["address"]: resource
        for resource in plan.get("resource_changes", [])
        if resource["mode"] == "managed"
        and (resource["change"]["actions"] not in (["no-op"], ["read"]) or "previous_address" in resource)
    }


def _differing(before: Json | None, after: Json | None, unknown: Json | None = None) -> str:
    before, after, unknown = before or {}, after or {}, unknown or {}
    names = before.keys() | after.keys() | unknown.keys()
    return ", ".join(sorted(n for n in names if before.get(n) != after.get(n) or unknown.get(n)))


def _lost(resource: Json) -> str:
    what = PRECIOUS.get(resource["type"])
    return f"this deletes {what}" if what else ""


def _copied(project: Path, folder: Path) -> Path:
    """Copy the project without modules and providers. The copy keeps the selected workspace."""
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns(".terraform", ".git"), symlinks=True)
    selected = project / "Terraform/.terraform/environment"
    if selected.is_file():
        (folder / "Terraform/.terraform").mkdir()
        shutil.copy(selected, folder / "Terraform/.terraform/environment")
    return folder


def _planned(project: Path) -> Json:
    """Return Terraform's plan, with the user's credentials and settings."""
    from extracts import terraform

    stack = terraform.Stack(
        project / "Terraform", {**children.environment(), **terraform.quiet(project.parent)}
    )
    stack.init()
    return stack.plan_in_full()
