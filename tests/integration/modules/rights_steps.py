"""Calls that the roles of an extract make, and the rights that AWS checks for each call."""

from __future__ import annotations

from collections.abc import Callable

from tests.integration.modules.rights import (
    ARTIFACTS,
    BUCKET,
    EC2,
    GLUE,
    LOGIN,
    LOGS,
    S3,
    VIA_S3,
    VIA_SECRETS,
    VIA_SQS,
    Ask,
    Step,
    abort_upload,
    delete_object,
    list_folder,
    list_versions,
    make_log_group,
    make_log_stream,
    read_connection,
    read_object,
    read_secret,
    read_version,
    role_name,
    write_log,
    write_object,
)
from tests.integration.modules.rights_crawler import crawler_steps

FILE = "bank_name=First/year=2026/month=10/new.csv"


def secret_steps(facts: dict[str, str]) -> tuple[Step, ...]:
    """Return the steps of a login with a password."""
    return (
        Step(
            "read the secret",
            ("ReadSecret", "secretsmanager:GetSecretValue"),
            (("secretsmanager:GetSecretValue", facts["secret"], {}),),
            read_secret(facts["secret"]),
        ),
        Step(
            "decrypt the secret",
            ("DecryptSecret", "kms:Decrypt"),
            (("kms:Decrypt", facts["artifacts_key"], VIA_SECRETS),),
        ),
    )


def token_steps(facts: dict[str, str]) -> tuple[Step, ...]:
    """Return the step of a login with a token.

    The job signs the token without a call to AWS. AWS checks the right when the job logs in to the source.
    """
    return (
        Step(
            "log in",
            ("LogIn", "rds-db:connect"),
            (("rds-db:connect", f"{LOGIN}:cluster-RIGHTS/{facts['user']}", {}),),
        ),
    )


def connect_steps(facts: dict[str, str]) -> tuple[Step, ...]:
    """Return the steps of the job and the crawler before they connect to the source."""
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


def log_steps(key: str, *groups: str) -> tuple[Step, ...]:
    """Return the steps that write logs. For some of these calls, the ARN of the log group ends with `:*`."""
    contexts = [{"kms:EncryptionContext:aws:logs:arn": f"{LOGS}:{group}"} for group in groups]

    def asks(action: str, suffix: str) -> tuple[Ask, ...]:
        return tuple((f"logs:{action}", f"{LOGS}:{group}{suffix}", {}) for group in groups)

    return (
        *(
            Step(
                f"{action.lower()} what is logged",
                ("EncryptLogs", f"kms:{action}*"),
                tuple((f"kms:{call}", key, context) for context in contexts),
            )
            for action, call in (
                ("Decrypt", "Decrypt"),
                ("Encrypt", "Encrypt"),
                ("GenerateDataKey", "GenerateDataKey"),
                ("ReEncrypt", "ReEncryptFrom"),
            )
        ),
        Step(
            "look at the key of the logs",
            ("DescribeKey", "kms:DescribeKey"),
            (("kms:DescribeKey", key, {}),),
        ),
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


def artifact_steps(artifacts: str) -> tuple[Step, ...]:
    """Return the calls that S3A makes before it reads a file: it lists the prefix and looks up the region."""
    return (
        Step(
            "list the artifacts",
            ("ListArtifacts", "s3:ListBucket"),
            tuple(
                ("s3:ListBucket", f"arn:aws:s3:::{ARTIFACTS}", {"s3:prefix": prefix})
                for prefix in (artifacts, f"{artifacts}/runtime/")
            ),
            list_folder(f"{artifacts}/", ARTIFACTS),
        ),
        Step(
            "find the region of the artifacts",
            ("LocateArtifacts", "s3:GetBucketLocation"),
            (("s3:GetBucketLocation", f"arn:aws:s3:::{ARTIFACTS}", {}),),
            lambda role: role.client("s3").get_bucket_location(Bucket=ARTIFACTS),
        ),
    )


def job_steps(facts: dict[str, str]) -> tuple[Step, ...]:
    """Return the steps that every job makes, for any kind of login."""
    output, prefix, artifacts = facts["output_log"], facts["prefix"], f"artifacts/{facts['name']}"
    return (
        *connect_steps(facts),
        *artifact_steps(artifacts),
        *log_steps(facts["artifacts_key"], output, output.removesuffix("output") + "error"),
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
            "see how it was started",
            ("ReadOwnRuns", "glue:GetJobRuns"),
            (("glue:GetJobRuns", f"{GLUE}:job/{facts['name']}", {}),),
            lambda role: role.client("glue").get_job_runs(JobName=facts["name"]),
        ),
        Step(
            "send metrics",
            ("WriteMetrics", "cloudwatch:PutMetricData"),
            (("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "Glue"}),),
        ),
        Step(
            "see what is published",
            ("ListFolder", "s3:ListBucketVersions"),
            (("s3:ListBucketVersions", S3, {"s3:prefix": f"{prefix}/_manifests/2026-10.json"}),),
            list_versions(f"{prefix}/_manifests/2026-10.json"),
        ),
        Step(
            "compare with what is published",
            ("WriteFolder", "s3:GetObjectVersion"),
            (("s3:GetObjectVersion", f"{S3}/{prefix}/old.csv", {}),),
            read_version(BUCKET, f"{prefix}/old.csv"),
        ),
        Step(
            "copy a claim",
            ("CopyClaims", "s3:GetObject"),
            (("s3:GetObject", f"{S3}/{prefix}/_manifests/2026-10.claim", {}),),
            read_object(BUCKET, f"{prefix}/_manifests/2026-10.claim"),
        ),
        Step(
            "publish",
            ("WriteFolder", "s3:PutObject"),
            tuple(
                ("s3:PutObject", f"{S3}/{prefix}/{place}", {})
                for place in (FILE, "_manifests/2026-10.claim", "_manifests/2026-10.json")
            ),
            write_object(BUCKET, f"{prefix}/{FILE}"),
        ),
        Step(
            "withdraw what is restated",
            ("DeleteReplacedFiles", "s3:DeleteObject"),
            (("s3:DeleteObject", f"{S3}/{prefix}/{FILE}", {}),),
            delete_object(BUCKET, f"{prefix}/{FILE}"),
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


def schedule_steps(facts: dict[str, str]) -> tuple[Step, ...]:
    """Return the steps of the schedules' role. tests/e2e/test_schedules.py uses the role, too."""
    return (
        Step(
            "start the workflow",
            ("StartWorkflow", "glue:StartWorkflowRun"),
            (("glue:StartWorkflowRun", f"{GLUE}:workflow/rights", {}),),
        ),
        Step(
            "start the job again",
            ("StartJob", "glue:StartJobRun"),
            (("glue:StartJobRun", f"{GLUE}:job/rights", {}),),
        ),
        Step(
            "keep a start that could not be delivered",
            ("KeepDeadLetters", "sqs:SendMessage"),
            (("sqs:SendMessage", facts["queue"], {}),),
        ),
        *(
            Step(
                f"{action} what is kept",
                ("EncryptDeadLetters", f"kms:{action}"),
                ((f"kms:{action}", facts["artifacts_key"], VIA_SQS),),
            )
            for action in ("Decrypt", "GenerateDataKey")
        ),
    )


STEPS: dict[str, Callable[[dict[str, str]], tuple[Step, ...]]] = {
    "rights-job": lambda facts: (*secret_steps(facts), *job_steps(facts)),
    "rights-crawler": lambda facts: (
        *secret_steps(facts),
        *connect_steps(facts),
        *artifact_steps("artifacts/rights"),
        *log_steps(
            facts["artifacts_key"], f"/aws-glue/crawlers-role/{role_name('rights', 'crawler')}-rights"
        ),
        *crawler_steps(facts),
    ),
    "rights-schedule": schedule_steps,
    "rights-two-job": lambda facts: (*token_steps(facts), *job_steps(facts)),
}
