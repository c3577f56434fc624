"""Probes of the limits of S3."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from tests.support.limits.probe import Parameters, Probe, changed, document

STATEMENT = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::bucket/*"}
RULE: Parameters = {
    "ID": "all",
    "Filter": {},
    "Priority": 0,
    "DeleteMarkerReplication": {"Status": "Disabled"},
    "Destination": {"Bucket": "arn:aws:s3:::replica"},
}


def put(**given: Any) -> Parameters:
    return {"Bucket": "bucket", "Key": "file.csv"} | given


def tags(count: int) -> Parameters:
    return {"Tagging": urlencode({f"key-{number}": "value" for number in range(count)})}


def tag_set(key: str) -> Parameters:
    return put(Tagging={"TagSet": [{"Key": key, "Value": ""}]})


def policy(text: str) -> Parameters:
    return {"Bucket": "bucket", "Policy": text}


def bucket(**elements: Any) -> Parameters:
    return policy(document(changed(STATEMENT, **elements)))


def replicate(name: str, **given: Any) -> Parameters:
    rule = changed(RULE, Destination={"Bucket": f"arn:aws:s3:::{name}"}, **given)
    return {"Bucket": "locked", "ReplicationConfiguration": {"Role": "role", "Rules": [rule]}}


def log_into(name: str) -> Parameters:
    return {"Bucket": "bucket", "BucketLoggingStatus": {"LoggingEnabled": {"TargetBucket": name}}}


def expire(name: str) -> Parameters:
    return {"Bucket": "bucket", "LifecycleConfiguration": {"Rules": [{"ID": name, "Status": "Enabled"}]}}


S3 = {
    "name of a bucket": Probe({"Bucket": "a" * 63}, {"Bucket": "a" * 64}, "bucket is not valid."),
    "size of a key": Probe(put(Key="Ł" * 512), put(Key="Ł" * 512 + "L"), "Your key is too long"),
    "size of user metadata": Probe(
        put(Metadata={"key": "a" * 2_045}), put(Metadata={"key": "a" * 2_046}), "metadata headers"
    ),
    "tags of an object": Probe(put(**tags(10)), put(**tags(11)), "Object tags cannot be greater than 10"),
    "format of an object's tags": Probe(tag_set("a" * 128), tag_set("a" * 129), operation="PutObjectTagging"),
    "size of a bucket policy": Probe(
        policy(document(STATEMENT, size=20_480)), policy(document(STATEMENT, size=20_481)), "maximum allowed"
    ),
    "format of a bucket policy": Probe(bucket(), policy("{}")),
    "principals of a bucket policy": Probe(bucket(), bucket(Principal={"AWS": []})),
    "actions of a bucket policy": Probe(bucket(), bucket(Action=[])),
    "resources of a bucket policy": Probe(bucket(), bucket(Resource=[])),
    "bucket in the resources of a bucket policy": Probe(
        bucket(Resource=["arn:aws:s3:::bucket", "arn:aws-cn:s3:::bucket/x/*", "arn:aws:s3:::buc*/*", "*"]),
        bucket(Resource=["arn:aws:s3:::bucket", "arn:aws:s3:::bucket-2/*"]),
        "Policy has invalid resource",
    ),
    "prefix of the actions in a bucket policy": Probe(bucket(Action="*"), bucket(Action="kms:Decrypt")),
    "Object Lock of a destination bucket": Probe(
        replicate("locked-too"),
        replicate("open"),
        state={"has_bucket": True, "locks_objects": ("locked", "locked-too")},
    ),
    "elements of a replication rule": Probe(
        replicate("replica"), replicate("replica", Priority=None), state={"locks_objects": False}
    ),
    "Object Lock of a bucket for access logs": Probe(
        log_into("logs"), log_into("locked"), state={"locks_objects": ("locked",)}
    ),
    "length of a lifecycle rule's ID": Probe(expire("a" * 255), expire("a" * 256), "255"),
}
