"""Invalid inputs that no validation checks, because the AWS provider refuses them at plan time."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pytest
import tftest

from local_cloud import aws
from tests.support.terraform import OpenRoot
from tools.hcl import MODULES

ACCOUNT = "eu-west-1:123456789012"
KEY = f"arn:aws:kms:{ACCOUNT}:key/00000000-0000-0000-0000-000000000000"
BUCKET: dict[str, Any] = {"name": "bank-data"}
EXTRACT: dict[str, Any] = {
    "name": "bank-loans",
    "kms_key_arn": KEY,
    "script_path": "etl.py",
    "tables": ["Loans"],
    "recipient_column": "bank_name",
    "artifacts": {"bucket": "bank-artifacts"},
    "database": {"host": "db.internal", "name": "bank", "verify_server": False},
    "secret": {},
    "network": {"vpc_id": "vpc-1", "subnet_id": "subnet-1", "availability_zone": "eu-west-1a"},
    "target": {"bucket": "bank-data", "prefix": "loans", "writer_policy_json": "{}"},
}
SFTP: dict[str, Any] = {
    "name": "bank-loans",
    "bucket": "bank-data",
    "kms_key_arn": KEY,
    "endpoint": {"type": "PUBLIC"},
}
REPLICATION = {"bucket_arn": "arn:aws:s3:::bank-copies", "kms_key_arn": KEY}
ROTATION = f"arn:aws:lambda:{ACCOUNT}:function:rotate"

# Each case: a module, its inputs, and a part of the error message of the provider.
CASES: list[tuple[str, dict[str, Any], str]] = [
    ("glue-extract", {"job": {"execution_class": "SPOT"}}, "expected execution_class to be one of"),
    ("glue-extract", {"job": {"max_retries": 11}}, "expected max_retries to be in the range (0 - 10)"),
    ("glue-extract", {"job": {"timeout_minutes": 0}}, "expected timeout to be at least (1)"),
    ("glue-extract", {"job": {"number_of_workers": 2.5}}, "Attribute must be a whole number, got 2.5"),
    (
        "glue-extract",
        {"job": {"delay_notification_minutes": 0}},
        "expected notification_property.0.notify_delay_after to be at least (1)",
    ),
    ("glue-extract", {"log_retention_days": 100}, "expected retention_in_days to be one of"),
    (
        "glue-extract",
        {"rotation": {"days": 0, "function_arn": ROTATION}},
        "expected rotation_rules.0.automatically_after_days to be in the range (1 - 1000)",
    ),
    (
        "glue-extract",
        {"rotation": {"function_arn": "rotate"}},
        '"rotation_lambda_arn" (rotate) is an invalid ARN',
    ),
    (
        "glue-extract",
        {"secret": {"recovery_window_days": 1}},
        "expected recovery_window_in_days to be in the range (7 - 30)",
    ),
    ("glue-extract", {"secret": {"password_version": 1.5}}, "Attribute must be a whole number, got 1.5"),
    ("kms-bucket", {"key_alias": "a b"}, "must begin with 'alias/' and be comprised of only [0-9A-Za-z_/-]"),
    ("kms-bucket", {"key_alias": "aws/data"}, "cannot begin with reserved AWS CMK prefix 'alias/aws/'"),
    (
        "kms-bucket",
        {"key_deletion_window_days": 6},
        "expected deletion_window_in_days to be in the range (7 - 30)",
    ),
    (
        "kms-bucket",
        {"key_rotation_days": 89},
        "expected rotation_period_in_days to be in the range (90 - 2560)",
    ),
    ("kms-bucket", {"key_rotation_days": 90.5}, "Attribute must be a whole number, got 90.5"),
    ("kms-bucket", {"noncurrent_version_days": 0}, "noncurrent_days value must be at least 1, got: 0"),
    ("kms-bucket", {"object_lock": {"mode": "LOCKED", "days": 1}}, "expected mode to be one of"),
    (
        "kms-bucket",
        {"object_lock": {"mode": "GOVERNANCE", "days": 1, "years": 1}},
        "conflicts with rule.0.default_retention.0.years",
    ),
    ("kms-bucket", {"replication": REPLICATION | {"account_id": "12"}}, "doesn't look like AWS Account ID"),
    (
        "kms-bucket",
        {"replication": REPLICATION | {"storage_class": "COLD"}},
        "expected storage_class to be one of",
    ),
    (
        "kms-bucket",
        {"transitions": {"old": {"storage_class": "COLD", "days": 40}}},
        "The provided value does not match any valid values",
    ),
    ("sftp-transfer", {"recipients": {"ab": {"prefix": "loans"}}}, 'Invalid "user_name": must be between 3'),
    (
        "sftp-transfer",
        {"recipients": {".first": {"prefix": "loans"}}},
        "it cannot begin with a hyphen, period",
    ),
    ("sftp-transfer", {"log_retention_days": 100}, "expected retention_in_days to be one of"),
    (
        "sftp-transfer",
        {
            "recipients": {"first": {"prefix": "loans"}},
            "dead_letter_queue": {"arn": "https://sqs.eu-west-1.amazonaws.com/1/alerts", "kms_key_arn": KEY},
        },
        "is an invalid ARN",
    ),
]


@pytest.fixture(scope="module")
def messages(
    tmp_path_factory: pytest.TempPathFactory, open_root: OpenRoot, cloud: aws.Cloud
) -> Mapping[str, str]:
    """Plan one module call for each case. Return the error messages, keyed by the name of the module call."""
    folder = tmp_path_factory.mktemp("messages")
    (folder / "etl.py").touch()
    base = {"glue-extract": EXTRACT, "kms-bucket": BUCKET, "sftp-transfer": SFTP}
    for module in base:
        (folder / module).symlink_to(MODULES / module)
    calls = {
        f"case{number}": base[module] | given | {"source": f"./{module}"}
        for number, (module, given, _) in enumerate(CASES)
    }
    (folder / "main.tf.json").write_text(json.dumps({"module": calls}))
    root = open_root(folder, **cloud.environment)
    root.setup()
    with pytest.raises(tftest.TerraformTestError) as refused:
        root.execute_command("plan", "-json")
    found: dict[str, str] = defaultdict(str)
    for line in str(refused.value.args[0]).splitlines():
        if line.startswith('{"@level":"error"'):
            told = json.loads(line)["diagnostic"]
            module = str(told.get("address", "")).removeprefix("module.").partition(".")[0]
            found[module] += f"{told['summary']} {told['detail']}\n"
    return found


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{module} {given}" for module, given, _ in CASES])
def test_provider_refuses_the_invalid_input_at_plan_time(number: int, messages: Mapping[str, str]) -> None:
    assert CASES[number][2] in messages[f"case{number}"]
