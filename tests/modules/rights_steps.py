"""What the roles of an extract do, and what AWS checks when they do it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from tests.modules.rights import (
    ARTIFACTS,
    BUCKET,
    EC2,
    GLUE,
    LOGIN,
    LOGS,
    S3,
    VIA_S3,
    VIA_SECRETS,
    Ask,
    Role,
    Step,
    abort_upload,
    delete_object,
    list_folder,
    make_log_group,
    make_log_stream,
    read_connection,
    read_object,
    read_secret,
    write_log,
    write_object,
)


def secret_steps(facts: dict[str, str]) -> tuple[Step, ...]:
    """How one logs in with a password."""
    return (
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
    )


def token_steps(facts: dict[str, str]) -> tuple[Step, ...]:
    """How one logs in with a token; it is made without asking anybody, so the store is who checks."""
    return (
        Step(
            "log in",
            ("LogIn", "rds-db:connect"),
            (("rds-db:connect", f"{LOGIN}:cluster-RIGHTS/{facts['user']}", {}),),
        ),
    )


def connect_steps(facts: dict[str, str]) -> tuple[Step, ...]:
    """What both do before they reach the store."""
    interface, subnet = f"{EC2}:network-interface/eni-1", f"{EC2}:subnet/{facts['subnet']}"
    tags = {"aws:TagKeys": ["aws-glue-service-resource"]}
    connection: tuple[Ask, ...] = tuple(
        ("glue:GetConnection", f"{GLUE}:{resource}", {})
        for resource in ("catalog", f"connection/{facts['name']}")
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
            read_connection(facts["name"]),
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
    """What every job does, however it logs in."""
    output, prefix, artifacts = facts["output_log"], facts["prefix"], f"artifacts/{facts['name']}"
    return (
        *connect_steps(facts),
        *log_steps(output, output.removesuffix("output") + "error"),
        Step(
            "fetch the script",
            ("ReadArtifacts", "s3:GetObject"),
            (("s3:GetObject", f"arn:aws:s3:::{ARTIFACTS}/{artifacts}/etl.py", {}),),
            read_object(ARTIFACTS, f"{artifacts}/etl.py"),
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
            (("s3:ListBucket", S3, {"s3:prefix": f"{prefix}/_manifests/2026-10.json"}),),
            list_folder(f"{prefix}/_manifests/2026-10.json"),
        ),
        Step(
            "compare with what is published",
            ("WriteFolder", "s3:GetObject"),
            (("s3:GetObject", f"{S3}/{prefix}/old.csv", {}),),
            read_object(BUCKET, f"{prefix}/old.csv"),
        ),
        Step(
            "publish",
            ("WriteFolder", "s3:PutObject"),
            (("s3:PutObject", f"{S3}/{prefix}/new.csv", {}),),
            write_object(BUCKET, f"{prefix}/new.csv"),
        ),
        Step(
            "withdraw what is restated",
            ("WithdrawOutput", "s3:DeleteObject"),
            (("s3:DeleteObject", f"{S3}/{prefix}/new.csv", {}),),
            delete_object(BUCKET, f"{prefix}/new.csv"),
        ),
        Step(
            "give up a large file",
            ("WriteFolder", "s3:AbortMultipartUpload"),
            (("s3:AbortMultipartUpload", f"{S3}/{prefix}/large.csv", {}),),
            abort_upload(f"{prefix}/large.csv"),
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

    files = [
        f"arn:aws:s3:::{ARTIFACTS}/artifacts/rights/{name}"
        for name in ("database-ca.pem", "database-driver.jar")
    ]
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


STEPS: dict[str, Callable[[dict[str, str]], tuple[Step, ...]]] = {
    "rights-job": lambda facts: (*secret_steps(facts), *job_steps(facts)),
    "rights-crawler": lambda facts: (*secret_steps(facts), *crawler_steps(facts)),
    "rights-two-job": lambda facts: (*token_steps(facts), *job_steps(facts)),
}
