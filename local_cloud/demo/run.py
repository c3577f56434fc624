"""The nine steps of the demo, in order."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from extracts import files, terraform
from extracts.errors import ExtractsError
from extracts.new import read_answers
from extracts.stamp import stamp
from local_cloud import aws, database, inbox, processes, sftp
from local_cloud.demo import account, show, store
from local_cloud.demo.screen import Screen

REPOSITORY = Path(__file__).parents[2]
ANSWERS = REPOSITORY / "examples/bank-loans/extract.yaml"
STEPS = 9
DISK = 1_500_000_000  # bytes of disk space for PostgreSQL, Terraform's folder and temporary files of Spark
RECIPIENTS = {"first-bank": store.BANKS[0], "ubuntu": store.BANKS[1], "karoo": store.BANKS[2]}


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of the demo."""

    folder: Path | None = None  # default: a new folder in the temporary folder of the system
    keep: bool = False
    loans: int = store.LOANS
    sftp_port: int | None = None
    picture: Path | None = None  # file in which to save the output as an SVG


@dataclass(frozen=True, slots=True)
class Local:
    """The running servers, the deployed extract, and the folder and key of the demo."""

    database: database.Database
    cloud: aws.Cloud
    stack: terraform.Stack
    outputs: dict[str, Any]
    folder: Path
    key: sftp.KeyPair


def run(settings: Settings, console: Console) -> None:
    """Run the demo, then stop its parts. They keep running only if the demo succeeds and `keep` is set."""
    signal.signal(signal.SIGTERM, _interrupt)
    folder = _folder(settings)
    screen = Screen(console, STEPS)
    try:
        with ExitStack() as parts:
            _steps(parts, folder, settings, screen)
    except KeyboardInterrupt:
        screen.say("\nStopped. Nothing is left running.")
        raise SystemExit(130) from None
    screen.say("Nothing is left running.", style="green")
    if settings.picture:
        screen.save_picture(settings.picture)


def _steps(parts: ExitStack, folder: Path, settings: Settings, screen: Screen) -> None:
    local = start(parts, folder, settings, screen)
    period = f"{store.last_complete_month(datetime.now(UTC).date()):%Y-%m}"
    with screen.step("Run the deployed workflow: the crawler, then the Glue job with its own role"):
        run_workflow(local, screen)
    show.show_files(local, period, screen)
    collect(local, period, screen)
    repeat(local, screen)
    fail(local, screen)
    with screen.step("Write the preview page, and list the folders and logs"):
        page = show.preview_page(local, period, screen)
        show.where(local, screen)
    screen.say(f"\nOpen the preview page in a browser: {page.as_uri()}", style="bold")
    if settings.keep:
        _keep(local, parts, screen)
    screen.say("\nStopping PostgreSQL and the emulated AWS …")


def start(parts: ExitStack, folder: Path, settings: Settings, screen: Screen) -> Local:
    """Steps 1 to 3: start the source and the emulated AWS, and apply the stamped project."""
    login = secrets.token_urlsafe(18)
    with screen.step("Start PostgreSQL and fill the banks' database"):
        screen.waiting("PostgreSQL to answer")
        served = parts.enter_context(database.serve(folder / "database", kept=settings.keep))
        screen.waiting(f"{settings.loans:,} loans to load")
        last_month = store.last_complete_month(datetime.now(UTC).date())
        store.load(served.url, store.generate(last_month, loans=settings.loans), login)
    with screen.step("Start the emulated AWS, and create the network and the login's secret"):
        screen.waiting("Java, the JDBC driver and the emulator")
        cloud = parts.enter_context(
            aws.serve(folder / "aws", sftp_port=settings.sftp_port, kept=settings.keep)
        )
        made = account.prepare(cloud, username=store.READER, password=login)
    with screen.step("Stamp bank-loans and deploy it with terraform apply"):
        project = stamp(read_answers(ANSWERS), folder, local_modules=True)
        key = sftp.key_pair(folder)
        variables = {
            "region": aws.REGION,
            "database": {
                "host": "localhost",
                "port": served.port,
                "name": served.name,
                "secret_arn": made.secret_arn,
                "security_group_id": made.database_security_group_id,
                "ca_certificate_file": str(served.authority),
            },
            "subnet_id": made.subnet_id,
            "recipients": {
                name: {"name": bank, "public_keys": {"laptop": key.public}}
                for name, bank in RECIPIENTS.items()
            },
            "sftp": {"allowed_cidrs": {"office": "10.0.0.0/8"}},
        }
        (project / "Terraform/demo.auto.tfvars.json").write_text(json.dumps(variables, indent=2))
        environment = terraform.environment(folder) | cloud.environment
        stack = terraform.Stack(project / "Terraform", environment, folder / "terraform.log")
        screen.waiting("terraform init")
        stack.init()
        screen.waiting("terraform plan")
        planned = stack.plan()
        screen.waiting(f"terraform apply of {len(planned)} resources (the provider waits most of the time)")
        stack.apply()
        screen.waiting("a second terraform plan, which must be empty")
        if again := stack.plan():
            listed = "; ".join(f"{c.address} {'/'.join(c.actions)} {sorted(c.attributes)}" for c in again)
            raise ExtractsError(f"The second plan is not empty: {listed}.")
    screen.say(f"  {len(planned)} resources created; a second plan shows no change.")
    return Local(served, cloud, stack, stack.outputs(), folder, key)


def run_workflow(local: Local, screen: Screen) -> dict[str, Any]:
    """Let the schedule start the workflow, and wait until the job has ended."""
    glue = local.cloud.client("glue")
    workflow, job = local.outputs["workflow_name"], local.outputs["job_name"]
    screen.waiting("EventBridge Scheduler to start the workflow")
    aws.start_schedule(local.cloud, workflow, f"{workflow}-start")
    screen.waiting("the crawler")
    for _ in _repeatedly(300, "the workflow"):
        runs = glue.get_job_runs(JobName=job)["JobRuns"]
        if runs:
            break
        crawl = glue.get_crawler(Name=local.outputs["crawler_name"])["Crawler"].get("LastCrawl", {})
        if crawl.get("Status") == "FAILED":
            raise ExtractsError(f"The crawler failed: {crawl.get('ErrorMessage')}")
    screen.waiting("Spark to start, read and publish")
    finished = wait_for_run(local, runs[0]["Id"])
    if finished["JobRunState"] != "SUCCEEDED":
        state, reason = finished["JobRunState"], finished.get("ErrorMessage")
        raise ExtractsError(f"The job ended with the state {state}: {reason}")
    return finished


def start_job(local: Local, arguments: dict[str, str] | None = None) -> dict[str, Any]:
    """Run the deployed job once, and wait until it has ended."""
    glue = local.cloud.client("glue")
    started = glue.start_job_run(JobName=local.outputs["job_name"], Arguments=arguments or {})
    return wait_for_run(local, started["JobRunId"])


def wait_for_run(local: Local, run_id: str) -> dict[str, Any]:
    """Wait until the run has ended. Return the run as Glue reports it."""
    glue = local.cloud.client("glue")
    for _ in _repeatedly(600, "the Glue job"):
        run: dict[str, Any] = glue.get_job_run(JobName=local.outputs["job_name"], RunId=run_id)["JobRun"]
        if run["JobRunState"] not in ("STARTING", "RUNNING", "STOPPING"):
            return run
    raise AssertionError("unreachable")


def log_lines(local: Local, run_id: str) -> list[dict[str, Any]]:
    """Return the entries of the engine in the run's log stream: one JSON object per line."""
    logs = local.cloud.client("logs")
    group = local.outputs["log_groups"]["output"]
    events = logs.get_log_events(logGroupName=group, logStreamName=run_id, startFromHead=True)["events"]
    return [json.loads(event["message"]) for event in events if event["message"].startswith("{")]


def collect(local: Local, period: str, screen: Screen) -> None:
    """Step 6: the recipient downloads a file. The server refuses to let the recipient write a file."""
    name, user = next(iter(local.outputs["sftp_users"].items()))
    year, month = period.split("-")
    with screen.step("Download a file over SFTP as the recipient's user"):
        server = local.cloud.client("transfer").describe_server(ServerId=local.outputs["sftp_server_id"])[
            "Server"
        ]
        known_hosts = local.folder / "known_hosts"
        sftp.pin(local.cloud.sftp_port, server["HostKeyFingerprint"], known_hosts)
        collected = local.folder / "collected"
        collected.mkdir()
        recipient = sftp.Recipient(
            local.cloud.sftp_port,
            user["user_name"],
            local.key,
            known_hosts,
            collected,
            host=sftp.resolve(local.cloud, local.outputs["sftp_endpoint"]),
        )
        place = f"/year={year}/month={month}"
        fetched = recipient.run(f"ls -l {place}", f"get {place}/*.csv")
        files = list(collected.iterdir())
        if fetched.returncode or len(files) != 1:
            raise ExtractsError(
                f"SFTP: {user['user_name']} could not download its file: {fetched.stderr.strip()}"
            )
        same = files[0].read_bytes() == (local.folder / "delivered" / files[0].name).read_bytes()
        if not same:
            raise ExtractsError(f"SFTP: {files[0].name} is not the published file.")
        refused = recipient.run(f"put {files[0].name} {place}/forged.csv")
        if not refused.returncode:
            raise ExtractsError(f"SFTP: {user['user_name']} could write a file, but may only read files.")
    screen.say("  " + fetched.stdout.strip().replace("\n", "\n  "))
    screen.say(f"  {files[0].name} is identical to the file in the bucket ({name}).")
    screen.say(f"  Writing is refused: {refused.stderr.strip().splitlines()[-1]}")


def repeat(local: Local, screen: Screen) -> None:
    """Step 7: run the same period again."""
    before = _versions(local)
    with screen.step("Run the job again"):
        screen.waiting("Spark to start, read and compare")
        finished = start_job(local)
        if finished["JobRunState"] != "SUCCEEDED":
            state, reason = finished["JobRunState"], finished.get("ErrorMessage")
            raise ExtractsError(f"The second run ended with the state {state}: {reason}")
        if _versions(local) != before:
            raise ExtractsError("The second run wrote to the bucket; it must write nothing.")
    screen.say(f"  {log_lines(local, finished['Id'])[-1]['message']}")


def _versions(local: Local) -> list[tuple[str, str]]:
    """Return all versions of all objects in the bucket. If a run writes an object, this list changes."""
    listed = local.cloud.client("s3").list_object_versions(Bucket=local.outputs["bucket"])
    return [(v["Key"], v["VersionId"]) for v in listed.get("Versions", [])]


def fail(local: Local, screen: Screen) -> None:
    """Step 8: cause a failure, and show the mail that the team receives."""
    with screen.step("Revoke the permission to read Loans, run again, and wait for the e-mail"):
        store.revoke(local.database.url, "Loans")
        known = len(inbox.read(local.cloud.mailbox))
        screen.waiting("the job to fail")
        finished = start_job(local)
        if finished["JobRunState"] != "FAILED":
            raise ExtractsError(
                f"The job has no permission to read Loans, but its state is {finished['JobRunState']}."
            )
        screen.waiting("EventBridge, Step Functions and SNS to send the e-mail")
        mail = inbox.wait(local.cloud.mailbox, after=known)
    screen.say(f"  To:      {mail.to}\n  Subject: {mail.subject}\n", style="bold")
    screen.say("  " + mail.text.strip().replace("\n", "\n  "))


def _keep(local: Local, parts: ExitStack, screen: Screen) -> None:
    """Keep everything running. Save a list of the processes for `stop`, and exit without cleaning up."""
    shell = local.folder / "environment"
    exports = (f"export {name}={value}\n" for name, value in local.cloud.environment.items())
    files.write_private(shell, "".join(exports))
    note = {
        "processes": processes.identities([local.database.pid, local.cloud.pid]),
        "folders": [str(local.database.home)],
        "database": local.database.url,
        "endpoint": local.cloud.endpoint,
        "access_key": [local.cloud.access_key, local.cloud.secret_key],
        "sftp_port": local.cloud.sftp_port,
        "outputs": local.outputs,
    }
    files.write_private(local.folder / "running.json", json.dumps(note))
    # Keep a reference to the parts until the last line. Without it, garbage collection would stop the parts.
    kept = parts.pop_all()
    key, user = local.key.private, next(iter(local.outputs["sftp_users"].values()))["user_name"]
    screen.say("\nEverything is still running. Commands to look at the results:", style="bold")
    screen.say(f"  psql '{local.database.url}'")
    screen.say(f"  . {shell} && aws s3 ls --recursive s3://{local.outputs['bucket']}")
    screen.say(
        f"  sftp -P {local.cloud.sftp_port} -i {key} -o UserKnownHostsFile={local.folder}/known_hosts"
        f" {user}@{processes.LOOPBACK}"
    )
    screen.say("Stop it:")
    screen.say(f"  make -C {REPOSITORY} demo-stop FOLDER={local.folder}")
    sys.stdout.flush()
    # End the process without cleanup. A normal exit of the interpreter would stop the parts.
    os._exit(0 if kept else 1)


def stop(folder: Path) -> None:
    """Stop the processes that a demo with the option `keep` has left running."""
    note = folder / "running.json"
    if not note.is_file():
        raise ExtractsError(f"No demo is running in {folder}.")
    left = json.loads(note.read_text())
    processes.end(left["processes"])
    for place in map(Path, left["folders"]):
        # Another program may have written this list, so remove only folders with the name and the content of
        # a PostgreSQL data folder of this package.
        if place.name.startswith(database.PREFIX) and (place / "data/PG_VERSION").is_file():
            shutil.rmtree(place, ignore_errors=True)
    note.unlink()


def _folder(settings: Settings) -> Path:
    try:
        if settings.folder is None:
            folder = Path(tempfile.mkdtemp(prefix="extracts-demo-"))
        else:
            folder = settings.folder.resolve()
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise ExtractsError(f"{folder} is not empty; choose a new folder.")
            (folder / ".writable").write_text("")
            (folder / ".writable").unlink()
    except OSError as error:
        raise ExtractsError(
            f"Cannot write to {settings.folder or tempfile.gettempdir()}: {error.strerror}."
        ) from error
    free = shutil.disk_usage(folder).free
    if free < DISK:
        raise ExtractsError(
            f"{folder} has {free / 1e9:.1f} GB free, but the demo needs {DISK / 1e9:.1f} GB;"
            " choose another folder."
        )
    return folder


def _repeatedly(seconds: float, what: str) -> Iterator[None]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield
        time.sleep(0.25)
    raise ExtractsError(f"{what} did not end within {seconds:.0f} s.")


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt
