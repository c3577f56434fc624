"""The JSONata programs of `failure-alerts`, evaluated without Step Functions."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import jsonata
import pytest

import rolling_arguments
from tools.hcl import MODULES

PUSH = "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans_push"
CONSOLE = "https://eu-west-1.console.aws.amazon.com"
CONFIG = {
    "bucket": "bank-loans-data",
    "catch_up_schedule": "cron(0 6 2-10 * ? *)",
    "consoles": [f"{CONSOLE}/", "https://console.aws.amazon.com/"],
    "deadline": "-02T06:00:00Z",
    "extract": "bank-loans",
    "hours_ahead": 0,
    "job_name": "bank-loans",
    "links": {
        place: f"{CONSOLE}/{place}/"
        for place in ("crawler", "execution", "log", "manifests", "run", "secret", "workflow")
    },
    "manifest_prefix": "loans/_manifests",
    "output": "s3://bank-loans-data/loans",
    "push_arn_prefix": PUSH,
    "recipients": {"first-bank": "s3://bank-loans-data/loans/bank_name=FirstBank"},
    "region": "eu-west-1",
    "runbook_url": "",
    "state_machines": "arn:aws:states:eu-west-1:123456789012:stateMachine:",
    "time_zone": "Etc/GMT",
}


def evaluate(program: str, **variables: Any) -> Any:
    """Return the result of one program, with workflow variables as Step Functions binds them."""
    expression = jsonata.Jsonata.jsonata((MODULES / "failure-alerts" / f"{program}.jsonata").read_text())
    for name, value in ({"config": CONFIG} | variables).items():
        expression.assign(name, value)
    return expression.evaluate(None)


def facts(event: dict[str, Any], **variables: Any) -> dict[str, Any]:
    given = {"states": {"input": event}, "run": {}, "job": {}} | variables
    return dict(evaluate("facts", **given))


def text(event: dict[str, Any], **variables: Any) -> str:
    """Return the text of the mail about an event."""
    found = facts(event, **variables)
    shown = evaluate("places", facts=found, **variables)
    return str(evaluate("failure-text", facts=found, places=shown, **variables))


def glue(kind: str, **detail: Any) -> dict[str, Any]:
    return {"source": "aws.glue", "detail-type": kind, "time": "2026-11-01T00:09:12Z", "detail": detail}


def job(**detail: Any) -> dict[str, Any]:
    given = {"jobName": "bank-loans", "jobRunId": "jr_0123", "state": "FAILED"} | detail
    return glue("Glue Job State Change", **given)


def crawler(**detail: Any) -> dict[str, Any]:
    given = {"crawlerName": "bank-loans-crawler", "state": "Failed"} | detail
    return glue("Glue Crawler State Change", **given)


def execution(name: str = "bank-loans_push_karoo", **detail: Any) -> dict[str, Any]:
    prefix = "arn:aws:states:eu-west-1:123456789012"
    given = {
        "executionArn": f"{prefix}:execution:{name}:0123",
        "stateMachineArn": f"{prefix}:stateMachine:{name}",
        "status": "FAILED",
    } | detail
    return {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "time": "2026-11-01T00:09:12Z",
        "detail": given,
    }


################################################################################
# Facts
################################################################################


def test_null_counts_as_absent_in_an_execution() -> None:
    # As Step Functions sends it: https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
    found = facts(execution(cause=None, error=None, input=None, status="TIMED_OUT"))
    assert found["why"] == "delivery: the run exceeded its timeout"
    assert "null" not in json.dumps(found)


@pytest.mark.parametrize(
    "event",
    [
        job(message=None, jobRunId=None),
        crawler(errorMessage=None, cloudWatchLogLink=None, crawlerName=None),
        execution(cause=None, input=None, executionArn=None, stateMachineArn=None),
        glue("Glue Job Run Status", jobName=None, jobRunId="jr_0", state=None, notificationCondition=None),
        {"source": "aws.secretsmanager", "detail": {"eventName": None, "errorMessage": None}},
        {"source": "aws.secretsmanager", "detail": {"additionalEventData": {"SecretId": None}}},
        {"source": "sftp-transfer", "detail": {"recipient": None, "period": None}},
        {"source": "aws.glue", "detail": None, "detail-type": None, "time": None},
        {},
    ],
    ids=["job", "crawler", "execution", "slow", "rotation", "secret", "collection", "no detail", "nothing"],
)
def test_facts_and_mail_contain_no_null(event: dict[str, Any]) -> None:
    answers = {"run": {"Arguments": None}, "job": {"MaxRetries": None}}
    assert "null" not in json.dumps(facts(event, **answers))
    assert "null" not in text(event, **answers)


def test_null_argument_counts_as_absent() -> None:
    run = {"Arguments": {"--period": None, "--from": None, "--to": None, "--dry-run": None}}
    found = facts(job(state="SUCCEEDED"), run=run)
    assert (found["asked"], found["keys"]) == ("", ["2026-10", "missing 2026-10"])


WORDS = ["true", "TRUE", "1", "yes", "on", "", "maybe", "false", "False", "0", "no", "NO", "off", "null"]


@pytest.mark.parametrize("word", WORDS)
def test_alerts_and_engine_read_the_dry_run_argument_alike(word: str) -> None:
    run = {"Arguments": {"--period": "2026-10", "--dry-run": word}}
    ended = facts(job(state="SUCCEEDED"), run=run)["keys"]
    dry = rolling_arguments.parse(["--connection", "c", "--output", "o", "--dry-run", word]).dry_run
    assert ended == ([] if dry else ["2026-10", "missing 2026-10"])


@pytest.mark.parametrize(
    ("argument", "value", "ends"),
    [
        ("--output", "s3://bank-loans-data/loans", True),
        ("--output", "s3://bank-loans-data/loans/", True),
        ("--output", "", True),  # the same as without this argument
        ("--output", "s3://bank-loans-data/loans-test", False),
        ("--output", "s3://other/loans", False),
        ("--output=s3://other/loans", "", False),
        ("--dry-run=true", "", False),
        ("--reason", "another mapping", True),
    ],
)
def test_only_a_run_that_publishes_to_the_target_ends_a_failure(
    argument: str, value: str, ends: bool
) -> None:
    run = {"Arguments": {"--period": "2026-10", argument: value}}
    found = facts(job(state="SUCCEEDED"), run=run)
    assert found["keys"] == (["2026-10", "missing 2026-10"] if ends else [])


def test_without_a_known_target_a_run_to_another_output_ends_no_failure() -> None:
    run = {"Arguments": {"--output": "s3://bank-loans-data/loans"}}
    assert facts(job(state="SUCCEEDED"), run=run, config=CONFIG | {"output": ""})["keys"] == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("bank-loans_push", "delivery"),
        ("bank-loans_push_karoo", "delivery"),
        ("bank-loans-receipts", "receipts"),
        ("till_bank-loans_push", "receipts"),
    ],
)
def test_state_machine_with_the_push_prefix_is_a_delivery(name: str, kind: str) -> None:
    assert facts(execution(name))["kind"] == kind


def test_without_connectors_every_state_machine_writes_receipts() -> None:
    assert facts(execution(), config=CONFIG | {"push_arn_prefix": ""})["kind"] == "receipts"


FORGED = {
    "crawlerName": "bank-loans-crawler",
    "cloudWatchLogLink": "https://evil.example.com/",
    "errorMessage": "send money",
    "executionArn": "arn:aws:states:eu-west-1:123456789012:execution:bank-loans_push_karoo:0",
    "input": '{"detail":{"object":{"key":"loans/_manifests/2026-10.json"}}}',
    "jobRunId": "jr_0123",
    "message": "2026-10: send money",
    "stateMachineArn": PUSH,
    "status": "FAILED",
}


@pytest.mark.parametrize("type_", ["File Not Collected", "File Collected"])
def test_event_of_another_source_is_not_an_event_of_aws(type_: str) -> None:
    forged = {"source": "sftp-transfer", "detail-type": type_, "time": "2026-11-10T07:00:00Z"}
    detail = {"extract": "bank-loans", "recipient": "first-bank", "period": "2026-10", "state": "SUCCEEDED"}
    found = facts(forged | {"detail": detail | FORGED})
    assert (found["kind"], found["keys"]) == ("collection", ["collection first-bank 2026-10"])
    assert found["why"] == "first-bank has not collected its file"
    kept = {name: value for name, value in found["detail"].items() if value}
    assert set(kept) == {"folder", "recipient"}
    assert "money" not in text(forged | {"detail": detail | FORGED})


def collection(**detail: Any) -> dict[str, Any]:
    given = {"extract": "bank-loans", "recipient": "first-bank", "period": "2026-10"} | detail
    event = {"source": "sftp-transfer", "detail-type": "File Not Collected", "time": "2026-12-10T07:00:00Z"}
    return event | {"detail": given}


def test_event_of_sftp_transfer_gives_only_recipient_and_period() -> None:
    found = facts(collection(folder="s3://evil/x"))
    assert (found["known"], found["period"]) == (True, "2026-10")
    assert found["detail"]["folder"] == "s3://bank-loans-data/loans/bank_name=FirstBank/year=2026/month=10"
    assert "evil" not in text(collection(folder="s3://evil/x"))


@pytest.mark.parametrize(
    "forged",
    [
        {"recipient": "send money to evil.example.com"},
        {"recipient": "First-Bank"},
        {"recipient": None},
        {"recipient": ["first-bank"]},
        {"recipient": {"first-bank": 1}},
        {"period": "missing 2026-10"},
        {"period": "2026-13"},
        {"period": "0000-01"},
        {"period": "1999-12"},
        {"period": "2100-01"},
        {"period": "9999-12"},
        {"period": "2026-10\nWhat to do"},
        {"period": "2026-10\n"},
        {"period": "other"},
        {"period": None},
        {"period": 202610},
        {"period": ["2026-10"]},
    ],
    ids=lambda forged: str(next(iter(forged.values()))).split("\n")[0],
)
def test_event_of_sftp_transfer_with_an_unknown_recipient_or_period_is_ignored(
    forged: dict[str, Any],
) -> None:
    found = facts(collection(**forged))
    assert not found["known"]
    assert (found["detail"]["folder"], found["detail"]["recipient"]) == ("", "")
    assert "money" not in json.dumps(found)


def test_event_of_sftp_transfer_with_another_type_is_ignored() -> None:
    assert not facts(collection() | {"detail-type": "Glue Crawler State Change"})["known"]


def test_without_recipients_every_event_of_sftp_transfer_is_ignored() -> None:
    assert not facts(collection(), config=CONFIG | {"recipients": {}})["known"]


@pytest.mark.parametrize("source", ["my.application", "sftp-transfer ", "aws.s3", "AWS.GLUE", None])
def test_event_of_another_source_is_ignored(source: str | None) -> None:
    assert not facts(job(message="send money") | {"source": source})["known"]


SLOW = glue("Glue Job Run Status", jobRunId="jr_0")


@pytest.mark.parametrize("event", [job(), crawler(), execution(), SLOW])
def test_event_of_aws_is_accepted(event: dict[str, Any]) -> None:
    assert facts(event)["known"]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("see https://evil.example.com", "see https[:]//evil[.]example[.]com"),
        ("MAILTO:x@example.com or www.1.com", "MAILTO[:]x@example[.]com or www[.]1[.]com"),
        ("evil.example/login", "evil[.]example/login"),
        ("evil.1password.com", "evil.1password[.]com"),
        ("a.b.co, пример.рф.", "a[.]b[.]co, пример[.]рф."),
        ("evil.csv.com evil.csvx evil.CSV", "evil.csv[.]com evil[.]csvx evil[.]CSV"),
        ('no column in public."Loans". 1.5 of 2.0', 'no column in public."Loans". 1.5 of 2.0'),
        ("pg_hba.conf, First Bank.csv: and so on...", "pg_hba.conf, First Bank.csv: and so on..."),
    ],
)
def test_reason_has_no_links(message: str, shown: str) -> None:
    assert facts(job(message=message))["why"] == shown
    assert facts(crawler(errorMessage=message))["why"] == f"crawler: {shown}"


@pytest.mark.parametrize("mark", ["\u00ad", "\u061c", "\u180e", "\u2060", "\u2063", "\ufff9", "\ufeff"])
def test_reason_has_no_invisible_marks(mark: str) -> None:
    assert facts(job(message=f"se{mark}nd"))["why"] == "se nd"


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        (f"{CONSOLE}/cloudwatch/home#x", True),
        ("https://console.aws.amazon.com/cloudwatch/home?region=eu-west-1#x", True),
        ("https://console.aws.amazon.com.evil.example.com/", False),
        ("http://console.aws.amazon.com/", False),
    ],
)
def test_only_links_to_the_console_are_shown(link: str, shown: bool) -> None:
    assert (f"Log:     {link}" in text(crawler(cloudWatchLogLink=link))) == shown


@pytest.mark.parametrize(
    ("event_name", "state", "why"),
    [
        ("RotationFailed", "FAILED", "rotation: AWS gave no reason"),
        ("TestRotationFailed", "FAILED", "rotation: AWS gave no reason"),
        ("RotationAbandoned", "ABANDONED", "rotation: AWS gave no reason"),
        ("RotationSucceeded", "SUCCEEDED", "rotation: AWS gave no reason"),
    ],
)
def test_every_event_of_a_rotation_has_a_state(event_name: str, state: str, why: str) -> None:
    found = facts({"source": "aws.secretsmanager", "detail": {"eventName": event_name}})
    assert (found["state"], found["why"], found["keys"]) == (state, why, ["rotation"])


@pytest.mark.parametrize(
    ("at", "hours_ahead", "period"),
    [
        ("2026-11-01T00:09:12Z", 0, "2026-10"),
        ("2026-10-31T22:09:12Z", 0, "2026-09"),
        # In Johannesburg, two hours ahead of GMT, it is the first of November.
        ("2026-10-31T22:09:12Z", 3, "2026-10"),
        ("2026-10-31T20:09:12Z", 3, "2026-09"),
        # In Sao Paulo, three hours behind GMT, the first of November begins at 03:00 GMT.
        ("2026-11-01T03:09:12Z", 0, "2026-10"),
    ],
)
def test_run_without_a_period_is_for_the_previous_month_in_the_extracts_time_zone(
    at: str, hours_ahead: int, period: str
) -> None:
    event = job(state="TIMEOUT") | {"time": at}
    assert facts(event, config=CONFIG | {"hours_ahead": hours_ahead})["period"] == period


################################################################################
# The crawler
################################################################################

SCRAM = (
    "The authentication type 10 is not supported. Check that you have configured the pg_hba.conf file to "
    "include the client's IP address or subnet, and that it is using an authentication scheme supported by "
    "the driver."
)
LAKE_FORMATION = (
    "Insufficient Lake Formation permission(s): Required Create Table on bank_loans (Service: AWSGlue; "
    "Status Code: 400; Error Code: AccessDeniedException)"
)


def test_failed_crawl_is_a_separate_failure() -> None:
    failed = facts(crawler(errorMessage=SCRAM))
    ended = facts(crawler(state="Succeeded"))
    assert (failed["state"], failed["dateless"], failed["key"]) == ("FAILED", True, "crawler")
    assert (ended["state"], ended["keys"]) == ("SUCCEEDED", ["crawler"])
    assert "crawler" not in facts(job(state="SUCCEEDED"))["keys"]


@pytest.mark.parametrize(
    ("reason", "remedies"),
    [
        (SCRAM, ["driver_jar_path", "enabled = false"]),
        ("SCRAM authentication is not supported by this driver.", ["driver_jar_path", "enabled = false"]),
        (LAKE_FORMATION, ["lakeformation grant-permissions", "crawler_role_arn", "enabled = false"]),
        ("Connection timed out", ["enabled = false"]),
    ],
)
def test_mail_of_a_failed_crawl_names_its_remedy(reason: str, remedies: list[str]) -> None:
    told = text(crawler(errorMessage=reason))
    all_remedies = {"driver_jar_path", "lakeformation grant-permissions", "crawler_role_arn"}
    assert all(remedy in told for remedy in remedies)
    assert not any(remedy in told for remedy in all_remedies - set(remedies))
    assert "The job starts when the crawl has ended, whether it succeeded or failed." in told


################################################################################
# Texts
################################################################################


def test_next_run_is_in_the_time_zone_of_the_extract() -> None:
    told = text(job(), config=CONFIG | {"time_zone": "Africa/Johannesburg"})
    assert "cron(0 6 2-10 * ? *), time zone Africa/Johannesburg." in told
    assert "GMT" not in told.partition("What happens next")[2]


def test_mail_without_a_catch_up_explains_the_next_run() -> None:
    told = text(job(), config=CONFIG | {"catch_up_schedule": ""})
    assert "The next scheduled run reports the next month, not this one." in told


def test_mail_of_a_failed_delivery_has_the_command_to_send_again() -> None:
    told = text(execution(input=FORGED["input"]))
    assert told.endswith(
        "--state-machine-arn arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans_push_karoo "
        """--input '{"detail":{"object":{"key":"loans/_manifests/2026-10.json"}}}'"""
    )


@pytest.mark.parametrize(
    "what",
    ["not published, due on 2026-11-02", "was MISSING: due on 2026-11-02 06:00 GMT", "x" * 500, "ż😀" * 99],
)
def test_every_subject_is_ascii_and_shorter_than_100_characters(what: str) -> None:
    mail = {"state": "RECOVERED", "period": "2025-12 to 2026-10", "what": what}
    subject = evaluate("subject", mail=mail, config=CONFIG | {"extract": "e" * 50})
    assert subject.isascii()
    assert len(subject) < 100
    assert subject.startswith("[RECOVERED] " + "e" * 50 + " 2025-12 to 2026-10: ")


################################################################################
# Due months
################################################################################


def due(at: str) -> dict[str, Any]:
    return dict(evaluate("due", states={"input": {"time": at}}))


def test_due_month_on_every_day_of_a_year() -> None:
    since = date(2027, 12, 2)
    for number in range(400):  # a leap year and both its ends
        day = date(2027, 12, 3) + timedelta(days=number)
        if day.day == 2:
            assert due(f"{day}T05:59:59Z")["day"] == f"{since}", day
            since = day
        period = f"{since.replace(day=1) - timedelta(days=1):%Y-%m}"
        found = due(f"{day}T06:00:00Z")
        assert (found["period"], found["day"], found["time"]) == (period, f"{since}", "06:00 GMT"), day
        assert found["key"] == f"loans/_manifests/{period}.json"
