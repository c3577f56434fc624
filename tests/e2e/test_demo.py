"""Test a running demo from another process."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from extracts import programs, terraform
from local_cloud import inbox, processes, sftp
from local_cloud.demo import store
from tests.support.demo import DEMO, FILES, Demo
from tests.support.oracle import last_day, oracle
from tests.support.processes import alive, descendants
from tools.drawings import ROOT


def test_all_nine_steps_of_the_demo_succeed(demo: Demo) -> None:
    assert demo.code == 0, demo.printed
    assert re.findall(r"(\d)/9 ", demo.printed) == list("123456789")
    assert "a second plan shows no change" in demo.printed


def test_demo_prints_the_path_of_the_page_and_a_summary_of_the_manifest(demo: Demo) -> None:
    page = re.search(r"Open the preview page in a browser: file://(\S+)", demo.printed)
    assert page
    shown = Path(page[1]).read_text()
    manifest = json.loads((demo.folder / "delivered/manifest.json").read_text())
    assert all(file["recipient"].replace("&", "&amp;") in shown for file in manifest["files"])
    total = f"{int(manifest['totals']['metrics']['amount_sum']['sum']):,}"
    assert "," in total
    assert f"sum {total}\n" in demo.printed
    assert '"sha256":' not in demo.printed


@pytest.mark.parametrize("bank", FILES)
def test_published_file_equals_the_expected_file(demo: Demo, bank: str) -> None:
    delivered = (
        demo.cloud.client("s3").get_object(Bucket=demo.outputs["bucket"], Key=demo.place(bank))["Body"].read()
    )
    assert delivered.decode() == oracle(demo.rows, bank).decode()


def test_source_contains_cases_for_which_a_simple_extract_is_wrong(demo: Demo) -> None:
    lines: dict[str, dict[str, str]] = {}
    for bank in FILES:
        lines |= {
            line["branch_id"]: line for line in csv.DictReader(io.StringIO(oracle(demo.rows, bank).decode()))
        }
    never, pausing = lines[str(demo.rows.never)], lines[str(demo.rows.pausing)]
    assert (never["loans_count"], never["amount_sum"], never["amount_avg"]) == ("0", "", "")
    assert (
        0
        < int(pausing["loans_count"])
        < min(int(x["loans_count"]) for x in lines.values() if x not in (never, pausing))
    )
    one, other = (lines[str(branch)] for branch in demo.rows.twins)
    assert one["branch_address"] == other["branch_address"]
    assert one["bank_name"] != other["bank_name"]
    days = {loan.day for loan in demo.rows.loans}
    window = (store.months_before(demo.rows.last_month, 2), last_day(demo.rows.last_month))
    assert set(window) <= days
    assert max(days) > datetime.now(UTC).date()
    assert any(loan.amount is None and window[0] <= loan.day <= window[1] for loan in demo.rows.loans)


def test_bucket_has_three_files_and_their_manifest(demo: Demo) -> None:
    s3, bucket = demo.cloud.client("s3"), demo.outputs["bucket"]
    manifest = json.loads(
        s3.get_object(Bucket=bucket, Key=f"loans/_manifests/{demo.rows.last_month:%Y-%m}.json")["Body"].read()
    )
    versions = s3.list_object_versions(Bucket=bucket)["Versions"]
    named = {file["key"] for file in manifest["files"]}
    assert named == {demo.place(bank) for bank in FILES}
    # Each object has one version, because the second run of the period wrote nothing.
    marks = {f"loans/_manifests/{demo.rows.last_month:%Y-%m}.{kind}" for kind in ("claim", "json")}
    assert sorted(version["Key"] for version in versions) == sorted(named | marks)
    assert "nothing to write" in demo.printed


def test_objects_are_encrypted_with_the_key_of_the_bucket(demo: Demo) -> None:
    head = demo.cloud.client("s3").head_object(Bucket=demo.outputs["bucket"], Key=demo.place("First Bank"))
    assert head["ServerSideEncryption"] == "aws:kms"


def test_downloaded_file_equals_the_published_file(demo: Demo) -> None:
    [collected] = (demo.folder / "collected").iterdir()
    assert collected.name == Path(demo.place("First Bank")).name
    assert collected.read_bytes() == oracle(demo.rows, "First Bank")


def test_recipient_sees_only_its_own_files(demo: Demo) -> None:
    listed = demo.recipient("karoo").run("ls -1 /", "cd ..", "ls -1 /")
    assert set(re.findall(r"^/?(year=\d+)$", listed.stdout, flags=re.MULTILINE)) == {
        f"year={demo.rows.last_month:%Y}"
    }
    assert "FirstBank" not in demo.recipient("karoo").run("ls -1R /", "ls -1 ../bank_name=FirstBank").stdout


@pytest.mark.parametrize(
    "command",
    [
        "put known.csv forged.csv",
        "put known.csv {file}",
        "rm {file}",
        "rename {file} /gone.csv",
        "mkdir /mine",
    ],
)
def test_recipient_cannot_upload_delete_or_rename_files(demo: Demo, command: str) -> None:
    recipient = demo.recipient("first-bank")
    (recipient.folder / "known.csv").write_text("forged\n")
    file = "/" + demo.place("First Bank").split("/", 2)[2]
    done = recipient.run(command.format(file=file))
    assert done.returncode != 0, done.stdout
    assert "ermission denied" in done.stderr, done.stderr
    assert demo.recipient("first-bank").run(f"get {file}").returncode == 0


def test_login_with_an_unknown_key_is_refused(demo: Demo) -> None:
    stranger = sftp.key_pair(demo.folder, f"stranger-{secrets.token_hex(4)}")
    done = demo.recipient("first-bank", stranger).run("ls /")
    assert done.returncode == 255
    assert "Permission denied (publickey)" in done.stderr


def test_mail_about_a_failed_run_contains_the_reason_and_the_next_step(demo: Demo) -> None:
    [mail] = inbox.read(demo.cloud.mailbox)
    assert mail.to == "data-support@mybigbank.co.za"
    assert mail.subject.startswith(
        f"[FAILED] bank-loans {demo.rows.last_month:%Y-%m}: permission denied for table"
    )
    run = re.search(r"jr_[0-9a-f]+", mail.text)
    assert run
    expected = (Path(__file__).parent / "failure_mail.txt").read_text()
    shown = mail.text.replace(run[0], "RUN").split("\n--\n")[0]
    shown = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", shown).replace(
        f"{demo.rows.last_month:%Y-%m}", "PERIOD"
    )
    assert shown.strip() == expected.strip()


def test_daily_check_starts_when_its_schedule_is_due(demo: Demo) -> None:
    scheduler, states = demo.cloud.client("scheduler"), demo.cloud.client("stepfunctions")
    [found] = [s for s in scheduler.list_schedules()["Schedules"] if s["Name"].endswith("missing")]
    schedule = scheduler.get_schedule(Name=found["Name"], GroupName=found["GroupName"])
    assert schedule["ScheduleExpression"] == "cron(0 6 * * ? *)"
    check = schedule["Target"]["Arn"]
    assert not states.list_executions(stateMachineArn=check)["executions"]
    # Change only the time of the schedule, so that the schedule is due now.
    kept = {key: schedule[key] for key in ("GroupName", "FlexibleTimeWindow", "Target")}
    scheduler.create_schedule(Name="now", **kept, ScheduleExpression="at(2026-01-01T00:00:00)")
    deadline = time.monotonic() + 30
    while not (done := states.list_executions(stateMachineArn=check, statusFilter="SUCCEEDED")["executions"]):
        assert time.monotonic() < deadline, states.list_executions(stateMachineArn=check)
        time.sleep(0.2)
    told = json.loads(states.describe_execution(executionArn=done[0]["executionArn"])["input"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told["time"])


def test_daily_check_reports_only_missing_months(demo: Demo) -> None:
    states, before = demo.cloud.client("stepfunctions"), inbox.read(demo.cloud.mailbox)
    [check] = [
        machine["stateMachineArn"]
        for machine in states.list_state_machines()["stateMachines"]
        if machine["name"] == "bank-loans-missing"
    ]

    def look(after: int) -> str:
        month = store.months_before(demo.rows.last_month, -after)
        given = json.dumps({"time": f"{month:%Y-%m}-03T06:00:00Z"})
        execution = states.start_execution(stateMachineArn=check, input=given)["executionArn"]
        deadline = time.monotonic() + 30
        while (status := states.describe_execution(executionArn=execution)["status"]) == "RUNNING":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        return str(status)

    assert look(after=1) == "SUCCEEDED"  # this check looks for the month that the demo has published
    assert inbox.read(demo.cloud.mailbox) == before
    assert look(after=2) == "SUCCEEDED"  # this check looks for the next month, which is missing
    [mail] = inbox.read(demo.cloud.mailbox)[len(before) :]
    assert mail.subject.startswith(
        f"[MISSING] bank-loans {store.months_before(demo.rows.last_month, -1):%Y-%m}: not published"
    )


def test_doctor_reports_only_the_missing_endpoints_and_rights(demo: Demo) -> None:
    project = ("doctor", str(demo.folder / "bank-loans"), "--database-url", demo.note["database"], "--json")
    done = subprocess.run(
        [sys.executable, "-m", "extracts", *project],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **demo.cloud.environment},
    )
    assert done.returncode == 1, done.stderr
    checks = json.loads(done.stdout)["checks"]
    # The demo's network has no internet access. The last step of the demo revoked the right to read Loans.
    assert [(c["name"], c["remedy"]) for c in checks if c["state"] == "failed" and c["name"] == "rights"] == [
        ("rights", f'run as the owner of the table: grant select on "public"."Loans" to "{store.READER}";')
    ]
    assert {c["name"] for c in checks if c["state"] == "failed"} == {"VPC endpoints", "rights"}
    # `doctor` skips this check, because the URL has the administrator's login, not the job's login.
    assert [c["name"] for c in checks if c["state"] == "skipped"] == ["expressions"]
    fine = {c["name"] for c in checks if c["state"] == "ok"}
    assert {"deployment", "secret", "subnet", "alert mails", "spec", "TLS"} <= fine


def test_no_log_contains_the_database_password_of_the_job(demo: Demo) -> None:
    secret = demo.cloud.client("secretsmanager").get_secret_value(SecretId="store/extract-reader")
    password = json.loads(secret["SecretString"])["password"]
    logs = demo.cloud.client("logs")
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    texts = [path.read_text(errors="replace") for path in demo.folder.rglob("*.log")]
    for group in groups:
        for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]:
            events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
            texts += [event["message"] for event in events]
    assert len(texts) > 20
    assert not [text[:200] for text in texts if password in text]


def test_each_log_line_of_the_engine_is_a_json_object(demo: Demo) -> None:
    logs, group = demo.cloud.client("logs"), demo.outputs["log_groups"]["output"]
    streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    assert len(streams) == 3
    for stream in streams:
        events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
        assert events
        for event in events:
            assert {"time", "level", "event", "message"} <= json.loads(event["message"]).keys()


def test_crawler_adds_only_the_tables_of_the_spec_to_the_catalog(demo: Demo) -> None:
    glue = demo.cloud.client("glue")
    [database] = [d["Name"] for d in glue.get_databases()["DatabaseList"]]
    tables = {
        table["Name"].rsplit("_", 1)[-1] for table in glue.get_tables(DatabaseName=database)["TableList"]
    }
    assert tables == {"loans", "account", "client", "branch", "bank"}


@pytest.fixture
def first_deployment(demo: Demo) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs one step of docs/tutorial/first-deployment.md with the demo."""
    binaries = demo.folder / "bin"
    binaries.mkdir()
    for name, program in {
        "terraform": programs.terraform().command[0],
        "aws": str(Path(sys.executable).with_name("aws")),
        "extracts": str(Path(sys.executable).with_name("extracts")),
    }.items():
        (binaries / name).symlink_to(shutil.which(program) or "")
    environment = terraform.environment(demo.folder) | demo.cloud.environment
    environment["PATH"] = f"{binaries}{os.pathsep}{os.environ['PATH']}"
    page = (ROOT / "docs/tutorial/first-deployment.md").read_text()
    steps = re.findall(r"^ {3,}\$ (.*)$", page, re.MULTILINE)
    assert len(steps) == 12

    def run(
        number: int, before: str = "", after: str = "", text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        command = steps[number - 1]
        assert before in command
        return subprocess.run(
            ["sh", "-c", command.replace(before, after, 1) if before else command],
            cwd=demo.folder / "bank-loans",
            env=environment,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def wait_for(mailbox: Path, beginning: str) -> None:
    deadline = time.monotonic() + 60
    while not any(mail.subject.startswith(beginning) for mail in inbox.read(mailbox)):
        assert time.monotonic() < deadline, [mail.subject for mail in inbox.read(mailbox)]
        time.sleep(0.2)


def test_steps_of_a_first_deployment_have_the_documented_output(
    demo: Demo, first_deployment: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    # Grant the right that the demo revoked.
    with psycopg.connect(demo.note["database"]) as connection:
        connection.execute(f'grant select on "Loans" to {store.READER}'.encode())
    for number in (1, 6):
        doctor = first_deployment(number)
        # The demo's network has no internet access, so `doctor` reports missing VPC endpoints.
        assert re.findall(r"^✗ (.*?)  ", doctor.stderr, re.MULTILINE) == ["VPC endpoints"]
        assert "the next start is" in doctor.stdout
    wait_for(demo.cloud.mailbox, "[TEST] bank-loans: ")
    assert "Apply complete! Resources: 0 added" in first_deployment(2).stdout
    planned = first_deployment(3)
    assert (planned.returncode, "No changes." in planned.stdout) == (0, True), planned.stderr
    schedule = json.loads(first_deployment(7).stdout)
    assert schedule["State"] == "ENABLED"
    assert schedule["ScheduleExpression"] == "cron(1 0 1 * ? *)"
    assert schedule["ScheduleExpressionTimezone"] == "Etc/GMT"
    assert schedule["Target"]["DeadLetterConfig"]["Arn"]

    def latest() -> dict[str, Any]:
        return dict(json.loads(first_deployment(9).stdout)["JobRuns"][0])

    known = latest()["Id"]
    assert json.loads(first_deployment(8).stdout)["RunId"]
    deadline = time.monotonic() + 300
    while (run := latest())["Id"] == known or run["JobRunState"] in ("STARTING", "RUNNING"):
        assert time.monotonic() < deadline
        time.sleep(1)
    assert run["JobRunState"] == "SUCCEEDED", run
    wait_for(demo.cloud.mailbox, "[RECOVERED] bank-loans")
    listed = first_deployment(10).stdout
    assert demo.place("First Bank") in listed
    assert f"loans/_manifests/{demo.rows.last_month:%Y-%m}.json" in listed
    here = (
        f"sftp -F none -b - -P {demo.note['sftp_port']} -i {demo.folder}/recipient_ed25519"
        f" -o HostName={processes.LOOPBACK} -o UserKnownHostsFile={demo.folder}/known_hosts first-bank@"
    )
    session = first_deployment(11, "sftp first-recipient@", here, "ls\nput extract.yaml\n")
    assert f"year={demo.rows.last_month:%Y}" in session.stdout, session.stderr
    assert "ermission denied" in session.stderr
    assert json.loads(first_deployment(12).stdout)["JobRunId"]
    wait_for(demo.cloud.mailbox, "[FAILED] bank-loans 2099-12: the period 2099-12 has not begun")


def test_all_servers_listen_on_the_loopback_address_only(demo: Demo) -> None:
    inodes = set()
    for root, _ in demo.note["processes"]:
        for number in {root} | descendants(root):
            for handle in Path(f"/proc/{number}/fd").iterdir():
                if (target := str(handle.readlink())).startswith("socket:["):
                    inodes.add(target[8:-1])
    listening = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "0A" and inode in inodes:
                listening.add(local.split(":")[0])
    assert listening == {"0100007F"}  # 127.0.0.1


def test_files_that_contain_passwords_are_readable_only_by_their_owner(demo: Demo) -> None:
    for name in ("running.json", "environment"):
        assert (demo.folder / name).stat().st_mode & 0o077 == 0, name


def test_option_stop_ends_all_processes_of_the_demo(demo: Demo) -> None:
    # This is the last test in this file that needs the running demo.
    subprocess.run([*DEMO, "--stop", str(demo.folder)], check=True, capture_output=True)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(demo.note["database"], connect_timeout=2)
    assert not any(alive(number) for number, _ in demo.note["processes"])
    assert not any(Path(place).exists() for place in demo.note["folders"])


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM], ids=lambda sign: sign.name)
def test_demo_leaves_no_process_running_after_an_interruption(tmp_path: Path, sign: signal.Signals) -> None:
    command = [*DEMO, "--loans", "5000", "--folder", str(tmp_path / "work")]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout
    for line in process.stdout:
        if "terraform plan" in line:
            break
    started = descendants(process.pid)
    assert len(started) >= 3  # the children are PostgreSQL, the emulator and Terraform
    process.send_signal(sign)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Nothing is left running." in rest
    deadline = time.monotonic() + 10
    while any(alive(number) for number in started) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [number for number in started if alive(number)]
