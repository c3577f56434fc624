"""A recipient: a real OpenSSH client that downloads files with its key."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from extracts.errors import ExtractsError
from local_cloud import aws, processes, programs


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An OpenSSH key: the private key in a file, the public key as one line."""

    private: Path
    public: str


def key_pair(folder: Path, name: str = "recipient", kind: str = "ed25519") -> KeyPair:
    """Return a new key without a passphrase. `kind` is a type of `ssh-keygen -t`."""
    private = folder / f"{name}_{kind}"
    command = [
        *programs.openssh("ssh-keygen").command,
        "-q",
        "-t",
        kind,
        "-N",
        "",
        "-C",
        name,
        "-f",
        str(private),
    ]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return KeyPair(private, private.with_suffix(".pub").read_text().strip())


@dataclass(frozen=True, slots=True)
class Recipient:
    """A recipient's client: user name, key, and a file with the trusted host key of the server.

    `host` is an address that the function `resolve` returned.
    """

    port: int
    user: str
    key: KeyPair
    known_hosts: Path
    folder: Path
    host: str = processes.LOOPBACK

    def run(self, *commands: str) -> subprocess.CompletedProcess[str]:
        """Run the commands in one session of `sftp`. The session ends at the first error."""
        options = {
            "IdentitiesOnly": "yes",
            "IdentityFile": str(self.key.private),
            "UserKnownHostsFile": str(self.known_hosts),
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "PasswordAuthentication": "no",
            "ConnectTimeout": "10",
        }
        return subprocess.run(
            [
                *programs.openssh("sftp").command,
                *("-F", "none", "-b", "-", "-P", str(self.port)),
                *(part for name, value in options.items() for part in ("-o", f"{name}={value}")),
                f"{self.user}@{self.host}",
            ],
            input="\n".join(commands) + "\n",
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd=self.folder,
        )


def resolve(cloud: aws.Cloud, host_name: str) -> str:
    """Return the address of a Transfer server, as DNS does. Raise ExtractsError for an unknown host name.

    A server in a VPC has the DNS names of its VPC endpoint. If the server has Elastic IP addresses, it also
    has the DNS name of a public server: https://repost.aws/knowledge-center/aws-sftp-endpoint-type
    """
    transfer, ec2 = cloud.client("transfer"), cloud.client("ec2")
    names = set()
    for listed in transfer.list_servers()["Servers"]:
        server = transfer.describe_server(ServerId=listed["ServerId"])["Server"]
        details = server.get("EndpointDetails", {})
        if server["EndpointType"] == "PUBLIC" or details.get("AddressAllocationIds"):
            names.add(f"{server['ServerId']}.server.transfer.{aws.REGION}.amazonaws.com")
        if endpoint := details.get("VpcEndpointId"):
            [found] = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"]
            names.update(entry["DnsName"] for entry in found["DnsEntries"])
    if host_name not in names:
        raise ExtractsError(f"SFTP: could not resolve the host name {host_name}.")
    return processes.LOOPBACK


def pin(port: int, fingerprint: str, known_hosts: Path) -> None:
    """Read the host key of the server. Accept the key only if it has the fingerprint from Terraform."""
    scan = subprocess.run(
        [*programs.openssh("ssh-keyscan").command, "-T", "10", "-p", str(port), processes.LOOPBACK],
        capture_output=True,
        text=True,
        check=False,
    )
    known_hosts.write_text(scan.stdout)
    shown = subprocess.run(
        [*programs.openssh("ssh-keygen").command, "-l", "-f", str(known_hosts)],
        capture_output=True,
        text=True,
        check=False,
    )
    if fingerprint not in shown.stdout.split():
        raise ExtractsError(
            f"The host key of the SFTP server on port {port} must be {fingerprint},"
            f" but is {shown.stdout.strip() or 'missing'}."
        )
