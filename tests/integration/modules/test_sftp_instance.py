"""An SFTP server on an EC2 instance: a machine with real systemd and sshd runs the cloud-init user data.

The module is applied in the local cloud. The machine has the files from the user data of the emulated
instance, and the rights of its role. Only `mount-s3` is not from Amazon: rclone mounts the bucket.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from local_cloud import aws, programs, sftp
from tests.integration.modules.rights import Role, changed, rights, without
from tests.integration.modules.rights_instance import FORBIDDEN, STEPS
from tests.support import machines
from tests.support.terraform import OpenRoot, Root, variables
from tests.support.waiting import until
from tools.hcl import MODULES

ROOT = """\
variable "keys" { type = map(string) }

module "sftp" {
  source = "%(modules)s/sftp-transfer"

  name        = "own-sftp"
  mode        = "instance"
  bucket      = "instance-data"
  kms_key_arn = "arn:aws:kms:eu-west-1:000000000000:key/00000000-0000-0000-0000-000000000000"
  banner      = "Files of Example Bank."
  endpoint    = { vpc_id = "vpc-00000001", subnet_ids = ["subnet-00000001"] }
  recipients = {
    first-bank = { prefix = "loans/bank_name=FirstBank", public_keys = var.keys }
    lodz       = { prefix = "loans/bank_name=ŁódźBank", public_keys = { laptop = var.keys.laptop } }
  }
}

output "sftp" { value = module.sftp }
"""
FILE, LARGE = "/year=2026/month=10/FirstBank_20261031.csv", "/year=2026/month=10/large.bin"
BODY = b"bank_name\r\nFirst Bank\r\n"
FILES = {
    f"loans/bank_name=FirstBank{FILE}": BODY,
    f"loans/bank_name=FirstBank{LARGE}": bytes(range(256)) * 8192,
    "loans/bank_name=ŁódźBank/year=2026/month=10/ŁódźBank_20261031.csv": b"bank_name\r\nLodz\r\n",
    "loans/bank_name=Other/secret.csv": b"secret\r\n",
}
MOUNT = Path(machines.__file__).with_name("mount-s3.sh")


@dataclass
class Served:
    """The deployed module, and a machine that has the role of its EC2 instance."""

    cloud: aws.Cloud
    root: Root
    place: Path
    keys: dict[str, sftp.KeyPair]
    machine: machines.Machine
    port: int = 0

    @property
    def output(self) -> dict[str, Any]:
        return dict(self.root.output()["sftp"])

    def apply(self, *devices: str) -> None:
        self.root.apply(tf_vars=variables(keys={name: self.keys[name].public for name in devices}))

    def client(self, user: str = "first-bank", key: str = "laptop") -> sftp.Recipient:
        return sftp.Recipient(self.port, user, self.keys[key], self.place / "known_hosts", self.place)

    def ssh(self, *arguments: str, key: str = "laptop") -> subprocess.CompletedProcess[str]:
        """Run `ssh` to the server as the user first-bank."""
        recipient = self.client(key=key)
        options = ["IdentitiesOnly=yes", f"IdentityFile={recipient.key.private}", "BatchMode=yes"]
        options += [f"UserKnownHostsFile={recipient.known_hosts}", "GlobalKnownHostsFile=/dev/null"]
        return subprocess.run(
            [
                *(*programs.openssh("ssh").command, "-F", "none", "-p", str(self.port)),
                *(part for option in options for part in ("-o", option)),
                *arguments,
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
            stdin=subprocess.DEVNULL,
        )

    def boot(self, name: str) -> AbstractContextManager[machines.Machine]:
        return machines.boot(self.place / name, machines.command_line(), self.cloud.authority.parent)

    def start(self, machine: machines.Machine) -> None:
        """Do the same as cloud-init at the first start of the instance."""
        self.machine = machine
        machine.reach(int(self.cloud.endpoint.rsplit(":", 1)[1]))
        machine.write("/usr/bin/mount-s3", MOUNT.read_text(), 0o755)
        line = f'PYTHONPATH={machines.command_line()} exec {sys.executable} -m awscli "$@"'
        machine.write("/usr/bin/aws", f"#!/bin/sh\n{line}\n", 0o755)
        settings = "[Service]\nEnvironment=LD_PRELOAD=/usr/lib/machine-log.so\n"
        machine.write("/etc/systemd/system/sftp-server.service.d/log.conf", settings)
        role = Role(self.cloud, f"own-sftp-sftp-instance-{aws.REGION}", {}, {})
        given = self.cloud.environment | role.environment()
        machine.run("systemctl", "set-environment", *(f"{name}={value}" for name, value in given.items()))
        for file in self.cloud_config()["write_files"]:
            machine.write(file["path"], file["content"], int(file["permissions"], 8))
        [[setup]] = self.cloud_config()["runcmd"]
        machine.run(setup)
        self.port = machine.expose(22)
        until(lambda: self.machine.run("mountpoint", "/srv/sftp/lodz", check=False).returncode == 0, 60)
        until(
            lambda: self.machine.run("systemctl", "is-active", "sftp-server", check=False).returncode == 0, 60
        )

    def user_data(self) -> bytes:
        ec2 = self.cloud.client("ec2")
        states = [{"Name": "instance-state-name", "Values": ["running"]}]
        [found] = ec2.describe_instances(Filters=states)["Reservations"]
        name = found["Instances"][0]["InstanceId"]
        given = ec2.describe_instance_attribute(InstanceId=name, Attribute="userData")["UserData"]["Value"]
        return gzip.decompress(base64.b64decode(given))

    def cloud_config(self) -> dict[str, Any]:
        return dict(yaml.safe_load(self.user_data()))

    def admit(self, *devices: str) -> None:
        """Change the keys of first-bank as Terraform does. Apply them without waiting for the timer."""
        ssm, name = self.cloud.client("ssm"), "/own-sftp/sftp/recipients/first-bank"
        value = json.loads(ssm.get_parameter(Name=name)["Parameter"]["Value"])
        value["keys"] = [self.keys[device].public.rsplit(" ", 1)[0] for device in devices]
        ssm.put_parameter(Name=name, Value=json.dumps(value), Overwrite=True)
        # If the timer's run is still active, the first start does not begin a new run. The active run may
        # have read the old keys already, so start twice.
        for _ in range(2):
            self.machine.run("systemctl", "start", "sftp-recipients.service")

    def receipts(self) -> list[dict[str, str]]:
        items = self.cloud.client("dynamodb").scan(TableName="own-sftp-receipts")["Items"]
        return [{name: next(iter(value.values())) for name, value in item.items()} for item in items]

    def log(self) -> str:
        """Return the events in the log group."""
        logs = self.cloud.client("logs")
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName="/aws/ec2/own-sftp")
        return "\n".join(event["message"] for page in pages for event in page["events"])


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, sftp.KeyPair]:
    folder = tmp_path_factory.mktemp("keys")
    return {name: sftp.key_pair(folder, name) for name in ("laptop", "reserve", "stranger")}


@pytest.fixture(scope="module")
def root(
    cloud: aws.Cloud,
    open_root: OpenRoot,
    keys: dict[str, sftp.KeyPair],
    tmp_path_factory: pytest.TempPathFactory,
) -> Root:
    """Apply the module. The user first-bank has one key."""
    folder = tmp_path_factory.mktemp("instance")
    (folder / "main.tf").write_text(ROOT.replace("%(modules)s", str(MODULES)))
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="instance-data", CreateBucketConfiguration={"LocationConstraint": aws.REGION})
    for name, body in FILES.items():
        s3.put_object(Bucket="instance-data", Key=name, Body=body)
    root = open_root(folder, **cloud.environment)
    root.setup()
    root.apply(tf_vars=variables(keys={"laptop": keys["laptop"].public}))
    return root


@pytest.fixture(scope="module")
def served(
    cloud: aws.Cloud, root: Root, keys: dict[str, sftp.KeyPair], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    if reason := machines.missing():
        pytest.skip(reason)
    place = tmp_path_factory.mktemp("client")
    with machines.boot(place / "machine", machines.command_line(), cloud.authority.parent) as machine:
        made = Served(cloud, root, place, keys, machine)
        made.start(machine)
        parameter = cloud.client("ssm").get_parameter(Name="/own-sftp/sftp/host-key-fingerprint")["Parameter"]
        sftp.pin(made.port, parameter["Value"], place / "known_hosts")
        # Accept the host key on every port, because a new instance uses another port in this test.
        known = (place / "known_hosts").read_text()
        (place / "known_hosts").write_text(re.sub(r"(?m)^\[\S+", "*", known))
        yield made


@pytest.fixture(scope="module")
def role(cloud: aws.Cloud, root: Root) -> Role:
    name = f"own-sftp-sftp-instance-{aws.REGION}"
    document = cloud.client("iam").get_role_policy(RoleName=name, PolicyName="serve")["PolicyDocument"]
    return Role(cloud, name, {}, {"serve": document})


def test_role_has_exactly_the_rights_that_its_steps_need(role: Role) -> None:
    assert role.failing(STEPS, role.policies) == []
    assert sorted(rights(role.policies)) == sorted(step.right for step in STEPS)
    for step in STEPS:
        sid, action = step.right
        fewer = without(role.policies, sid, "Action", action)
        assert role.failing(STEPS, fewer) == [step.name]


def test_instance_role_cannot_make_forbidden_calls(role: Role) -> None:
    assert [item.name for item in FORBIDDEN if role.allows(role.policies, item.ask)] == []


def test_each_condition_of_the_instance_role_forbids_a_call(role: Role) -> None:
    conditional = [s["Sid"] for s in role.policies["serve"]["Statement"] if "Condition" in s]
    assert conditional == ["ListFolders", "Decrypt", "EncryptHostKey"]
    for sid in conditional:
        wider = changed(role.policies, sid, lambda s: {k: v for k, v in s.items() if k != "Condition"})
        assert [item.name for item in FORBIDDEN if role.allows(wider, item.ask)], sid


def test_fingerprint_of_the_host_key_becomes_an_output(served: Served) -> None:
    assert served.root.output()["sftp"]["host_key_fingerprint"] is None
    served.apply("laptop")
    assert re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}", served.output["host_key_fingerprint"])


def test_second_plan_is_empty(served: Served) -> None:
    assert served.root.changes(variables(keys={"laptop": served.keys["laptop"].public})) == ""


def test_cloud_init_accepts_the_user_data(served: Served) -> None:
    served.machine.write("/tmp/user-data", served.user_data().decode())
    served.machine.run("cloud-init", "schema", "--config-file", "/tmp/user-data")


def test_scripts_and_units_are_valid(served: Served) -> None:
    files = [file["path"] for file in served.cloud_config()["write_files"]]
    served.machine.run("shellcheck", *(path for path in files if path.endswith(".sh")))
    units = [path for path in files if path.endswith((".service", ".timer"))]
    done = served.machine.run("systemd-analyze", "verify", *units)
    assert done.stderr == ""


def test_recipient_sees_its_prefix_as_root_and_downloads(served: Served) -> None:
    done = served.client().run("pwd", "ls -1 /", f"get {FILE} whole.csv")
    assert done.returncode == 0, done.stderr
    assert "Files of Example Bank." in done.stderr
    shown = [line for line in done.stdout.splitlines() if not line.startswith(("sftp>", "Fetching"))]
    assert shown == ["Remote working directory: /", "/year=2026"]
    assert (served.place / "whole.csv").read_bytes() == BODY


def test_interrupted_download_can_be_resumed(served: Served) -> None:
    (served.place / "resumed").write_bytes(FILES[f"loans/bank_name=FirstBank{LARGE}"][:1000])
    done = served.client().run(f"reget {LARGE} resumed")
    assert done.returncode == 0, done.stderr
    assert (served.place / "resumed").read_bytes() == FILES[f"loans/bank_name=FirstBank{LARGE}"]


def test_parallel_downloads_of_the_same_file_have_one_receipt(served: Served) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda n: served.client().run(f"get {FILE} {n}.csv"), range(4)))
    assert [each.returncode for each in done] == [0] * 4
    found = until(
        lambda: [each for each in served.receipts() if each["file"].endswith("FirstBank_20261031.csv")]
    )
    [receipt] = found
    assert receipt["file"] == f"/instance-data/loans/bank_name=FirstBank{FILE}"
    assert receipt["recipient"] == "first-bank"
    assert receipt["collected"].startswith(f"2026-10 {FILE} ")
    assert (receipt["bytes"], receipt["client_ip"]) == (str(len(BODY)), "127.0.0.1")


def test_resumed_download_has_no_receipt(served: Served) -> None:
    until(lambda: "downloaded only a part of loans/bank_name=FirstBank" in served.log())
    assert not [each for each in served.receipts() if each["file"].endswith("large.bin")]


def test_file_name_with_non_ascii_letters_has_a_receipt(served: Served) -> None:
    done = served.client("lodz").run("get /year=2026/month=10/ŁódźBank_20261031.csv lodz.csv")
    assert done.returncode == 0, done.stderr
    [receipt] = until(lambda: [each for each in served.receipts() if each["recipient"] == "lodz"])
    assert receipt["file"].endswith("/bank_name=ŁódźBank/year=2026/month=10/ŁódźBank_20261031.csv")


def test_new_file_is_visible_within_a_minute(served: Served) -> None:
    name = "loans/bank_name=FirstBank/new.csv"
    served.cloud.client("s3").put_object(Bucket="instance-data", Key=name, Body=b"new\r\n")
    assert until(lambda: served.client().run("get /new.csv").returncode == 0, 60)


################################################################################
# Refused actions
################################################################################


@pytest.mark.parametrize(
    "command",
    [
        "put known_hosts /known_hosts",
        f"rename {FILE} /mine.csv",
        f"rm {FILE}",
        f"chmod 600 {FILE}",
        "mkdir /folder",
        "rmdir /year=2026",
        "ln -s /etc/passwd /way-out",
        "get /../bank_name=Other/secret.csv",
        "get ../../../srv/sftp/lodz/year=2026/month=10/ŁódźBank_20261031.csv",
        "get /etc/passwd",
        "ls /srv",
    ],
)
def test_recipient_cannot_write_or_leave_its_folder(served: Served, command: str) -> None:
    done = served.client().run(command)
    assert done.returncode == 1, done.stdout
    listed = served.cloud.client("s3").list_objects_v2(Bucket="instance-data")["Contents"]
    assert {found["Key"] for found in listed} - set(FILES) <= {"loans/bank_name=FirstBank/new.csv"}


def test_recipient_has_no_shell(served: Served) -> None:
    done = served.ssh("first-bank@127.0.0.1", "id")
    assert "uid=" not in done.stdout
    terminal = served.ssh("-tt", "first-bank@127.0.0.1")
    assert "PTY allocation request failed" in terminal.stderr


def test_ports_are_not_forwarded(served: Served) -> None:
    done = served.ssh("-W", "169.254.169.254:80", "first-bank@127.0.0.1")
    assert done.returncode == 255
    assert "administratively prohibited" in done.stderr
    done = served.ssh("-o", "ExitOnForwardFailure=yes", "-N", "-R", "0:127.0.0.1:22", "first-bank@127.0.0.1")
    assert "remote port forwarding failed" in done.stderr


@pytest.mark.parametrize("user", ["first-bank", "root", "nobody"])
def test_unknown_key_cannot_log_in(served: Served, user: str) -> None:
    refused = served.client(user, "stranger").run("ls /")
    assert refused.returncode == 255
    assert "Permission denied (publickey)" in refused.stderr


def test_password_is_not_accepted(served: Served) -> None:
    options = ("PubkeyAuthentication=no", "PreferredAuthentications=password,keyboard-interactive")
    done = served.ssh(*(part for option in options for part in ("-o", option)), "first-bank@127.0.0.1")
    assert "Permission denied (publickey)" in done.stderr


def test_old_algorithms_are_refused(served: Served) -> None:
    done = served.ssh("-o", "Ciphers=aes128-cbc", "first-bank@127.0.0.1")
    assert "no matching cipher found" in done.stderr


################################################################################
# Changes and failures
################################################################################


def test_new_key_is_accepted_and_removed_key_is_refused(served: Served) -> None:
    served.admit("laptop", "reserve")
    assert served.client(key="reserve").run("ls /").returncode == 0
    served.admit("laptop")
    refused = served.client(key="reserve").run("ls /")
    assert "Permission denied (publickey)" in refused.stderr
    assert served.client().run("ls /").returncode == 0


def test_mount_of_the_bucket_is_restored_after_it_ends(served: Served) -> None:
    served.machine.run("systemctl", "kill", "--signal=KILL", "sftp-recipient@first-bank.service")
    assert until(lambda: served.client().run(f"get {FILE} again.csv").returncode == 0, 30)


def test_sshd_is_restarted_after_it_ends(served: Served) -> None:
    served.machine.run("systemctl", "kill", "--signal=KILL", "sftp-server.service")
    assert until(lambda: served.client().run("ls /").returncode == 0, 30)


def test_logs_reach_cloudwatch(served: Served) -> None:
    assert until(lambda: "Accepted publickey for first-bank" in served.log())


def test_new_instance_has_the_same_host_key(served: Served) -> None:
    """The client has stored the host key, so it would refuse another key."""
    first = served.machine
    with served.boot("second") as second:
        served.start(second)
        done = served.client().run("ls /")
        assert (done.returncode, "WARNING" in done.stderr) == (0, False)
    served.machine, served.port = first, first.expose(22)
