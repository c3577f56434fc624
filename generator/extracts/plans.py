"""What an update would do to what is deployed, in words: the difference between two Terraform plans.

Two, because a project may have changes of its own that wait for an apply. They are in the plan before the
update too, and not the update's doing.
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

# What is lost with them does not come back with a new one.
PRECIOUS = {
    "aws_s3_bucket": "the files in it",
    "aws_kms_key": "whatever was encrypted with it",
    "aws_secretsmanager_secret": "the login in it",
    "aws_transfer_server": "the host name that recipients know",
}


# In the order in which a reader is to worry.
VERBS = (
    *("destroyed", "replaced", "changed", "created", "moved", "forgotten"),
    *("created otherwise than before", "no longer created"),
)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that the update does to one resource."""

    address: str
    verb: str  # one of VERBS
    detail: str

    def __str__(self) -> str:
        return f"{self.address} is {self.verb}{': ' if self.detail else ''}{self.detail}"


def difference(made: update.Update) -> list[Change]:
    """Plan the project as it is and as the update would leave it, each in a copy of its own; compare."""
    with TemporaryDirectory(prefix="extracts-plans-") as scratch:
        before = _copied(made.project.folder, Path(scratch) / "before")
        after = _copied(made.project.folder, Path(scratch) / "after")
        if made.conflicts:
            raise ExtractsError(
                f"There is no plan before the conflicts are solved: {', '.join(made.conflicts)}."
            )
        update.lay(made, after)
        return list(compare(_planned(before), _planned(after)))


def compare(before: Json, after: Json) -> Iterator[Change]:
    """What the second plan does that the first does not."""
    pending, planned = _changes(before), _changes(after)
    for address, resource in sorted(planned.items()):
        was = pending.get(address)
        if was and was["change"] == resource["change"]:
            continue
        change = resource["change"]
        actions = tuple(change["actions"])
        if (old := resource.get("previous_address")) and not (was and was.get("previous_address")):
            yield Change(address, "moved", f"until now it was called {old}")
        if actions == ("create",):
            if was is None:
                yield Change(address, "created", "")
            else:
                names = _differing(was["change"]["after"], change["after"])
                yield Change(address, "created otherwise than before", names)
        elif actions == ("update",):
            yield Change(
                address, "changed", _differing(change["before"], change["after"], change["after_unknown"])
            )
        elif actions == ("delete",):
            yield Change(address, "destroyed", _lost(resource))
        elif actions == ("forget",):
            yield Change(address, "forgotten", "it stays, and Terraform no longer looks after it")
        elif "delete" in actions:
            forced = ", ".join(dict.fromkeys(str(path[0]) for path in change.get("replace_paths", [])))
            because = f"because {forced} cannot be changed" if forced else ""
            yield Change(address, "replaced", "; ".join(filter(None, (because, _lost(resource)))))
    for address, resource in sorted(pending.items()):
        if address not in planned and resource["change"]["actions"] == ["create"]:
            yield Change(address, "no longer created", "")


def summary(changes: Sequence[Change]) -> str:
    """How many of each."""
    counted = [(verb, sum(change.verb == verb for change in changes)) for verb in VERBS]
    return ", ".join(f"{count} {verb}" for verb, count in counted if count) or "nothing changes"


def _changes(plan: Json) -> dict[str, Json]:
    """What a plan does, by address; a move is a change even if nothing else is."""
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
    return f"lost with it: {what}" if what else ""


def _copied(project: Path, folder: Path) -> Path:
    """The project without what Terraform fetched, in the workspace that is selected."""
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns(".terraform", ".git"), symlinks=True)
    selected = project / "Terraform/.terraform/environment"
    if selected.is_file():
        (folder / "Terraform/.terraform").mkdir()
        shutil.copy(selected, folder / "Terraform/.terraform/environment")
    return folder


def _planned(project: Path) -> Json:
    """Terraform's plan, with the credentials and settings of whoever asks."""
    from extracts import terraform

    stack = terraform.Stack(
        project / "Terraform", {**children.environment(), **terraform.quiet(project.parent)}
    )
    stack.init()
    return stack.plan_in_full()
