"""The roles that GitHub assumes: the Terraform tests pass, and the plan role can plan a project."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

import extracts
from local_cloud import aws, sftp
from tests.support.github import assume
from tests.support.terraform import OpenRoot, Root, variables
from tools.hcl import MODULES, REPOSITORY

EXAMPLE = REPOSITORY / "examples/github-roles"
HOME = "terraform-aws-extracts/terraform-aws-extracts/.github/workflows"
INSTANCE = """\
module "sftp" {
  source = "%(modules)s/sftp-transfer"

  name        = "planned"
  mode        = "instance"
  bucket      = "planned-data"
  kms_key_arn = "arn:aws:kms:eu-west-1:000000000000:key/00000000-0000-0000-0000-000000000000"
  endpoint    = { vpc_id = "vpc-00000001", subnet_ids = ["subnet-00000001"] }
  receipts    = { due_day = 10 }

  manifest_prefix   = "loans/_manifests"
  dead_letter_queue = module.alerts.dead_letter_queue

  recipients  = { first-bank = { prefix = "loans/bank_name=FirstBank", public_keys = {} } }
}
"""
CONNECTOR = """\
module "connector" {
  source = "%(modules)s/sftp-transfer"

  name            = "planned"
  mode            = "connector"
  bucket          = "planned-data"
  kms_key_arn     = "arn:aws:kms:eu-west-1:000000000000:key/00000000-0000-0000-0000-000000000000"
  manifest_prefix = "loans/_manifests"

  dead_letter_queue = module.alerts.dead_letter_queue
  recipients = {
    first-bank = {
      prefix = "loans/bank_name=FirstBank"
      push = {
        folder            = "/incoming"
        secret_arn        = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:aws/transfer/first"
        trusted_host_keys = ["%(key)s"]
        url               = "sftp://127.0.0.1:9"
      }
    }
  }
}
"""
# An extract with all optional parts, so that the plan reads every kind of resource.
EXTRACT = """\
module "bucket" {
  source = "%(modules)s/kms-bucket"

  name          = "planned-000000000000-eu-west-1"
  prefixes      = { loans = "loans" }
  force_destroy = true
}

module "artifacts" {
  source = "%(modules)s/kms-bucket"

  name          = "planned-000000000000-eu-west-1-artifacts"
  kms_key       = { arn = module.bucket.kms_key_arn }
  force_destroy = true
}

module "extract" {
  source = "%(modules)s/glue-extract"

  name              = "planned"
  script_path       = "${path.module}/etl.py"
  tables            = ["Loans"]
  recipient_column  = "bank_name"
  kms_key_arn       = module.bucket.kms_key_arn
  catch_up_schedule = "cron(0 7 2-10 * ? *)"
  database          = { host = "reader.internal", name = "bank", verify_server = false }
  job               = { delay_notification_minutes = 10 }
  rotation = {
    function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:rotate"
    host         = "writer.internal"
  }
  secret = {}
  network = {
    vpc_id            = "vpc-00000001"
    subnet_id         = "subnet-00000001"
    availability_zone = "eu-west-1a"
  }
  artifacts = { bucket = module.artifacts.name }
  target = {
    bucket             = module.bucket.name
    prefix             = "loans"
    writer_policy_json = module.bucket.writer_policies["loans"]
  }
  dead_letter_queue = module.alerts.dead_letter_queue
}

module "alerts" {
  source = "%(modules)s/failure-alerts"

  name           = "planned"
  failure_events = module.extract.failure_events
  target         = module.extract.target
  subscriptions  = { team = { endpoint = "data-team@example.com" } }
  delivery = {
    events          = merge(module.sftp.delivery.events, module.connector.delivery.events)
    push_arn_prefix = module.connector.delivery.push_arn_prefix
    recipients      = module.sftp.delivery.recipients
    recoveries      = merge(module.sftp.delivery.recoveries, module.connector.delivery.recoveries)
    rule_arns       = concat(module.sftp.delivery.rule_arns, module.connector.delivery.rule_arns)
  }
}
"""


@pytest.fixture
def roles(tmp_path: Path) -> Path:
    """Copy the example, because Terraform writes files into its folder."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "roles", ignore=shutil.ignore_patterns(".terraform*")))


def test_terraform_tests_of_the_github_roles_pass(roles: Path, open_root: OpenRoot) -> None:
    root = open_root(roles)
    root.setup()
    root.execute_command("test", "-no-color")


GIVEN: dict[str, Any] = {
    "repository": "banking-group/planned",
    "name": "planned",
    "region": aws.REGION,
    "state": {"bucket": "terraform-states", "key": "planned.tfstate"},
    "data_buckets": ["planned-data"],
    "apply_policy_arn": "arn:aws:iam::aws:policy/AdministratorAccess",
}


def test_roles_of_two_repositories_in_one_account_trust_only_their_own_repository(
    cloud: aws.Cloud, roles: Path, tmp_path: Path, open_root: OpenRoot
) -> None:
    """Only for new repositories, the subject of GitHub's token contains the IDs of owner and repository."""
    version = f"@refs/tags/v{extracts.__version__}"
    old = open_root(roles, **cloud.environment)
    new = open_root(Path(shutil.copytree(roles, tmp_path / "second")), **cloud.environment)
    given = variables(**GIVEN, default_branch="trunk")
    second = GIVEN | {"repository": "banking-group/renamed", "name": "renamed"}
    old.setup()
    new.setup()
    try:
        old.apply(tf_vars=given)
        provider = cloud.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
        second |= {"oidc_provider_arn": provider[0]["Arn"]}
        second |= {"repository_ids": {"owner": "123456", "repository": "456789"}}
        new.apply(tf_vars=variables(**second))
        arns = {"old": old.output()["role_arns"], "new": new.output()["role_arns"]}
        subjects = {
            ("old", "plan", "extract-drift"): "repo:banking-group/planned:ref:refs/heads/trunk",
            ("old", "apply", "extract-apply"): "repo:banking-group/planned:environment:production",
            ("new", "plan", "extract-drift"): "repo:banking-group@123456/renamed@456789:ref:refs/heads/main",
            ("new", "run", "extract-backfill"): (
                "repo:banking-group@123456/renamed@456789:environment:production"
            ),
        }
        foreign = [
            "repo:banking-group/planned:ref:refs/heads/main",
            "repo:banking-group/renamed:ref:refs/heads/main",
            "repo:banking-group@123456/renamed@456780:ref:refs/heads/main",
            "repo:banking-group@123456/planned@456789:ref:refs/heads/trunk",
        ]
        for (which, role, workflow), trusted in subjects.items():
            source = f"{HOME}/{workflow}.yml{version}"
            assert assume(cloud, arns[which][role], trusted, source)
            for other in {*foreign, *subjects.values()} - {trusted}:
                with pytest.raises(ClientError, match="AccessDenied"):
                    assume(cloud, arns[which][role], other, source)
    finally:
        new.destroy(tf_vars=variables(**second))
        old.destroy(tf_vars=given)


@pytest.fixture
def instance(cloud: aws.Cloud, tmp_path: Path, open_root: OpenRoot) -> Root:
    """Apply an extract with alerts, an SFTP server on EC2, and a connector."""
    (tmp_path / "instance").mkdir()
    (tmp_path / "instance/etl.py").write_text("")
    key = " ".join(sftp.key_pair(tmp_path, "host", "rsa").public.split()[:2])
    text = (EXTRACT + INSTANCE + CONNECTOR).replace("%(modules)s", str(MODULES)).replace("%(key)s", key)
    (tmp_path / "instance/main.tf").write_text(text)
    root = open_root(tmp_path / "instance", **cloud.environment)
    root.setup()
    root.apply()
    return root


def test_plan_role_can_plan_its_project_but_cannot_read_the_user_data_of_other_instances(
    cloud: aws.Cloud, roles: Path, instance: Root, open_root: OpenRoot
) -> None:
    """The user data of other instances often contains passwords, so the role must not read it."""
    ec2 = cloud.client("ec2")
    [found] = ec2.describe_instances(Filters=[{"Name": "tag:Name", "Values": ["planned-sftp"]}])[
        "Reservations"
    ]
    own = found["Instances"][0]["InstanceId"]
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "other-sftp"}]}]
    [other] = ec2.run_instances(
        ImageId="ami-0c2023a1b2c3d4e5f",
        InstanceType="t4g.nano",
        MaxCount=1,
        MinCount=1,
        TagSpecifications=tags,
        UserData="password",
    )["Instances"]
    try:
        made = open_root(roles, **cloud.environment)
        made.setup()
        made.apply(
            tf_vars=variables(
                **GIVEN,
                sftp_instance=True,
                created_secret=True,
                plan_environment="plan",
            )
        )
        given = assume(
            cloud,
            made.output()["role_arns"]["plan"],
            "repo:banking-group/planned:environment:plan",
            f"{HOME}/extract-plan.yml@refs/tags/v{extracts.__version__}",
        )
        instance.env |= {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }
        assert instance.changes() == ""
        session = boto3.Session(
            given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], aws.REGION
        )
        reader = session.client("ec2", endpoint_url=cloud.endpoint, verify=str(cloud.authority))
        assert reader.describe_instance_attribute(InstanceId=own, Attribute="userData")["UserData"]
        with pytest.raises(ClientError, match="UnauthorizedOperation"):
            reader.describe_instance_attribute(InstanceId=other["InstanceId"], Attribute="userData")
    finally:
        # Other tests in this cloud expect no instances, so the test terminates both instances.
        ec2.terminate_instances(InstanceIds=[own, other["InstanceId"]])
