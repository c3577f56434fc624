"""Calls that the roles of an extract must not be able to make."""

from __future__ import annotations

from local_cloud import aws
from tests.integration.modules.rights import (
    ACCOUNT,
    ARTIFACTS,
    BUCKET,
    CATALOG_KEY,
    EC2,
    EVERYTHING,
    GLUE,
    LOGIN,
    LOGS,
    OF_CATALOG,
    S3,
    VIA_S3,
    VIA_SECRETS,
    Forbidden,
    delete_object,
    list_folder,
    list_versions,
    make_log_stream,
    read_connection,
    read_object,
    read_secret,
    role_name,
    write_object,
)

PERIOD = "bank_name=First/year=2026/month=10"


def forbidden_to_all(facts: dict[str, str]) -> tuple[Forbidden, ...]:
    other = {"cloudwatch:namespace": "Billing"}
    name, prefix = facts["name"], facts["prefix"]
    artifacts = f"artifacts/{name}"
    # The name and the prefix of the other extract. Both extracts share the bucket, the key and the artifacts.
    [(neighbor, its_prefix)] = {("rights", "loans"), ("rights-two", "fees")} - {(name, prefix)}
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
                SecretId=facts["secret"], SecretString="{}"
            ),
        ),
        Forbidden(
            "the list of secrets",
            ("secretsmanager:ListSecrets", "*", {}),
            lambda role: role.client("secretsmanager").list_secrets(),
        ),
        # If a request names no tag keys, EC2 deletes all tags.
        Forbidden(
            "all tags of an interface",
            ("ec2:DeleteTags", f"{EC2}:network-interface/eni-1", {"aws:TagKeys": None}),
        ),
        Forbidden(
            "another connection",
            ("glue:GetConnection", f"{GLUE}:connection/rights-other", {}),
            read_connection("rights-other"),
        ),
        Forbidden(
            "the artifacts' key for another log",
            (
                "kms:Encrypt",
                facts["artifacts_key"],
                {"kms:EncryptionContext:aws:logs:arn": f"{LOGS}:/aws-glue/jobs/other"},
            ),
        ),
        Forbidden(
            "listing the neighbor's artifacts",
            (
                "s3:ListBucket",
                f"arn:aws:s3:::{ARTIFACTS}",
                {"s3:prefix": f"artifacts/{neighbor}/"},
            ),
            list_folder(f"artifacts/{neighbor}/", ARTIFACTS),
        ),
        Forbidden("the files' key but for files", ("kms:Decrypt", facts["data_key"], VIA_SECRETS)),
        Forbidden(
            "the artifacts' key but for files and secrets", ("kms:Decrypt", facts["artifacts_key"], {})
        ),
        Forbidden("another key", ("kms:Decrypt", f"arn:aws:kms:{ACCOUNT}:key/other", VIA_S3)),
        Forbidden("writing with the artifacts' key", ("kms:Encrypt", facts["artifacts_key"], VIA_S3)),
        Forbidden(
            "writing an artifact",
            ("s3:PutObject", f"arn:aws:s3:::{ARTIFACTS}/{artifacts}/etl.py", {}),
            write_object(ARTIFACTS, f"{artifacts}/etl.py"),
        ),
        Forbidden(
            "another file of the artifacts' bucket",
            ("s3:GetObject", f"arn:aws:s3:::{ARTIFACTS}/artifacts/other/etl.py", {}),
            read_object(ARTIFACTS, "artifacts/other/etl.py"),
        ),
        Forbidden(
            "the neighbor's script",
            ("s3:GetObject", f"arn:aws:s3:::{ARTIFACTS}/artifacts/{neighbor}/etl.py", {}),
            read_object(ARTIFACTS, f"artifacts/{neighbor}/etl.py"),
        ),
        Forbidden(
            "the neighbor's files",
            ("s3:GetObject", f"{S3}/{its_prefix}/old.csv", {}),
            read_object(BUCKET, f"{its_prefix}/old.csv"),
        ),
        Forbidden(
            "the neighbor's runs",
            ("glue:GetJobRuns", f"{GLUE}:job/{neighbor}", {}),
            lambda role: role.client("glue").get_job_runs(JobName=neighbor),
        ),
        Forbidden(
            "the neighbor's connection",
            ("glue:GetConnection", f"{GLUE}:connection/{neighbor}", {}),
            read_connection(neighbor),
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
        Forbidden("deleting a version", ("s3:DeleteObjectVersion", f"{S3}/{prefix}/old.csv", {})),
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
        Forbidden(
            "listing the versions of the whole bucket", ("s3:ListBucketVersions", S3, {}), list_versions("")
        ),
        Forbidden(
            "listing the versions of another folder",
            ("s3:ListBucketVersions", S3, {"s3:prefix": "loans-of-others/"}),
            list_versions("loans-of-others/"),
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
            "other rights",
            ("iam:PutRolePolicy", f"arn:aws:iam::{aws.ACCOUNT}:role/{role_name(name, 'job')}", {}),
            lambda role: role.client("iam").put_role_policy(
                RoleName=role_name(name, "job"), PolicyName="more", PolicyDocument=EVERYTHING
            ),
        ),
        Forbidden("a superuser's login", ("rds-db:connect", f"{LOGIN}:cluster-RIGHTS/postgres", {})),
        Forbidden(
            "the login at another store", ("rds-db:connect", f"{LOGIN}:cluster-OTHER/{facts['user']}", {})
        ),
    )


def forbidden_to_jobs(facts: dict[str, str]) -> tuple[Forbidden, ...]:
    name, prefix = facts["name"], facts["prefix"]
    elsewhere = (
        "bank_name=First/shuffle-data/x",
        "bank_name=First/year=2026/month=10/shuffle-data/x",
        "_manifests/shuffle-data/x",
    )
    return (
        *forbidden_to_all(facts),
        *(
            Forbidden(
                f"writing {place}",
                ("s3:PutObject", f"{S3}/{prefix}/{place}", {}),
                write_object(BUCKET, f"{prefix}/{place}"),
            )
            for place in elsewhere
        ),
        # If a job argument names a file, Glue requests the file without a version ID. This request needs
        # s3:GetObject, and in the target the job has this right only for claims.
        Forbidden(
            "loading a file",
            ("s3:GetObject", f"{S3}/{prefix}/old.csv", {}),
            read_object(BUCKET, f"{prefix}/old.csv"),
        ),
        *(
            Forbidden(
                f"uploading an environment as {ending}",
                ("s3:PutObject", f"{S3}/{prefix}/{PERIOD}/x{ending}", {}),
                write_object(BUCKET, f"{prefix}/{PERIOD}/x{ending}"),
            )
            for ending in (".tar.gz", ".tgz")
        ),
        Forbidden(
            "starting itself",
            ("glue:StartJobRun", f"{GLUE}:job/{name}", {}),
            lambda role: role.client("glue").start_job_run(JobName=name),
        ),
    )


def forbidden_to_token(facts: dict[str, str]) -> tuple[Forbidden, ...]:
    return (
        *forbidden_to_jobs(facts),
        Forbidden(
            "the neighbor's secret",
            ("secretsmanager:GetSecretValue", facts["secret"], {}),
            read_secret(facts["secret"]),
        ),
        Forbidden("the key for secrets", ("kms:Decrypt", facts["artifacts_key"], VIA_SECRETS)),
    )


def forbidden_to_crawler(facts: dict[str, str]) -> tuple[Forbidden, ...]:
    own_role = f"arn:aws:iam::{aws.ACCOUNT}:role/{role_name('rights', 'crawler')}"
    stranger = {"kms:EncryptionContext:glue_catalog_id": "210987654321"}
    return (
        *forbidden_to_all(facts),
        Forbidden("the catalog's key for another catalog", ("kms:Decrypt", CATALOG_KEY, stranger)),
        Forbidden("a grant of the catalog's key to anybody", ("kms:CreateGrant", CATALOG_KEY, OF_CATALOG)),
        Forbidden(
            "its role for a function",
            ("iam:PassRole", own_role, {"iam:PassedToService": "lambda.amazonaws.com"}),
        ),
        Forbidden(
            "the job's role",
            (
                "iam:PassRole",
                f"arn:aws:iam::{aws.ACCOUNT}:role/{role_name('rights', 'job')}",
                {"iam:PassedToService": "glue.amazonaws.com"},
            ),
        ),
        Forbidden(
            "a file of the engine",
            ("s3:PutObject", f"arn:aws:s3:::{ARTIFACTS}/artifacts/rights/runtime/x.py", {}),
            write_object(ARTIFACTS, "artifacts/rights/runtime/x.py"),
        ),
        Forbidden("encrypting but for files", ("kms:GenerateDataKey", facts["artifacts_key"], VIA_SECRETS)),
        Forbidden(
            "the script",
            ("s3:GetObject", f"arn:aws:s3:::{ARTIFACTS}/artifacts/rights/etl.py", {}),
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


def forbidden_to_schedules(facts: dict[str, str]) -> tuple[Forbidden, ...]:
    return (
        Forbidden("the neighbor's workflow", ("glue:StartWorkflowRun", f"{GLUE}:workflow/rights-two", {})),
        Forbidden("the neighbor's job", ("glue:StartJobRun", f"{GLUE}:job/rights-two", {})),
        Forbidden("stopping the workflow", ("glue:StopWorkflowRun", f"{GLUE}:workflow/rights", {})),
        Forbidden("reading what is kept", ("sqs:ReceiveMessage", facts["queue"], {})),
        Forbidden("the queue's key but for queues", ("kms:Decrypt", facts["artifacts_key"], VIA_S3)),
        Forbidden("the secret", ("secretsmanager:GetSecretValue", facts["secret"], {})),
    )


FORBIDDEN = {
    "rights-job": forbidden_to_jobs,
    "rights-crawler": forbidden_to_crawler,
    "rights-schedule": forbidden_to_schedules,
    "rights-two-job": forbidden_to_token,
}
