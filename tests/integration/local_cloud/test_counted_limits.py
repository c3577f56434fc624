"""The local cloud enforces limits of AWS, for example the maximum number of tags of a role."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud import aws
from tests.support.limits.iam import STATEMENT, TRUST
from tests.support.limits.network import key
from tests.support.limits.probe import document

ACCOUNT = "000000000000"
TOPIC = f"arn:aws:sns:eu-west-1:{ACCOUNT}:alerts"


def refused(call: Callable[[], object]) -> str:
    """Return the error code and the message of a refused call."""
    with pytest.raises(ClientError) as error:
        call()
    found = error.value.response["Error"]
    return f"{found['Code']}: {found['Message']}"


@pytest.fixture
def name() -> str:
    return f"limit-{secrets.token_hex(4)}"


@pytest.fixture
def role(refusing: aws.Cloud, name: str) -> str:
    refusing.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document(TRUST))
    return name


def test_inline_policies_of_a_role_over_10_kb_in_total_are_refused(refusing: aws.Cloud, role: str) -> None:
    iam = refusing.client("iam")

    def put(policy: str, size: int) -> None:
        text = document(STATEMENT, size=size)
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=text)

    put("one", 6_000)
    put("two", 4_240)
    assert refused(lambda: put("three", 100)) == (
        f"LimitExceeded: Maximum policy size of 10240 bytes exceeded for role {role}"
    )
    put("two", 4_000)
    put("three", 240)


def test_more_than_10_managed_policies_of_a_role_are_refused(refusing: aws.Cloud, role: str) -> None:
    iam = refusing.client("iam")

    def attach(number: int) -> None:
        made = iam.create_policy(PolicyName=f"{role}-{number}", PolicyDocument=document(STATEMENT))
        iam.attach_role_policy(RoleName=role, PolicyArn=made["Policy"]["Arn"])

    for number in range(10):
        attach(number)
    assert "PoliciesPerRole: 10" in refused(lambda: attach(10))


def test_more_than_50_tags_of_a_role_are_refused(refusing: aws.Cloud, role: str) -> None:
    iam = refusing.client("iam")
    iam.tag_role(RoleName=role, Tags=[{"Key": f"key-{number}", "Value": ""} for number in range(50)])
    iam.tag_role(RoleName=role, Tags=[{"Key": "key-0", "Value": "again"}])
    assert "LimitExceeded" in refused(
        lambda: iam.tag_role(RoleName=role, Tags=[{"Key": "one-more", "Value": ""}])
    )


def test_more_than_5_targets_of_a_rule_are_refused(refusing: aws.Cloud, name: str) -> None:
    events = refusing.client("events")
    events.put_rule(Name=name, EventPattern='{"source": ["aws.glue"]}')
    targets = [{"Id": str(number), "Arn": TOPIC} for number in range(6)]
    events.put_targets(Rule=name, Targets=targets[:5])
    events.put_targets(Rule=name, Targets=targets[:1])
    assert "LimitExceededException" in refused(lambda: events.put_targets(Rule=name, Targets=targets[5:]))


def test_more_than_30_rules_with_wildcards_on_a_bus_are_refused(refusing: aws.Cloud, name: str) -> None:
    events = refusing.client("events")
    other = events.create_event_bus(Name=f"{name}-other")
    events.create_event_bus(Name=name)
    pattern = json.dumps({"detail": {"key": [{"wildcard": "a/*"}]}})
    for number in range(30):
        events.put_rule(Name=f"rule-{number}", EventBusName=name, EventPattern=pattern)
    events.put_rule(Name="rule-0", EventBusName=name, EventPattern=pattern)
    assert "LimitExceededException" in refused(
        lambda: events.put_rule(Name="rule-30", EventBusName=name, EventPattern=pattern)
    )
    assert other["EventBusArn"].endswith("-other")
    events.put_rule(Name="rule-30", EventBusName=f"{name}-other", EventPattern=pattern)


def test_name_of_a_deleted_secret_is_reserved_until_the_final_deletion(
    refusing: aws.Cloud, name: str
) -> None:
    manager = refusing.client("secretsmanager")
    manager.create_secret(Name=name, SecretString="first")
    manager.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    assert refused(lambda: manager.create_secret(Name=name, SecretString="second")) == (
        "InvalidRequestException: You can't create this secret because a secret with this name is already "
        "scheduled for deletion."
    )
    manager.restore_secret(SecretId=name)
    manager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    manager.create_secret(Name=name, SecretString="second")


def test_second_start_trigger_of_a_workflow_is_refused(refusing: aws.Cloud, role: str) -> None:
    name = role
    glue = refusing.client("glue")
    glue.create_workflow(Name=name)
    glue.create_crawler(
        Name=name, Role=f"arn:aws:iam::{ACCOUNT}:role/{role}", Targets={"S3Targets": [{"Path": "s3://b"}]}
    )
    given: dict[str, Any] = {"WorkflowName": name, "Actions": [{"CrawlerName": name}]}
    glue.create_trigger(Name=f"{name}-1", Type="ON_DEMAND", **given)
    assert "already has a starting trigger" in refused(
        lambda: glue.create_trigger(Name=f"{name}-2", Type="ON_DEMAND", **given)
    )


def test_more_than_50_public_keys_of_a_user_are_refused(refusing: aws.Cloud, role: str) -> None:
    transfer = refusing.client("transfer")
    server = transfer.create_server()["ServerId"]
    arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
    transfer.create_user(ServerId=server, UserName="first-bank", Role=arn, HomeDirectory="/bucket")
    kinds = ["ssh-rsa", "ssh-ed25519", "ecdsa-sha2-nistp256"]

    def bring(number: int) -> None:
        body = f"{key(kinds[number % 3])} {number}"
        transfer.import_ssh_public_key(ServerId=server, UserName="first-bank", SshPublicKeyBody=body)

    for number in range(50):
        bring(number)
    assert "50 SSH public keys" in refused(lambda: bring(50))


def test_dynamodb_hash_key_over_2048_bytes_and_range_key_over_1024_bytes_are_refused(
    refusing: aws.Cloud, name: str
) -> None:
    table = refusing.client("dynamodb")
    table.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": a, "AttributeType": "S"} for a in "ks"],
        BillingMode="PAY_PER_REQUEST",
    )

    def put(k: int, s: int) -> None:
        table.put_item(TableName=name, Item={"k": {"S": "x" * k}, "s": {"S": "x" * s}})

    put(2_048, 1_024)
    assert "Size of hashkey has exceeded" in refused(lambda: put(2_049, 1_024))
    assert "Size of rangekey has exceeded" in refused(lambda: put(2_048, 1_025))


def test_sns_message_over_256_kib_or_over_the_limit_of_its_topic_is_refused(
    refusing: aws.Cloud, name: str
) -> None:
    sns = refusing.client("sns")
    topic = sns.create_topic(Name=name)["TopicArn"]
    sns.publish(TopicArn=topic, Message="x" * 262_144)
    assert "Message too long" in refused(lambda: sns.publish(TopicArn=topic, Message="x" * 262_145))
    sns.set_topic_attributes(TopicArn=topic, AttributeName="MaximumMessageSize", AttributeValue="1024")
    assert "Message too long" in refused(lambda: sns.publish(TopicArn=topic, Message="x" * 1_025))


def test_bucket_with_object_lock_is_replicated_only_to_buckets_with_object_lock(
    refusing: aws.Cloud, name: str
) -> None:
    s3 = refusing.client("s3")
    place = {"LocationConstraint": "eu-west-1"}
    for suffix, locks in (("locked", True), ("locked-too", True), ("open", False)):
        bucket = f"{name}-{suffix}"
        s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=locks, CreateBucketConfiguration=place)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

    def replicate(target: str) -> None:
        rule = {
            "ID": "all",
            "Priority": 0,
            "Filter": {},
            "Status": "Enabled",
            "DeleteMarkerReplication": {"Status": "Disabled"},
            "Destination": {"Bucket": f"arn:aws:s3:::{name}-{target}"},
        }
        configuration = {"Role": f"arn:aws:iam::{ACCOUNT}:role/r", "Rules": [rule]}
        s3.put_bucket_replication(Bucket=f"{name}-locked", ReplicationConfiguration=configuration)

    replicate("locked-too")
    assert "Object Lock" in refused(lambda: replicate("open"))


@pytest.mark.parametrize(
    "pattern",
    [
        '{"source": "aws.glue"}',
        '{"detail": {"key": [{"wildcard": "a**b"}]}}',
        '{"detail": {"state": [{"anything-but": [{"prefix": "a"}]}]}}',
        '{"detail": {"state": []}}',
        "{",
    ],
)
def test_invalid_event_pattern_is_refused(refusing: aws.Cloud, name: str, pattern: str) -> None:
    events = refusing.client("events")
    assert "InvalidEventPatternException" in refused(lambda: events.put_rule(Name=name, EventPattern=pattern))
