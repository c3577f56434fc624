"""An SFTP server on an EC2 instance: the deployed instance, its role, and what recipients can do."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from local_cloud import aws
from tests.integration.modules.instance import BODY, FILE, FILES, LARGE, Served
from tests.integration.modules.rights import Role, changed, rights, without
from tests.integration.modules.rights_instance import FORBIDDEN, STEPS
from tests.support.terraform import Root, variables
from tests.support.waiting import until


@pytest.fixture(scope="module")
def role(cloud: aws.Cloud, instance_root: Root) -> Role:
    name = f"own-sftp-sftp-instance-{aws.REGION}"
    document = cloud.client("iam").get_role_policy(RoleName=name, PolicyName="serve")["PolicyDocument"]
    return Role(cloud, name, {}, {"serve": document})


def test_instance_role_has_exactly_the_rights_that_its_steps_need(role: Role) -> None:
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


def test_second_apply_outputs_the_fingerprint_of_the_host_key(served: Served) -> None:
    assert served.root.output()["sftp"]["host_key_fingerprint"] is None
    served.apply("laptop")
    assert re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}", served.output["host_key_fingerprint"])


def test_second_plan_is_empty(served: Served) -> None:
    assert served.root.changes(variables(keys={"laptop": served.keys["laptop"].public})) == ""


def test_cloud_init_accepts_the_user_data(served: Served) -> None:
    served.machine.write("/tmp/user-data", served.user_data().decode())
    served.machine.run("cloud-init", "schema", "--config-file", "/tmp/user-data")


def test_shell_scripts_and_systemd_units_are_valid(served: Served) -> None:
    files = [file["path"] for file in served.cloud_config()["write_files"]]
    served.machine.run("shellcheck", *(path for path in files if path.endswith(".sh")))
    units = [path for path in files if path.endswith((".service", ".timer"))]
    done = served.machine.run("systemd-analyze", "verify", *units)
    assert done.stderr == ""


def test_recipient_sees_its_prefix_as_the_root_folder_and_downloads_a_file(served: Served) -> None:
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


def test_parallel_downloads_of_the_same_file_create_only_one_receipt(served: Served) -> None:
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


def test_download_of_a_file_with_non_ascii_letters_in_its_name_has_a_receipt(served: Served) -> None:
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
def test_recipient_cannot_change_files_or_leave_its_folder(served: Served, command: str) -> None:
    done = served.client().run(command)
    assert done.returncode == 1, done.stdout
    listed = served.cloud.client("s3").list_objects_v2(Bucket="instance-data")["Contents"]
    assert {found["Key"] for found in listed} - set(FILES) <= {"loans/bank_name=FirstBank/new.csv"}


def test_recipient_has_no_shell(served: Served) -> None:
    done = served.ssh("first-bank@127.0.0.1", "id")
    assert "uid=" not in done.stdout
    terminal = served.ssh("-tt", "first-bank@127.0.0.1")
    assert "PTY allocation request failed" in terminal.stderr


def test_port_forwarding_is_refused(served: Served) -> None:
    done = served.ssh("-W", "169.254.169.254:80", "first-bank@127.0.0.1")
    assert done.returncode == 255
    assert "administratively prohibited" in done.stderr
    done = served.ssh("-o", "ExitOnForwardFailure=yes", "-N", "-R", "0:127.0.0.1:22", "first-bank@127.0.0.1")
    assert "remote port forwarding failed" in done.stderr


@pytest.mark.parametrize("user", ["first-bank", "root", "nobody"])
def test_login_with_an_unknown_key_is_refused(served: Served, user: str) -> None:
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


def test_bucket_is_mounted_again_after_the_mount_program_is_killed(served: Served) -> None:
    served.machine.run("systemctl", "kill", "--signal=KILL", "sftp-recipient@first-bank.service")
    assert until(lambda: served.client().run(f"get {FILE} again.csv").returncode == 0, 30)


def test_sshd_is_started_again_after_it_is_killed(served: Served) -> None:
    served.machine.run("systemctl", "kill", "--signal=KILL", "sftp-server.service")
    assert until(lambda: served.client().run("ls /").returncode == 0, 30)


def test_logs_of_the_instance_are_sent_to_cloudwatch(served: Served) -> None:
    assert until(lambda: "Accepted publickey for first-bank" in served.log())


def test_new_instance_has_the_same_host_key(served: Served) -> None:
    """The client has stored the host key, so the client would refuse a different host key."""
    first = served.machine
    with served.boot("second") as second:
        served.start(second)
        done = served.client().run("ls /")
        assert (done.returncode, "WARNING" in done.stderr) == (0, False)
    served.machine, served.port = first, first.expose(22)
