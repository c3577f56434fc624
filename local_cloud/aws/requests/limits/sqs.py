"""Limits of SQS: names, attributes and policies of queues, and messages."""

from __future__ import annotations

from local_cloud.aws.requests.limits import policies
from local_cloud.aws.requests.limits.limit import (
    Complaint,
    Limit,
    at_most,
    between,
    documentation,
    each_is,
    matching,
    octets,
)

QUEUE = documentation("CreateQueue", "AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html")
POLICY = documentation(
    "Amazon SQS policy quotas", "AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html"
)
MESSAGE = documentation(
    "Amazon SQS message quotas", "AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"
)
ATTRIBUTES = "CreateQueue SetQueueAttributes"
INVALID_POLICY = "Invalid value for the parameter Policy."


def _principals(document: str) -> int:
    count = 0
    for statement in policies.statements(document):
        named = statement.get("Principal", {})
        count += sum(len(policies.listed(v)) for v in named.values()) if isinstance(named, dict) else 1
    return count


def _conditions(document: str) -> int:
    found = (statement.get("Condition", {}).values() for statement in policies.statements(document))
    return sum(len(keys) for operators in found for keys in operators)


def _policy(name: str, complaint: Complaint) -> Limit:
    return Limit("sqs", ATTRIBUTES, name, complaint, "InvalidAttributeValue", POLICY)


def _number(attribute: str, low: int, high: int) -> Limit:
    path = f"Attributes.{attribute}"
    sentence = f"Invalid value for the parameter {attribute}."
    return Limit(
        "sqs", ATTRIBUTES, attribute, between(path, low, high, sentence), "InvalidAttributeValue", QUEUE
    )


LIMITS = (
    Limit(
        "sqs",
        "CreateQueue",
        "name of a queue",
        matching(
            "QueueName",
            r"[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo",
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        ),
        "InvalidParameterValue",
        QUEUE,
    ),
    _number("DelaySeconds", 0, 900),
    _number("MaximumMessageSize", 1_024, 1_048_576),
    _number("MessageRetentionPeriod", 60, 1_209_600),
    _number("ReceiveMessageWaitTimeSeconds", 0, 20),
    _number("VisibilityTimeout", 0, 43_200),
    _number("KmsDataKeyReusePeriodSeconds", 60, 86_400),
    _policy("size of a queue policy", at_most("Attributes.Policy", 8_192, INVALID_POLICY, octets)),
    _policy(
        "statements of a queue policy",
        at_most("Attributes.Policy", 20, INVALID_POLICY, lambda text: len(list(policies.statements(text)))),
    ),
    _policy(
        "number of principals of a queue policy",
        at_most("Attributes.Policy", 50, INVALID_POLICY, _principals),
    ),
    _policy("conditions of a queue policy", at_most("Attributes.Policy", 10, INVALID_POLICY, _conditions)),
    _policy(
        "actions of a statement of a queue policy",
        policies.each_statement(
            "Attributes.Policy",
            lambda statement: (
                INVALID_POLICY if len(policies.listed(statement.get("Action", []))) > 7 else None
            ),
        ),
    ),
    # An empty text is a valid value of `Policy`: it removes the policy from the queue.
    _policy(
        "format of a queue policy",
        each_is(
            "Attributes.Policy",
            lambda text: text == "" or any(True for _ in policies.statements(text)),
            INVALID_POLICY,
        ),
    ),
    _policy(
        "principals of a queue policy",
        policies.each_statement("Attributes.Policy", policies.needs("Principal", INVALID_POLICY)),
    ),
    Limit(
        "sqs",
        "SendMessage",
        "size of a message",
        at_most(
            "MessageBody",
            1_048_576,
            "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.",
            octets,
        ),
        "InvalidParameterValue",
        MESSAGE,
    ),
    Limit(
        "sqs",
        "SendMessage",
        "characters of a message",
        matching(
            "MessageBody",
            "[\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*",
            "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | "
            "#xE000 to #xFFFD | #x10000 to #x10FFFF",
        ),
        "InvalidMessageContents",
        documentation("SendMessage", "AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"),
    ),
)
