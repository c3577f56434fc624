"""Limits of SNS: names, subjects, messages and topic policies."""

from __future__ import annotations

import unicodedata
from typing import Any

from local_cloud.aws.requests.limits import policies, state
from local_cloud.aws.requests.limits.limit import (
    Complaint,
    Limit,
    Source,
    at_most,
    documentation,
    each,
    each_is,
    matching,
    octets,
)
from local_cloud.aws.requests.request import Request

TOPIC = documentation("CreateTopic", "sns/latest/api/API_CreateTopic.html")
PUBLISH = documentation("Publish", "sns/latest/api/API_Publish.html")
POLICY = documentation(
    "Amazon SNS API permissions: Actions and resources reference",
    "sns/latest/dg/sns-access-policy-language-api-permissions-reference.html",
)


def _is_subject(subject: str) -> bool:
    return len(subject) < 100 and not any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in subject)


def _message(request: Request) -> str | None:
    size = octets(request.parameters.get("Message", ""))
    for name, attribute in (request.parameters.get("MessageAttributes") or {}).items():
        size += octets(name) + sum(octets(value) for value in attribute.values())
    maximum = state.topic_message_size(request.parameters.get("TopicArn", ""))
    return "Invalid parameter: Message too long" if size > maximum else None


def policy_documents(parameters: dict[str, Any]) -> list[str]:
    """Return the topic policy that a request sets."""
    if parameters.get("AttributeName") == "Policy":
        return [parameters.get("AttributeValue", "")]
    return list(each(parameters, "Attributes.Policy"))


def _of_policy(complaint: Complaint) -> Complaint:
    """Convert a check of the parameter `Policy` into a check of the topic policy in any request.

    The operations have the topic policy in different parameters, but `complaint` reads only `Policy`.
    """

    def complain(request: Request) -> str | None:
        for document in policy_documents(request.parameters):
            inner = Request(
                request.service, request.operation, {"Policy": document}, request.account, request.region
            )
            if (said := complaint(inner)) is not None:
                return said
        return None

    return complain


def _policy(name: str, complaint: Complaint, source: Source = POLICY) -> Limit:
    return Limit(
        "sns", "SetTopicAttributes CreateTopic", name, _of_policy(complaint), "InvalidParameter", source
    )


def _own_resource(request: Request) -> str | None:
    topic = request.parameters.get("TopicArn")
    for document in policy_documents(request.parameters):
        for statement in policies.statements(document):
            if policies.listed(statement.get("Resource")) not in ([topic], ["*"]):
                return "Invalid parameter: Policy Error: null"
    return None


ACTIONS = {
    "sns:addpermission",
    "sns:deletetopic",
    "sns:getdataprotectionpolicy",
    "sns:gettopicattributes",
    "sns:listsubscriptionsbytopic",
    "sns:listtagsforresource",
    "sns:publish",
    "sns:putdataprotectionpolicy",
    "sns:receive",
    "sns:removepermission",
    "sns:settopicattributes",
    "sns:subscribe",
}

LIMITS = (
    Limit(
        "sns",
        "CreateTopic",
        "name of a topic",
        matching("Name", r"[A-Za-z0-9_-]{1,256}|[A-Za-z0-9_-]{1,251}\.fifo", "Invalid parameter: Topic Name"),
        "InvalidParameter",
        TOPIC,
    ),
    Limit(
        "sns",
        "Publish",
        "subject",
        each_is("Subject", _is_subject, "Invalid parameter: Subject"),
        "InvalidParameter",
        PUBLISH,
    ),
    Limit("sns", "Publish", "size of a message", _message, "InvalidParameter", PUBLISH),
    Limit(
        "sns",
        "Publish",
        "empty message",
        each_is("Message", bool, "Invalid parameter: Empty message"),
        "InvalidParameter",
        PUBLISH,
    ),
    _policy(
        "size of a topic policy", at_most("Policy", 30_720, "Invalid parameter: Policy too long", octets)
    ),
    _policy(
        "format of a topic policy",
        policies.syntax("Policy", "Invalid parameter: Policy failed to parse JSON string"),
    ),
    _policy(
        "principals of a topic policy",
        policies.each_statement(
            "Policy",
            policies.needs("Principal", "Invalid parameter: Policy statement must contain principals!"),
        ),
    ),
    _policy(
        "actions of a topic policy",
        policies.each_statement(
            "Policy",
            policies.values(
                "Action",
                lambda value: str(value).lower() in ACTIONS,
                "Invalid parameter: Policy statement action out of service scope!",
            ),
        ),
    ),
    _policy(
        "Sids of a topic policy",
        policies.distinct_sids("Policy", "Invalid parameter: Policy statement IDs must be unique"),
    ),
    Limit(
        "sns",
        "SetTopicAttributes",
        "resource of a topic policy",
        _own_resource,
        "InvalidParameter",
        POLICY,
    ),
)
