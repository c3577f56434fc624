"""One SFTP server that two extracts share: applied on the local cloud, tried by a real OpenSSH client.

Without a name of its own: the provider waits half a minute for each entry in Route 53.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.modules.hcl import MODULES, Terraform

from extracts.local import aws, sftp

ROOT = """\
variable "key" { type = string }
variable "tills_keys" { type = set(string) }

locals { kms_key_arn = "arn:aws:kms:eu-west-1:000000000000:key/00000000-0000-0000-0000-000000000000" }

module "loans" {
  source = "%(modules)s/sftp-transfer"

  name        = "bank-loans"
  bucket      = "shared-data"
  kms_key_arn = local.kms_key_arn
  banner      = "Files of Example Bank."
  endpoint    = { type = "PUBLIC" }
  recipients  = { first-bank = { prefix = "loans/bank_name=FirstBank", public_keys = [var.key] } }
}

module "tills" {
  source = "%(modules)s/sftp-transfer"

  name        = "till-takings"
  bucket      = "shared-data"
  kms_key_arn = local.kms_key_arn
  server      = module.loans.server
  recipients  = { corner-shop = { prefix = "tills/shop=Corner", public_keys = var.tills_keys } }
}

output "loans" { value = module.loans }
output "tills" { value = module.tills }
"""
FILES = {
    "loans/bank_name=FirstBank/year=2026/FirstBank_20261031.csv": b"bank_name,branch_id\r\nFirst Bank,1\r\n",
    "tills/shop=Corner/year=2026/Corner_20261031.csv": b"shop,till\r\nCorner,1\r\n",
}


@dataclass(frozen=True)
class Shared:
    """The deployed pair of extracts, and who may come."""

    cloud: aws.Cloud
    outputs: dict[str, Any]
    key: sftp.KeyPair
    known_hosts: Path
    place: Path
    terraform: Callable[..., Any]

    def recipient(self, user: str, key: sftp.KeyPair | None = None) -> sftp.Recipient:
        return sftp.Recipient(self.cloud.sftp_port, user, key or self.key, self.known_hosts, self.place)


@pytest.fixture(scope="module")
def shared(cloud: aws.Cloud, run_terraform: Terraform, tmp_path_factory: pytest.TempPathFactory) -> Shared:
    root, place = tmp_path_factory.mktemp("sharing"), tmp_path_factory.mktemp("recipient")
    key = sftp.key_pair(place)
    (root / "main.tf").write_text(ROOT % {"modules": MODULES})
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="shared-data", CreateBucketConfiguration={"LocationConstraint": aws.REGION})
    for name, body in FILES.items():
        s3.put_object(Bucket="shared-data", Key=name, Body=body)

    def terraform(*arguments: str, keys: list[str] | None = None) -> Any:
        settings = cloud.environment | {
            "TF_VAR_key": key.public,
            "TF_VAR_tills_keys": json.dumps([key.public] if keys is None else keys),
        }
        return run_terraform(root, *arguments, "-no-color", **settings)

    for arguments in (["init"], ["apply", "-auto-approve"]):
        done = terraform(*arguments)
        assert done.returncode == 0, done.stderr
    printed = json.loads(terraform("output", "-json").stdout)
    outputs = {name: output["value"] for name, output in printed.items()}
    sftp.pin(cloud.sftp_port, outputs["tills"]["host_key_fingerprint"], place / "known_hosts")
    return Shared(cloud, outputs, key, place / "known_hosts", place, terraform)


def test_a_second_plan_is_empty(shared: Shared) -> None:
    planned = shared.terraform("plan", "-detailed-exitcode")
    assert planned.returncode == 0, planned.stdout


def test_both_extracts_give_out_one_server(shared: Shared) -> None:
    loans, tills = shared.outputs["loans"], shared.outputs["tills"]
    assert loans["server"] == tills["server"]
    transfer = shared.cloud.client("transfer")
    server = transfer.describe_server(ServerId=tills["server_id"])["Server"]
    assert server["PreAuthenticationLoginBanner"] == "Files of Example Bank."
    users = transfer.list_users(ServerId=tills["server_id"])["Users"]
    assert {user["UserName"] for user in users} == {"first-bank", "corner-shop"}


@pytest.mark.parametrize(
    ("user", "file"), list(zip(("first-bank", "corner-shop"), FILES, strict=True)), ids=("loans", "tills")
)
def test_each_collects_its_own_and_resumes(shared: Shared, user: str, file: str) -> None:
    name = file.rsplit("/", 1)[-1]
    (shared.place / name).write_bytes(FILES[file][:10])
    done = shared.recipient(user).run("ls -1 /", f"reget /year=2026/{name}")
    assert done.returncode == 0, done.stderr
    assert (shared.place / name).read_bytes() == FILES[file]


@pytest.mark.parametrize(
    "command",
    [
        "get /../bank_name=FirstBank/year=2026/FirstBank_20261031.csv",
        "get ../../loans/bank_name=FirstBank/year=2026/FirstBank_20261031.csv",
        "ln -s /shared-data/loans/bank_name=FirstBank /way-out",
        "ls /shared-data",
        "put known_hosts /known_hosts",
        "rename /year=2026/Corner_20261031.csv /mine.csv",
        "rm /year=2026/Corner_20261031.csv",
    ],
)
def test_a_user_of_one_extract_cannot_reach_the_others_nor_change_its_own(
    shared: Shared, command: str
) -> None:
    done = shared.recipient("corner-shop").run(command)
    assert done.returncode == 1, done.stdout
    listed = shared.cloud.client("s3").list_objects_v2(Bucket="shared-data")["Contents"]
    assert {found["Key"] for found in listed} == set(FILES)


def test_a_key_that_nobody_knows_opens_nothing(shared: Shared) -> None:
    refused = shared.recipient("corner-shop", sftp.key_pair(shared.place, "stranger")).run("ls /")
    assert refused.returncode == 255
    assert "Permission denied (publickey)" in refused.stderr


def test_a_key_that_is_taken_away_opens_nothing(shared: Shared) -> None:
    assert shared.recipient("corner-shop").run("ls /").returncode == 0
    done = shared.terraform("apply", "-auto-approve", keys=[])
    assert done.returncode == 0, done.stderr
    refused = shared.recipient("corner-shop").run("ls /")
    assert refused.returncode == 255
    assert "Permission denied (publickey)" in refused.stderr
    assert shared.recipient("first-bank").run("ls /").returncode == 0
