"""The form of policies, for all services that accept them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from local_cloud.aws.requests.limits.limit import Accepts, Complaint, each, each_is, parsed
from local_cloud.aws.requests.request import Request

Statement = dict[str, Any]
# A function that returns the fault of a statement, or None.
Fault = Callable[[Statement], str | None]


def size(document: str) -> int:
    """Return the size of a policy as IAM counts it: characters without white space."""
    return len(re.sub(r"\s", "", document))


def listed(value: Any) -> list[Any]:
    """Return the values of an element as a list. In a policy, an element may have one value or a list."""
    return value if isinstance(value, list) else [value]


def statements(document: str) -> Iterator[Statement]:
    """Yield the statements of a policy. Yield nothing if the value is not a policy."""
    policy = parsed(document)
    if isinstance(policy, dict):
        yield from (s for s in listed(policy.get("Statement", [])) if isinstance(s, dict))


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
_POLICY = {"Version", "Id", "Statement"}
_STATEMENT = {"Sid", "Effect", "Condition"} | {
    name for element in ("Principal", "Action", "Resource") for name in (element, f"Not{element}")
}
_VERSIONS = ("2008-10-17", "2012-10-17")


def syntax(path: str, sentence: str) -> Complaint:
    """Refuse a text if it is not a policy in JSON, or if the policy has an unknown element or version."""

    def accepts(document: str) -> bool:
        policy, found = parsed(document), list(statements(document))
        return (
            bool(found)
            and policy.keys() <= _POLICY
            and policy.get("Version", _VERSIONS[0]) in _VERSIONS
            and all(s.keys() <= _STATEMENT and s.get("Effect") in ("Allow", "Deny") for s in found)
        )

    return each_is(path, accepts, sentence)


def distinct_sids(path: str, sentence: str) -> Complaint:
    """Refuse a policy if two of its statements have the same Sid."""

    def accepts(document: str) -> bool:
        sids = [s["Sid"] for s in statements(document) if s.get("Sid")]
        return len(sids) == len(set(sids))

    return each_is(path, accepts, sentence)


def each_statement(path: str, fault: Fault) -> Complaint:
    """Refuse a policy if `fault` finds a fault in a statement. Report only the first fault."""

    def complain(request: Request) -> str | None:
        for document in each(request.parameters, path):
            for statement in statements(document):
                if said := fault(statement):
                    return said
        return None

    return complain


def needs(element: str, sentence: str) -> Fault:
    """Find a statement that has neither the element nor its `Not` form, for example `NotAction`.

    Also find a statement in which the element or its `Not` form contains an empty list.
    """

    def fault(statement: Statement) -> str | None:
        given = [v for name in (element, f"Not{element}") if (v := statement.get(name))]
        hollow = any(isinstance(v, dict) and not all(listed(x) for x in v.values()) for v in given)
        return sentence if hollow or not given else None

    return fault


def forbids(element: str, sentence: str) -> Fault:
    """Find a statement with an element that this kind of policy must not have."""
    return lambda statement: sentence if {element, f"Not{element}"} & statement.keys() else None


def values(element: str, accepts: Accepts, sentence: str) -> Fault:
    """Find a statement with an invalid value in an element. The message may contain {value}."""

    def fault(statement: Statement) -> str | None:
        for name in (element, f"Not{element}"):
            for value in listed(statement.get(name, [])):
                if not accepts(value):
                    return sentence.replace("{value}", str(value))
        return None

    return fault


def is_arn(value: Any) -> bool:
    """Return whether a resource is an ARN or an asterisk."""
    return value == "*" or re.match(r"arn:[^:]*:[^:]*:", str(value)) is not None


def is_action(value: Any) -> bool:
    """Return whether an action is `*`, or has the form `SERVICE:ACTION`."""
    return value == "*" or re.fullmatch(r"[A-Za-z0-9-]+:[A-Za-z0-9*?]+", str(value)) is not None


def is_sid(value: Any) -> bool:
    """Return whether a Sid has only ASCII letters and digits."""
    return re.fullmatch(r"[0-9A-Za-z]*", str(value)) is not None
