"""Probes of the limits of SNS and SQS."""

from __future__ import annotations

import json
from typing import Any

from tests.support.limits.probe import Parameters, Probe, changed, document

TOPIC = "arn:aws:sns:eu-west-1:123456789012:alerts"
STATEMENT = {"Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": TOPIC}
SEND = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}


def publish(**given: Any) -> Parameters:
    return {"TopicArn": TOPIC, "Message": "text"} | given


def topic_policy(text: str) -> Parameters:
    return {"TopicArn": TOPIC, "AttributeName": "Policy", "AttributeValue": text}


def topic(**elements: Any) -> Parameters:
    return topic_policy(document(changed(STATEMENT, **elements)))


def queue(attribute: str, value: object) -> Parameters:
    return {"QueueName": "letters", "Attributes": {attribute: str(value)}}


def queue_policy(*statements: Parameters, size: int = 0) -> Parameters:
    return queue("Policy", document(*statements, size=size))


def edges(attribute: str, low: int, high: int) -> Probe:
    return Probe(queue(attribute, low), queue(attribute, high + 1))


def conditions(count: int) -> Parameters:
    return SEND | {"Condition": {"StringEquals": {f"aws:key{number}": "x" for number in range(count)}}}


SNS = {
    "name of a topic": Probe({"Name": "a" * 256}, {"Name": "a" * 257}, "Topic Name"),
    "subject": Probe(publish(Subject="Łódź".ljust(99, "!")), publish(Subject="a" * 100), "Subject"),
    "size of a message": Probe(
        publish(Message="é" * 131_072), publish(Message="é" * 131_072 + "e"), "Message too long"
    ),
    "empty message": Probe(publish(), publish(Message=""), "Empty message"),
    "size of a topic policy": Probe(
        topic_policy(document(STATEMENT, size=30_720)), topic_policy(document(STATEMENT, size=30_721))
    ),
    "format of a topic policy": Probe(topic(), topic_policy('{"Version": "2012-10-17"}')),
    "principals of a topic policy": Probe(topic(), topic(Principal={"AWS": []})),
    "actions of a topic policy": Probe(
        topic(Action=["SNS:Publish", "sns:Subscribe"]), topic(Action="sns:*"), "out of service scope!"
    ),
    "Sids of a topic policy": Probe(
        topic_policy(document(STATEMENT | {"Sid": "One"}, STATEMENT | {"Sid": "Two"})),
        topic_policy(document(STATEMENT | {"Sid": "One"}, STATEMENT | {"Sid": "One"})),
    ),
    "resource of a topic policy": Probe(topic(), topic(Resource=TOPIC + "-other")),
}

SQS = {
    "name of a queue": Probe({"QueueName": "a" * 80}, {"QueueName": "a" * 81}, "1 to 80 in length"),
    "DelaySeconds": edges("DelaySeconds", 0, 900),
    "MaximumMessageSize": edges("MaximumMessageSize", 1_024, 1_048_576),
    "MessageRetentionPeriod": edges("MessageRetentionPeriod", 60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": edges("ReceiveMessageWaitTimeSeconds", 0, 20),
    "VisibilityTimeout": edges("VisibilityTimeout", 0, 43_200),
    "KmsDataKeyReusePeriodSeconds": edges("KmsDataKeyReusePeriodSeconds", 60, 86_400),
    "size of a queue policy": Probe(queue_policy(SEND, size=8_192), queue_policy(SEND, size=8_193)),
    "statements of a queue policy": Probe(queue_policy(*[SEND] * 20), queue_policy(*[SEND] * 21)),
    "number of principals of a queue policy": Probe(
        queue_policy(changed(SEND, Principal={"AWS": ["123456789012"] * 50})),
        queue_policy(changed(SEND, Principal={"AWS": ["123456789012"] * 51})),
    ),
    "conditions of a queue policy": Probe(queue_policy(conditions(10)), queue_policy(conditions(11))),
    "actions of a statement of a queue policy": Probe(
        queue_policy(changed(SEND, Action=["sqs:SendMessage"] * 7)),
        queue_policy(changed(SEND, Action=["sqs:SendMessage"] * 8)),
    ),
    "format of a queue policy": Probe(queue("Policy", ""), queue("Policy", json.dumps({"Statement": []}))),
    "principals of a queue policy": Probe(
        queue_policy(SEND), queue_policy(changed(SEND, Principal={"Service": []}))
    ),
    "size of a message": Probe({"MessageBody": "a" * 1_048_576}, {"MessageBody": "a" * 1_048_577}, "shorter"),
    "characters of a message": Probe({"MessageBody": "Łódź\n"}, {"MessageBody": "\x00"}, "Valid unicode"),
}
