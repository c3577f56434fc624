"""kms-bucket and glue-extract, applied on the local cloud: what roles may do, what changes, what is left.

They are applied once, two extracts on one bucket. Then each right is taken away, and just the step that needs
it must fail; and what a role must not do is tried. Where the local cloud checks a call as AWS does, the call
is made under the role. Where AWS asks for more than the local cloud (several resources for one call, keys
that other services use, network interfaces), its authorization reference stands in `asks`, decided by the
local cloud's IAM evaluator on the policies as they were deployed.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tftest
from ministack.core import iam_evaluator

from local_cloud import aws
from tests.integration.modules.rights import (
    ACCOUNT,
    ARTIFACTS,
    BUCKET,
    CATALOG_KEY,
    EVERYTHING,
    GLUE,
    LOGS,
    Forbidden,
    Policies,
    Right,
    Role,
    Step,
    role_name,
)
from tests.integration.modules.rights_forbidden import FORBIDDEN
from tests.integration.modules.rights_steps import STEPS, job_steps
from tests.support.terraform import OpenRoot, Root
from tools.hcl import MODULES, REPOSITORY, inputs

FUNCTION = f"arn:aws:lambda:{ACCOUNT}:function:rotate"

Inputs = dict[str, Any]

# A bucket and a key of their own for the artifacts, so that no right on the one stands in for a right on the
# other. Bucket, key and artifacts serve two extracts: one with a password and a crawler, one with a token.
BUCKET_INPUTS: Inputs = {
    "source": "./modules/kms-bucket",
    "name": BUCKET,
    "prefixes": {"loans": "loans", "fees": "fees"},
    "force_destroy": True,
}
EXTRACT_INPUTS: Inputs = {
    "source": "./modules/glue-extract",
    "name": "rights",
    "script_path": "etl.py",
    "tables": ["Loans", "Bank"],
    "recipient_column": "bank_name",
    "kms_key_arn": "${aws_kms_key.artifacts.arn}",
    "catch_up_schedule": "cron(0 7 2-10 * ? *)",
    "crawler": {"driver_jar_path": "driver.jar", "catalog_kms_key_arn": CATALOG_KEY},
    "database": {"host": "reader.internal", "name": "bank", "ca_certificate": "-----BEGIN CERTIFICATE-----"},
    "dead_letter_queue": {"arn": "${aws_sqs_queue.this.arn}", "kms_key_arn": "${aws_kms_key.artifacts.arn}"},
    "rotation": {"function_arn": FUNCTION, "host": "writer.internal"},
    "secret": {},
    "network": {
        "vpc_id": "${aws_vpc.this.id}",
        "subnet_id": "${aws_subnet.this.id}",
        "availability_zone": "${aws_subnet.this.availability_zone}",
    },
    "artifacts": {"bucket": "${aws_s3_bucket.artifacts.bucket}"},
    "target": {
        "bucket": "${module.bucket.name}",
        "prefix": "loans",
        "writer_policy_json": '${module.bucket.writer_policies["loans"]}',
    },
}
SECOND_INPUTS: Inputs = EXTRACT_INPUTS | {
    "name": "rights-two",
    "auth": "iam",
    "catch_up_schedule": None,
    "crawler": {"enabled": False},
    "dead_letter_queue": None,
    "rotation": None,
    "secret": None,
    "database": {**EXTRACT_INPUTS["database"], "resource_id": "cluster-RIGHTS"},
    "endpoints": {"route_table_ids": ["${aws_route_table.this.id}"], "services": ["kms", "logs"]},
    "target": {
        "bucket": "${module.bucket.name}",
        "prefix": "fees",
        "writer_policy_json": '${module.bucket.writer_policies["fees"]}',
    },
}


# Has no provider of its own, so that it can be deployed along with the rest.
MINIMAL: Inputs = {
    "source": "./examples/minimal",
    "bucket": "rights-minimal",
    "database": {
        "host": "localhost",
        "name": "shop",
        "secret_arn": f"arn:aws:secretsmanager:{ACCOUNT}:secret:shop-AbCdEf",
    },
    "network": EXTRACT_INPUTS["network"],
}


def root(bucket: Inputs, extract: Inputs, second: Inputs) -> str:
    """The root module, in Terraform's JSON, with these inputs changed."""
    facts = {
        "artifacts_key": "${aws_kms_key.artifacts.arn}",
        "data_key": "${module.bucket.kms_key_arn}",
        "queue": "${aws_sqs_queue.this.arn}",
        "secret": "${module.extract.secret_arn}",
        "subnet": "${aws_subnet.this.id}",
        "vpc": "${aws_vpc.this.id}",
    }
    of_each = {
        name: {
            "group": f"${{module.{name}.security_group_id}}",
            "name": inputs["name"],
            "prefix": inputs["output"]["prefix"],
            "output_log": f'${{module.{name}.log_groups["output"]}}',
            "user": f"${{module.{name}.user_name}}",
        }
        for name, inputs in {"extract": EXTRACT_INPUTS, "second": SECOND_INPUTS}.items()
    }
    return json.dumps(
        {
            # More than S3 allows on an object, and nearly as many as any other resource can have.
            "provider": {"aws": {"default_tags": {"tags": {f"tag{n:02}": "x" for n in range(45)}}}},
            "module": {
                "bucket": BUCKET_INPUTS | bucket,
                "extract": EXTRACT_INPUTS | extract,
                "second": SECOND_INPUTS | second,
                "minimal": MINIMAL,
            },
            "resource": {
                "aws_iam_policy": {"boundary": {"name": "boundary", "policy": EVERYTHING}},
                "aws_kms_key": {"artifacts": {}},
                "aws_route_table": {"this": {"vpc_id": "${aws_vpc.this.id}"}},
                "aws_s3_bucket": {"artifacts": {"bucket": ARTIFACTS, "force_destroy": True}},
                "aws_s3_bucket_versioning": {
                    "artifacts": {
                        "bucket": "${aws_s3_bucket.artifacts.bucket}",
                        "versioning_configuration": {"status": "Enabled"},
                    }
                },
                "aws_sqs_queue": {"this": {"name": "rights-dead-letters"}},
                "aws_subnet": {
                    "this": {
                        "availability_zone": "eu-west-1a",
                        "cidr_block": "10.30.1.0/24",
                        "vpc_id": "${aws_vpc.this.id}",
                    }
                },
                "aws_vpc": {"this": {"cidr_block": "10.30.0.0/16"}},
            },
            "output": {name: {"value": facts | own} for name, own in of_each.items()},
        }
    )


################################################################################
# The applied module
################################################################################


Given = Callable[..., Root]
NOTHING: Inputs = {}


@pytest.fixture(scope="module")
def terraform(cloud: aws.Cloud, open_root: OpenRoot, tmp_path_factory: pytest.TempPathFactory) -> Given:
    """Terraform in the root that holds both modules, with some of their inputs changed."""
    folder = tmp_path_factory.mktemp("rights")
    for part in ("modules", "examples"):
        (folder / part).symlink_to(REPOSITORY / part)
    (folder / "driver.jar").write_text("stands in for a driver\n")

    def given(
        script: str = 'print("ran")\n',
        bucket: Inputs = NOTHING,
        extract: Inputs = NOTHING,
        second: Inputs = NOTHING,
        **environment: str,
    ) -> Root:
        (folder / "etl.py").write_text(script)
        (folder / "main.tf.json").write_text(root(bucket, extract, second))
        return open_root(folder, **(cloud.environment | environment))

    given().setup()
    return given


@pytest.fixture(scope="module")
def facts(cloud: aws.Cloud, terraform: Given) -> dict[str, dict[str, str]]:
    """What the tests have to know of each extract, by its name."""
    terraform().apply()
    outputs = terraform().output()
    s3, secrets, glue = cloud.client("s3"), cloud.client("secretsmanager"), cloud.client("glue")
    for key in ("loans/old.csv", "fees/old.csv", "loans-of-others/x.csv"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    s3.put_object(Bucket=ARTIFACTS, Key="artifacts/rights/_crawler/kept", Body=b"x")
    secrets.create_secret(Name="rights/other", SecretString="{}")
    properties = {"JDBC_CONNECTION_URL": "jdbc:postgresql://localhost/other", "SECRET_ID": "rights/other"}
    glue.create_connection(
        ConnectionInput={"Name": "rights-other", "ConnectionType": "JDBC", "ConnectionProperties": properties}
    )
    glue.create_database(DatabaseInput={"Name": "others"})
    return {output["name"]: output for output in outputs.values()}


def deployed(cloud: aws.Cloud, name: str, facts: dict[str, str]) -> Role:
    iam = cloud.client("iam")
    names = iam.list_role_policies(RoleName=name)["PolicyNames"]
    policies = {p: iam.get_role_policy(RoleName=name, PolicyName=p)["PolicyDocument"] for p in names}
    return Role(cloud, name, facts, policies)


################################################################################
# Taking away
################################################################################


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def rights(policies: Policies) -> list[Right]:
    return [
        (statement["Sid"], action)
        for document in policies.values()
        for statement in document["Statement"]
        for action in listed(statement["Action"])
    ]


def changed(policies: Policies, sid: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Policies:
    """The policies with one statement changed; one that is left without action or resource goes."""

    def statements(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for statement in document["Statement"]:
            new = change(statement) if statement["Sid"] == sid else statement
            if new["Action"] and new["Resource"]:
                yield new

    return {name: {**d, "Statement": list(statements(d))} for name, d in policies.items()}


def without(policies: Policies, sid: str, key: str, value: str) -> Policies:
    """The policies less one action or one resource."""
    return changed(policies, sid, lambda s: {**s, key: [v for v in listed(s[key]) if v != value]})


################################################################################
# The tests
################################################################################


@pytest.fixture(params=list(STEPS))
def role(
    request: pytest.FixtureRequest, cloud: aws.Cloud, facts: dict[str, dict[str, str]]
) -> Iterator[Role]:
    name, _, kind = request.param.rpartition("-")
    found = deployed(cloud, role_name(name, kind), facts[name])
    yield found
    found.give(found.policies)


def steps(role: Role) -> tuple[Step, ...]:
    return STEPS[role.name.removesuffix(f"-{aws.REGION}")](role.facts)


def forbidden(role: Role) -> tuple[Forbidden, ...]:
    return FORBIDDEN[role.name.removesuffix(f"-{aws.REGION}")](role.facts)


def test_every_step_works_with_the_rights_that_the_role_has(role: Role) -> None:
    assert role.failing(steps(role), role.policies) == []


def test_each_right_taken_away_stops_the_step_that_needs_it_and_no_other(role: Role) -> None:
    assert sorted(rights(role.policies)) == sorted(step.right for step in steps(role))
    for step in steps(role):
        sid, action = step.right
        fewer = without(role.policies, sid, "Action", action)
        role.give(fewer)
        assert role.failing(steps(role), fewer) == [step.name]


def test_each_resource_taken_away_stops_a_step(role: Role) -> None:
    for document in role.policies.values():
        for statement in document["Statement"]:
            for resource in listed(statement["Resource"]):
                fewer = without(role.policies, statement["Sid"], "Resource", resource)
                stopped = [
                    step.name for step in steps(role) if not all(role.allows(fewer, ask) for ask in step.asks)
                ]
                assert stopped, f"{statement['Sid']}: nothing needs {resource}"


def test_each_condition_taken_away_lets_something_forbidden_through(role: Role) -> None:
    for document in role.policies.values():
        for statement in document["Statement"]:
            if "Condition" not in statement:
                continue
            sid = statement["Sid"]
            wider = changed(role.policies, sid, lambda s: {k: v for k, v in s.items() if k != "Condition"})
            opened = [item.name for item in forbidden(role) if role.allows(wider, item.ask)]
            assert opened, f"{sid}: its condition keeps nobody out"


def test_what_the_role_must_not_do_is_refused(role: Role) -> None:
    assert [item.name for item in forbidden(role) if role.allows(role.policies, item.ask)] == []
    done = [item.name for item in forbidden(role) if item.call and not role.refused(item.call)]
    assert done == []


def endpoint_allows(policy: dict[str, Any], account: str, action: str, resource: str) -> bool:
    """Whether an endpoint lets a call through; an account that is empty has no credentials at all."""
    asked = iam_evaluator.EvalContext(
        principal_arn=f"arn:aws:iam::{account}:role/any" if account else "*",
        principal_type="AssumedRole" if account else "Anonymous",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=aws.REGION,
        secure_transport=True,
        service_context={},
    )
    decided = iam_evaluator.evaluate(asked, [iam_evaluator.parse_policy_document(policy)])
    return bool(decided.decision == "Allow")


@pytest.fixture
def endpoint_policies(terraform: Given, facts: dict[str, dict[str, str]]) -> dict[str, dict[str, Any]]:
    """What each endpoint of the second extract lets through, by its service."""
    state = terraform().state_pull()
    found = [
        instance["attributes"]
        for resource in state["resources"]
        if resource["type"] == "aws_vpc_endpoint"
        for instance in resource["instances"]
    ]
    return {one["service_name"].rpartition(".")[2]: json.loads(one["policy"]) for one in found}


def test_endpoints_let_through_what_the_job_does(
    cloud: aws.Cloud, facts: dict[str, dict[str, str]], endpoint_policies: dict[str, dict[str, Any]]
) -> None:
    assert endpoint_policies.keys() == {"kms", "logs", "s3"}
    asks = [ask for step in job_steps(facts["rights-two"]) for ask in step.asks]
    through = [
        (action, resource) for action, resource, _ in asks if action.split(":")[0] in endpoint_policies
    ]
    assert {action.split(":")[0] for action, _ in through} == endpoint_policies.keys()
    for action, resource in through:
        policy = endpoint_policies[action.split(":")[0]]
        assert endpoint_allows(policy, aws.ACCOUNT, action, resource), action


def test_nobody_carries_data_out_by_an_endpoint_with_an_account_of_their_own(
    endpoint_policies: dict[str, dict[str, Any]],
) -> None:
    writes = [
        ("s3", "s3:PutObject", "arn:aws:s3:::anybodys/loans.csv"),
        ("s3", "s3:PutBucketPolicy", "arn:aws:s3:::anybodys"),
        ("kms", "kms:Encrypt", f"arn:aws:kms:{ACCOUNT}:key/any"),
        ("logs", "logs:PutLogEvents", f"{LOGS}:any:log-stream:any"),
    ]
    for stranger in ("210987654321", ""):
        for service, action, resource in writes:
            assert not endpoint_allows(endpoint_policies[service], stranger, action, resource), action


def test_what_aws_keeps_in_buckets_of_its_own_is_read_by_the_endpoint(
    endpoint_policies: dict[str, dict[str, Any]],
) -> None:
    assets = f"arn:aws:s3:::aws-glue-jes-prod-{aws.REGION}-assets"
    for credentials in ("210987654321", ""):
        assert endpoint_allows(endpoint_policies["s3"], credentials, "s3:GetObject", f"{assets}/any.whl")
        assert endpoint_allows(endpoint_policies["s3"], credentials, "s3:ListBucket", assets)


@pytest.mark.parametrize(
    ("name", "taken", "message"),
    [
        ("rights", None, ""),
        ("rights", ("ReadArtifacts", "s3:GetObject"), "GetObject"),
        ("rights", ("ReadConnection", "glue:GetConnection"), "glue:GetConnection"),
        ("rights", ("WriteLogs", "logs:CreateLogStream"), "logs:CreateLogStream"),
        ("rights-two", None, ""),
    ],
    ids=["none", "artifacts", "connection", "logs", "none of the one with a token"],
)
def test_a_run_under_the_role_says_what_it_may_not_do(
    cloud: aws.Cloud, facts: dict[str, dict[str, str]], name: str, taken: Right | None, message: str
) -> None:
    role, glue = deployed(cloud, role_name(name, "job"), facts[name]), cloud.client("glue")
    if taken:
        role.give(without(role.policies, taken[0], "Action", taken[1]))
    run = glue.start_job_run(JobName=name)["JobRunId"]
    deadline = time.monotonic() + 60
    while (found := glue.get_job_run(JobName=name, RunId=run)["JobRun"])["JobRunState"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    role.give(role.policies)
    assert found["JobRunState"] == ("FAILED" if taken else "SUCCEEDED"), found
    assert message in found.get("ErrorMessage", "")


################################################################################
# Changed, and taken away
################################################################################

ROLE = f"arn:aws:iam::{aws.ACCOUNT}:role/somebody"
BOUNDARY = "${aws_iam_policy.boundary.arn}"
# Every input that can change, with another value.
BUCKET_CHANGES: Inputs = {
    "access_logs": {"bucket": ARTIFACTS},
    "additional_bucket_policy_json": '{"Statement": []}',
    "additional_key_policy_json": '{"Statement": []}',
    "eventbridge_notifications": True,
    "key_administrators": [ROLE],
    "key_deletion_window_days": 7,
    "key_rotation_days": 180,
    "key_services": ["glue"],
    "key_users": [ROLE],
    "noncurrent_version_days": 30,
    "permissions_boundary_arn": BOUNDARY,
    "prefixes": {"loans": "loans", "fees": "fees", "more": "more"},
    "readers": {"bank": {"prefix": "loans/bank", "principal_arn": ROLE}},
    "replication": {
        "bucket_arn": "${aws_s3_bucket.artifacts.arn}",
        "kms_key_arn": f"arn:aws:kms:{ACCOUNT}:key/copies",
    },
    "tags": {"team": "data"},
    "transitions": {"old": {"storage_class": "GLACIER_IR", "days": 90}},
    "writers": {"bank": {"prefix": "loans/bank", "principal_arn": ROLE}},
}
EXTRACT_CHANGES: Inputs = {
    "catch_up_schedule": "cron(0 6 2-10 * ? *)",
    "crawler": {"driver_jar_path": "driver.jar", "driver_class": "org.postgresql.Driver2"},
    "database": {**EXTRACT_INPUTS["database"], "port": 5433},
    "dead_letter_queue": None,
    "extra_arguments": {"--enable-auto-scaling": "true"},
    "job": {"execution_class": "FLEX", "max_retries": 1, "number_of_workers": 3, "queuing": True},
    "log_retention_days": 30,
    "target": {**EXTRACT_INPUTS["target"], "prefix": "loans/monthly"},
    "permissions_boundary_arn": BOUNDARY,
    "recipient_column": "bank",
    "recipients": {"first": "First Bank"},
    "rotation": {**EXTRACT_INPUTS["rotation"], "days": 7},
    "schedule": "cron(30 5 1 * ? *)",
    "tables": ["Loans", "Bank", "Branch"],
    "tags": {"team": "data"},
    "time_zone": "Europe/Zurich",
}
SECOND_CHANGES: Inputs = {
    "database": {**SECOND_INPUTS["database"], "user_name": "somebody"},
    "endpoints": {**SECOND_INPUTS["endpoints"], "services": ["kms", "logs", "glue"]},
}
# Those that make something anew, and what.
FIXED = {
    "force_destroy": "is on here, so that the test can destroy the bucket",
    "key_alias": "the alias, which is a name",
    "kms_key": "what the key encrypts",
    "kms_key_arn": "what the key encrypts",
    "name": "everything",
    "object_lock": "the bucket",
    "artifacts": "the objects in the folder",
    "auth": "the secret, or takes it away",
    "secret": "the version with the password",
    "network": "the rules of the group, which name other addresses",
    "script_path": "the object, which is called like the file; an edit of the file does not",
}


def test_a_second_plan_is_empty_and_leaves_a_rotated_password_alone(
    cloud: aws.Cloud, terraform: Given, facts: dict[str, dict[str, str]]
) -> None:
    secrets, secret = cloud.client("secretsmanager"), facts["rights"]["secret"]
    login = json.loads(secrets.get_secret_value(SecretId=secret)["SecretString"])
    assert (login["username"], len(login["password"])) == ("rights_reader", 40)
    assert login["host"] == "writer.internal"  # where a rotation function changes the password
    assert login["password"] not in terraform().execute_command("state", "pull").out
    # AWS forgets a version without a label; Terraform would then make it again, over the one in force.
    for text in ("first", "second", "third"):
        secrets.put_secret_value(SecretId=secret, SecretString=text)
    assert terraform().changes() == ""


def test_plan_needs_the_rights_that_the_readme_names(
    cloud: aws.Cloud, terraform: Given, facts: dict[str, dict[str, str]]
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
        terraform(**planner.environment()).plan()

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


def test_deleted_secret_can_be_created_again_at_once(
    cloud: aws.Cloud, terraform: Given, facts: dict[str, dict[str, str]]
) -> None:
    before = facts["rights"]["secret"]
    replaced = "module.extract.aws_secretsmanager_secret.this[0]"
    terraform().execute_command("apply", "-auto-approve", "-no-color", f"-replace={replaced}")
    after = terraform().output()["extract"]["secret"]
    secrets = cloud.client("secretsmanager")
    assert after != before
    assert secrets.describe_secret(SecretId=before)["DeletedDate"]  # kept for 30 days
    assert json.loads(secrets.get_secret_value(SecretId=after)["SecretString"])["username"] == "rights_reader"


def test_every_input_is_changed_here_or_makes_something_anew() -> None:
    for module, bases, changes in (
        ("kms-bucket", [BUCKET_INPUTS], [BUCKET_CHANGES]),
        ("glue-extract", [EXTRACT_INPUTS, SECOND_INPUTS], [EXTRACT_CHANGES, SECOND_CHANGES]),
    ):
        changed = {name for one in changes for name in one}
        assert changed | FIXED.keys() >= {given.name for given in inputs(module)}
        for base, change in zip(bases, changes, strict=True):
            assert all(base.get(name) != value for name, value in change.items())


def test_every_input_that_can_change_changes_in_place(
    cloud: aws.Cloud, terraform: Given, facts: dict[str, dict[str, str]]
) -> None:
    changes = {"bucket": BUCKET_CHANGES, "extract": EXTRACT_CHANGES, "second": SECOND_CHANGES}
    edited = terraform(script='print("edited")\n', **changes)
    applied = edited.apply()
    assert "must be replaced" not in applied
    assert "0 destroyed" in applied
    script = cloud.client("s3").get_object(Bucket=ARTIFACTS, Key="artifacts/rights/etl.py")["Body"].read()
    assert script == b'print("edited")\n'
    assert edited.changes() == ""


def test_the_smallest_example_is_deployed_as_well(cloud: aws.Cloud, facts: dict[str, dict[str, str]]) -> None:
    job = cloud.client("glue").get_job(JobName="sales")["Job"]
    assert job["DefaultArguments"]["--output"] == "s3://rights-minimal/sales"
    schedule = cloud.client("scheduler").get_schedule(GroupName="sales", Name="sales-start")
    assert (schedule["State"], schedule["ScheduleExpression"]) == ("ENABLED", "cron(1 0 1 * ? *)")
    assert schedule["ScheduleExpressionTimezone"] == "Etc/GMT"


def test_destroying_leaves_nothing(
    cloud: aws.Cloud, terraform: Given, facts: dict[str, dict[str, str]]
) -> None:
    terraform().destroy()
    assert terraform().state_pull()["resources"] == []
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
    # Those two were there for the tests above.
    assert {kind: names for kind, names in ours.items() if names} == {
        "connections": ["rights-other"],
        "secrets": ["rights/other"],
    }
