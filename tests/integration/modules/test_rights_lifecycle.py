"""kms-bucket and glue-extract in the local cloud: second plan, changed inputs, and destroy.

This file runs after test_rights and uses the same deployment. The last test of this file destroys it.
"""

from __future__ import annotations

import json
import re

import pytest
import tftest

from local_cloud import aws
from tests.integration.modules.rights import (
    ARTIFACTS,
    GLUE,
    Policies,
    Role,
)
from tests.integration.modules.rights_deployment import Given
from tests.integration.modules.rights_root import (
    BUCKET_CHANGES,
    BUCKET_INPUTS,
    EXTRACT_CHANGES,
    EXTRACT_INPUTS,
    FIXED,
    SECOND_CHANGES,
    SECOND_INPUTS,
)
from tools.hcl import MODULES, inputs


def test_second_plan_is_empty_even_after_rotations_of_the_password(
    cloud: aws.Cloud, deployment: Given, facts: dict[str, dict[str, str]]
) -> None:
    secrets, secret = cloud.client("secretsmanager"), facts["rights"]["secret"]
    login = json.loads(secrets.get_secret_value(SecretId=secret)["SecretString"])
    assert (login["username"], len(login["password"])) == ("rights_reader", 40)
    assert login["host"] == "writer.internal"  # a rotation function changes the password on this host
    assert login["password"] not in deployment().execute_command("state", "pull").out
    # After two rotations, AWS may delete the first version of the secret. Even then, Terraform must not write
    # the first password again.
    for text in ("first", "second", "third"):
        secrets.put_secret_value(SecretId=secret, SecretString=text)
    assert deployment().changes() == ""


def test_plan_needs_exactly_the_rights_in_the_readme(
    cloud: aws.Cloud, deployment: Given, facts: dict[str, dict[str, str]]
) -> None:
    readme = (MODULES / "glue-extract/README.md").read_text()
    [block] = re.findall(r"```json\n(.*?)```", readme, flags=re.DOTALL)
    for example, real in {
        "123456789012": aws.ACCOUNT,
        "bank-loans/reader-": "rights/reader-",
        "arn:aws:kms:eu-west-1:000000000000:key/00000000-0000-0000-0000-000000000000": facts["rights"][
            "artifacts_key"
        ],
    }.items():
        assert example in block
        block = block.replace(example, real)
    named = json.loads(block)
    actions = ["secretsmanager:GetRandomPassword", "secretsmanager:GetSecretValue"]
    rest = {"Statement": [{"Effect": "Allow", "NotAction": actions, "Resource": "*"}]}
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{aws.ACCOUNT}:root"}}
    iam = cloud.client("iam")
    iam.create_role(
        RoleName="rights-plan",
        AssumeRolePolicyDocument=json.dumps({"Statement": [{**trust, "Action": "sts:AssumeRole"}]}),
    )
    planner = Role(cloud, "rights-plan", {}, {"rest": rest, "named": named})

    def plan(policies: Policies) -> None:
        planner.give(policies)
        deployment(**planner.environment()).plan()

    refused = r"secretsmanager:Get(RandomPassword|SecretValue)"
    with pytest.raises(tftest.TerraformTestError, match=refused):
        plan({"rest": rest})
    plan({"rest": rest, "named": named})
    for name in ("named", "rest"):
        iam.delete_role_policy(RoleName="rights-plan", PolicyName=name)
    iam.delete_role(RoleName="rights-plan")


def test_uploaded_objects_have_no_tags(cloud: aws.Cloud, facts: dict[str, dict[str, str]]) -> None:
    s3 = cloud.client("s3")
    keys = [
        found["Key"]
        for found in s3.list_objects_v2(Bucket=ARTIFACTS, Prefix="artifacts/")["Contents"]
        if "_crawler/" not in found["Key"]
    ]
    assert "artifacts/rights/etl.py" in keys
    assert [key for key in keys if s3.get_object_tagging(Bucket=ARTIFACTS, Key=key)["TagSet"]] == []
    tags = cloud.client("glue").get_tags(ResourceArn=f"{GLUE}:job/rights")["Tags"]
    assert len(tags) == 45


def test_replacement_of_a_secret_does_not_wait_for_the_end_of_the_recovery_window(
    cloud: aws.Cloud, deployment: Given, facts: dict[str, dict[str, str]]
) -> None:
    before = facts["rights"]["secret"]
    replaced = "module.extract.aws_secretsmanager_secret.this[0]"
    deployment().execute_command("apply", "-auto-approve", "-no-color", f"-replace={replaced}")
    after = deployment().output()["extract"]["secret"]
    secrets = cloud.client("secretsmanager")
    assert after != before
    assert secrets.describe_secret(SecretId=before)["DeletedDate"]  # AWS keeps the deleted secret for 30 days
    assert json.loads(secrets.get_secret_value(SecretId=after)["SecretString"])["username"] == "rights_reader"


def test_every_input_that_can_change_is_changed_in_a_test() -> None:
    for module, bases, changes in (
        ("kms-bucket", [BUCKET_INPUTS], [BUCKET_CHANGES]),
        ("glue-extract", [EXTRACT_INPUTS, SECOND_INPUTS], [EXTRACT_CHANGES, SECOND_CHANGES]),
    ):
        changed = {name for one in changes for name in one}
        assert changed | FIXED.keys() >= {given.name for given in inputs(module)}
        for base, change in zip(bases, changes, strict=True):
            assert all(base.get(name) != value for name, value in change.items())


def test_changed_inputs_change_resources_in_place(
    cloud: aws.Cloud, deployment: Given, facts: dict[str, dict[str, str]]
) -> None:
    changes = {"bucket": BUCKET_CHANGES, "extract": EXTRACT_CHANGES, "second": SECOND_CHANGES}
    edited = deployment(script='print("edited")\n', **changes)
    applied = edited.apply()
    assert "must be replaced" not in applied
    assert "0 destroyed" in applied
    script = cloud.client("s3").get_object(Bucket=ARTIFACTS, Key="artifacts/rights/etl.py")["Body"].read()
    assert script == b'print("edited")\n'
    assert edited.changes() == ""


def test_example_with_only_required_inputs_can_be_deployed(
    cloud: aws.Cloud, facts: dict[str, dict[str, str]]
) -> None:
    job = cloud.client("glue").get_job(JobName="sales")["Job"]
    assert job["NonOverridableArguments"]["--output"] == "s3://rights-minimal/sales"
    schedule = cloud.client("scheduler").get_schedule(GroupName="sales", Name="sales-start")
    assert (schedule["State"], schedule["ScheduleExpression"]) == ("ENABLED", "cron(1 0 1 * ? *)")
    assert schedule["ScheduleExpressionTimezone"] == "Etc/GMT"


def test_destroy_deletes_all_resources(
    cloud: aws.Cloud, deployment: Given, facts: dict[str, dict[str, str]]
) -> None:
    deployment().destroy()
    assert deployment().state_pull()["resources"] == []
    glue, logs = cloud.client("glue"), cloud.client("logs")
    left = {
        "buckets": [b["Name"] for b in cloud.client("s3").list_buckets()["Buckets"]],
        "connections": [c["Name"] for c in glue.get_connections()["ConnectionList"]],
        "crawlers": [c["Name"] for c in glue.get_crawlers()["Crawlers"]],
        "databases": [d["Name"] for d in glue.get_databases()["DatabaseList"]],
        "jobs": [j["Name"] for j in glue.get_jobs()["Jobs"]],
        "logs": [g["logGroupName"] for g in logs.describe_log_groups()["logGroups"]],
        "roles": [r["RoleName"] for r in cloud.client("iam").list_roles()["Roles"]],
        "secrets": [s["Name"] for s in cloud.client("secretsmanager").list_secrets()["SecretList"]],
        "schedules": [s["Name"] for s in cloud.client("scheduler").list_schedules()["Schedules"]],
        "triggers": [t["Name"] for t in glue.get_triggers()["Triggers"]],
    }
    ours = {
        kind: [name for name in names if "rights" in name or "sales" in name] for kind, names in left.items()
    }
    # The fixture `facts` creates these two resources without Terraform, so destroy does not delete them.
    assert {kind: names for kind, names in ours.items() if names} == {
        "connections": ["rights-other"],
        "secrets": ["rights/other"],
    }
