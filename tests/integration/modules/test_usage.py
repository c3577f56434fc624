"""Use the modules as teams do: meta-arguments, regions, shared parts, unknown values, tags.

The root modules are in `usage/`. All are planned in the local cloud. Root modules that can be created quickly
are applied, too.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local_cloud import aws
from tests.support.terraform import OpenRoot, Root, variables
from tools.hcl import MODULES

ROOTS = Path(__file__).parent / "usage"

# The attributes that identify a resource of each type. Two resources with equal values cannot exist in the
# same region, or in the same account if the type is global. Each type must be in NAMES or in UNNAMED.
# Otherwise the test fails.
NAMES = {
    "aws_cloudwatch_event_rule": ("name",),
    "aws_cloudwatch_log_group": ("name",),
    "aws_cloudwatch_metric_alarm": ("alarm_name",),
    "aws_dynamodb_table": ("name",),
    "aws_glue_catalog_database": ("name",),
    "aws_glue_connection": ("name",),
    "aws_glue_crawler": ("name",),
    "aws_glue_job": ("name",),
    "aws_glue_security_configuration": ("name",),
    "aws_glue_trigger": ("name",),
    "aws_glue_workflow": ("name",),
    "aws_iam_role": ("name",),
    "aws_kms_alias": ("name",),
    "aws_route53_record": ("zone_id", "name", "type"),
    "aws_s3_bucket": ("bucket",),
    "aws_s3_object": ("bucket", "key"),
    "aws_scheduler_schedule": ("group_name", "name"),
    "aws_scheduler_schedule_group": ("name",),
    "aws_secretsmanager_secret": ("name",),
    "aws_security_group": ("vpc_id", "name"),
    "aws_serverlessapplicationrepository_cloudformation_stack": ("name",),
    "aws_sfn_state_machine": ("name",),
    "aws_sns_topic": ("name",),
    "aws_sqs_queue": ("name",),
}
GLOBAL = {"aws_iam_role", "aws_s3_bucket"}
# Types that are part of another resource, or whose names AWS chooses.
UNNAMED = {
    "aws_cloudwatch_event_target",
    "aws_iam_role_policy",
    "aws_kms_key",
    "aws_s3_bucket_lifecycle_configuration",
    "aws_s3_bucket_logging",
    "aws_s3_bucket_ownership_controls",
    "aws_s3_bucket_policy",
    "aws_s3_bucket_public_access_block",
    "aws_s3_bucket_replication_configuration",
    "aws_s3_bucket_server_side_encryption_configuration",
    "aws_s3_bucket_versioning",
    "aws_secretsmanager_secret_rotation",
    "aws_secretsmanager_secret_version",
    "aws_sns_topic_policy",
    "aws_sns_topic_subscription",
    "aws_transfer_connector",
    "aws_transfer_server",
    "aws_transfer_ssh_key",
    "aws_transfer_user",
    "aws_vpc_endpoint",
    "aws_vpc_security_group_egress_rule",
    "aws_vpc_security_group_ingress_rule",
}


@pytest.fixture(scope="module")
def usage_root(
    cloud: aws.Cloud, open_root: OpenRoot, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Root]:
    """Return a function that initializes a root module of `usage/` in a separate folder."""

    def usage_root(name: str) -> Root:
        folder = tmp_path_factory.mktemp(name)
        for module in ("regional", "stack"):
            shutil.copytree(ROOTS / module, folder / module)
        shutil.copy(ROOTS / f"{name}.tf", folder / "main.tf")
        (folder / "modules").symlink_to(MODULES)
        (folder / "etl.py").write_text('print("ran")\n')
        root = open_root(folder, **cloud.environment)
        root.setup()
        return root

    return usage_root


Planned = dict[str, dict[str, Any]]


def planned(root: Root) -> Planned:
    """Return the resources of a plan, keyed by address."""
    changes = root.plan(output=True).resource_changes
    return {address: change for address, change in changes.items() if change["mode"] == "managed"}


def within(resources: Planned, module: str) -> Planned:
    """Return the resources of one module, keyed by their address inside the module."""
    return {
        address.removeprefix(f"{module}."): resource
        for address, resource in resources.items()
        if address.startswith(f"{module}.")
    }


def collisions(resources: Planned, region: Callable[[str], str]) -> list[tuple[str, ...]]:
    """Return the names that more than one resource has."""
    names: Counter[tuple[str, ...]] = Counter()
    for address, resource in resources.items():
        if (kind := resource["type"]) in UNNAMED:
            continue
        name = [resource["change"]["after"].get(part) for part in NAMES[kind]]
        if kind in GLOBAL:
            names[kind, *name] += 1
        elif any(name):  # the name is empty if AWS generates it, or if it is the ID of another resource
            names[kind, region(address), *map(str, name)] += 1
    return [name for name, count in names.items() if count > 1]


################################################################################
# Meta-arguments and regions
################################################################################


@pytest.fixture(scope="module")
def instances(usage_root: Callable[[str], Root]) -> Planned:
    return planned(usage_root("instances"))


def test_module_with_count_zero_creates_nothing(instances: Planned) -> None:
    assert not within(instances, "module.none[0]")


@pytest.mark.parametrize("instance", ["module.counted[1]", 'module.keyed["0"]', 'module.keyed["1"]'])
def test_every_module_instance_has_all_resources(instances: Planned, instance: str) -> None:
    assert len(within(instances, "module.counted[0]")) > 100
    assert within(instances, instance).keys() == within(instances, "module.counted[0]").keys()


def test_names_of_module_instances_in_two_regions_are_unique(instances: Planned) -> None:
    assert collisions(instances, lambda address: address.split("[")[0]) == []


@pytest.mark.parametrize(
    ("call", "region", "other"),
    [("module.counted", "eu-west-1", "eu-central-1"), ("module.keyed", "eu-central-1", "eu-west-1")],
)
@pytest.mark.parametrize("module", ["bucket", "extract", "server", "connector", "alerts"])
def test_module_uses_the_region_of_its_provider(
    instances: Planned, call: str, region: str, other: str, module: str
) -> None:
    found = [
        json.dumps(resource["change"]["after"])
        for address, resource in instances.items()
        if address.startswith(call) and f".module.{module}." in address
    ]
    assert any(region in text for text in found)
    assert not [text for text in found if other in text]


################################################################################
# Two extracts in one state, with all resources that they use
################################################################################


@pytest.fixture(scope="module")
def same_state(usage_root: Callable[[str], Root]) -> Planned:
    return planned(usage_root("same_state"))


def test_no_key_is_created_if_an_existing_key_is_given(same_state: Planned) -> None:
    keys = {address for address, resource in same_state.items() if resource["type"] == "aws_kms_key"}
    assert keys == {"aws_kms_key.own", "module.artifacts.aws_kms_key.this[0]"}


def test_map_keys_are_known_at_plan_time_even_if_ssh_keys_and_addresses_are_unknown(
    same_state: Planned,
) -> None:
    assert {
        'module.loans_server.aws_transfer_ssh_key.this["first-bank/laptop"]',
        'module.loans_server.aws_transfer_ssh_key.this["first-bank/server"]',
        'module.fees_users.aws_transfer_ssh_key.this["second-bank/laptop"]',
        'module.loans_server.aws_vpc_security_group_ingress_rule.allowed["office"]',
        'module.loans.aws_vpc_security_group_ingress_rule.database["database"]',
    } <= same_state.keys()


def test_names_of_two_extracts_in_the_same_state_are_unique(same_state: Planned) -> None:
    ours = {address: found for address, found in same_state.items() if address.startswith("module.")}
    assert collisions(ours, lambda _: "eu-west-1") == []
    # The second extract adds its users to the server of the first extract, and creates no server.
    assert [a for a, found in ours.items() if found["type"] == "aws_transfer_server"] == [
        "module.loans_server.aws_transfer_server.this[0]"
    ]


################################################################################
# One extract in two regions, with many default tags
################################################################################

USAGE = variables(name="usage")
RENAMED = variables(name="renamed")


@pytest.fixture(scope="module")
def regions(usage_root: Callable[[str], Root]) -> Iterator[Root]:
    root = usage_root("regions")
    root.apply(tf_vars=USAGE)
    yield root
    # Other tests count the resources in this account, so this fixture destroys its resources.
    root.destroy(tf_vars=USAGE, refresh=False)


def test_second_plan_is_empty(regions: Root) -> None:
    assert regions.changes(USAGE) == ""


@pytest.mark.parametrize(("region", "tags"), [("eu-west-1", 11), ("eu-central-1", 45)])
def test_all_resources_except_uploaded_objects_have_the_default_tags(
    regions: Root, cloud: aws.Cloud, region: str, tags: int
) -> None:
    found = cloud.client("iam").list_role_tags(RoleName=f"usage-job-{region}")["Tags"]
    assert {tag["Key"] for tag in found} == {f"tag-{number}" for number in range(tags)}

    # S3 allows at most 10 tags for an object.
    s3, bucket = cloud.client("s3"), f"usage-artifacts-{region}"
    objects = s3.list_objects_v2(Bucket=bucket)["Contents"]
    tagged = [s3.get_object_tagging(Bucket=bucket, Key=found["Key"])["TagSet"] for found in objects]
    assert len(tagged) > 10
    assert not any(tagged)


def test_extract_can_be_renamed_and_then_get_its_old_name_back(regions: Root, cloud: aws.Cloud) -> None:
    """For each new name, Terraform replaces all resources.

    AWS keeps a deleted secret and its name for a month, so each secret gets a unique name.
    """
    for name, given in (("renamed", RENAMED), ("usage", USAGE)):
        regions.apply(tf_vars=given)
        jobs = {job["Name"] for job in cloud.client("glue").get_jobs()["Jobs"]}
        assert jobs & {"usage", "renamed"} == {name}  # the account also has jobs of other tests
    assert regions.changes(USAGE) == ""
