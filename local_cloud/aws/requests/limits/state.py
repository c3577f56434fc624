"""Read the state of the emulator, for limits that count the objects of earlier requests.

ministack keeps its state per account and region. Context variables contain the current account and region.
"""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]


def enter(region: str) -> None:
    """Make `region` the current region. The current account comes from the access key of the request."""
    from ministack.core import responses

    responses.set_request_region(region)


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


def has_bucket(name: str) -> bool:
    """Return whether the bucket exists in this account and region."""
    from ministack.services import s3

    return name in s3._buckets


def locks_objects(bucket: str) -> bool:
    """Return whether a bucket has Object Lock."""
    from ministack.services import s3

    return bool((s3._bucket_object_lock.get(bucket) or {}).get("enabled"))


def topic_message_size(arn: str) -> int:
    """Return the maximum size in bytes of a topic's messages."""
    from ministack.services import sns

    attributes = (sns._topics.get(arn) or {}).get("attributes", {})
    return int(attributes.get("MaximumMessageSize", 262_144))


def secret_is_deleted(name: str) -> bool:
    """Return whether a secret of this name is scheduled for deletion."""
    from ministack.services import secretsmanager

    return bool((secretsmanager._secrets.get(name) or {}).get("DeletedDate"))


def workflow_triggers(workflow: str) -> dict[str, Record]:
    """Return the triggers of a Glue workflow, keyed by name."""
    from ministack.services import glue

    found = glue._triggers.items()
    return {name: trigger for name, trigger in found if trigger.get("WorkflowName") == workflow}


def job_command(name: str) -> str:
    """Return the type of a Glue job, for example "glueetl"."""
    from ministack.services import glue

    return str((glue._jobs.get(name) or {}).get("Command", {}).get("Name", ""))


def ssh_keys(server: str, user: str) -> int:
    """Return the number of public keys of a Transfer user."""
    from ministack.services import transfer

    return len((transfer._users.get(f"{server}/{user}") or {}).get("SshPublicKeys", []))


def table_keys(table: str) -> list[tuple[str, str, int]]:
    """Return the keys of a DynamoDB table.

    Each key is a tuple: name of the attribute, name of the key in error messages, and maximum size in bytes.
    """
    from ministack.services import dynamodb

    schema = (dynamodb._tables.get(table) or {}).get("KeySchema", [])
    kinds = {"HASH": ("hashkey", 2_048), "RANGE": ("rangekey", 1_024)}
    return [(key["AttributeName"], *kinds[key["KeyType"]]) for key in schema]
