"""Limits of EventBridge: patterns, rules with wildcards, targets and entries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from local_cloud.aws.requests.limits import state
from local_cloud.aws.requests.limits.limit import Limit, at_most, documentation, each, octets, parsed
from local_cloud.aws.requests.request import Request

QUOTAS = documentation("Amazon EventBridge quotas", "eventbridge/latest/userguide/eb-quota.html")
OPERATORS = documentation(
    "Comparison operators for use in event patterns",
    "eventbridge/latest/userguide/eb-create-pattern-operators.html",
)
ENTRIES = documentation("Sending events with PutEvents", "eventbridge/latest/userguide/eb-putevents.html")
TARGET = documentation("PutTargets", "eventbridge/latest/APIReference/API_PutTargets.html")
EXCEEDED = "The requested resource exceeds the maximum number allowed."


def wildcards(pattern: Any) -> Iterator[str]:
    """Yield the wildcards of an event pattern."""
    for name, value in pattern.items() if isinstance(pattern, dict) else enumerate(_listed(pattern)):
        if name == "wildcard":
            yield from (str(one) for one in (value if isinstance(value, list) else [value]))
        elif isinstance(value, dict | list):
            yield from wildcards(value)


def _listed(pattern: Any) -> list[Any]:
    return pattern if isinstance(pattern, list) else []


def _rules_with_wildcards(request: Request) -> str | None:
    if not any(True for _ in wildcards(parsed(request.parameters.get("EventPattern") or "{}"))):
        return None
    others = state.rules(request.parameters.get("EventBusName", "default"))
    others.pop(request.parameters["Name"], None)
    patterns = (parsed(rule.get("EventPattern") or "{}") for rule in others.values())
    return EXCEEDED if sum(any(True for _ in wildcards(pattern)) for pattern in patterns) >= 30 else None


def _rules(request: Request) -> str | None:
    held = state.rules(request.parameters.get("EventBusName", "default"))
    return EXCEEDED if len(held.keys() | {request.parameters["Name"]}) > 300 else None


def _targets(request: Request) -> str | None:
    bus = request.parameters.get("EventBusName", "default")
    given = set(each(request.parameters, "Targets[].Id"))
    return EXCEEDED if len(given | state.targets(request.parameters["Rule"], bus)) > 5 else None


def _combinations(pattern: Any) -> int:
    total = 1
    for name, value in pattern.items() if isinstance(pattern, dict) else ():
        if name == "$or" and isinstance(value, list):
            total *= len(value)
        else:
            total *= _combinations(value)
    return total


def _or(request: Request) -> str | None:
    for text in each(request.parameters, "EventPattern"):
        if _combinations(parsed(text)) > 1_000:
            return "Event pattern is not valid. Reason: There are too many rule combinations"
    return None


def _entries(request: Request) -> str | None:
    size = 0
    for entry in each(request.parameters, "Entries[]"):
        size += 14 if "Time" in entry else 0
        size += sum(octets(entry.get(name, "")) for name in ("Source", "DetailType", "Detail"))
        size += sum(octets(resource) for resource in entry.get("Resources", []))
    return (
        f"Total size of the entries in the request is over the limit: {size}" if size >= 1_048_576 else None
    )


def _one_input(request: Request) -> str | None:
    for target in each(request.parameters, "Targets[]"):
        if len({"Input", "InputPath", "InputTransformer"} & target.keys()) > 1:
            one = "Only one of Input, InputPath, or InputTransformer"
            return f"{one} must be provided for target {target['Id']}."
        if "Input" in target and parsed(target["Input"]) is None and target["Input"] != "null":
            return f"JSON syntax error in input for target {target['Id']}"
    return None


def _has_role(request: Request) -> str | None:
    for target in each(request.parameters, "Targets[]"):
        if ":states:" in target.get("Arn", "") and not target.get("RoleArn"):
            return f"RoleArn is required for target {target['Arn']}."
    return None


LIMITS = (
    # The default quota for the size of an event pattern is 2,048 characters. AWS can raise the quota of an
    # account to 4,096 characters, so the model of botocore allows this size.
    Limit(
        "events",
        "PutRule",
        "size of a pattern",
        at_most("EventPattern", 2_048, "Event pattern size is over the quota of 2048 characters."),
        "LimitExceededException",
        QUOTAS,
    ),
    Limit(
        "events", "PutRule", "rules with wildcards", _rules_with_wildcards, "LimitExceededException", QUOTAS
    ),
    Limit("events", "PutRule", "rules of an event bus", _rules, "LimitExceededException", QUOTAS),
    Limit("events", "PutRule", "combinations of $or", _or, "InvalidEventPatternException", OPERATORS),
    Limit("events", "PutTargets", "targets of a rule", _targets, "LimitExceededException", QUOTAS),
    Limit("events", "PutTargets", "input of a target", _one_input, "ValidationException", TARGET),
    Limit("events", "PutTargets", "role for a state machine", _has_role, "ValidationException", TARGET),
    Limit("events", "PutEvents", "size of all entries", _entries, "ValidationException", ENTRIES),
)
