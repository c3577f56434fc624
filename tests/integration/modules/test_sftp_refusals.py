"""Error messages of the validations of sftp-transfer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local_cloud import aws
from tests.support.terraform import OpenRoot
from tools.hcl import MODULES

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:aws/transfer/first-AbCdEf"
ACCOUNT_KEY = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
RFC_4716 = "---- BEGIN SSH2 PUBLIC KEY ----\nAAAAC3NzaC1lZDI1NTE5\n---- END SSH2 PUBLIC KEY ----\n"


def server(**recipients: dict[str, Any]) -> dict[str, Any]:
    """Return the inputs for mode "server"."""
    return {"endpoint": {"type": "PUBLIC"}, "recipients": recipients}


def connector(**push: Any) -> dict[str, Any]:
    """Return the inputs for mode "connector". The argument `push` changes settings of the recipient."""
    right = {
        "folder": "/incoming",
        "secret_arn": SECRET,
        "trusted_host_keys": ["ssh-rsa AAAA"],
        "url": "sftp://sftp.example.com",
    }
    recipients = {"first": {"prefix": "loans/a", "push": right | push}}
    return {"mode": "connector", "manifest_prefix": "loans/_manifests", "recipients": recipients}


def device(key: str) -> dict[str, Any]:
    """Return the inputs for mode "server" with one public key."""
    return server(first={"prefix": "loans/a", "public_keys": {"laptop": key}})


REFUSED = {
    "host-key-of-type-ed25519": (
        connector(trusted_host_keys=["ssh-ed25519 AAAA"]),
        "recipients: push.trusted_host_keys must not hold an ed25519 key, because connectors accept only RSA"
        " and ECDSA host keys; ask for the server's ssh-rsa or ecdsa-sha2-nistp256 key.",
    ),
    "host-key-named-after-a-signature": (
        connector(trusted_host_keys=["rsa-sha2-512 AAAA"]),
        "recipients: push.trusted_host_keys must have the type ssh-rsa for an RSA key; rsa-sha2-256 and"
        " rsa-sha2-512 are signature algorithms of the same key.",
    ),
    "host-key-as-ssh-keyscan-prints-it": (
        connector(trusted_host_keys=["sftp.example.com ssh-rsa AAAA"]),
        "recipients: push.trusted_host_keys must begin with the key type; remove the host name that"
        ' ssh-keyscan prints before it, so that "sftp.example.com ssh-rsa AAAA..." becomes'
        ' "ssh-rsa AAAA...".',
    ),
    "host-key-of-another-type": (
        connector(trusted_host_keys=["ssh-dss AAAA"]),
        "recipients: a key in push.trusted_host_keys must be one line in OpenSSH format of type ssh-rsa or"
        ' ecdsa-sha2-nistp256, -nistp384 or -nistp521, for example "ssh-rsa AAAA...".',
    ),
    "secret-by-its-name": (
        connector(secret_arn="aws/transfer/first"),
        "recipients: push.secret_arn must be the ARN of a secret, for example"
        ' "arn:aws:secretsmanager:eu-west-1:123456789012:secret:aws/transfer/first-bank-AbCdEf".',
    ),
    "public-key-in-rfc-4716-format": (
        device(RFC_4716),
        'recipients: public_keys must not hold a key in RFC 4716 format ("---- BEGIN SSH2 PUBLIC KEY ----");'
        " convert it with: ssh-keygen -i -f key.pub",
    ),
    "public-key-of-a-hardware-token": (
        device("sk-ssh-ed25519@openssh.com AAAA laptop"),
        "recipients: public_keys must not hold a key of a hardware token (sk-...), because AWS Transfer"
        " Family does not accept it; use an ed25519, ECDSA or RSA key.",
    ),
    "public-key-of-another-type": (
        device("ssh-dss AAAA"),
        "recipients: a public key must be one line in OpenSSH format of type ssh-ed25519, ssh-rsa or"
        ' ecdsa-sha2-nistp256, -nistp384 or -nistp521, for example "ssh-ed25519 AAAA... laptop".',
    ),
    "prefix-below-another": (
        server(whole={"prefix": "loans"}, first={"prefix": "loans/a"}),
        'recipients: the role of "whole" could read files of "first", because "loans/*" matches below'
        ' "loans/a/". (In IAM policies "?" stands for every character beyond U+00FF and matches any one.)'
        " Give each recipient its own prefix; one recipient can have several public_keys.",
    ),
    "prefix-with-letters-that-match-another": (
        server(lodz={"prefix": "loans/Łódź"}, plain={"prefix": "loans/Lódz"}),
        'recipients: the role of "lodz" could read files of "plain", because "loans/?ód?/*" matches below'
        ' "loans/Lódz/". (In IAM policies "?" stands for every character beyond U+00FF and matches any one.)'
        " Give each recipient its own prefix; one recipient can have several public_keys.",
    ),
}


@pytest.fixture(scope="module")
def complaints(
    cloud: aws.Cloud, open_root: OpenRoot, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[str]]:
    """Plan one module call for each refused input. Return the errors of each plan, keyed by the case."""
    folder = tmp_path_factory.mktemp("refused")
    root = open_root(folder, **cloud.environment)
    found: dict[str, list[str]] = {}
    for name, (inputs, _) in REFUSED.items():
        call = {
            "source": str(MODULES / "sftp-transfer"),
            "name": "refused",
            "bucket": "refused-data",
            "kms_key_arn": ACCOUNT_KEY,
        }
        (folder / "main.tf.json").write_text(json.dumps({"module": {"sftp": call | inputs}}))
        if not found:
            root.setup()
        found[name] = [detail.split("\n\nThis was checked by")[0] for detail in root.errors()]
    return found


@pytest.mark.parametrize("name", REFUSED)
def test_refused_input_has_the_expected_message(complaints: dict[str, list[str]], name: str) -> None:
    assert REFUSED[name][1] in complaints[name]
    own = [said for said in complaints[name] if said.startswith("recipients: ")]
    assert len(own) == (2 if name == "prefix-below-another" else 1), "no other rule complains"
