"""The SFTP server of an EC2 instance for tests: a machine with real systemd and sshd runs its user data.

The module is applied in the local cloud. The machine has the files from the user data of the emulated
instance, and the rights of its role. Only one program is replaced: rclone mounts the bucket instead of
`mount-s3`.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from local_cloud import aws, programs, sftp
from tests.integration.modules.rights import Role
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
    """The deployed module, and a machine that has the role of the emulated EC2 instance."""

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
        """Write the keys of first-bank to the parameter, as Terraform does. Then apply the keys at once."""
        ssm, name = self.cloud.client("ssm"), "/own-sftp/sftp/recipients/first-bank"
        value = json.loads(ssm.get_parameter(Name=name)["Parameter"]["Value"])
        value["keys"] = [self.keys[device].public.rsplit(" ", 1)[0] for device in devices]
        ssm.put_parameter(Name=name, Value=json.dumps(value), Overwrite=True)
        # If the timer has just started the service, the first `systemctl start` only waits for the end of
        # that run. That run may have read the old keys, so start the service twice.
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


@pytest.fixture(scope="session")
def instance_keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, sftp.KeyPair]:
    folder = tmp_path_factory.mktemp("keys")
    return {name: sftp.key_pair(folder, name) for name in ("laptop", "reserve", "stranger")}


@pytest.fixture(scope="session")
def instance_root(
    cloud: aws.Cloud,
    open_root: OpenRoot,
    instance_keys: dict[str, sftp.KeyPair],
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
    root.apply(tf_vars=variables(keys={"laptop": instance_keys["laptop"].public}))
    return root


@pytest.fixture(scope="session")
def served(
    cloud: aws.Cloud,
    instance_root: Root,
    instance_keys: dict[str, sftp.KeyPair],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Served]:
    if reason := machines.missing():
        pytest.skip(reason)
    place = tmp_path_factory.mktemp("client")
    with machines.boot(place / "machine", machines.command_line(), cloud.authority.parent) as machine:
        made = Served(cloud, instance_root, place, instance_keys, machine)
        made.start(machine)
        parameter = cloud.client("ssm").get_parameter(Name="/own-sftp/sftp/host-key-fingerprint")["Parameter"]
        sftp.pin(made.port, parameter["Value"], place / "known_hosts")
        # Accept the host key on every port, because each new machine of these tests has a different port.
        known = (place / "known_hosts").read_text()
        (place / "known_hosts").write_text(re.sub(r"(?m)^\[\S+", "*", known))
        yield made
