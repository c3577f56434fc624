"""A project at the limits of AWS can be applied in the local cloud: long name, many recipients, many tags.

The limits of AWS are 50 tags for a resource and 10 tags for an S3 object. The name of a bucket
may have 63 characters, and the name of a role 64. An event pattern may have 2,048 characters, and an IAM
policy may contain only Latin-1 characters. The local cloud refuses requests that exceed these limits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from extracts import terraform
from local_cloud import aws, sftp
from local_cloud.demo import account
from tests.support import options
from tests.support.provider import Provider
from tests.support.terraform import Root

NAME = "moving-average-of-loan-amounts-per-banks"
RECIPIENTS = ["Łódź & Żyrardów Bank", *(f"Bank {number}" for number in range(59))]
TAGS = {f"cost-center-{number}": "Łódź + Żyrardów" for number in range(45)}
STATES = "terraform-states"
HOST_KEY = (
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBA9vFK8aepjh47uEVMI23NGp6UTe7A9F"
    "39fegto8Zp1uomCAKUkIfk1NvD6TnHByD4n8EPzPRskaMorAyDMLEZA="
)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[aws.Cloud]:
    with aws.serve(tmp_path_factory.mktemp("cloud")) as served:
        served.client("s3").create_bucket(
            Bucket=STATES, CreateBucketConfiguration={"LocationConstraint": aws.REGION}
        )
        yield served


@pytest.fixture(scope="module")
def made(cloud: aws.Cloud) -> account.Account:
    return account.prepare(cloud, username="reader", password="not used")


def recipient(mode: str, number: int, name: str, key: str) -> dict[str, Any]:
    """Return the settings of one recipient in the variable `recipients`."""
    if mode == "server":
        return {"name": name, "public_keys": {"laptop": key}}
    secret = (
        f"arn:aws:secretsmanager:{aws.REGION}:{aws.ACCOUNT}:secret:aws/transfer/recipient-{number}-AbCdEf"
    )
    server = {"url": f"sftp://sftp{number}.example.com", "folder": "/incoming/loans", "secret_arn": secret}
    return {"name": name, "server": server | {"trusted_host_keys": [HOST_KEY]}}


# A project with connectors has more resources than a project with a server, so a short run tests only
# connectors. `make test-matrix` tests both.
@pytest.fixture(params=["server", "connector"] if options.TOGETHER > 2 else ["connector"])
def root(
    request: pytest.FixtureRequest,
    cloud: aws.Cloud,
    made: account.Account,
    stamp: Callable[..., Path],
    repository: Path,
    tmp_path: Path,
    provider: Provider,
) -> Root:
    """Stamp the project and set its variables."""
    mode = request.param
    project = stamp(
        project_slug=NAME, sftp=mode, _region=aws.REGION, __module_source=f"{repository}/modules/MODULE"
    )
    folder = project / "Terraform"
    variables = {
        "database": {
            "host": "bank.cluster-ro-abc123.eu-west-1.rds.amazonaws.com",
            "name": "bank",
            "secret_arn": made.secret_arn,
            "security_group_id": made.database_security_group_id,
            "verify_server": False,
        },
        "subnet_id": made.subnet_id,
        "recipients": {
            f"recipient-{number}": recipient(
                mode, number, name, sftp.key_pair(tmp_path, f"key-{number}").public
            )
            for number, name in enumerate(RECIPIENTS)
        },
        "force_destroy": True,
    }
    if mode == "server":
        variables["sftp"] = {"allowed_cidrs": {f"office {n}": f"10.{n}.0.0/16" for n in range(10)}}
    (folder / "large.auto.tfvars.json").write_text(json.dumps(variables), encoding="utf-8")
    tags = {"provider": {"aws": {"default_tags": {"tags": TAGS}}}}
    (folder / "tags_override.tf.json").write_text(json.dumps(tags), encoding="utf-8")
    # The state is in S3, because Terraform would write a local state file again each time it creates one of
    # hundreds of resources.
    backend = {"bucket": STATES, "key": f"{mode}.tfstate", "region": aws.REGION, "use_path_style": True}
    (folder / "backend.tf.json").write_text(json.dumps({"terraform": {"backend": {"s3": backend}}}))
    environment = terraform.environment(tmp_path) | cloud.environment
    return Root(folder, environment, provider)


@pytest.mark.timeout(2400)  # slow: the provider makes several requests for each of several hundred resources
def test_project_at_the_limits_of_aws_is_applied_planned_without_changes_and_destroyed(
    root: Root, cloud: aws.Cloud
) -> None:
    root.setup()
    added = re.search(r"Resources: (\d+) added", root.apply())
    assert added
    assert int(added[1]) > 200
    assert len(root.output()["bucket"]) <= 63 - len("-artifacts")
    assert max(map(len, roles_of(cloud))) <= 64
    assert root.changes() == ""
    root.destroy(refresh=False)  # the last plan found no changes, so destroy needs no refresh of the state
    assert not [role for role in roles_of(cloud) if role.startswith(NAME[:20])]


def roles_of(cloud: aws.Cloud) -> list[str]:
    pages = cloud.client("iam").get_paginator("list_roles").paginate()
    return [role["RoleName"] for page in pages for role in page["Roles"]]
