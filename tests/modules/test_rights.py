"""glue-extract, applied on the local cloud: what its roles may do, what changes in place, what is left of it.

The module is applied once. Then each right is taken away, and just the step that needs it must fail; and what
a role must not do is tried. Where the local cloud checks a call as AWS does, the call is made under the role.
Where AWS asks for more than the local cloud (several resources for one call, keys that other services use,
network interfaces), its authorization reference stands in `asks`, decided by the local cloud's IAM evaluator
on the policies as they were deployed.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from ministack.core import iam_evaluator
from tests.modules.hcl import MODULES, Terraform

from extracts.local import aws

ROOT = """\
module "bucket" {
  source = "%(modules)s/kms-bucket"

  name          = "rights-data"
  prefixes      = { loans = "loans" }
  force_destroy = true

  access_logs               = try(var.changes.access_logs, null)
  eventbridge_notifications = try(var.changes.eventbridge_notifications, false)
  key_rotation_days         = try(var.changes.key_rotation_days, 365)
  readers                   = try(var.changes.readers, {})
}

resource "aws_vpc" "this" {
  cidr_block = "10.30.0.0/16"
}

resource "aws_subnet" "this" {
  availability_zone = "eu-west-1a"
  cidr_block        = "10.30.1.0/24"
  vpc_id            = aws_vpc.this.id
}

# A bucket and a key of their own, so that no right on the one stands in for a right on the other.
resource "aws_s3_bucket" "artifacts" {
  bucket        = "rights-artifacts"
  force_destroy = true
}

resource "aws_kms_key" "artifacts" {}

variable "changes" {
  type    = any
  default = {}
}

module "extract" {
  source = "%(modules)s/glue-extract"

  name               = "rights"
  script_path        = "etl.py"
  tables             = try(var.changes.tables, ["Loans", "Bank"])
  recipient_label    = "bank_name"
  kms_key_arn        = aws_kms_key.artifacts.arn
  catch_up_schedule  = try(var.changes.catch_up_schedule, null)
  extra_arguments    = try(var.changes.extra_arguments, {})
  job                = try(var.changes.job, {})
  log_retention_days = try(var.changes.log_retention_days, 365)
  schedule           = try(var.changes.schedule, "cron(1 0 1 * ? *)")
  secret             = { recovery_window_days = 0 }
  tags               = try(var.changes.tags, {})

  crawler = { driver_jar_path = "driver.jar" }
  database = {
    host           = "localhost"
    name           = "bank"
    port           = try(var.changes.port, 5432)
    ca_certificate = "-----BEGIN CERTIFICATE-----"
  }
  network = {
    vpc_id            = aws_vpc.this.id
    subnet_id         = aws_subnet.this.id
    availability_zone = aws_subnet.this.availability_zone
  }
  artifacts = { bucket = aws_s3_bucket.artifacts.bucket }
  output = {
    bucket             = module.bucket.name
    prefix             = "loans"
    writer_policy_json = module.bucket.writer_policies["loans"]
  }
}

output "facts" {
  value = {
    artifacts_key = aws_kms_key.artifacts.arn
    data_key      = module.bucket.kms_key_arn
    group         = module.extract.security_group_id
    output_log    = module.extract.log_groups["output"]
    secret        = module.extract.secret_arn
    subnet        = aws_subnet.this.id
    vpc           = aws_vpc.this.id
  }
}
"""
# Without the bucket's lifecycle rules: the provider waits a minute for those, and no right depends on them.
TARGETS = (
    "module.extract",
    "module.bucket.aws_s3_bucket_logging.this",
    "module.bucket.aws_s3_bucket_notification.this",
)
BUCKET, ARTIFACTS = "rights-data", "rights-artifacts"
ACCOUNT = f"{aws.REGION}:{aws.ACCOUNT}"
GLUE, EC2, LOGS = f"arn:aws:glue:{ACCOUNT}", f"arn:aws:ec2:{ACCOUNT}", f"arn:aws:logs:{ACCOUNT}:log-group"
S3, S3_ARTIFACTS = f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{ARTIFACTS}/artifacts/rights"
VIA_S3 = {"kms:ViaService": f"s3.{aws.REGION}.amazonaws.com"}
VIA_SECRETS = {"kms:ViaService": f"secretsmanager.{aws.REGION}.amazonaws.com"}
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}

Right = tuple[str, str]  # statement, action
Ask = tuple[str, str, dict[str, Any]]  # action, resource, what the request says of itself
Call = Callable[["Role"], object]
Policies = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Step:
    """Something that the job or the crawler does, and what AWS checks when it does."""

    name: str
    right: Right
    asks: tuple[Ask, ...]
    call: Call | None = None


@dataclass(frozen=True)
class Role:
    """A deployed role; `client` acts under it, `policies` are what it was given."""

    cloud: aws.Cloud
    name: str
    facts: dict[str, str]
    policies: Policies
    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        if service not in self.clients:
            arn = f"arn:aws:iam::{aws.ACCOUNT}:role/{self.name}"
            session = self.cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName="probe")
            credentials = session["Credentials"]
            self.clients[service] = boto3.client(
                service,
                endpoint_url=self.cloud.endpoint,
                region_name=aws.REGION,
                aws_access_key_id=credentials["AccessKeyId"],
                aws_secret_access_key=credentials["SecretAccessKey"],
                aws_session_token=credentials["SessionToken"],
                verify=str(self.cloud.authority),
            )
        return self.clients[service]

    def give(self, policies: Policies) -> None:
        """Deploy other policies in place of the role's own."""
        for name, document in policies.items():
            self.cloud.client("iam").put_role_policy(
                RoleName=self.name, PolicyName=name, PolicyDocument=json.dumps(document)
            )

    def allows(self, policies: Policies, ask: Ask) -> bool:
        action, resource, context = ask
        asked = iam_evaluator.EvalContext(
            principal_arn=f"arn:aws:iam::{aws.ACCOUNT}:role/{self.name}",
            principal_type="AssumedRole",
            principal_account=aws.ACCOUNT,
            action=action,
            resource_arn=resource,
            region=aws.REGION,
            secure_transport=True,
            service_context={key.lower(): value for key, value in context.items()} | context,
        )
        documents = [iam_evaluator.parse_policy_document(document) for document in policies.values()]
        return bool(iam_evaluator.evaluate(asked, documents).decision == "Allow")

    def refused(self, call: Call) -> bool:
        """Whether the local cloud does not let the role do it; any other error is one of this test."""
        try:
            call(self)
        except ClientError as error:
            if error.response["Error"]["Code"] not in DENIED:
                raise
            return True
        return False

    def failing(self, steps: tuple[Step, ...], policies: Policies) -> list[str]:
        """Names of the steps that do not work under these policies, whoever decides."""
        return [
            step.name
            for step in steps
            if not all(self.allows(policies, ask) for ask in step.asks)
            or (step.call and self.refused(step.call))
        ]


################################################################################
# The applied module
################################################################################


Apply = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def terraform(cloud: aws.Cloud, run_terraform: Terraform, tmp_path_factory: pytest.TempPathFactory) -> Apply:
    """Terraform in the root that holds the module, with the inputs of `changes` changed."""
    root = tmp_path_factory.mktemp("rights")
    (root / "main.tf").write_text(ROOT % {"modules": MODULES})
    (root / "etl.py").write_text('print("ran")\n')
    (root / "driver.jar").write_text("stands in for a driver\n")

    def run(*arguments: str, changes: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
        variables = {"TF_VAR_changes": json.dumps(changes)} if changes else {}
        done = run_terraform(root, *arguments, "-no-color", **cloud.environment, **variables)
        assert done.returncode in (0, 2), done.stderr
        return done

    run("init")
    return run


TARGETED = tuple(f"-target={target}" for target in TARGETS)


@pytest.fixture(scope="module")
def facts(cloud: aws.Cloud, terraform: Apply) -> dict[str, str]:
    terraform("apply", "-auto-approve", *TARGETED)
    found: dict[str, str] = json.loads(terraform("output", "-json").stdout)["facts"]["value"]
    s3, secrets, glue = cloud.client("s3"), cloud.client("secretsmanager"), cloud.client("glue")
    for key in ("loans/old.csv", "loans-of-others/x.csv"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    secrets.create_secret(Name="rights/other", SecretString="{}")
    glue.create_connection(
        ConnectionInput={"Name": "rights-other", "ConnectionType": "JDBC", "ConnectionProperties": {}}
    )
    glue.create_database(DatabaseInput={"Name": "others"})
    return found


def deployed(cloud: aws.Cloud, name: str, facts: dict[str, str]) -> Role:
    iam = cloud.client("iam")
    names = iam.list_role_policies(RoleName=name)["PolicyNames"]
    policies = {p: iam.get_role_policy(RoleName=name, PolicyName=p)["PolicyDocument"] for p in names}
    return Role(cloud, name, facts, policies)


################################################################################
# What they do
################################################################################


def read_object(bucket: str, key: str) -> Call:
    return lambda role: role.client("s3").get_object(Bucket=bucket, Key=key)


def write_object(bucket: str, key: str) -> Call:
    return lambda role: role.client("s3").put_object(Bucket=bucket, Key=key, Body=b"x")


def delete_object(bucket: str, key: str) -> Call:
    return lambda role: role.client("s3").delete_object(Bucket=bucket, Key=key)


def abort_upload(role: Role) -> None:
    s3, key = role.client("s3"), "loans/large.csv"
    # Begun by an administrator, so that aborting is all that is asked of the role.
    upload = role.cloud.client("s3").create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    s3.abort_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload)


def list_folder(prefix: str) -> Call:
    return lambda role: role.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix)


def read_connection(name: str) -> Call:
    return lambda role: role.client("glue").get_connection(Name=name)


def read_secret(name: str) -> Call:
    return lambda role: role.client("secretsmanager").get_secret_value(SecretId=name)


def make_log_group(group: str) -> Call:
    def call(role: Role) -> None:
        logs = role.client("logs")
        with suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_group(logGroupName=group)

    return call


def make_log_stream(group: str) -> Call:
    return lambda role: role.client("logs").create_log_stream(
        logGroupName=group, logStreamName=str(time.monotonic_ns())
    )


def write_log(group: str) -> Call:
    def call(role: Role) -> None:
        stream = str(time.monotonic_ns())
        role.cloud.client("logs").create_log_stream(logGroupName=group, logStreamName=stream)
        event = {"timestamp": int(time.time() * 1000), "message": "x"}
        role.client("logs").put_log_events(logGroupName=group, logStreamName=stream, logEvents=[event])

    return call


def connect_steps(facts: dict[str, str]) -> tuple[Step, ...]:
    """What both do before they reach the store."""
    interface, subnet = f"{EC2}:network-interface/eni-1", f"{EC2}:subnet/{facts['subnet']}"
    tags = {"aws:TagKeys": ["aws-glue-service-resource"]}
    connection: tuple[Ask, ...] = tuple(
        ("glue:GetConnection", f"{GLUE}:{resource}", {}) for resource in ("catalog", "connection/rights")
    )
    seen = [
        Step(f"see {what}", ("SeeNetwork", f"ec2:Describe{what}"), ((f"ec2:Describe{what}", "*", {}),))
        for what in ("NetworkInterfaces", "RouteTables", "SecurityGroups", "Subnets", "VpcEndpoints")
    ]
    return (
        Step(
            "attach the connection",
            ("ReadConnection", "glue:GetConnection"),
            connection,
            read_connection("rights"),
        ),
        Step(
            "read the secret",
            ("ReadSecret", "secretsmanager:GetSecretValue"),
            (("secretsmanager:GetSecretValue", facts["secret"], {}),),
            read_secret("rights/reader"),
        ),
        Step(
            "decrypt the secret",
            ("DecryptSecret", "kms:Decrypt"),
            (("kms:Decrypt", facts["artifacts_key"], VIA_SECRETS),),
        ),
        Step(
            "plug in a network interface",
            ("CreateInterface", "ec2:CreateNetworkInterface"),
            tuple(
                ("ec2:CreateNetworkInterface", resource, {})
                for resource in (interface, subnet, f"{EC2}:security-group/{facts['group']}")
            ),
        ),
        Step("mark it", ("TagInterface", "ec2:CreateTags"), (("ec2:CreateTags", interface, tags),)),
        Step("unmark it", ("TagInterface", "ec2:DeleteTags"), (("ec2:DeleteTags", interface, tags),)),
        Step(
            "unplug it",
            ("DeleteInterface", "ec2:DeleteNetworkInterface"),
            (("ec2:DeleteNetworkInterface", interface, {"ec2:Subnet": subnet}),),
        ),
        *seen,
        Step(
            "see the VPC",
            ("SeeVpc", "ec2:DescribeVpcAttribute"),
            (("ec2:DescribeVpcAttribute", f"{EC2}:vpc/{facts['vpc']}", {}),),
        ),
    )


def log_steps(*groups: str) -> tuple[Step, ...]:
    """A log group's ARN ends in `:*` for some of these calls, for others it does not."""

    def asks(action: str, suffix: str) -> tuple[Ask, ...]:
        return tuple((f"logs:{action}", f"{LOGS}:{group}{suffix}", {}) for group in groups)

    return (
        Step(
            "find the log group",
            ("WriteLogs", "logs:CreateLogGroup"),
            asks("CreateLogGroup", ""),
            make_log_group(groups[0]),
        ),
        Step(
            "encrypt the log group",
            ("WriteLogs", "logs:AssociateKmsKey"),
            asks("AssociateKmsKey", ""),
        ),
        Step(
            "open a log stream",
            ("WriteLogs", "logs:CreateLogStream"),
            asks("CreateLogStream", ":log-stream:x"),
            make_log_stream(groups[0]),
        ),
        Step(
            "write the log",
            ("WriteLogs", "logs:PutLogEvents"),
            asks("PutLogEvents", ":log-stream:x"),
            write_log(groups[0]),
        ),
    )


def job_steps(facts: dict[str, str]) -> tuple[Step, ...]:
    output = facts["output_log"]
    return (
        *connect_steps(facts),
        *log_steps(output, output.removesuffix("output") + "error"),
        Step(
            "fetch the script",
            ("ReadArtifacts", "s3:GetObject"),
            (("s3:GetObject", f"{S3_ARTIFACTS}/etl.py", {}),),
            read_object(ARTIFACTS, "artifacts/rights/etl.py"),
        ),
        Step(
            "decrypt the script",
            ("DecryptArtifacts", "kms:Decrypt"),
            (("kms:Decrypt", facts["artifacts_key"], VIA_S3),),
        ),
        Step(
            "send metrics",
            ("WriteMetrics", "cloudwatch:PutMetricData"),
            (("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "Glue"}),),
        ),
        Step(
            "see what is published",
            ("ListFolder", "s3:ListBucket"),
            (("s3:ListBucket", S3, {"s3:prefix": "loans/_manifests/2026-10.json"}),),
            list_folder("loans/_manifests/2026-10.json"),
        ),
        Step(
            "compare with what is published",
            ("WriteFolder", "s3:GetObject"),
            (("s3:GetObject", f"{S3}/loans/old.csv", {}),),
            read_object(BUCKET, "loans/old.csv"),
        ),
        Step(
            "publish",
            ("WriteFolder", "s3:PutObject"),
            (("s3:PutObject", f"{S3}/loans/new.csv", {}),),
            write_object(BUCKET, "loans/new.csv"),
        ),
        Step(
            "withdraw what is restated",
            ("WithdrawOutput", "s3:DeleteObject"),
            (("s3:DeleteObject", f"{S3}/loans/new.csv", {}),),
            delete_object(BUCKET, "loans/new.csv"),
        ),
        Step(
            "give up a large file",
            ("WriteFolder", "s3:AbortMultipartUpload"),
            (("s3:AbortMultipartUpload", f"{S3}/loans/large.csv", {}),),
            abort_upload,
        ),
        Step(
            "encrypt what it publishes",
            ("UseKey", "kms:GenerateDataKey"),
            (("kms:GenerateDataKey", facts["data_key"], VIA_S3),),
        ),
        Step(
            "read what is published, complete a large file",
            ("UseKey", "kms:Decrypt"),
            (("kms:Decrypt", facts["data_key"], VIA_S3),),
        ),
    )


def crawler_steps(facts: dict[str, str]) -> tuple[Step, ...]:
    database, table = f"{GLUE}:database/rights", f"{GLUE}:table/rights/bank_public_loans"

    def asks(action: str, *resources: str) -> tuple[Ask, ...]:
        return tuple((f"glue:{action}", resource, {}) for resource in (f"{GLUE}:catalog", *resources))

    def find_table(role: Role) -> None:
        glue = role.client("glue")
        with suppress(glue.exceptions.EntityNotFoundException):
            glue.get_table(DatabaseName="rights", Name="bank_public_loans")

    def enter_table(role: Role) -> None:
        name = f"bank_public_{time.monotonic_ns()}"
        role.client("glue").create_table(DatabaseName="rights", TableInput={"Name": name})

    def change_table(role: Role) -> None:
        admin = role.cloud.client("glue")
        with suppress(admin.exceptions.AlreadyExistsException):  # from the step's last time
            admin.create_table(DatabaseName="rights", TableInput={"Name": "bank_public_bank"})
        role.client("glue").update_table(DatabaseName="rights", TableInput={"Name": "bank_public_bank"})

    files = [f"{S3_ARTIFACTS}/{name}" for name in ("database-ca.pem", "database-driver.jar")]
    return (
        *connect_steps(facts),
        *log_steps("/aws-glue/crawlers-role/rights-crawler-rights"),
        Step(
            "fetch certificate and driver",
            ("ReadFiles", "s3:GetObject"),
            tuple(("s3:GetObject", file, {}) for file in files),
            read_object(ARTIFACTS, "artifacts/rights/database-ca.pem"),
        ),
        Step(
            "decrypt certificate and driver",
            ("DecryptArtifacts", "kms:Decrypt"),
            (("kms:Decrypt", facts["artifacts_key"], VIA_S3),),
        ),
        Step(
            "find its database",
            ("WriteCatalog", "glue:GetDatabase"),
            asks("GetDatabase", database),
            lambda role: role.client("glue").get_database(Name="rights"),
        ),
        Step(
            "list the tables it knows",
            ("WriteCatalog", "glue:GetTables"),
            asks("GetTables", database, table),
            lambda role: role.client("glue").get_tables(DatabaseName="rights"),
        ),
        Step(
            "find a table",
            ("WriteCatalog", "glue:GetTable"),
            asks("GetTable", database, table),
            find_table,
        ),
        Step(
            "enter a table",
            ("WriteCatalog", "glue:CreateTable"),
            asks("CreateTable", database, table),
            enter_table,
        ),
        Step(
            "change a table",
            ("WriteCatalog", "glue:UpdateTable"),
            asks("UpdateTable", database, table),
            change_table,
        ),
    )


STEPS = {"job": job_steps, "crawler": crawler_steps}


################################################################################
# What they must not do
################################################################################


@dataclass(frozen=True)
class Forbidden:
    """Something that the role would have no reason to do."""

    name: str
    ask: Ask
    call: Call | None = None


def forbidden_to_both(facts: dict[str, str]) -> tuple[Forbidden, ...]:
    other = {"cloudwatch:namespace": "Billing"}
    return (
        Forbidden(
            "another secret",
            ("secretsmanager:GetSecretValue", facts["secret"].replace("reader", "other"), {}),
            read_secret("rights/other"),
        ),
        Forbidden(
            "changing the secret",
            ("secretsmanager:PutSecretValue", facts["secret"], {}),
            lambda role: role.client("secretsmanager").put_secret_value(
                SecretId="rights/reader", SecretString="{}"
            ),
        ),
        Forbidden(
            "the list of secrets",
            ("secretsmanager:ListSecrets", "*", {}),
            lambda role: role.client("secretsmanager").list_secrets(),
        ),
        Forbidden(
            "another connection",
            ("glue:GetConnection", f"{GLUE}:connection/rights-other", {}),
            read_connection("rights-other"),
        ),
        Forbidden("the files' key but for files", ("kms:Decrypt", facts["data_key"], VIA_SECRETS)),
        Forbidden(
            "the artifacts' key but for files and secrets", ("kms:Decrypt", facts["artifacts_key"], {})
        ),
        Forbidden("another key", ("kms:Decrypt", f"arn:aws:kms:{ACCOUNT}:key/other", VIA_S3)),
        Forbidden("writing with the artifacts' key", ("kms:Encrypt", facts["artifacts_key"], VIA_S3)),
        Forbidden(
            "writing an artifact",
            ("s3:PutObject", f"{S3_ARTIFACTS}/etl.py", {}),
            write_object(ARTIFACTS, "artifacts/rights/etl.py"),
        ),
        Forbidden(
            "another file of the artifacts' bucket",
            ("s3:GetObject", f"arn:aws:s3:::{ARTIFACTS}/artifacts/other/etl.py", {}),
            read_object(ARTIFACTS, "artifacts/other/etl.py"),
        ),
        Forbidden(
            "files beside the folder",
            ("s3:GetObject", f"{S3}/loans-of-others/x.csv", {}),
            read_object(BUCKET, "loans-of-others/x.csv"),
        ),
        Forbidden(
            "writing beside the folder",
            ("s3:PutObject", f"{S3}/loans-of-others/x.csv", {}),
            write_object(BUCKET, "loans-of-others/x.csv"),
        ),
        Forbidden(
            "deleting beside the folder",
            ("s3:DeleteObject", f"{S3}/loans-of-others/x.csv", {}),
            delete_object(BUCKET, "loans-of-others/x.csv"),
        ),
        Forbidden("deleting a version", ("s3:DeleteObjectVersion", f"{S3}/loans/old.csv", {})),
        Forbidden(
            "listing the whole bucket",
            ("s3:ListBucket", S3, {}),
            lambda role: role.client("s3").list_objects_v2(Bucket=BUCKET),
        ),
        Forbidden(
            "listing another folder",
            ("s3:ListBucket", S3, {"s3:prefix": "loans-of-others/"}),
            list_folder("loans-of-others/"),
        ),
        Forbidden("changing the bucket", ("s3:PutBucketPolicy", S3, {})),
        Forbidden(
            "another log",
            ("logs:PutLogEvents", f"{LOGS}:/aws-glue/jobs/other:log-stream:x", {}),
            make_log_stream("/aws-glue/jobs/other"),
        ),
        Forbidden("deleting its log", ("logs:DeleteLogGroup", f"{LOGS}:{facts['output_log']}", {})),
        Forbidden("metrics of another kind", ("cloudwatch:PutMetricData", "*", other)),
        Forbidden(
            "an interface elsewhere",
            ("ec2:CreateNetworkInterface", f"{EC2}:subnet/subnet-other", {}),
        ),
        Forbidden(
            "an interface of somebody else's",
            (
                "ec2:DeleteNetworkInterface",
                f"{EC2}:network-interface/eni-2",
                {"ec2:Subnet": f"{EC2}:subnet/subnet-other"},
            ),
        ),
        Forbidden(
            "other tags",
            ("ec2:CreateTags", f"{EC2}:network-interface/eni-1", {"aws:TagKeys": ["owner"]}),
        ),
        Forbidden(
            "starting itself",
            ("glue:StartJobRun", f"{GLUE}:job/rights", {}),
            lambda role: role.client("glue").start_job_run(JobName="rights"),
        ),
        Forbidden(
            "other rights",
            ("iam:PutRolePolicy", f"arn:aws:iam::{aws.ACCOUNT}:role/rights-job", {}),
            lambda role: role.client("iam").put_role_policy(
                RoleName="rights-job", PolicyName="more", PolicyDocument="{}"
            ),
        ),
    )


def forbidden_to_crawler(facts: dict[str, str]) -> tuple[Forbidden, ...]:
    return (
        *forbidden_to_both(facts),
        Forbidden(
            "the script",
            ("s3:GetObject", f"{S3_ARTIFACTS}/etl.py", {}),
            read_object(ARTIFACTS, "artifacts/rights/etl.py"),
        ),
        Forbidden(
            "a file", ("s3:GetObject", f"{S3}/loans/old.csv", {}), read_object(BUCKET, "loans/old.csv")
        ),
        Forbidden("the list of files", ("s3:ListBucket", S3, {"s3:prefix": "loans/"}), list_folder("loans/")),
        Forbidden(
            "another database of the catalogue",
            ("glue:GetTables", f"{GLUE}:database/others", {}),
            lambda role: role.client("glue").get_tables(DatabaseName="others"),
        ),
        Forbidden(
            "a table of another database",
            ("glue:CreateTable", f"{GLUE}:table/others/x", {}),
            lambda role: role.client("glue").create_table(DatabaseName="others", TableInput={"Name": "x"}),
        ),
        Forbidden(
            "deleting a table",
            ("glue:DeleteTable", f"{GLUE}:table/rights/bank_public_loans", {}),
            lambda role: role.client("glue").delete_table(DatabaseName="rights", Name="bank_public_loans"),
        ),
    )


FORBIDDEN = {"job": forbidden_to_both, "crawler": forbidden_to_crawler}


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


@pytest.fixture(params=["job", "crawler"])
def role(request: pytest.FixtureRequest, cloud: aws.Cloud, facts: dict[str, str]) -> Iterator[Role]:
    found = deployed(cloud, f"rights-{request.param}", facts)
    yield found
    found.give(found.policies)


def steps(role: Role) -> tuple[Step, ...]:
    return STEPS[role.name.removeprefix("rights-")](role.facts)


def forbidden(role: Role) -> tuple[Forbidden, ...]:
    return FORBIDDEN[role.name.removeprefix("rights-")](role.facts)


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


@pytest.mark.parametrize(
    ("taken", "message"),
    [
        (None, ""),
        (("ReadArtifacts", "s3:GetObject"), "GetObject"),
        (("ReadConnection", "glue:GetConnection"), "glue:GetConnection"),
        (("WriteLogs", "logs:CreateLogStream"), "logs:CreateLogStream"),
    ],
    ids=["none", "artifacts", "connection", "logs"],
)
def test_a_run_under_the_role_says_what_it_may_not_do(
    cloud: aws.Cloud, facts: dict[str, str], taken: Right | None, message: str
) -> None:
    role, glue = deployed(cloud, "rights-job", facts), cloud.client("glue")
    if taken:
        role.give(without(role.policies, taken[0], "Action", taken[1]))
    run = glue.start_job_run(JobName="rights")["JobRunId"]
    deadline = time.monotonic() + 60
    while (found := glue.get_job_run(JobName="rights", RunId=run)["JobRun"])["JobRunState"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    role.give(role.policies)
    assert found["JobRunState"] == ("FAILED" if taken else "SUCCEEDED"), found
    assert message in found.get("ErrorMessage", "")


################################################################################
# Changed, and taken away
################################################################################

CHANGES: dict[str, Any] = {
    "access_logs": {"bucket": ARTIFACTS},
    "catch_up_schedule": "cron(0 6 2-10 * ? *)",
    "eventbridge_notifications": True,
    "extra_arguments": {"--enable-auto-scaling": "true"},
    "job": {"execution_class": "FLEX", "max_retries": 1, "number_of_workers": 3, "queuing": True},
    "key_rotation_days": 180,
    "log_retention_days": 30,
    "port": 5433,
    "readers": {"bank": {"prefix": "loans/bank", "principal_arn": f"arn:aws:iam::{aws.ACCOUNT}:role/bank"}},
    "schedule": "cron(30 5 1 * ? *)",
    "tables": ["Loans", "Bank", "Branch"],
    "tags": {"team": "data"},
}


def empty(plan: subprocess.CompletedProcess[str]) -> str:
    """What a plan would do, nothing if it is empty; what was left out by its targets does not count."""
    return "" if "No changes." in plan.stdout else plan.stdout


def test_a_second_plan_is_empty_and_leaves_a_rotated_password_alone(
    cloud: aws.Cloud, terraform: Apply, facts: dict[str, str]
) -> None:
    secrets = cloud.client("secretsmanager")
    login = json.loads(secrets.get_secret_value(SecretId=facts["secret"])["SecretString"])
    assert (login["username"], len(login["password"])) == ("rights_reader", 40)
    assert login["password"] not in terraform("state", "pull").stdout
    # AWS forgets a version without a label; Terraform would then make it again, over the one in force.
    for text in ("first", "second", "third"):
        secrets.put_secret_value(SecretId=facts["secret"], SecretString=text)
    assert empty(terraform("plan", *TARGETED)) == ""


def test_every_input_that_can_change_changes_in_place(terraform: Apply, facts: dict[str, str]) -> None:
    applied = terraform("apply", "-auto-approve", *TARGETED, changes=CHANGES).stdout
    assert "must be replaced" not in applied
    assert "0 destroyed" in applied
    assert empty(terraform("plan", *TARGETED, changes=CHANGES)) == ""


def test_destroying_leaves_nothing(cloud: aws.Cloud, terraform: Apply, facts: dict[str, str]) -> None:
    terraform("destroy", "-auto-approve")
    assert terraform("state", "list").stdout == ""
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
        "triggers": [t["Name"] for t in glue.get_triggers()["Triggers"]],
    }
    ours = {kind: [name for name in names if "rights" in name] for kind, names in left.items()}
    # Those two were there for the tests above.
    assert {kind: names for kind, names in ours.items() if names} == {
        "connections": ["rights-other"],
        "secrets": ["rights/other"],
    }
