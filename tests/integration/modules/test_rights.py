"""kms-bucket and glue-extract, applied on the local cloud: rights of the roles, changes of inputs, destroy.

Two extracts on one bucket are applied once. Then each right is removed, and exactly the step that needs it
must fail. Forbidden calls are tried, too. Where the local cloud checks a call as AWS does, the role makes it.
AWS checks more for some calls: several resources of one call, keys that other services use, network
interfaces. Then `asks` has the checks of AWS's authorization reference, and the local cloud's IAM evaluator
decides them for the deployed policies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tftest

from local_cloud import aws
from tests.integration.modules.rights import (
    ACCOUNT,
    ARTIFACTS,
    BUCKET,
    EVERYTHING,
    GLUE,
    LOGS,
    Forbidden,
    Policies,
    Right,
    Role,
    Step,
    changed,
    endpoint_allows,
    listed,
    rights,
    role_name,
    statements_that,
    without,
)
from tests.integration.modules.rights_forbidden import FORBIDDEN
from tests.integration.modules.rights_root import (
    BUCKET_CHANGES,
    BUCKET_INPUTS,
    EXTRACT_CHANGES,
    EXTRACT_INPUTS,
    FIXED,
    SECOND_CHANGES,
    SECOND_INPUTS,
    Inputs,
    deployed,
    ended,
    root,
)
from tests.integration.modules.rights_steps import STEPS, job_steps
from tests.support.terraform import OpenRoot, Root
from tools import policies
from tools.hcl import MODULES, REPOSITORY, inputs

################################################################################
# The applied module
################################################################################


Given = Callable[..., Root]
NOTHING: Inputs = {}


@pytest.fixture(scope="module")
def terraform(cloud: aws.Cloud, open_root: OpenRoot, tmp_path_factory: pytest.TempPathFactory) -> Given:
    """Return a function that gives Terraform in the root module, with some inputs changed."""
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
    """Apply the root module, and return the facts of each extract by its name."""
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


def test_every_step_works_with_the_rights_of_the_role(role: Role) -> None:
    assert role.failing(steps(role), role.policies) == []


def test_removing_a_right_stops_exactly_the_step_that_needs_it(role: Role) -> None:
    assert sorted(rights(role.policies)) == sorted(step.right for step in steps(role))
    for step in steps(role):
        sid, action = step.right
        fewer = without(role.policies, sid, "Action", action)
        role.give(fewer)
        assert role.failing(steps(role), fewer) == [step.name]


def test_removing_a_resource_stops_a_step_or_allows_something_forbidden(role: Role) -> None:
    for statement in (s for effect in ("Allow", "Deny") for s in statements_that(effect, role.policies)):
        key = "Resource" if "Resource" in statement else "NotResource"
        for resource in listed(statement[key]):
            fewer = without(role.policies, statement["Sid"], key, resource)
            if (statement["Effect"], key) == ("Deny", "Resource"):
                opened = [item.name for item in forbidden(role) if role.allows(fewer, item.ask)]
                assert opened, f"{statement['Sid']}: {resource} forbids nothing"
                continue
            stopped = [
                step.name for step in steps(role) if not all(role.allows(fewer, ask) for ask in step.asks)
            ]
            assert stopped, f"{statement['Sid']}: no step needs {resource}"


def test_removing_a_condition_allows_something_forbidden(role: Role) -> None:
    for document in role.policies.values():
        for statement in document["Statement"]:
            if "Condition" not in statement:
                continue
            sid = statement["Sid"]
            wider = changed(role.policies, sid, lambda s: {k: v for k, v in s.items() if k != "Condition"})
            opened = [item.name for item in forbidden(role) if role.allows(wider, item.ask)]
            assert opened, f"{sid}: its condition forbids nothing"


def test_forbidden_calls_are_refused(role: Role) -> None:
    assert [item.name for item in forbidden(role) if role.allows(role.policies, item.ask)] == []
    done = [item.name for item in forbidden(role) if item.call and not role.refused(item.call)]
    assert done == []


def test_deployed_role_has_only_rights_that_are_on_the_page(role: Role) -> None:
    kind = re.fullmatch(rf".+-(\w+)-{aws.REGION}", role.name)
    assert kind
    [listed_role] = [one for one in policies.roles("glue-extract") if one.name == kind[1]]
    own = {name: document for name, document in role.policies.items() if name != "target"}
    deployed_rights = {
        statement["Sid"]: (statement["Effect"], frozenset(listed(statement["Action"])))
        for document in own.values()
        for statement in document["Statement"]
    }
    assert deployed_rights
    assert deployed_rights.items() <= listed_role.rights.items()


def test_job_cannot_use_other_buckets_that_admit_it(
    cloud: aws.Cloud, facts: dict[str, dict[str, str]]
) -> None:
    role = deployed(cloud, role_name("rights", "job"), facts["rights"])
    admitted = {**role.policies, "bucket": json.loads(EVERYTHING)}
    asks = [
        ("s3:GetObject", "arn:aws:s3:::mine/code.jar"),
        ("s3:PutObject", "arn:aws:s3:::mine/rows.csv"),
        ("s3:PutObject", f"arn:aws:s3:::{BUCKET}/fees/x.csv"),
        ("s3:PutObject", f"arn:aws:s3:::{BUCKET}/loans-of-others/x.csv"),
        ("s3:DeleteObject", f"arn:aws:s3:::{ARTIFACTS}/artifacts/rights-two/etl.py"),
    ]
    assert [ask for ask in asks if role.allows(admitted, (*ask, {}))] == []


@pytest.fixture
def endpoint_policies(terraform: Given, facts: dict[str, dict[str, str]]) -> dict[str, dict[str, Any]]:
    """Return the policy of each endpoint of the second extract, by its service."""
    state = terraform().state_pull()
    found = [
        instance["attributes"]
        for resource in state["resources"]
        if resource["type"] == "aws_vpc_endpoint"
        for instance in resource["instances"]
    ]
    return {one["service_name"].rpartition(".")[2]: json.loads(one["policy"]) for one in found}


def test_endpoints_allow_the_calls_of_the_job(
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


def test_endpoints_refuse_writes_with_credentials_of_other_accounts(
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


def test_endpoint_of_s3_allows_reads_from_buckets_of_aws(
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
    ids=["none", "artifacts", "connection", "logs", "none, with a token"],
)
def test_run_without_a_right_fails_with_the_missing_right(
    cloud: aws.Cloud, facts: dict[str, dict[str, str]], name: str, taken: Right | None, message: str
) -> None:
    role, glue = deployed(cloud, role_name(name, "job"), facts[name]), cloud.client("glue")
    if taken:
        role.give(without(role.policies, taken[0], "Action", taken[1]))
    found = ended(glue, name)
    role.give(role.policies)
    assert found["JobRunState"] == ("FAILED" if taken else "SUCCEEDED"), found
    assert message in found.get("ErrorMessage", "")


def test_run_cannot_load_other_code(cloud: aws.Cloud, facts: dict[str, dict[str, str]]) -> None:
    mine = dict.fromkeys(("--scriptLocation", "--extra-py-files"), "s3://nowhere/mine.py")
    # The bucket does not exist, so the run would fail if Glue used one of these arguments.
    assert ended(cloud.client("glue"), "rights", Arguments=mine)["JobRunState"] == "SUCCEEDED"


################################################################################
# Changes and destroy
################################################################################


def test_second_plan_is_empty_also_after_rotations(
    cloud: aws.Cloud, terraform: Given, facts: dict[str, dict[str, str]]
) -> None:
    secrets, secret = cloud.client("secretsmanager"), facts["rights"]["secret"]
    login = json.loads(secrets.get_secret_value(SecretId=secret)["SecretString"])
    assert (login["username"], len(login["password"])) == ("rights_reader", 40)
    assert login["host"] == "writer.internal"  # where a rotation function changes the password
    assert login["password"] not in terraform().execute_command("state", "pull").out
    # AWS deletes versions without a label. Terraform would then write the first password again.
    for text in ("first", "second", "third"):
        secrets.put_secret_value(SecretId=secret, SecretString=text)
    assert terraform().changes() == ""


def test_plan_needs_exactly_the_rights_in_the_readme(
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


def test_every_input_is_in_the_tests_of_changes() -> None:
    for module, bases, changes in (
        ("kms-bucket", [BUCKET_INPUTS], [BUCKET_CHANGES]),
        ("glue-extract", [EXTRACT_INPUTS, SECOND_INPUTS], [EXTRACT_CHANGES, SECOND_CHANGES]),
    ):
        changed = {name for one in changes for name in one}
        assert changed | FIXED.keys() >= {given.name for given in inputs(module)}
        for base, change in zip(bases, changes, strict=True):
            assert all(base.get(name) != value for name, value in change.items())


def test_inputs_change_in_place(cloud: aws.Cloud, terraform: Given, facts: dict[str, dict[str, str]]) -> None:
    changes = {"bucket": BUCKET_CHANGES, "extract": EXTRACT_CHANGES, "second": SECOND_CHANGES}
    edited = terraform(script='print("edited")\n', **changes)
    applied = edited.apply()
    assert "must be replaced" not in applied
    assert "0 destroyed" in applied
    script = cloud.client("s3").get_object(Bucket=ARTIFACTS, Key="artifacts/rights/etl.py")["Body"].read()
    assert script == b'print("edited")\n'
    assert edited.changes() == ""


def test_minimal_example_can_be_deployed(cloud: aws.Cloud, facts: dict[str, dict[str, str]]) -> None:
    job = cloud.client("glue").get_job(JobName="sales")["Job"]
    assert job["NonOverridableArguments"]["--output"] == "s3://rights-minimal/sales"
    schedule = cloud.client("scheduler").get_schedule(GroupName="sales", Name="sales-start")
    assert (schedule["State"], schedule["ScheduleExpression"]) == ("ENABLED", "cron(1 0 1 * ? *)")
    assert schedule["ScheduleExpressionTimezone"] == "Etc/GMT"


def test_destroy_leaves_nothing(cloud: aws.Cloud, terraform: Given, facts: dict[str, dict[str, str]]) -> None:
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
    # The tests above created these two.
    assert {kind: names for kind, names in ours.items() if names} == {
        "connections": ["rights-other"],
        "secrets": ["rights/other"],
    }
