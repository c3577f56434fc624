"""Limits of S3: names, keys, tags and metadata of objects, bucket policies, replication of locked objects."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qsl

from local_cloud.aws.requests.limits import policies, state
from local_cloud.aws.requests.limits.limit import (
    Limit,
    at_most,
    documentation,
    each,
    each_is,
    octets,
)
from local_cloud.aws.requests.request import Request

NAMING = documentation(
    "General purpose bucket naming rules", "AmazonS3/latest/userguide/bucketnamingrules.html"
)
KEYS = documentation("Naming Amazon S3 objects", "AmazonS3/latest/userguide/object-keys.html")
TAGGING = documentation(
    "Categorizing your objects using tags", "AmazonS3/latest/userguide/object-tagging.html"
)
METADATA = documentation("Working with object metadata", "AmazonS3/latest/userguide/UsingMetadata.html")
ADD_POLICY = documentation(
    "Adding a bucket policy by using the Amazon S3 console",
    "AmazonS3/latest/userguide/add-bucket-policy.html",
)
RESOURCES = documentation(
    "Policies and permissions in Amazon S3", "AmazonS3/latest/userguide/access-policy-language-overview.html"
)
GRAMMAR = documentation(
    "Grammar of the IAM JSON policy language", "IAM/latest/UserGuide/reference_policies_grammar.html"
)
LOCK = documentation("Object Lock considerations", "AmazonS3/latest/userguide/object-lock-managing.html")
LIFECYCLE = documentation(
    "PutBucketLifecycleConfiguration", "AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html"
)
REPLICATION = documentation("PutBucketReplication", "AmazonS3/latest/API/API_PutBucketReplication.html")

WRITES = "PutObject CreateMultipartUpload CopyObject"
RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def _is_bucket_name(name: str) -> bool:
    return (
        re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", name) is not None
        and ".." not in name
        and re.fullmatch(r"\d+\.\d+\.\d+\.\d+", name) is None
        and not name.startswith(RESERVED_PREFIXES)
        and not name.endswith(RESERVED_SUFFIXES)
    )


def _metadata_size(metadata: dict[str, str]) -> int:
    return sum(octets(key) + octets(value) for key, value in metadata.items())


def _object_tags(request: Request) -> dict[str, str]:
    header = request.parameters.get("Tagging")
    if isinstance(header, str):
        return dict(parse_qsl(header, keep_blank_values=True))
    return {tag["Key"]: tag["Value"] for tag in each(request.parameters, "Tagging.TagSet[]")}


def _too_many_tags(request: Request) -> str | None:
    return "Object tags cannot be greater than 10" if len(_object_tags(request)) > 10 else None


def _odd_tags(request: Request) -> str | None:
    for key, value in _object_tags(request).items():
        if key.lower().startswith("aws:"):
            return "Your TagKey cannot be prefixed with aws:"
        if not 1 <= len(key) <= 128:
            return "The TagKey you have provided is invalid"
        if len(value) > 256:
            return "The TagValue you have provided is invalid"
    return None


def _names_another_bucket(request: Request) -> str | None:
    bucket = request.parameters["Bucket"]
    for statement in policies.statements(request.parameters["Policy"]):
        for element in ("Resource", "NotResource"):
            for arn in policies.listed(statement.get(element, [])):
                named = re.fullmatch(r"arn:[^:]*:s3:::([^/]*)(/.*)?", str(arn), re.DOTALL)
                if arn != "*" and not (named and fnmatchcase(bucket, named[1])):
                    return "Policy has invalid resource"
    return None


def _unlocked_destinations(request: Request) -> str | None:
    """AWS replicates locked objects only to a bucket with Object Lock."""
    if not state.locks_objects(request.parameters["Bucket"]):
        return None
    for arn in each(request.parameters, "ReplicationConfiguration.Rules[].Destination.Bucket"):
        name = arn.rpartition(":")[2]
        if state.has_bucket(name) and not state.locks_objects(name):
            return "Destination bucket must have Object Lock enabled, as the source bucket has."
    return None


def _is_replication_rule(rule: dict[str, Any]) -> bool:
    return "Filter" not in rule or {"DeleteMarkerReplication", "Priority"} <= rule.keys()


def _logs_into_a_locked_bucket(request: Request) -> str | None:
    for name in each(request.parameters, "BucketLoggingStatus.LoggingEnabled.TargetBucket"):
        if state.locks_objects(name):
            return "Buckets with Object Lock enabled can't be the target of server access logs."
    return None


LIMITS = (
    Limit(
        "s3",
        "CreateBucket",
        "name of a bucket",
        each_is("Bucket", _is_bucket_name, "The specified bucket is not valid."),
        "InvalidBucketName",
        NAMING,
    ),
    Limit(
        "s3",
        WRITES,
        "size of a key",
        at_most("Key", 1_024, "Your key is too long", octets),
        "KeyTooLongError",
        KEYS,
    ),
    Limit(
        "s3",
        WRITES,
        "size of user metadata",
        at_most(
            "Metadata",
            2_048,
            "Your metadata headers exceed the maximum allowed metadata size",
            _metadata_size,
        ),
        "MetadataTooLarge",
        METADATA,
    ),
    Limit("s3", f"{WRITES} PutObjectTagging", "tags of an object", _too_many_tags, "BadRequest", TAGGING),
    Limit("s3", f"{WRITES} PutObjectTagging", "format of an object's tags", _odd_tags, "InvalidTag", TAGGING),
    Limit(
        "s3",
        "PutBucketPolicy",
        "size of a bucket policy",
        at_most("Policy", 20_480, "Policy exceeds the maximum allowed document size.", octets),
        "MalformedPolicy",
        ADD_POLICY,
    ),
    Limit(
        "s3",
        "PutBucketPolicy",
        "format of a bucket policy",
        policies.syntax("Policy", "Policies must be valid JSON and the first byte must be '{'"),
        "MalformedPolicy",
        GRAMMAR,
    ),
    Limit(
        "s3",
        "PutBucketPolicy",
        "principals of a bucket policy",
        policies.each_statement("Policy", policies.needs("Principal", "Missing required field Principal")),
        "MalformedPolicy",
        GRAMMAR,
    ),
    Limit(
        "s3",
        "PutBucketPolicy",
        "actions of a bucket policy",
        policies.each_statement("Policy", policies.needs("Action", "Missing required field Action")),
        "MalformedPolicy",
        GRAMMAR,
    ),
    Limit(
        "s3",
        "PutBucketPolicy",
        "resources of a bucket policy",
        policies.each_statement("Policy", policies.needs("Resource", "Missing required field Resource")),
        "MalformedPolicy",
        GRAMMAR,
    ),
    Limit(
        "s3",
        "PutBucketPolicy",
        "bucket in the resources of a bucket policy",
        _names_another_bucket,
        "MalformedPolicy",
        RESOURCES,
    ),
    Limit(
        "s3",
        "PutBucketPolicy",
        "prefix of the actions in a bucket policy",
        policies.each_statement(
            "Policy",
            policies.values(
                "Action",
                lambda value: value == "*" or str(value).lower().startswith("s3:"),
                "Policy has invalid action",
            ),
        ),
        "MalformedPolicy",
        GRAMMAR,
    ),
    Limit(
        "s3",
        "PutBucketReplication",
        "Object Lock of a destination bucket",
        _unlocked_destinations,
        "InvalidRequest",
        LOCK,
    ),
    Limit(
        "s3",
        "PutBucketReplication",
        "elements of a replication rule",
        each_is(
            "ReplicationConfiguration.Rules[]",
            _is_replication_rule,
            "The XML you provided was not well-formed or did not validate against our published schema",
        ),
        "MalformedXML",
        REPLICATION,
    ),
    Limit(
        "s3",
        "PutBucketLogging",
        "Object Lock of a bucket for access logs",
        _logs_into_a_locked_bucket,
        "InvalidTargetBucketForLogging",
        LOCK,
    ),
    Limit(
        "s3",
        "PutBucketLifecycleConfiguration",
        "length of a lifecycle rule's ID",
        at_most("LifecycleConfiguration.Rules[].ID", 255, "ID length should not exceed allowed limit of 255"),
        "InvalidArgument",
        LIFECYCLE,
    ),
)
