"""Two extracts share one SFTP server in a VPC of the local cloud. A real OpenSSH client uses the server.

The same apply creates the keys and the IP addresses, so both are unknown at plan time. The server has no
custom host name, because the provider waits half a minute for each record in Route 53.
"""

from __future__ import annotations

import json
import re
import secrets
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from extracts.errors import ExtractsError
from local_cloud import aws, programs, sftp
from tests.support.terraform import OpenRoot, Root, variables
from tests.support.waiting import until
from tools.hcl import MODULES

ROOT = """\
variable "key" { type = string }
variable "tills_keys" { type = map(string) }

locals { kms_key_arn = "arn:aws:kms:eu-west-1:000000000000:key/00000000-0000-0000-0000-000000000000" }

resource "aws_vpc" "this" { cidr_block = "10.50.0.0/16" }

resource "aws_subnet" "this" {
  availability_zone = "eu-west-1a"
  cidr_block        = "10.50.1.0/24"
  vpc_id            = aws_vpc.this.id
}

# Address and key of a recipient, from a resource in the same state.
resource "aws_eip" "recipient" {}

resource "terraform_data" "key" { input = var.key }

module "loans" {
  source = "%(modules)s/sftp-transfer"

  name        = "bank-loans"
  bucket      = "shared-data"
  kms_key_arn = local.kms_key_arn
  banner      = "Files of Example Bank."

  endpoint = {
    allowed_cidrs = { recipient = "${aws_eip.recipient.public_ip}/32" }
    subnet_ids    = [aws_subnet.this.id]
    vpc_id        = aws_vpc.this.id
  }
  recipients = {
    first-bank = {
      prefix      = "loans/bank_name=FirstBank"
      public_keys = { laptop = terraform_data.key.output }
    }
    lodz = {
      prefix      = "loans/bank_name=ŁódźŻyrardówBank"
      public_keys = { laptop = terraform_data.key.output }
    }
    new-bank = { prefix = "loans/bank_name=New", public_keys = { laptop = terraform_data.key.output } }
  }
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
    "loans/bank_name=FirstBank/year=2026/month=10/FirstBank_20261031.csv": b"bank_name\r\nFirst Bank\r\n",
    "tills/shop=Corner/year=2026/month=10/Corner_20261031.csv": b"shop,till\r\nCorner,1\r\n",
    "loans/bank_name=ŁódźŻyrardówBank/year=2026/month=10/ŁódźŻyrardówBank_20261031.csv": b"bank_name\r\n",
}


@dataclass(frozen=True)
class Shared:
    """Two deployed extracts with one server, and the SSH keys of the users."""

    cloud: aws.Cloud
    outputs: dict[str, Any]
    key: sftp.KeyPair
    known_hosts: Path
    place: Path
    root: Root
    given: dict[str, str]

    def executions(self, machine: str) -> list[str]:
        """Return the status of each execution of this state machine."""
        arn = f"arn:aws:states:{aws.REGION}:{aws.ACCOUNT}:stateMachine:{machine}"
        listed = self.cloud.client("stepfunctions").list_executions(stateMachineArn=arn)["executions"]
        return [execution["status"] for execution in listed]

    def as_user(self, user: str) -> Any:
        """Return an S3 client with the rights of the user's role."""
        iam, sts = self.cloud.client("iam"), self.cloud.client("sts")
        # Create a second role with the same rights, because only the server can assume the user's role.
        own = self.outputs["loans"]["users"][user]["role_arn"].rsplit("/", 1)[-1]
        rights = iam.get_role_policy(RoleName=own, PolicyName="collect")["PolicyDocument"]
        trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        name = f"as-{user}-{secrets.token_hex(4)}"
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
        iam.put_role_policy(RoleName=name, PolicyName="rights", PolicyDocument=json.dumps(rights))
        arn = f"arn:aws:iam::{aws.ACCOUNT}:role/{name}"
        given = sts.assume_role(RoleArn=arn, RoleSessionName="probe")["Credentials"]
        return boto3.client(
            "s3",
            endpoint_url=self.cloud.endpoint,
            region_name=aws.REGION,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
            verify=str(self.cloud.authority),
        )

    def recipient(self, user: str, key: sftp.KeyPair | None = None) -> sftp.Recipient:
        host = sftp.resolve(self.cloud, self.outputs["loans"]["endpoint"])
        return sftp.Recipient(self.cloud.sftp_port, user, key or self.key, self.known_hosts, self.place, host)

    def receipts(self, user: str) -> list[dict[str, str]]:
        """Return the receipts of this user, with all values as text."""
        table = self.outputs["loans" if user != "corner-shop" else "tills"]["receipts_table_name"]
        items = self.cloud.client("dynamodb").scan(TableName=table)["Items"]
        return [
            {name: next(iter(value.values())) for name, value in item.items()}
            for item in items
            if item["recipient"]["S"] == user
        ]


@pytest.fixture(scope="module")
def shared(cloud: aws.Cloud, open_root: OpenRoot, tmp_path_factory: pytest.TempPathFactory) -> Shared:
    folder, place = tmp_path_factory.mktemp("sharing"), tmp_path_factory.mktemp("recipient")
    key = sftp.key_pair(place)
    (folder / "main.tf").write_text(ROOT.replace("%(modules)s", str(MODULES)))
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="shared-data", CreateBucketConfiguration={"LocationConstraint": aws.REGION})
    for name, body in FILES.items():
        s3.put_object(Bucket="shared-data", Key=name, Body=body)

    given = variables(key=key.public, tills_keys={"till": key.public})
    root = open_root(folder, **cloud.environment)
    root.setup()
    root.apply(tf_vars=given)
    outputs = dict(root.output())
    sftp.pin(cloud.sftp_port, outputs["tills"]["host_key_fingerprint"], place / "known_hosts")
    return Shared(cloud, outputs, key, place / "known_hosts", place, root, given)


def test_second_plan_is_empty(shared: Shared) -> None:
    assert shared.root.changes(shared.given) == ""


def test_outputs_of_both_extracts_have_the_same_server(shared: Shared) -> None:
    loans, tills = shared.outputs["loans"], shared.outputs["tills"]
    assert loans["server"] == tills["server"]
    transfer = shared.cloud.client("transfer")
    server = transfer.describe_server(ServerId=tills["server_id"])["Server"]
    assert server["PreAuthenticationLoginBanner"] == "Files of Example Bank."
    users = transfer.list_users(ServerId=tills["server_id"])["Users"]
    assert {user["UserName"] for user in users} == {"first-bank", "corner-shop", "lodz", "new-bank"}


def test_server_in_a_vpc_has_only_the_host_name_of_its_vpc_endpoint(shared: Shared) -> None:
    server = shared.outputs["loans"]["server_id"]
    assert re.fullmatch(
        r"vpce-[0-9a-f]{17}-\w+\.server\.transfer\.eu-west-1\.vpce\.amazonaws\.com",
        shared.outputs["loans"]["endpoint"],
    )
    with pytest.raises(ExtractsError, match="could not resolve"):
        sftp.resolve(shared.cloud, f"{server}.server.transfer.eu-west-1.amazonaws.com")


def test_allowed_ip_addresses_may_be_unknown_at_plan_time(shared: Shared) -> None:
    ec2 = shared.cloud.client("ec2")
    addresses = [address["PublicIp"] for address in ec2.describe_addresses()["Addresses"]]
    rules = ec2.describe_security_group_rules()["SecurityGroupRules"]
    allowed = [rule["CidrIpv4"] for rule in rules if rule.get("Description") == "SFTP"]
    assert allowed == [f"{address}/32" for address in addresses]


def test_login_before_the_first_publication_shows_an_empty_folder(shared: Shared) -> None:
    done = shared.recipient("new-bank").run("cd /", "ls -1")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in done.stdout.splitlines() if not line.startswith("sftp>")] == []


@pytest.mark.parametrize(
    ("user", "file"),
    list(zip(("first-bank", "corner-shop", "lodz"), FILES, strict=True)),
    ids=("loans", "tills", "letters beyond Latin-1"),
)
def test_user_downloads_its_file_and_resumes_a_download(shared: Shared, user: str, file: str) -> None:
    name = file.rsplit("/", 1)[-1]
    (shared.place / name).write_bytes(FILES[file][:10])
    done = shared.recipient(user).run("ls -1 /", f"reget /year=2026/month=10/{name}")
    assert done.returncode == 0, done.stderr
    assert (shared.place / name).read_bytes() == FILES[file]


@pytest.mark.parametrize(
    "command",
    [
        "get /../bank_name=FirstBank/year=2026/month=10/FirstBank_20261031.csv",
        "get ../../loans/bank_name=FirstBank/year=2026/month=10/FirstBank_20261031.csv",
        "ln -s /shared-data/loans/bank_name=FirstBank /way-out",
        "ls /shared-data",
        "put known_hosts /known_hosts",
        "rename /year=2026/month=10/Corner_20261031.csv /mine.csv",
        "rm /year=2026/month=10/Corner_20261031.csv",
    ],
)
def test_user_cannot_read_files_of_others_or_change_its_own_files(shared: Shared, command: str) -> None:
    done = shared.recipient("corner-shop").run(command)
    assert done.returncode == 1, done.stdout
    listed = shared.cloud.client("s3").list_objects_v2(Bucket="shared-data")["Contents"]
    assert {found["Key"] for found in listed} == set(FILES)


@pytest.mark.parametrize(("options", "works"), [((), True), (("-O",), False)], ids=["SFTP", "SCP"])
def test_scp_program_can_use_the_sftp_protocol_but_not_the_scp_protocol(
    shared: Shared, options: tuple[str, ...], works: bool
) -> None:
    file, recipient = "/year=2026/month=10/FirstBank_20261031.csv", shared.recipient("first-bank")
    settings = {
        "IdentitiesOnly": "yes",
        "IdentityFile": str(recipient.key.private),
        "UserKnownHostsFile": str(recipient.known_hosts),
        "BatchMode": "yes",
    }
    downloaded = shared.place / f"by-scp{''.join(options)}.csv"
    done = subprocess.run(
        [
            *(str(programs.openssh("scp").path), "-F", "none", *options, "-P", str(recipient.port)),
            *(part for name, value in settings.items() for part in ("-o", f"{name}={value}")),
            f"first-bank@{recipient.host}:{file}",
            str(downloaded),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=shared.place,
    )
    # Check the file instead of the exit code: scp returns 1 even after a successful download, because
    # asyncssh closes the channel without an exit status.
    assert downloaded.is_file() is works, done.stderr


def test_parallel_downloads_of_one_file_create_only_one_receipt(shared: Shared) -> None:
    """Four clients download the same version of the file at the same time, each over its own connection."""
    file = "/year=2026/month=10/FirstBank_20261031.csv"
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda n: shared.recipient("first-bank").run(f"get {file} {n}.csv"), range(4)))
    assert [each.returncode for each in done] == [0] * 4
    [receipt] = until(lambda: shared.receipts("first-bank"))
    assert receipt["file"] == f"/shared-data/loans/bank_name=FirstBank{file}"
    assert receipt["collected"].startswith(f"2026-10 {file} ")
    until(lambda: len(ended := shared.executions("bank-loans-receipts")) >= 4 and "RUNNING" not in ended)
    assert set(shared.executions("bank-loans-receipts")) == {"SUCCEEDED"}
    assert shared.receipts("first-bank") == [receipt]


def test_receipts_table_of_an_extract_has_no_receipts_of_users_of_another_extract(shared: Shared) -> None:
    before = len(shared.executions("bank-loans-receipts"))
    assert shared.recipient("corner-shop").run("get /year=2026/month=10/Corner_20261031.csv").returncode == 0
    until(lambda: len(shared.executions("bank-loans-receipts")) > before)
    assert until(lambda: shared.receipts("corner-shop"))[0]["recipient"] == "corner-shop"
    items = shared.cloud.client("dynamodb").scan(TableName="bank-loans-receipts")["Items"]
    assert {item["recipient"]["S"] for item in items} <= {"first-bank", "lodz"}


def test_download_of_a_marker_gives_no_receipt_for_the_file(shared: Shared) -> None:
    folder = "/year=2026/month=10/"
    key = f"loans/bank_name=ŁódźŻyrardówBank{folder}ŁódźŻyrardówBank_20261031.csv.done"
    s3 = shared.cloud.client("s3")
    s3.put_object(Bucket="shared-data", Key=key, Body=b"")
    try:
        done = shared.recipient("lodz").run(f"ls -1 {folder}", f"get {folder}*.done marker")
        assert done.returncode == 0, done.stderr
        assert ".csv.done" in done.stdout
        assert (shared.place / "marker").read_bytes() == b""
        [receipt] = until(lambda: [one for one in shared.receipts("lodz") if one["file"].endswith(".done")])
        assert receipt["collected"].startswith(f"other {folder}")
    finally:
        s3.delete_object(Bucket="shared-data", Key=key)


def test_new_version_of_a_file_has_its_own_receipt(shared: Shared) -> None:
    key = next(iter(FILES))
    file = key.removeprefix("loans/bank_name=FirstBank")
    s3 = shared.cloud.client("s3")
    s3.put_object(Bucket="shared-data", Key=key, Body=b"restated\r\n")
    try:
        assert shared.recipient("first-bank").run(f"get {file}").returncode == 0
        assert until(lambda: len(shared.receipts("first-bank")) == 2)
    finally:
        s3.put_object(Bucket="shared-data", Key=key, Body=FILES[key])


@pytest.mark.parametrize("prefix", ["loans/bank_name=FirstBank", "loans/", "", "tills/shop=Corner/"])
def test_role_of_a_recipient_lists_only_its_prefix(shared: Shared, prefix: str) -> None:
    """A prefix `FirstBank` without a slash would also list the folder of `FirstBankOfNamibia`."""
    s3 = shared.as_user("first-bank")
    assert s3.list_objects_v2(Bucket="shared-data", Prefix="loans/bank_name=FirstBank/")["KeyCount"] == 1
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.list_objects_v2(Bucket="shared-data", Prefix=prefix)


def test_login_with_an_unknown_key_is_refused(shared: Shared) -> None:
    refused = shared.recipient("corner-shop", sftp.key_pair(shared.place, "stranger")).run("ls /")
    assert refused.returncode == 255
    assert "Permission denied (publickey)" in refused.stderr


def test_login_with_a_removed_key_is_refused(shared: Shared) -> None:
    assert shared.recipient("corner-shop").run("ls /").returncode == 0
    shared.root.apply(tf_vars=shared.given | variables(tills_keys={}))
    refused = shared.recipient("corner-shop").run("ls /")
    assert refused.returncode == 255
    assert "Permission denied (publickey)" in refused.stderr
    assert shared.recipient("first-bank").run("ls /").returncode == 0
