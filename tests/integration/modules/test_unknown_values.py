"""Plan root modules on an empty state.

The planned modules use `for_each` and provider aliases, and get inputs that are unknown at plan time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from local_cloud import aws
from tests.support.terraform import OpenRoot
from tools.hcl import MODULES

# The root module creates keys, roles, policies, buckets and queues, and passes them to the modules.
ROOT = """\
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  alias  = "eu"
  region = "eu-central-1"
}

resource "terraform_data" "later" {
  input = "later"
}

locals {
  later = terraform_data.later.id
}

resource "aws_kms_key" "own" {
  provider = aws.eu
}

resource "aws_iam_role" "reader" {
  name               = "reader"
  assume_role_policy = "{}"
}

resource "aws_iam_policy" "boundary" {
  name   = "boundary"
  policy = "{}"
}

resource "aws_sqs_queue" "tickets" {
  provider = aws.eu
}

"""
BUCKETS = """\
module "given_key" {
  source    = "MODULES/kms-bucket"
  for_each  = toset(["loans", "statements"])
  providers = { aws = aws.eu }

  name                          = "bank-${each.key}"
  kms_key                       = { arn = aws_kms_key.own.arn }
  access_logs                   = { bucket = "logs-${local.later}", prefix = local.later }
  additional_bucket_policy_json = jsonencode({ Statement = [{ Sid = local.later }] })
  permissions_boundary_arn      = aws_iam_policy.boundary.arn
  prefixes                      = { loans = local.later }
  readers                       = { a = { prefix = local.later, principal_arn = aws_iam_role.reader.arn } }
  writers                       = { job = { prefix = "loans", principal_arn = aws_iam_role.reader.arn } }
  replication = {
    account_id  = local.later
    bucket_arn  = "arn:aws:s3:::copies-${local.later}"
    kms_key_arn = aws_kms_key.own.arn
    prefix      = local.later
  }
  tags        = { later = local.later }
  transitions = { old = { storage_class = "GLACIER_IR", days = 90, prefix = local.later } }
}

module "own_key" {
  source    = "MODULES/kms-bucket"
  count     = 2
  providers = { aws = aws.eu }

  name                       = "own-${count.index}"
  additional_key_policy_json = jsonencode({ Statement = [{ Sid = local.later }] })
  key_administrators         = [aws_iam_role.reader.arn]
  key_alias                  = local.later
  key_users                  = [aws_iam_role.reader.arn]
  readers                    = { first = { prefix = "first", principal_arn = aws_iam_role.reader.arn } }
}

module "after_others" {
  source     = "MODULES/kms-bucket"
  providers  = { aws = aws.eu }
  depends_on = [terraform_data.later]

  name        = "after-others"
  kms_key     = { arn = module.own_key[0].kms_key_arn }
  replication = { bucket_arn = module.own_key[1].arn, kms_key_arn = module.own_key[1].kms_key_arn }
}
"""
ALERTS = """\
locals {
  failure_events = {
    name              = "loans-${local.later}"
    catch_up_schedule = local.later
    events = {
      rotation = jsonencode({ source = ["aws.secretsmanager"], detail = { id = [local.later] } })
    }
    job_name      = local.later
    log_group     = local.later
    recoveries    = { rotation = jsonencode({ source = [local.later] }) }
    time_zone     = local.later
    workflow_name = local.later
  }
}

module "given_key" {
  source    = "MODULES/failure-alerts"
  for_each  = toset(["loans", "statements"])
  providers = { aws = aws.eu }

  name                     = each.key
  kms_key                  = { arn = aws_kms_key.own.arn }
  target          = { bucket = "b-${local.later}", manifest_prefix = local.later }
  failure_events           = local.failure_events
  permissions_boundary_arn = aws_iam_policy.boundary.arn
  runbook_url              = "https://${local.later}"
  subscriptions = {
    team    = { endpoint = "${local.later}@example.com" }
    tickets = { endpoint = aws_sqs_queue.tickets.arn, protocol = "sqs" }
  }
  delivery = {
    events          = { push = jsonencode({ source = [local.later] }) }
    push_arn_prefix = local.later
    recipients      = { first = "s3://${local.later}/x" }
    rule_arns       = [local.later]
  }
  tags = { later = local.later }
}

module "own_key" {
  source     = "MODULES/failure-alerts"
  providers  = { aws = aws.eu }
  depends_on = [terraform_data.later]

  name           = "own"
  failure_events = local.failure_events
}
"""


def planned(folder: Path, text: str, open_root: OpenRoot, cloud: aws.Cloud) -> dict[str, Any]:
    """Return the plan of a root module on an empty state."""
    (folder / "main.tf").write_text(ROOT + text.replace("MODULES", str(MODULES)))
    root = open_root(folder, **cloud.environment)
    root.setup()
    return dict(root.plan(output=True))


def created(plan: dict[str, Any], kind: str) -> list[str]:
    """Return the sorted addresses of all resources of a type."""
    return sorted(change["address"] for change in plan["resource_changes"] if change["type"] == kind)


def test_buckets_can_be_planned_with_unknown_values(
    tmp_path: Path, open_root: OpenRoot, cloud: aws.Cloud
) -> None:
    plan = planned(tmp_path, BUCKETS, open_root, cloud)
    assert len(created(plan, "aws_s3_bucket")) == 5
    assert created(plan, "aws_kms_key") == [
        "aws_kms_key.own",
        "module.own_key[0].aws_kms_key.this[0]",
        "module.own_key[1].aws_kms_key.this[0]",
    ]
    assert len(created(plan, "aws_s3_bucket_replication_configuration")) == 3


def test_alerts_can_be_planned_with_unknown_values(
    tmp_path: Path, open_root: OpenRoot, cloud: aws.Cloud
) -> None:
    plan = planned(tmp_path, ALERTS, open_root, cloud)
    assert created(plan, "aws_kms_key") == ["aws_kms_key.own", "module.own_key.aws_kms_key.this[0]"]
    assert len(created(plan, "aws_scheduler_schedule")) == 2
    assert len(created(plan, "aws_sns_topic_subscription")) == 4
