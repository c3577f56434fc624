"""Limits of tags: the number of tags of a resource, and the characters of a tag."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from local_cloud.aws.requests.limits.limit import Complaint, Limit, documentation, each
from local_cloud.aws.requests.request import Request

CONVENTIONS = documentation(
    "Tag naming limits and requirements", "tag-editor/latest/userguide/best-practices-and-strats.html"
)
RESERVED = "aws: prefixed tag key names are not allowed for external use."


@dataclass(frozen=True, slots=True)
class Tagged:
    """The place of the tags in a service's requests, and the service's errors for too many or invalid tags.

    `path` leads to the tags of one resource. The tags are a list of objects with `key` and `value`, or one
    object that maps each key to its value.
    """

    service: str
    operations: str
    path: str
    key: str
    value: str
    too_many: str
    odd: str
    any_character: bool = False


SERVICES = (
    Tagged("s3", "PutBucketTagging", "Tagging.TagSet", "Key", "Value", "BadRequest", "InvalidTag"),
    Tagged("sns", "CreateTopic TagResource", "Tags", "Key", "Value", "TagLimitExceeded", "InvalidParameter"),
    Tagged(
        "sqs", "CreateQueue TagQueue", "tags|Tags", "", "", "InvalidParameterValue", "InvalidParameterValue"
    ),
    Tagged(
        "events",
        "PutRule TagResource",
        "Tags",
        "Key",
        "Value",
        "LimitExceededException",
        "ValidationException",
    ),
    Tagged(
        "scheduler",
        "CreateScheduleGroup TagResource",
        "Tags",
        "Key",
        "Value",
        "ValidationException",
        "ValidationException",
    ),
    Tagged(
        "stepfunctions",
        "CreateStateMachine TagResource",
        "tags",
        "key",
        "value",
        "TooManyTags",
        "ValidationException",
    ),
    Tagged(
        "kms",
        "CreateKey TagResource",
        "Tags",
        "TagKey",
        "TagValue",
        "LimitExceededException",
        "TagException",
    ),
    Tagged(
        "secretsmanager",
        "CreateSecret TagResource",
        "Tags",
        "Key",
        "Value",
        "InvalidParameterException",
        "InvalidParameterException",
    ),
    Tagged(
        "cloudwatch",
        "PutMetricAlarm TagResource",
        "Tags",
        "Key",
        "Value",
        "LimitExceeded",
        "ValidationError",
    ),
    Tagged(
        "logs",
        "CreateLogGroup TagResource",
        "tags",
        "",
        "",
        "TooManyTagsException",
        "InvalidParameterException",
    ),
    Tagged(
        "dynamodb",
        "CreateTable TagResource",
        "Tags",
        "Key",
        "Value",
        "ValidationException",
        "ValidationException",
    ),
    Tagged(
        "glue",
        "CreateJob CreateTrigger CreateCrawler CreateWorkflow CreateConnection CreateDatabase TagResource",
        "Tags|TagsToAdd",
        "",
        "",
        "InvalidInputException",
        "InvalidInputException",
    ),
    Tagged(
        "transfer",
        "CreateServer CreateUser CreateConnector TagResource",
        "Tags",
        "Key",
        "Value",
        "InvalidRequestException",
        "InvalidRequestException",
    ),
    Tagged(
        "ec2",
        "CreateTags CreateSecurityGroup CreateVpcEndpoint AuthorizeSecurityGroupIngress "
        "AuthorizeSecurityGroupEgress",
        "Tags|TagSpecifications[].Tags",
        "Key",
        "Value",
        "TagLimitExceeded",
        "InvalidParameterValue",
        any_character=True,  # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html
    ),
    Tagged("iam", "CreateRole CreatePolicy TagRole", "Tags", "Key", "Value", "LimitExceeded", "InvalidInput"),
)


def _given(tagged: Tagged, request: Request) -> Iterator[list[tuple[str, str]]]:
    """Yield the tags of each resource in a request."""
    for found in each(request.parameters, tagged.path):
        if tagged.key:
            yield [(tag.get(tagged.key, ""), tag.get(tagged.value) or "") for tag in found]
        else:
            yield list(found.items())


def _is_text(text: str) -> bool:
    return all(c in "_.:/=+-@" or unicodedata.category(c)[0] in "LZN" for c in text)


def _too_many(tagged: Tagged) -> Complaint:
    def complain(request: Request) -> str | None:
        count = max(map(len, _given(tagged, request)), default=0)
        return f"The number of tags is over the limit of 50: {count}" if count > 50 else None

    return complain


def _odd(tagged: Tagged) -> Complaint:
    def complain(request: Request) -> str | None:
        return next(filter(None, (_fault(tagged, given) for given in _given(tagged, request))), None)

    return complain


def _fault(tagged: Tagged, given: list[tuple[str, str]]) -> str | None:
    seen: set[str] = set()
    for key, value in given:
        if key.lower().startswith("aws:"):
            return RESERVED
        if not 1 <= len(key) <= 128 or len(value) > 256:
            return f"A tag key must have 1 to 128 characters, and a tag value at most 256 characters: {key}"
        if not (tagged.any_character or (_is_text(key) and _is_text(value))):
            return f"A tag may contain only letters, digits, spaces and _.:/=+-@: {key}={value}"
        # Two tag keys of a role must not differ only in case.
        if (same := key.lower() if tagged.service == "iam" else key) in seen:
            return "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        seen.add(same)
    return None


LIMITS = (
    *(
        Limit(t.service, t.operations, "number of tags", _too_many(t), t.too_many, CONVENTIONS)
        for t in SERVICES
    ),
    *(Limit(t.service, t.operations, "format of tags", _odd(t), t.odd, CONVENTIONS) for t in SERVICES),
)
