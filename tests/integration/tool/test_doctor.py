"""`extracts doctor` gives advice for each failed check. If the user follows it, the check succeeds."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from extracts import programs, terraform
from extracts.doctor import pgp_keys
from extracts.doctor.zone import monthly
from local_cloud import aws, processes
from local_cloud.demo import account, store
from tests.support.pgp import Gpg, gpg
from tests.support.terraform import Root
from tests.support.tool import Extracts

__all__ = ["gpg"]
READER = "patient_reader"
EXAMPLE = Path(__file__).parents[3] / "examples/bank-loans"
GUIDE = Path(__file__).parents[3] / "docs/how-to/encrypt-files.md"
# Terraform code with everything that `doctor` requires. tests/e2e/test_demo.py checks a deployed example.
ROOT = """
variable "region" { type = string }
variable "subnet_id" { type = string }
variable "database" {
  type = object({ host = string, secret_arn = string, ca_certificate_file = optional(string) })
}
variable "topic" { type = string }
output "alert_topic_arn" { value = var.topic }
"""


@pytest.fixture(scope="session")
def bank(made: Callable[[str, str], str]) -> str:
    """The URL of a database with the bank's tables. Its server also has a new role that has no rights."""
    return made("patient", f"{store.TABLES} create role {READER} login password 'reader'")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the spec of the example and a minimal Terraform configuration."""
    shutil.copytree(EXAMPLE / "Glue", tmp_path / "project/Glue")
    (tmp_path / "project/Terraform").mkdir()
    (tmp_path / "project/Terraform/main.tf").write_text(ROOT)
    return tmp_path / "project"


@pytest.fixture
def looked(extracts: Extracts) -> Callable[..., dict[str, list[dict[str, str]]]]:
    """Return a function that runs doctor and returns its checks, keyed by name."""

    def looked(*arguments: str, **environment: str) -> dict[str, list[dict[str, str]]]:
        done = extracts("doctor", *arguments, "--json", **environment)
        said = json.loads(done.stdout)
        assert done.returncode == (0 if said["ok"] else 1), done.stderr
        found: dict[str, list[dict[str, str]]] = {}
        for check in said["checks"]:
            assert bool(check["remedy"]) == (check["state"] in ("failed", "notice")), check
            found.setdefault(check["name"], []).append(check)
        return found

    return looked


def states(checks: list[dict[str, str]]) -> list[str]:
    return [check["state"] for check in checks]


def test_doctor_without_a_project_checks_the_machine(extracts: Extracts) -> None:
    done = extracts("doctor")
    assert done.returncode == 0, done.stdout
    names = ["Python", "psycopg", "boto3", "Terraform", "Spark", "Java", "JDBC driver", "AWS provider"]
    assert re.findall(r"^✓ (.*?)  ", done.stdout, re.MULTILINE) == names


def test_error_for_an_old_program_says_what_to_install(extracts: Extracts, tmp_path: Path) -> None:
    old = tmp_path / "terraform"
    old.write_text("""#!/bin/sh\necho '{"terraform_version": "1.5.7"}'\n""")
    old.chmod(0o755)
    done = extracts("doctor", EXTRACTS_TERRAFORM=str(old))
    assert done.returncode == 1
    assert done.stderr == (
        f"✗ Terraform           EXTRACTS_TERRAFORM: {old} is Terraform 1.5.7, but 1.11 or newer "
        "(below 2.0) is needed → install Terraform 1.11 or newer, or set EXTRACTS_TERRAFORM\n"
    )
    assert "✓ Java " in done.stdout
    assert "✓ Terraform" not in done.stdout


def test_terraform_console_starts_only_once_for_all_values(
    looked: Callable[..., dict[str, Any]], project: Path, tmp_path: Path
) -> None:
    """Each start of Terraform with the AWS provider takes three seconds of processor time."""
    log, program = tmp_path / "log", tmp_path / "terraform"
    [real] = programs.terraform().command
    program.write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {real} "$@"\n')
    program.chmod(0o755)
    looked(str(project), EXTRACTS_TERRAFORM=str(program))
    assert re.findall(r"Terraform (console|output)", log.read_text()) == ["console", "output"]


def test_checks_of_the_account_report_missing_parts(
    cloud: aws.Cloud, project: Path, looked: Callable[..., dict[str, Any]]
) -> None:
    made = account.prepare(cloud, username=store.READER, password="not to be told")
    sns, ec2 = cloud.client("sns"), cloud.client("ec2")
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="team@example.com")
    # The emulator confirms every mail address, so this subscription uses an endpoint that never answers.
    silent = f"https://{processes.LOOPBACK}:{processes.free_port()}/"
    sns.subscribe(TopicArn=topic, Protocol="https", Endpoint=silent)
    values = {
        "region": aws.REGION,
        "subnet_id": made.subnet_id,
        "database": {"host": "store.internal", "secret_arn": made.secret_arn},
        "topic": topic,
    }
    folder = project / "Terraform"
    before = looked(str(project), **cloud.environment)
    assert states(before["Terraform's values"]) == ["failed"]
    assert before["Terraform's values"][0]["text"] == "no value for region and subnet_id and database"

    (folder / "terraform.tfvars.json").write_text(json.dumps(values))
    Root(folder, terraform.environment(project)).apply()
    found = looked(str(project), **cloud.environment)
    assert states(found["Terraform's values"]) == states(found["deployment"]) == ["ok"]
    [unverified] = found["source certificate"]
    assert unverified["state"] == "notice"
    assert unverified["remedy"].endswith("https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem")
    assert f"{aws.ACCOUNT}" in found["AWS credentials"][0]["text"]
    assert found["secret"][0]["text"] == f"readable; the job logs in as {store.READER}"
    assert "not to be told" not in json.dumps(found)
    [endpoints] = found["VPC endpoints"]
    assert endpoints["text"].endswith("has no NAT and no endpoint for s3, secretsmanager, kms, logs, glue")
    assert [check["text"] for check in found["alert mails"]] == [
        "team@example.com is confirmed",
        f"{silent} is not confirmed and gets no mails",
    ]

    # The test follows the advice, and then the checks succeed.
    (folder / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n" * 2)
    values["database"] |= {"ca_certificate_file": "ca.pem"}
    (folder / "terraform.tfvars.json").write_text(json.dumps(values))
    [subnet] = ec2.describe_subnets(SubnetIds=[made.subnet_id])["Subnets"]
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [subnet["VpcId"]]}])
    for service in re.findall(r"com\.amazonaws\.[\w.-]+", endpoints["remedy"]):
        gateway = service.endswith(".s3")
        ec2.create_vpc_endpoint(
            VpcId=subnet["VpcId"],
            ServiceName=service,
            VpcEndpointType="Gateway" if gateway else "Interface",
            **(
                {"RouteTableIds": [tables["RouteTables"][0]["RouteTableId"]]}
                if gateway
                else {"SubnetIds": [made.subnet_id], "PrivateDnsEnabled": True}
            ),
        )
    found = looked(str(project), **cloud.environment)
    assert states(found["VPC endpoints"]) == ["ok"]
    assert found["source certificate"][0]["text"] == "2 certificate authorities in ca.pem"


def test_error_for_missing_credentials_says_how_to_log_in(
    project: Path, looked: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    nowhere = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path), "AWS_REGION": aws.REGION}
    for other in ({}, {"AWS_PROFILE": "no-such-profile"}):
        [check] = looked(str(project), **nowhere, **other)["AWS credentials"]
        assert check["state"] == "failed"
        assert check["remedy"].startswith("log in")


def test_missing_rights_of_each_table_are_reported_until_they_are_granted(
    bank: str, project: Path, looked: Callable[..., dict[str, Any]]
) -> None:
    url = re.sub(r"//[^@]*@", f"//{READER}:reader@", bank)
    found = looked(str(project), "--database-url", url)
    assert states(found["database"]) == states(found["TLS"]) == ["ok"]
    assert states(found["rights"]) == ["failed"] * 5
    loans = next(check for check in found["rights"] if " Loans" in check["text"])
    assert loans["text"] == f"{READER} has no right to read Loans"
    with psycopg.connect(bank, autocommit=True) as connection:
        for check in found["rights"]:
            connection.execute(check["remedy"].partition(": ")[2].encode())
    found = looked(str(project), "--database-url", url)
    assert states(found["rights"]) == ["ok"] * 5
    assert states(found["resolved spec"]) == ["ok"]


def test_missing_right_on_the_schema_is_reported(
    bank: str, project: Path, looked: Callable[..., dict[str, Any]]
) -> None:
    with psycopg.connect(bank, autocommit=True) as connection:
        connection.execute("create role passer_by login password 'none'")
        connection.execute("grant select on all tables in schema public to passer_by")
        connection.execute("revoke usage on schema public from public")
        url = re.sub(r"//[^@]*@", "//passer_by:none@", bank)
        [check] = [c for c in looked(str(project), "--database-url", url)["rights"] if c["state"] == "failed"]
        assert check["text"] == "passer_by has no right to use the schema public"
        connection.execute(check["remedy"].partition(": ")[2].encode())
        found = looked(str(project), "--database-url", url)
        connection.execute("grant usage on schema public to public")
    assert states(found["rights"]) == ["ok"] * 5


EXTRACT = """
module "extract" {
  source    = "./extract"
  schedule  = var.schedule
  time_zone = "Etc/GMT" # as in Glue/etl.py
}
variable "schedule" { default = "cron(1 0 1 * ? *)" }
"""
MODULE = """
variable "schedule" { type = string }
variable "time_zone" { type = string }
"""


@pytest.fixture
def scheduled(project: Path) -> Callable[[str, str], None]:
    """Return a function that adds a module "extract" to the project, and sets its time zone and schedule."""
    folder = project / "Terraform"
    (folder / "extract").mkdir()
    (folder / "extract/main.tf").write_text(MODULE)

    def scheduled(zone: str, schedule: str = "cron(1 0 1 * ? *)") -> None:
        replaced = EXTRACT.replace("Etc/GMT", zone).replace("cron(1 0 1 * ? *)", schedule)
        (folder / "main.tf").write_text(ROOT + replaced)
        script = project / "Glue/etl.py"
        script.write_text(re.sub('time_zone=".*"', f'time_zone="{zone}"', script.read_text()))
        Root(folder, terraform.environment(project)).setup()

    return scheduled


def test_error_for_different_time_zones_names_both_files(
    project: Path, scheduled: Callable[..., None], looked: Callable[..., dict[str, Any]]
) -> None:
    scheduled("Etc/GMT")
    found = looked(str(project))
    main, script = project / "Terraform/main.tf", project / "Glue/etl.py"
    assert [check["text"] for check in found["time zone"]] == [f"Etc/GMT in {main} and {script}"]
    script.write_text(script.read_text().replace("Etc/GMT", "America/Sao_Paulo"))
    [check] = looked(str(project))["time zone"]
    assert check["text"] == f'time_zone is "Etc/GMT" in {main}, but "America/Sao_Paulo" in {script}'
    assert check["remedy"] == "write the same time_zone in both files"


def test_time_zone_is_the_default_of_the_module_if_terraform_does_not_set_it(
    project: Path, scheduled: Callable[..., None], looked: Callable[..., dict[str, Any]]
) -> None:
    scheduled("Etc/GMT")
    main = project / "Terraform/main.tf"
    main.write_text(re.sub(r"  time_zone = .*\n", "", main.read_text()))
    assert states(looked(str(project))["time zone"]) == ["ok"]


def test_unknown_time_zone_is_reported_with_the_nearest_name(
    bank: str, project: Path, scheduled: Callable[..., None], looked: Callable[..., dict[str, Any]]
) -> None:
    scheduled("Europe/Pariss")
    _, check = looked(str(project))["time zone"]
    assert check["text"] == 'this machine has no time zone "Europe/Pariss"; did you mean Europe/Paris?'
    found = looked(str(project), "--database-url", bank)
    assert found["time zone"][1]["text"].startswith("this machine and the database have no time zone")
    assert states(found["resolved spec"]) == ["ok"], "an unknown time zone must not hide other checks"


def test_time_zone_that_only_the_machine_or_only_the_database_has_is_reported(
    bank: str,
    project: Path,
    tmp_path: Path,
    scheduled: Callable[..., None],
    looked: Callable[..., dict[str, Any]],
) -> None:
    """In the first part of the test, only this machine has the time zone.

    In the second part, only the database has the time zone.
    """
    zones = tmp_path / "zones"
    (zones / "America").mkdir(parents=True)
    paris = resources.files("tzdata") / "zoneinfo/Europe/Paris"
    (zones / "America/Newville").write_bytes(paris.read_bytes())
    scheduled("America/Newville")
    _, check = looked(str(project), "--database-url", bank, PYTHONTZPATH=str(zones))["time zone"]
    assert check["text"] == (
        'the database has no time zone "America/Newville" in pg_timezone_names, but this machine has it'
    )

    scheduled("Europe/Paris")
    (zones / "tzdata.py").write_text("raise ImportError\n")
    old = {"PYTHONTZPATH": str(zones), "PYTHONPATH": str(zones)}
    _, check = looked(str(project), "--database-url", bank, **old)["time zone"]
    assert check["text"] == 'this machine has no time zone "Europe/Paris", but the database has it'
    assert check["remedy"].endswith("pip install --upgrade tzdata")


def test_start_time_that_daylight_saving_time_skips_is_reported(
    project: Path, scheduled: Callable[..., None], looked: Callable[..., dict[str, Any]]
) -> None:
    """In Havana, the hour after midnight does not exist on the second Sunday in March."""
    havana = ZoneInfo("America/Havana")
    gap = next(
        day
        for day in (
            datetime.now(havana).replace(hour=0, minute=1, fold=0) + timedelta(n) for n in range(1, 730)
        )
        if day.astimezone(UTC).astimezone(havana).hour == 1
    )
    scheduled("America/Havana", f"cron(1 0 {gap.day} * ? *)")
    [check] = looked(str(project))["schedule"]
    assert check["state"] == "failed"
    assert f"{gap:%Y-%m-%d} 00:01" in check["text"]
    assert "skips start times that do not exist in America/Havana" in check["text"]

    scheduled("America/Havana", f"cron(1 1 {gap.day} * ? *)")
    assert states(looked(str(project))["schedule"]) == ["ok"]
    scheduled("America/Havana", "cron(1 1 ? * MON *)")
    assert states(looked(str(project))["schedule"]) == ["skipped"]


def test_nonexistent_start_times_of_the_next_two_years_are_found() -> None:
    now = datetime(2026, 11, 29, tzinfo=UTC)
    starts = list(monthly(1, 0, 31, ZoneInfo("America/Sao_Paulo"), now))
    assert [text for text, exists in starts if not exists][:2] == ["2026-11-31 00:01", "2027-02-31 00:01"]
    assert [text for text, _ in starts][-1] == "2028-11-31 00:01"
    havana = dict(monthly(1, 0, 14, ZoneInfo("America/Havana"), now))
    assert [text for text, exists in havana.items() if not exists] == ["2027-03-14 00:01"]


def test_spec_that_contradicts_the_database_is_reported_with_the_error_of_the_engine(
    bank: str, project: Path, looked: Callable[..., dict[str, Any]]
) -> None:
    script = project / "Glue/etl.py"
    script.write_text(script.read_text().replace('"Amount"', '"Ammount"'))
    [check] = looked(str(project), "--database-url", bank)["resolved spec"]
    assert check["text"] == 'no column "Ammount" in public."Loans". Did you mean "Amount"?'


def test_spec_that_raises_an_error_is_reported(project: Path, looked: Callable[..., dict[str, Any]]) -> None:
    (project / "Glue/etl.py").write_text("import nothing_like_it\n")
    [check] = looked(str(project))["spec"]
    assert check["text"] == "Glue/etl.py fails: ModuleNotFoundError: No module named 'nothing_like_it'"


def test_error_for_a_folder_without_a_project_has_one_line(extracts: Extracts, tmp_path: Path) -> None:
    done = extracts("doctor", str(tmp_path))
    assert done.returncode == 1
    assert (
        done.stderr
        == f"✗ {tmp_path} is not an extract project: {tmp_path}/Terraform/main.tf does not exist.\n"
    )


def test_doctor_reports_all_pgp_fingerprints_and_a_key_that_expires_soon(
    project: Path, looked: Callable[..., dict[str, Any]], gpg: Gpg
) -> None:
    folder = project / "Terraform"
    values = {"region": aws.REGION, "subnet_id": "subnet-1", "database": {"host": "h", "secret_arn": ""}}
    (folder / "terraform.tfvars.json").write_text(json.dumps({**values, "topic": ""}))
    [pgp] = re.findall(r"^pgp = {\n.*?^}\n", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    indented = "".join(f"  {line}\n" for line in pgp.splitlines())
    (folder / "main.tf").write_text(f'{ROOT}\nmodule "extract" {{\n  source = "./extract"\n{indented}}}\n')
    (folder / "extract").mkdir()
    (folder / "extract/main.tf").write_text('variable "pgp" { type = any }\n')
    (folder / "keys").mkdir()
    for name, days in (("first-bank", 59), ("second-bank-server", None), ("second-bank-backup", 61)):
        (folder / f"keys/{name}.asc").write_text(gpg.public(gpg.key(name, days=days)))
    Root(folder, terraform.environment(project)).setup()
    check, *fingerprints = looked(str(project))["PGP keys"]
    assert check["state"] == "failed"
    assert check["text"].startswith('the PGP key "server" of "first-bank" expires on 20')
    assert len(fingerprints) == 3


@pytest.mark.parametrize(
    ("days", "state", "text"),
    [
        (61, "ok", "keys that are valid for at least 60 days: 1"),
        (-1, "failed", 'the PGP key "laptop" of "first-bank" expired'),
    ],
)
def test_doctor_reports_whether_a_pgp_key_is_valid(gpg: Gpg, days: int, state: str, text: str) -> None:
    key = gpg.key("doctor", days=days)
    check, *more = pgp_keys.checks(EXAMPLE, {"first-bank": {"laptop": gpg.public(key)}})
    assert check.state == state
    assert check.text.startswith(text)
    shown = [f'the PGP key "laptop" of "first-bank" has the fingerprint {key}'] if state == "ok" else []
    assert [one.text for one in more] == shown
