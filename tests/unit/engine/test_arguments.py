"""The arguments of a run: those that Glue adds, and those that users set."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import rolling_database
from rolling_arguments import parse
from rolling_errors import ExtractError
from rolling_period import Period

BASE = ("--connection", "store", "--output", "s3://bucket/loans")
# The arguments that Glue 6.0 adds to a job in a workflow.
GLUE = (
    *("--JOB_NAME", "bank-loans", "--JOB_ID", "j_1", "--JOB_RUN_ID", "jr_77", "--TempDir", "s3://t/x/"),
    *("--WORKFLOW_NAME", "w", "--WORKFLOW_RUN_ID", "wr_1", "--job-language", "python"),
    *("--job-bookmark-option", "job-bookmark-disable", "--job-bookmark-from", "", "--job-bookmark-to", ""),
    *("--extra-py-files", "s3://a/rolling_spec.py", "--conf", "spark.a=b --conf spark.c=d"),
    *("--enable-metrics", "", "--enable-observability-metrics", "true", "--enable-spark-ui", "false"),
    *("--custom-logGroup-prefix", "/aws-glue/jobs/x", "--disable-proxy-v2", "true", "--class", "GlueApp"),
    *("--enable-glue-datacatalog", "true", "--security-configuration", "x", "--region", "eu-west-1"),
)


def test_arguments_that_glue_adds_are_ignored() -> None:
    arguments = parse([*GLUE, *BASE, "--period", "2026-10"])
    assert (arguments.connection, arguments.output) == ("store", "s3://bucket/loans")
    assert (arguments.period, arguments.run_id) == (Period(2026, 10), "jr_77")
    assert (arguments.restate, arguments.dry_run, arguments.allow_incomplete) == (False, False, False)


@pytest.mark.parametrize(
    "written", [["--dry-run", "true"], ["--dry-run"], ["--dry-run=true"], ["--dry-run", "1"]]
)
def test_flag_is_on_if_it_has_no_value_or_the_value_true_or_1(written: list[str]) -> None:
    assert parse([*written, *BASE]).dry_run
    assert parse([*BASE, *written]).dry_run


def test_argument_restate_is_refused_if_the_reason_is_missing_or_empty() -> None:
    assert parse([*BASE, "--restate", "--reason", "late booking"]).restate
    for reason in ([], ["--reason", ""]):
        with pytest.raises(ExtractError, match=r"--restate needs --reason TEXT, which the manifest records"):
            parse([*BASE, "--restate", *reason])


def test_arguments_of_a_login_with_an_iam_token_are_accepted() -> None:
    url, pem = "jdbc:postgresql://h:5432/d", "s3://b/ca.pem"
    given = ["--jdbc-url", url, "--iam-user", "reader", "--ca-certificate", pem, "--output", "o"]
    arguments = parse(given)
    assert (arguments.jdbc_url, arguments.iam_user, arguments.ca_certificate) == (url, "reader", pem)


def test_timeouts_are_in_seconds() -> None:
    assert (parse(list(BASE)).statement_timeout, parse(list(BASE)).lock_timeout) == (3000, 60)
    given = parse([*BASE, "--statement-timeout", "7200", "--lock-timeout=5"])
    assert (given.statement_timeout, given.lock_timeout) == (7200, 5)


@pytest.mark.parametrize("no", ["false", "0", "No"])
def test_flag_is_off_if_its_value_is_false_0_or_no(no: str) -> None:
    assert not parse([*BASE, "--restate", no]).restate


@pytest.mark.parametrize("name", ["restate", "dry-run", "allow-incomplete"])
@pytest.mark.parametrize("value", ["disabled", "see the ticket", "2026-10", ""])
def test_unknown_value_of_a_flag_is_refused(value: str, name: str) -> None:
    """If the engine read an unknown value as true, the run would restate a month or publish nothing."""
    for written in ([f"--{name}={value}"], [f"--{name}", value]):
        with pytest.raises(ExtractError, match=rf"^--{name} must be true or false, not ") as refused:
            parse([*BASE, "--reason", "late booking", *written])
        assert "ticket" not in str(refused.value)
    assert parse([*BASE, f"--{name}", "--reason", "late booking"]).reason == "late booking"


def test_argument_with_a_blank_value_counts_as_missing() -> None:
    assert parse([*BASE, "--period", "", "--reason", " "]).period is None


def test_text_of_a_reason_may_begin_with_dashes() -> None:
    assert parse([*BASE, "--reason", "--see ticket 7"]).reason == "--see ticket 7"


# A caller of StartJobRun can send the key "--output=s3://elsewhere/x". Glue passes both this key
# and the "--output" of the job, so the engine gets two values of "--output".
@pytest.mark.parametrize(
    ("again", "name"),
    [
        (["--output=s3://elsewhere/x"], "output"),
        (["--output", "s3://bucket/loans"], "output"),
        (["--restate", "--output=s3://elsewhere/x"], "output"),
        (["--connection="], "connection"),
        (["--dry-run", "true", "--dry-run=false"], "dry-run"),
        (["--JOB_RUN_ID", "jr_1", "--JOB_RUN_ID=jr_2"], "JOB_RUN_ID"),
        (["--JOB_NAME", "loans", "--x", "--JOB_NAME", "y"], "JOB_NAME"),
    ],
)
def test_argument_is_refused_if_it_is_given_twice(again: list[str], name: str) -> None:
    with pytest.raises(ExtractError, match=rf"--{name} is given twice; give it once"):
        parse([*BASE, *again])


@pytest.mark.parametrize("name", ["JOB_NAME", "JOB_RUN_ID", "reason"])
@pytest.mark.parametrize(
    "hidden", ["connection", "job-security-configuration", "fixed-arguments", "extra-jars"]
)
def test_argument_is_refused_if_the_name_of_another_argument_is_in_place_of_its_value(
    name: str, hidden: str
) -> None:
    """In `--reason --connection store`, the engine must not read "--connection" as the text of the reason.

    Otherwise, it would not see that the argument "--connection" is given.
    """
    with pytest.raises(ExtractError, match=rf"--{name} needs a value"):
        parse(["--x", f"--{name}", f"--{hidden}", "store", "--output", "s3://bucket/loans"])


def test_argument_after_an_empty_reason_is_not_read_as_the_reason() -> None:
    with pytest.raises(ExtractError, match=r"--reason needs a value"):
        parse(["--reason", "--output", "s3://bucket/loans", "--connection", "x", "--output=s3://elsewhere/x"])


@pytest.mark.parametrize(
    "login", [["--database-url", "postgresql://h/d"], ["--database-url=postgresql://h/d"]]
)
def test_database_url_is_refused_on_glue(login: list[str]) -> None:
    with pytest.raises(ExtractError, match=r"--database-url is only for previews and tests"):
        parse([*GLUE, "--output", "s3://bucket/loans", *login])
    assert parse(["--output", "folder", *login]).database_url == "postgresql://h/d"


# All arguments of a run on Glue: those that the module sets for every run, and those that Glue adds.
FIXED = (
    *(
        *GLUE,
        *BASE,
        "--fixed-arguments",
        "output,enable-auto-scaling",
        "--spark-event-logs-path",
        "s3://t/x/",
    ),
    *("--write-shuffle-files-to-s3", "false", "--write-shuffle-spills-to-s3", "false"),
)


def without(name: str) -> list[str]:
    at = FIXED.index(name) if name in FIXED else len(FIXED)
    return [*FIXED[:at], *FIXED[at + 2 :]]


def test_arguments_that_the_module_sets_are_accepted() -> None:
    assert parse(list(FIXED)).output == "s3://bucket/loans"
    with_jar = [
        *without("--fixed-arguments"),
        "--fixed-arguments",
        "output,extra-jars",
        "--extra-jars",
        "s3://a/x",
    ]
    assert parse(with_jar).output == "s3://bucket/loans"


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("--write-shuffle-files-to-s3", "true", "must be false in every run; leave the argument out"),
        ("--write-shuffle-spills-to-s3", "TRUE", "must be false in every run; leave the argument out"),
        ("--enable-spark-ui", "true", "must be false in every run; leave the argument out"),
        ("--enable-spark-ui", "", "must be false in every run; leave the argument out"),
        ("--TempDir", "s3://bucket/loans/bank_name=First/", "must not overlap the target"),
        ("--TempDir", "s3a://bucket//x/../loans", "must not overlap the target"),
        ("--TempDir", "s3://bucket/loans ", "must not overlap the target"),
        ("--tempdir", "s3://bucket/", "must not overlap the target"),
        ("--spark-event-logs-path", "s3://bucket/loans", "must not overlap the target"),
        ("--extra-jars", "s3://bucket/loans/x.jar", "loads code into the run"),
        ("--extra-files", "s3://bucket/loans/x.py", "loads code into the run"),
        ("--user-jars-first", "true", "loads code into the run"),
        ("--additional-python-modules", "x==1", "loads code into the run"),
        ("--python-modules-installer-option", "--index-url=x", "loads code into the run"),
        ("--python-virtual-env", "s3://a/x.tar.gz", "loads code into the run"),
        ("--python-virtual-env-storage-prefix", "s3://a/x/", "loads code into the run"),
    ],
)
def test_argument_that_lets_glue_write_other_files_or_load_code_is_refused(
    name: str, value: str, why: str
) -> None:
    arguments = without("--TempDir" if name == "--tempdir" else name)
    for written in ([name, value], [f"{name}={value}"]):
        with pytest.raises(ExtractError, match=rf"--{name[2:].lower()} {why}"):
            parse([*arguments, *written])
    # Outside Glue, the engine accepts this argument.
    assert parse([*BASE, name, value]).output == "s3://bucket/loans"


@pytest.mark.parametrize(
    "again",
    [
        ["--TempDir=s3://t/y/"],
        ["--tempdir", "s3://t/y/"],
        ["--enable-spark-ui=false"],
        ["--conf=spark.jars=s3://elsewhere/x.jar"],
        ["--extra-py-files=s3://elsewhere/x.py"],
        ["--EXTRA-PY-FILES", "s3://elsewhere/x.py"],
        ["--OUTPUT=s3://elsewhere/x"],
        ["--job_run_id", "jr_78"],
        ["--fixed-arguments=extra-jars", "--extra-jars", "s3://a/x"],
    ],
)
def test_argument_that_the_module_sets_is_refused_if_it_is_given_twice(again: list[str]) -> None:
    with pytest.raises(ExtractError, match=r"is given twice; give it once"):
        parse([*FIXED, *again])


@pytest.mark.parametrize(
    "written",
    [
        ["--dry-run ", "true"],
        [" --dry-run"],
        ["--\u00a0dry-run", "true"],
        ["--x", "\t--dry-run=true"],
        ["--period ", "2020-01"],
        ["--period =2020-01"],
        ["--conf ", "spark.jars=s3://elsewhere/x.jar"],
        [" --extra-jars\t=s3://elsewhere/x.jar"],
    ],
)
def test_spaces_around_the_name_of_an_argument_are_refused(written: list[str]) -> None:
    with pytest.raises(ExtractError, match="has spaces around its name; write the name without spaces"):
        parse([*FIXED, *written])


def test_only_ascii_blanks_around_a_period_are_ignored() -> None:
    """Engine and alerts must ignore the same blanks. If not, alerts could assign a run to the wrong month."""
    assert parse([*BASE, "--period", " 2026-10\t"]).period == Period(2026, 10)
    for space in ("\x1f", "\x85", "\u00a0", "\u2003", "\u3000"):
        for value in (f"2026-10{space}", f"{space}2026-10", space):
            with pytest.raises(ExtractError, match="the given value is not a period; write YYYY-MM"):
                parse([*BASE, "--period", value])


@pytest.mark.parametrize("reason", ["", " ", "\u00a0", "\u3000"])
def test_argument_restate_is_refused_if_the_reason_is_blank(reason: str) -> None:
    with pytest.raises(ExtractError, match="--restate needs --reason TEXT"):
        parse([*BASE, "--restate", "--reason", reason])


@pytest.mark.parametrize(
    "given",
    [
        ["--lock-timeout", "call 555 0100 now"],
        ["--statement-timeout", "123456789012345678901"],
        ["--period", "your account is closed"],
        ["--restate=pay<b>now</b>"],
        ["--to", "2026-10", "--from", "pay\u2063now"],
    ],
)
def test_error_does_not_quote_the_value_of_an_argument(given: list[str]) -> None:
    with pytest.raises(ExtractError, match=r"the given value") as refused:
        parse([*BASE, *given])
    assert given[-1].removeprefix("--restate=") not in str(refused.value)


def test_error_does_not_quote_an_unknown_argument_name_with_spaces_or_punctuation() -> None:
    with pytest.raises(ExtractError, match=r"there is no such argument; did you mean --statement-timeout\?"):
        parse([*BASE, "--statement timeout!", "1"])


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("--perod", "period"),
        ("--restated", "restate"),
        ("--Period", "period"),
        ("--allow_incomplete", "allow-incomplete"),
        ("--dryrun", "dry-run"),
        ("--dry", "dry-run"),
        ("--database_url", "database-url"),
        ("--conection", "connection"),
        ("--out", "output"),
    ],
)
def test_error_for_a_misspelled_argument_suggests_the_correct_name(wrong: str, meant: str) -> None:
    with pytest.raises(ExtractError, match=f"there is no argument {wrong}; did you mean --{meant}"):
        parse([*BASE, wrong, "x"])


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["--connection", "c"], "--output is missing"),
        (["--output", "o"], "give exactly one of --connection"),
        ([*BASE, "--database-url", "postgresql://u@h/d"], "give exactly one of --connection"),
        (
            [*BASE, "--jdbc-url", "jdbc:postgresql://h/d", "--iam-user", "u"],
            "give exactly one of --connection",
        ),
        (
            ["--output", "o", "--jdbc-url", "jdbc:postgresql://h/d"],
            "--jdbc-url and --iam-user must be given together",
        ),
        ([*BASE, "--iam-user", "u"], "--jdbc-url and --iam-user must be given together"),
        ([*BASE, "--ca-certificate", "s3://b/k"], "--ca-certificate requires --jdbc-url"),
        (
            [*BASE, "--lock-timeout", "1h"],
            '--lock-timeout must be a number of seconds from 1 to 86400, not "1h"',
        ),
        ([*BASE, "--statement-timeout", "0"], "--statement-timeout must be a number of seconds"),
        (
            [*BASE, "--period", "2026-10", "--from", "2026-01", "--to", "2026-02"],
            "give either --period, or --from and --to",
        ),
        ([*BASE, "--from", "2026-01"], "--to is missing"),
        ([*BASE, "--to", "2026-01"], "--from is missing"),
        ([*BASE, "--from", "2026-02", "--to", "2026-01"], "--from 2026-02 is after --to 2026-01"),
        (
            [*BASE, "--from", "0001-01", "--to", "9999-12"],
            "are 119988 months; one run can do at most 120 months",
        ),
        (
            [*BASE, "--from", "2016-01", "--to", "2026-01"],
            "are 121 months; one run can do at most 120 months",
        ),
        ([*BASE, "--restate", "--reason", "x" * 1001], "--reason has 1001 characters; write at most 1000"),
        ([*BASE, "--period", "2026-13"], '"2026-13" is not a period'),
        ([*BASE, "--period", "Oct 2026"], "the given value is not a period"),
        ([*BASE, "--period"], "--period needs a value"),
        ([*BASE, "--period", "--restate"], "--period needs a value"),
        ([*BASE, "--restate=maybe"], "--restate must be true or false"),
    ],
)
def test_invalid_arguments_are_refused_in_one_sentence(given: list[str], sentence: str) -> None:
    with pytest.raises(ExtractError, match=sentence):
        parse(given)


def test_reason_and_backfill_of_maximum_length_are_accepted() -> None:
    given = parse([*BASE, "--from", "2016-02", "--to", "2026-01", "--restate", "--reason", "x" * 1000])
    assert len(given.periods(datetime(2026, 11, 1, tzinfo=UTC), UTC)) == 120


def test_run_publishes_all_months_of_a_backfill_or_by_default_the_last_complete_month() -> None:
    now = datetime(2026, 11, 1, 0, 1, tzinfo=UTC)
    backfill = parse([*BASE, "--from", "2025-12", "--to", "2026-02"]).periods(now, UTC)
    assert [str(period) for period in backfill] == ["2025-12", "2026-01", "2026-02"]
    assert parse(list(BASE)).periods(now, UTC) == (Period(2026, 10),)


def test_each_run_outside_glue_has_a_different_id() -> None:
    assert parse(list(BASE)).run_id != parse(list(BASE)).run_id


@pytest.mark.parametrize(
    ("url", "mode"),
    [
        ("postgresql://u:p@store.internal/d", "require"),
        ("postgresql://u:p@10.0.0.1:5432/d", "require"),
        ("postgresql://u:p@127.1/d", "require"),
        ("postgresql://u:p@[2001:db8::1]:5432/d", "require"),
        ("postgresql://u:p@localhost/d", None),
        ("postgresql://u:p@127.0.0.1/d", None),
        ("postgresql://u:p@[::1]/d", None),
        ("postgresql://u:p@store.internal/d?sslmode=disable", "disable"),
        ("postgresql://u:p@store.internal/d?sslmode=verify-full&sslrootcert=ca.pem", "verify-full"),
    ],
)
def test_tls_is_required_by_default_if_the_host_is_not_localhost(url: str, mode: str | None) -> None:
    assert rolling_database.from_url(url).properties.get("sslmode") == mode


def test_database_url_with_an_unsupported_parameter_is_refused() -> None:
    with pytest.raises(
        ExtractError, match="--database-url has the parameter channel_binding; only sslmode and"
    ):
        rolling_database.from_url("postgresql://u:p@h/d?sslmode=require&channel_binding=require")
