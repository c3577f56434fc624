"""The root module for the tests of rights: its inputs, and changed values of the inputs."""

from __future__ import annotations

import json
import time
from typing import Any

from local_cloud import aws
from tests.integration.modules.rights import ACCOUNT, ARTIFACTS, BUCKET, CATALOG_KEY, EVERYTHING, Role

FUNCTION = f"arn:aws:lambda:{ACCOUNT}:function:rotate"

Inputs = dict[str, Any]

# The artifacts have a separate bucket and a separate key. So each call needs a right on the correct bucket or
# key, and a right on the other bucket or key is not enough. Two extracts share both buckets and both keys.
# One extract logs in with a password and has a crawler, and the other extract logs in with a token.
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


# The example examples/minimal has no provider block, so the root module can call it like a module.
MINIMAL: Inputs = {
    "source": "./examples/minimal",
    "bucket": "rights-minimal",
    "database": {
        "host": "localhost",
        "name": "shop",
        "secret_arn": f"arn:aws:secretsmanager:{ACCOUNT}:secret:shop-AbCdEf",
        "ca_certificate_file": "global-bundle.pem",
    },
    "network": EXTRACT_INPUTS["network"],
}


def root(bucket: Inputs, extract: Inputs, second: Inputs) -> str:
    """Return the root module in Terraform's JSON syntax. The arguments change inputs of its modules."""
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
            "prefix": inputs["target"]["prefix"],
            "output_log": f'${{module.{name}.log_groups["output"]}}',
            "user": f"${{module.{name}.user_name}}",
        }
        for name, inputs in {"extract": EXTRACT_INPUTS, "second": SECOND_INPUTS}.items()
    }
    return json.dumps(
        {
            # 45 tags: an S3 object can have at most 10 tags, and other resources can have at most 50 tags.
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
# Changed values of the inputs
################################################################################

ROLE = f"arn:aws:iam::{aws.ACCOUNT}:role/somebody"
BOUNDARY = "${aws_iam_policy.boundary.arn}"
# A changed value for each input that can change without the replacement of a resource.
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
    "flat_recipients": ["First Bank"],
    "job": {"execution_class": "FLEX", "max_retries": 1, "number_of_workers": 3, "queuing": True},
    "log_retention_days": 30,
    "target": {**EXTRACT_INPUTS["target"], "prefix": "loans/monthly"},
    "permissions_boundary_arn": BOUNDARY,
    "pgp": {
        "public_keys": {"first": {"laptop": '${file("modules/glue-extract/tests/first-bank.asc")}'}},
        "wheel_path": "modules/glue-extract/tests/pysequoia-1.0-cp313-cp313-manylinux_2_17_x86_64.whl",
    },
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
# Inputs that the test does not change. Each text names the resources that a change would replace, or says why
# the test needs its value of the input.
FIXED = {
    "force_destroy": "true, so that the test can destroy the bucket",
    "key_alias": "the alias",
    "kms_key": "everything that the key encrypts",
    "kms_key_arn": "everything that the key encrypts",
    "name": "everything",
    "object_lock": "the bucket",
    "artifacts": "the objects in the prefix",
    "auth": "the secret",
    "secret": "the version with the password",
    "network": "the rules of the security group",
    "script_path": "the object, which has the name of the file",
}


def deployed(cloud: aws.Cloud, name: str, facts: dict[str, str]) -> Role:
    """Return a deployed role and its policies."""
    iam = cloud.client("iam")
    names = iam.list_role_policies(RoleName=name)["PolicyNames"]
    policies = {p: iam.get_role_policy(RoleName=name, PolicyName=p)["PolicyDocument"] for p in names}
    return Role(cloud, name, facts, policies)


def ended(glue: Any, name: str, **given: Any) -> dict[str, Any]:
    """Start a run of a job, wait until the run ends, and return it."""
    run = glue.start_job_run(JobName=name, **given)["JobRunId"]
    deadline = time.monotonic() + 60
    while (found := glue.get_job_run(JobName=name, RunId=run)["JobRun"])["JobRunState"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return dict(found)
