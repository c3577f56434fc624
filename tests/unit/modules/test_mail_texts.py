"""The programs `failure-text.jsonata` and `subject.jsonata` write the texts and the subjects of the mails."""

from __future__ import annotations

import pytest

from tests.support.mail_programs import CONFIG, crawler, evaluate, execution, job, text

SCRAM = (
    "The authentication type 10 is not supported. Check that you have configured the pg_hba.conf file to "
    "include the client's IP address or subnet, and that it is using an authentication scheme supported by "
    "the driver."
)


LAKE_FORMATION = (
    "Insufficient Lake Formation permission(s): Required Create Table on bank_loans (Service: AWSGlue; "
    "Status Code: 400; Error Code: AccessDeniedException)"
)


@pytest.mark.parametrize(
    ("reason", "remedies"),
    [
        (SCRAM, ["driver_jar_path", "enabled = false"]),
        ("SCRAM authentication is not supported by this driver.", ["driver_jar_path", "enabled = false"]),
        (LAKE_FORMATION, ["lakeformation grant-permissions", "crawler_role_arn", "enabled = false"]),
        ("Connection timed out", ["enabled = false"]),
    ],
)
def test_mail_about_a_failed_crawl_has_a_remedy_for_the_error(reason: str, remedies: list[str]) -> None:
    told = text(crawler(errorMessage=reason))
    all_remedies = {"driver_jar_path", "lakeformation grant-permissions", "crawler_role_arn"}
    assert all(remedy in told for remedy in remedies)
    assert not any(remedy in told for remedy in all_remedies - set(remedies))
    assert "The job starts after the crawl, even if the crawl fails." in told


def test_mail_contains_the_catch_up_schedule_and_its_time_zone() -> None:
    told = text(job(), config=CONFIG | {"time_zone": "Africa/Johannesburg"})
    assert "cron(0 6 2-10 * ? *), time zone Africa/Johannesburg." in told
    assert "GMT" not in told.partition("What happens next")[2]


def test_mail_says_that_no_run_retries_the_month_if_there_is_no_catch_up_schedule() -> None:
    told = text(job(), config=CONFIG | {"catch_up_schedule": ""})
    assert "The next scheduled run is for the next month. It does not retry this month." in told


def test_mail_about_a_failed_delivery_has_the_command_that_sends_the_file_again() -> None:
    told = text(execution(input='{"detail":{"object":{"key":"loans/_manifests/2026-10.json"}}}'))
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
