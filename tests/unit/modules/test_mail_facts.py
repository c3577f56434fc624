"""The program `facts.jsonata` returns the kind, period, reason, state and recovered failures of an event."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

import rolling_arguments
from rolling_errors import ExtractError
from tests.support.mail_programs import CONFIG, crawler, execution, facts, glue, job, text


def test_null_in_an_execution_is_the_same_as_a_missing_value() -> None:
    # If an execution has no cause, error or input, the event has null in that field:
    # https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
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


def test_null_argument_is_the_same_as_a_missing_argument() -> None:
    run = {"Arguments": {"--period": None, "--from": None, "--to": None, "--dry-run": None}}
    found = facts(job(state="SUCCEEDED"), run=run)
    assert (found["asked"], found["keys"]) == ("", ["2026-10", "missing 2026-10"])


WORDS = ["true", "TRUE", "1", "yes", "on", "", "maybe", "false", "False", "0", "no", "NO", "off", "null"]


@pytest.mark.parametrize("word", WORDS)
def test_mail_program_and_engine_agree_on_the_values_of_dry_run_that_mean_a_dry_run(word: str) -> None:
    run = {"Arguments": {"--period": "2026-10", "--dry-run": word}}
    ended = facts(job(state="SUCCEEDED"), run=run)["keys"]
    try:
        dry = rolling_arguments.parse(["--connection", "c", "--output", "o", "--dry-run", word]).dry_run
    except ExtractError:
        dry = True  # the engine refuses the value, so the run fails and publishes nothing
    assert ended == ([] if dry else ["2026-10", "missing 2026-10"])


@pytest.mark.parametrize(
    ("argument", "value", "ends"),
    [
        ("--output", "s3://other/loans", True),  # `--output` is non-overridable, so Glue ignores the value
        ("--dry-run=true", "", False),
        ("--other", "--dry-run=true", False),
        ("--restate", "--dry-run", False),
        ("--dry-run ", "true", False),
        (" --dry-run", "true", False),
        ("--\u00a0dry-run", "true", False),
        ("--other", " --dry-run", False),
        ("--other", "\t--dry-run=true", False),
        ("--period ", "2020-01", False),
        ("--reason", "another mapping", True),
        ("--reason", "--see ticket 7", True),
    ],
)
def test_failure_is_marked_as_recovered_only_by_a_run_that_publishes(
    argument: str, value: str, ends: bool
) -> None:
    run = {"Arguments": {"--period": "2026-10", argument: value}}
    found = facts(job(state="SUCCEEDED"), run=run)
    assert found["keys"] == (["2026-10", "missing 2026-10"] if ends else [])


# Control characters, spaces and invisible characters. Python and JavaScript treat some of them differently.
BLANKS = [*map(chr, range(0x21)), *"\x7f\x85\xa0\u1680\u2000\u200a\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"]


@pytest.mark.parametrize("blank", BLANKS, ids=ascii)
@pytest.mark.parametrize(
    "given",
    [
        {"--period": "2026-09{}"},
        {"--period": "{}2026-09"},
        {"--period": "{}"},
        {"--period": "2026-09{}", "--from": "{}"},
        {"--from": "2026-08{}", "--to": "2026-09"},
        {"--from": "2026-08", "--to": "{}2026-09"},
        {"--from": "{}", "--to": "{}"},
    ],
    ids=str,
)
def test_failures_are_marked_as_recovered_only_for_the_months_that_the_run_published(
    given: dict[str, str], blank: str
) -> None:
    arguments = {name: value.format(blank) for name, value in given.items()}
    ended = facts(job(state="SUCCEEDED"), run={"Arguments": arguments})["keys"]
    line = [part for argument in arguments.items() for part in argument]
    try:
        parsed = rolling_arguments.parse(["--connection", "c", "--output", "o", *line])
    except ExtractError:
        return  # the engine refuses the arguments, so the run fails and has no event with SUCCEEDED
    months = [str(month) for month in parsed.periods(datetime(2026, 11, 1, tzinfo=UTC), UTC)]
    assert {key.removeprefix("missing ") for key in ended} <= {*months, "2026-08 to 2026-09"}


@pytest.mark.parametrize("value", ["2026-09\u00a0", "\u00a0", "2026-9", "09/2026"])
def test_no_failure_is_marked_as_recovered_if_the_period_of_the_run_is_invalid(value: str) -> None:
    assert facts(job(state="SUCCEEDED"), run={"Arguments": {"--period": value}})["keys"] == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("bank-loans_push", "delivery"),
        ("bank-loans_push_karoo", "delivery"),
        ("bank-loans-receipts", "receipts"),
        ("till_bank-loans_push", "receipts"),
    ],
)
def test_failed_execution_has_kind_delivery_only_if_its_state_machine_arn_has_the_push_prefix(
    name: str, kind: str
) -> None:
    assert facts(execution(name))["kind"] == kind


def test_no_failure_is_marked_as_recovered_if_the_arguments_of_the_run_are_unknown() -> None:
    # Without its arguments, the run may have been a dry run or a run for another month.
    assert facts(job(state="SUCCEEDED"), run={})["keys"] == []
    assert facts(job(state="SUCCEEDED"), run={"Id": "jr_0123"})["keys"] == ["2026-10", "missing 2026-10"]
    assert facts(job(), run={})["period"] == "2026-10"


def test_failed_execution_has_kind_receipts_if_the_extract_has_no_connectors() -> None:
    assert facts(execution(), config=CONFIG | {"push_arn_prefix": ""})["kind"] == "receipts"


def sent(key: object, /, **other: object) -> str:
    """Return the input of an execution that sends the files of a manifest."""
    return json.dumps(other | {"detail": {"object": {"key": key}}})


MANIFEST = "loans/_manifests/2026-09.json"
NO_PREFIX = CONFIG | {"manifest_prefix": ""}  # as in a module whose caller does not set `target`


def test_only_a_failed_delivery_of_the_same_connector_and_month_is_marked_as_recovered() -> None:
    given = sent(MANIFEST, note="2026-10.json", key="loans/_manifests/2026-10.json")
    event = execution(status="SUCCEEDED", input=given)
    assert facts(event)["keys"] == ["delivery bank-loans_push_karoo 2026-09"]
    assert facts(event, config=NO_PREFIX)["keys"] == ["delivery bank-loans_push_karoo 2026-09"]
    assert facts(event)["detail"]["manifest"] == MANIFEST


@pytest.mark.parametrize(
    "given",
    [
        *(
            sent(f"loans/_manifests/2026-09{end}")
            for end in (".json/x", ".json\n", ".jsonx", "_json", ".json.json")
        ),
        *(sent(f"loans/_manifests/{begun}2026-09.json") for begun in ("x", "x/", "\n", "2026-10.json")),
        sent("loans/_manifests/2026-13.json"),
        sent(["a", "b"]),
        sent(None),
        '"2026-09.json"',
        "[1]",
        "null",
        None,
    ],
)
def test_no_failure_is_marked_as_recovered_if_the_delivery_names_no_manifest_of_the_extract(
    given: str | None,
) -> None:
    found = facts(execution(status="SUCCEEDED", input=given))
    assert (found["keys"], found["detail"]["manifest"]) == ([], "")


@pytest.mark.parametrize(
    ("key", "prefix", "shown"),
    [
        ("2026-09.json", "", True),
        ("loans/_manifests/2026-09.json", "", True),
        ("evil.example/2026-09.json", "", False),
        ("//evil/2026-09.json", "", False),
        ("evil.example/2026-09.json", "loans/_manifests", False),
        ("loans.v2/2026-09.json", "loans.v2", True),
        ("loans'$(id)/2026-09.json", "loans'$(id)", False),
    ],
)
def test_mail_shows_a_manifest_key_only_if_it_contains_no_link_and_no_code(
    key: str, prefix: str, shown: bool
) -> None:
    found = facts(execution(input=sent(key)), config=CONFIG | {"manifest_prefix": prefix})
    assert found["detail"]["manifest"] == (key if shown else "")


def test_failed_crawl_is_marked_as_recovered_by_a_successful_crawl_but_not_by_a_job_run() -> None:
    failed = facts(crawler(errorMessage="Connection timed out"))
    ended = facts(crawler(state="Succeeded"))
    assert (failed["state"], failed["dateless"], failed["key"]) == ("FAILED", True, "crawler")
    assert (ended["state"], ended["keys"]) == ("SUCCEEDED", ["crawler"])
    assert "crawler" not in facts(job(state="SUCCEEDED"))["keys"]


@pytest.mark.parametrize(
    ("event_name", "state", "why"),
    [
        ("RotationFailed", "FAILED", "rotation: AWS gave no reason"),
        ("TestRotationFailed", "FAILED", "rotation: AWS gave no reason"),
        ("RotationAbandoned", "ABANDONED", "rotation: AWS gave no reason"),
        ("RotationSucceeded", "SUCCEEDED", "rotation: AWS gave no reason"),
    ],
)
def test_failure_abandonment_and_success_of_a_rotation_have_different_states(
    event_name: str, state: str, why: str
) -> None:
    found = facts({"source": "aws.secretsmanager", "detail": {"eventName": event_name}})
    assert (found["state"], found["why"], found["keys"]) == (state, why, ["rotation"])


@pytest.mark.parametrize(
    ("at", "hours_ahead", "period"),
    [
        ("2026-11-01T00:09:12Z", 0, "2026-10"),
        ("2026-10-31T22:09:12Z", 0, "2026-09"),
        # 1 November has already begun in Johannesburg. For all zones of Africa, hours_ahead is 3.
        ("2026-10-31T22:09:12Z", 3, "2026-10"),
        ("2026-10-31T20:09:12Z", 3, "2026-09"),
        # Sao Paulo is three hours behind GMT, so 1 November begins in Sao Paulo at 03:00 GMT.
        ("2026-11-01T03:09:12Z", 0, "2026-10"),
    ],
)
def test_default_period_of_a_run_is_the_previous_month_in_the_time_zone_of_the_extract(
    at: str, hours_ahead: int, period: str
) -> None:
    event = job(state="TIMEOUT") | {"time": at}
    assert facts(event, config=CONFIG | {"hours_ahead": hours_ahead})["period"] == period
