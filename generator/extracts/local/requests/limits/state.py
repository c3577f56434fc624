"""What the emulator already holds, where a limit counts more than one request.

ministack keeps it per account and region; both are set while it answers a request.
"""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]


def inline_policies(role: str) -> dict[str, str]:
    """Return a role's inline policies, keyed by name."""
    from ministack.services import iam

    return dict((iam._roles.get(role) or {}).get("InlinePolicies", {}))


def attached_policies(role: str) -> set[str]:
    """Return the ARNs of the managed policies of a role."""
    from ministack.services import iam

    return set((iam._roles.get(role) or {}).get("AttachedPolicies", []))


def role_tags(role: str) -> set[str]:
    """Return the keys of a role's tags."""
    from ministack.services import iam

    return {tag["Key"] for tag in (iam._roles.get(role) or {}).get("Tags", [])}


def rules(bus: str) -> dict[str, Record]:
    """Return the rules of an event bus, keyed by name."""
    from ministack.services import eventbridge

    found = eventbridge._rules.values()
    return {rule["Name"]: rule for rule in found if rule.get("EventBusName", "default") == bus}


def targets(rule: str, bus: str) -> set[str]:
    """Return the ids of a rule's targets."""
    from ministack.services import eventbridge

    return {target["Id"] for target in eventbridge._targets.get(eventbridge._rule_key(rule, bus), [])}
