"""The program `facts.jsonata` ignores unknown events, and removes links from the texts of events."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.support.links import LINKS
from tests.support.mail_programs import (
    CONFIG,
    CONSOLE,
    PUSH,
    collection,
    crawler,
    execution,
    facts,
    glue,
    job,
    text,
)

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
def test_details_that_only_events_of_aws_have_are_ignored_in_an_event_of_sftp_transfer(type_: str) -> None:
    forged = {"source": "sftp-transfer", "detail-type": type_, "time": "2026-11-10T07:00:00Z"}
    detail = {"extract": "bank-loans", "recipient": "first-bank", "period": "2026-10", "state": "SUCCEEDED"}
    found = facts(forged | {"detail": detail | FORGED})
    assert (found["kind"], found["keys"]) == ("collection", ["collection first-bank 2026-10"])
    assert found["why"] == "first-bank has not collected its file"
    kept = {name: value for name, value in found["detail"].items() if value}
    assert set(kept) == {"folder", "recipient"}
    assert "money" not in text(forged | {"detail": detail | FORGED})


def test_only_recipient_and_period_are_read_from_an_event_of_sftp_transfer() -> None:
    found = facts(collection(folder="s3://evil/x"))
    assert (found["known"], found["period"]) == (True, "2026-10")
    assert found["detail"]["folder"] == "s3://bank-loans-data/loans/bank_name=FirstBank"
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


def test_event_of_sftp_transfer_is_ignored_if_its_type_is_not_a_type_of_sftp_transfer() -> None:
    assert not facts(collection() | {"detail-type": "Glue Crawler State Change"})["known"]


def test_event_of_sftp_transfer_is_ignored_if_the_extract_has_no_recipients() -> None:
    assert not facts(collection(), config=CONFIG | {"recipients": {}})["known"]


@pytest.mark.parametrize("source", ["my.application", "sftp-transfer ", "aws.s3", "AWS.GLUE", None])
def test_event_of_an_unexpected_source_is_ignored(source: str | None) -> None:
    assert not facts(job(message="send money") | {"source": source})["known"]


@pytest.mark.parametrize("name", ["(evil.example)", "@evil.example", "_a.example", "'$(id)'", "_a b", ""])
def test_event_is_ignored_if_no_module_creates_a_state_machine_with_this_name(name: str) -> None:
    known = execution()["detail"]
    detail = {
        key: value.replace("bank-loans_push_karoo", f"bank-loans_push{name}" if name else "")
        for key, value in known.items()
        if isinstance(value, str)
    }
    assert detail["executionArn"] != known["executionArn"]
    assert not facts(execution() | {"detail": detail})["known"]


@pytest.mark.parametrize(
    "name", ["resend.2026-10", "x)evil.example", "(evil.example)", "'$(id)'", "a b", "a:b"]
)
@pytest.mark.parametrize("machine", ["bank-loans_push_karoo", "bank-loans-receipts"])
def test_mail_about_an_execution_with_an_unusual_name_does_not_contain_the_name(
    name: str, machine: str
) -> None:
    known = execution(machine)
    arn = known["detail"]["executionArn"]
    assert "Run: " in text(known)
    unusual = execution(machine, executionArn=arn.removesuffix("0123") + name)
    told = text(unusual)
    assert facts(unusual)["known"]
    assert facts(unusual)["key"] == facts(known)["key"]
    assert name not in told
    assert "Run: " not in told
    assert "run above" not in told
    assert f"state machine {machine} ended with status FAILED" in told


SLOW = glue("Glue Job Run Status", jobRunId="jr_0")


@pytest.mark.parametrize("event", [job(), crawler(), execution(), SLOW])
def test_event_of_aws_is_accepted(event: dict[str, Any]) -> None:
    assert facts(event)["known"]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("see https://evil.example.com", "see https[:]//evil[.]example[.]com"),
        ("MAILTO:x@example.com or www.1.com", "MAILTO[:]x[@]example[.]com or www[.]1[.]com"),
        ("evil.example/login", "evil[.]example/login"),
        ("evil.1password.com", "evil.1password[.]com"),
        ("a.b.co, пример.рф.", "a[.]b[.]co, пример[.]рф."),
        *(
            (f"evil{dot}example{dot} {dot}", f"evil[{dot}]example{dot} {dot}")
            for dot in "\u2024\u3002\ufe52\uff0e\uff61"
        ),
        ("evil.csv.com evil.csvx evil.CSV", "evil.csv[.]com evil[.]csvx evil[.]CSV"),
        ('no column in public."Loans". 1.5 of 2.0', 'no column in public."Loans". 1.5 of 2.0'),
        ("pg_hba.conf, First Bank.csv: and so on...", "pg_hba.conf, First Bank.csv: and so on..."),
        *LINKS,
    ],
)
def test_reason_in_a_mail_has_no_links(message: str, shown: str) -> None:
    assert facts(job(message=message))["why"] == shown
    assert facts(crawler(errorMessage=message))["why"] == f"crawler: {shown}"


@pytest.mark.parametrize("word", ["a", "a.", "a:", "a@", "1"])
def test_event_with_a_very_long_reason_is_read_in_less_than_three_seconds(word: str) -> None:
    facts(job())  # the first call also parses the program
    begun = time.process_time()
    why = facts(job(message=word * 64_000))["why"]
    # A search for links in the whole reason would take 10 to 70 seconds.
    assert time.process_time() - begun < 3
    assert len(why) == 2000


@pytest.mark.parametrize(
    "mark", ["\u00ad", "\u061c", "\u180e", "\u2060", "\u2063", "\ufff9", "\ufeff", "\u3164", "\u2800"]
)
def test_reason_in_a_mail_has_no_invisible_characters(mark: str) -> None:
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
def test_only_links_to_the_aws_console_are_kept(link: str, shown: bool) -> None:
    assert (f"Log:     {link}" in text(crawler(cloudWatchLogLink=link))) == shown


def test_mail_about_failed_receipts_shows_the_error_but_not_the_cause_which_may_contain_the_input() -> None:
    cause = 'Unable to cast value to a number: "The refund is at evil.example.com"'
    failed = execution("bank-loans-receipts", error="States.QueryEvaluationError", cause=cause)
    assert facts(failed)["why"] == "receipts: States[.]QueryEvaluationError"
    assert "refund" not in text(failed)
    assert "refund" in text(execution(error="States.TaskFailed", cause=cause))
