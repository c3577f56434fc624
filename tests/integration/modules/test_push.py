"""Connectors in the local cloud: the files of transfers, their order, and retries."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from local_cloud import aws, sftp
from tests.support.recipients_server import Server
from tests.support.terraform import OpenRoot, Root, variables
from tests.support.waiting import until
from tools.hcl import MODULES

BUCKET = "pushed-data"
NAME = "forty-characters-are-the-most-of-a-name1"
# The engine's folder for the recipient "Łódź & Żyrardów Bank", and the folder of a recipient whose server is
# not reachable.
LODZ, AWAY = "loans/bank_name=ŁódźŻyrardówBank", "loans/bank_name=Away"
# A manifest that contains this text is too long for Step Functions.
TOO_LONG = "x" * 262_144
ROOT = """\
variable "key" { type = string }
variable "secret_arn" { type = string }
variable "urls" { type = map(string) }

module "sftp" {
  source = "MODULES/sftp-transfer"

  name            = "NAME"
  mode            = "connector"
  bucket          = "BUCKET"
  kms_key_arn     = "arn:aws:kms:eu-west-1:000000000000:key/00000000-0000-0000-0000-000000000000"
  manifest_prefix = "loans/_manifests"
  recipients = {
    for user, prefix in { lodz = "LODZ", away = "AWAY" } : user => {
      prefix = prefix
      push = {
        folder            = "/incoming"
        secret_arn        = var.secret_arn
        trusted_host_keys = ["${var.key} as ssh-keygen writes it, with a comment"]
        url               = var.urls[user]
      }
    }
  }
}
"""


@dataclass(frozen=True)
class Pushing:
    """The deployed module, and the server of one of its two recipients."""

    cloud: aws.Cloud
    server: Server
    root: Root
    given: dict[str, str]

    def put(self, key: str, body: bytes = b"{}") -> None:
        self.cloud.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)

    def executions(self, machine: str) -> list[dict[str, Any]]:
        """Return the ended executions of this state machine, the oldest first."""
        arn = f"arn:aws:states:{aws.REGION}:{aws.ACCOUNT}:stateMachine:{machine}"
        listed = self.cloud.client("stepfunctions").list_executions(stateMachineArn=arn)["executions"]
        return [execution for execution in reversed(listed) if execution["status"] != "RUNNING"]

    def ended(self, machine: str, count: int) -> dict[str, Any]:
        """Wait until `count` executions have ended, and return the description of the newest execution."""
        found = until(lambda: len(ended := self.executions(machine)) >= count and ended)
        return self.described(found[-1])

    def described(self, execution: dict[str, Any]) -> dict[str, Any]:
        arn = execution["executionArn"]
        return dict(self.cloud.client("stepfunctions").describe_execution(executionArn=arn))

    def publish(self, period: str, **manifest: Any) -> dict[str, Any]:
        """Write the manifest of a period to the bucket. Return the execution that sent its files to lodz.

        By default, the manifest names all files in the folders of the period.
        """
        before = len(self.executions(f"{NAME}_push_lodz"))
        if "files" not in manifest:
            listed = self.cloud.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="loans/bank_name=")
            folder = f"/year={period[:4]}/month={period[5:]}/"
            keys = [entry["Key"] for entry in listed.get("Contents", ())]
            manifest["files"] = [{"key": key} for key in keys if folder in key]
        self.put(f"loans/_manifests/{period}.json", json.dumps(manifest).encode())
        return self.ended(f"{NAME}_push_lodz", before + 1)


@pytest.fixture(scope="module")
def pushing(
    cloud: aws.Cloud, open_root: OpenRoot, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pushing]:
    folder, place = tmp_path_factory.mktemp("pushing"), tmp_path_factory.mktemp("recipient")
    login, host = sftp.key_pair(place, "login", "rsa"), sftp.key_pair(place, "host", "rsa")
    server = Server(place / "incoming", login, host)
    login_value = json.dumps({"Username": "extracts", "PrivateKey": login.private.read_text()})
    secret = cloud.client("secretsmanager").create_secret(Name="aws/transfer/both", SecretString=login_value)
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": aws.REGION})
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    text = ROOT
    for name, value in {
        "MODULES": str(MODULES),
        "NAME": NAME,
        "BUCKET": BUCKET,
        "LODZ": LODZ,
        "AWAY": AWAY,
    }.items():
        text = text.replace(name, value)
    (folder / "main.tf").write_text(text)
    given = variables(
        key=" ".join(host.public.split()[:2]),
        secret_arn=secret["ARN"],
        urls={"lodz": server.url, "away": "sftp://127.0.0.1:9"},
    )
    root = open_root(folder, **cloud.environment)
    root.setup()
    root.apply(tf_vars=given)
    server.start()
    yield Pushing(cloud, server, root, given)
    server.stop()


def test_second_plan_is_empty(pushing: Pushing) -> None:
    assert pushing.root.changes(pushing.given) == ""


def test_files_arrive_from_a_folder_whose_name_has_characters_above_u_00ff(pushing: Pushing) -> None:
    pushing.put(f"{LODZ}/year=2026/month=08/ŁódźŻyrardówBank_20260831.csv", b"bank_name\r\n")
    ended = pushing.publish("2026-08")
    assert ended["status"] == "SUCCEEDED", ended
    assert pushing.server.files()["incoming/ŁódźŻyrardówBank_20260831.csv"] == b"bank_name\r\n"


def test_unreachable_server_does_not_delay_other_recipients(pushing: Pushing) -> None:
    pushing.put(f"{AWAY}/year=2026/month=09/Away_20260930.csv", b"away\r\n")
    pushing.put(f"{LODZ}/year=2026/month=09/Lodz_20260930.csv", b"lodz\r\n")
    before = len(pushing.executions(f"{NAME}_push_away"))
    assert pushing.publish("2026-09")["status"] == "SUCCEEDED"
    failed = pushing.ended(f"{NAME}_push_away", before + 1)
    assert (failed["status"], failed["error"]) == ("FAILED", "DidNotArrive")
    assert failed["cause"].startswith("away did not get Away_20260930.csv: ")


def test_marker_files_are_sent_after_the_data_file(pushing: Pushing) -> None:
    file = f"{LODZ}/year=2026/month=10/ALodz_20261031.csv.gz.pgp"
    # In alphabetical order, the names of the markers come before the name of the file.
    for name in (f"{LODZ}/year=2026/month=10/A.csv.done", f"{LODZ}/year=2026/month=10/A.csv.sha256", file):
        pushing.put(name, b"x")
    arrived = pushing.server.arrivals
    before = len(arrived)
    assert pushing.publish("2026-10")["status"] == "SUCCEEDED"
    assert arrived[before:] == ["ALodz_20261031.csv.gz.pgp", "A.csv.sha256", "A.csv.done"]


def test_connector_sends_all_files_if_it_needs_more_than_one_transfer(pushing: Pushing) -> None:
    names = [f"part-{number:02}.csv" for number in range(11)]
    for name in names:
        pushing.put(f"{LODZ}/year=2026/month=11/{name}", name.encode())
    assert pushing.publish("2026-11")["status"] == "SUCCEEDED"
    assert {f"incoming/{name}" for name in names} <= pushing.server.files().keys()


def test_push_of_more_than_100_files_to_a_recipient_fails(pushing: Pushing) -> None:
    for number in range(101):
        pushing.put(f"{LODZ}/year=2027/month=01/{number}.csv")
    ended = pushing.publish("2027-01", padding=TOO_LONG)
    assert (ended["status"], ended["error"]) == ("FAILED", "TooManyFiles")
    assert ended["cause"] == "2027-01: more than 100 files are published for lodz, so nothing was sent."


@pytest.mark.parametrize(
    ("period", "padding"), [("2027-07", ""), ("2027-08", TOO_LONG)], ids=["short", "long"]
)
def test_file_that_is_not_in_the_manifest_is_sent_only_if_the_manifest_is_too_long_to_read(
    pushing: Pushing, period: str, padding: str
) -> None:
    folder = f"{LODZ}/year={period[:4]}/month={period[5:]}"
    for name in ("Lodz", "left-over"):
        pushing.put(f"{folder}/{name}_{period}.csv", name.encode())
    arrived = pushing.server.arrivals
    before = len(arrived)
    ended = pushing.publish(period, files=[{"key": f"{folder}/Lodz_{period}.csv"}], padding=padding)
    assert ended["status"] == "SUCCEEDED", ended
    expected = {f"Lodz_{period}.csv"} | ({f"left-over_{period}.csv"} if padding else set())
    assert {*arrived[before:]} == expected


def test_connector_sends_only_the_files_of_the_manifest_from_a_flat_folder(pushing: Pushing) -> None:
    names = ["ŁódźŻyrardówBank_20270228.csv", "ŁódźŻyrardówBank_20270331.csv"]
    for name in names:
        pushing.put(f"{LODZ}/{name}", name.encode())
    arrived = pushing.server.arrivals
    before = len(arrived)
    files = [{"key": f"{AWAY}/Away_20270331.csv"}, {"key": f"{LODZ}/{names[1]}"}]
    ended = pushing.publish("2027-06", files=files)
    assert ended["status"] == "SUCCEEDED", ended
    assert arrived[before:] == [names[1]]
    assert pushing.server.files()[f"incoming/{names[1]}"] == names[1].encode()


def test_push_fails_if_a_published_month_has_no_file_for_the_recipient(pushing: Pushing) -> None:
    ended = pushing.publish("2027-02")
    assert (ended["status"], ended["error"]) == ("FAILED", "NothingToSend")


def test_duplicate_event_sends_the_files_once(pushing: Pushing) -> None:
    pushing.put(f"{LODZ}/year=2027/month=03/Lodz_20270331.csv")
    assert pushing.publish("2027-03")["status"] == "SUCCEEDED"
    transfers = len(pushing.executions(f"{NAME}_push_lodz"))
    dispatches = pushing.executions(f"{NAME}_push")
    again = pushing.described(dispatches[-1])
    pushing.cloud.client("stepfunctions").start_execution(
        stateMachineArn=again["stateMachineArn"], input=again["input"]
    )
    assert pushing.ended(f"{NAME}_push", len(dispatches) + 1)["status"] == "SUCCEEDED"
    assert len(pushing.executions(f"{NAME}_push_lodz")) == transfers


@pytest.mark.parametrize("key", ["loans/_manifests/2027-04.json.bak", "loans/_manifests/old/2027-04.json"])
def test_no_file_is_sent_for_an_object_that_is_not_a_manifest(pushing: Pushing, key: str) -> None:
    transfers, dispatches = (len(pushing.executions(f"{NAME}_push{who}")) for who in ("_lodz", ""))
    pushing.put(key)
    assert pushing.ended(f"{NAME}_push", dispatches + 1)["status"] == "SUCCEEDED"
    assert len(pushing.executions(f"{NAME}_push_lodz")) == transfers


def test_error_message_names_the_recipient_if_its_transfer_cannot_be_started(pushing: Pushing) -> None:
    states = pushing.cloud.client("stepfunctions")
    states.delete_state_machine(
        stateMachineArn=f"arn:aws:states:{aws.REGION}:{aws.ACCOUNT}:stateMachine:{NAME}_push_away"
    )
    pushing.put(f"{LODZ}/year=2027/month=05/Lodz_20270531.csv")
    dispatches = len(pushing.executions(f"{NAME}_push"))
    assert pushing.publish("2027-05")["status"] == "SUCCEEDED"
    ended = pushing.ended(f"{NAME}_push", dispatches + 1)
    assert (ended["status"], ended["error"]) == ("FAILED", "NotStarted")
    assert re.fullmatch(r"The transfer to away \(\S+\) could not be started\.", ended["cause"])


def test_destroy_deletes_all_resources(pushing: Pushing) -> None:
    # This is the last test of this file, because it destroys the deployment.
    pushing.root.destroy(tf_vars=pushing.given)
    machines = pushing.cloud.client("stepfunctions").list_state_machines()["stateMachines"]
    assert not [machine["name"] for machine in machines if machine["name"].startswith(NAME)]
    roles = pushing.cloud.client("iam").list_roles()["Roles"]
    assert not [role["RoleName"] for role in roles if role["RoleName"].startswith(NAME)]
