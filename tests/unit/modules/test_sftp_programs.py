"""Evaluate the JSONata programs of `sftp-transfer` without Step Functions."""

from __future__ import annotations

import functools
import json
from datetime import date, timedelta
from typing import Any

import jsonata
import pytest

from tools.hcl import MODULES


@functools.cache
def parsed(program: str) -> Any:
    found = jsonata.Jsonata.jsonata((MODULES / f"sftp-transfer/{program}.jsonata").read_text())
    found.register_lambda("parse", json.loads)  # parse() is not part of JSONata, but Step Functions has it
    return found


def evaluate(program: str, **variables: Any) -> Any:
    """Return the result of a program with these variables."""
    return parsed(program).evaluate(None, variables)


def batches(*names: str) -> list[list[str]]:
    found = evaluate("push-batches", keys=list(names), config={"bucket": "b"})
    return [batch["paths"] for batch in found]


def test_no_transfer_starts_if_the_list_of_files_is_empty() -> None:
    assert batches() == []


def test_single_file_is_sent_as_a_list_of_one_file() -> None:
    assert batches("x/a.csv") == [["/b/x/a.csv"]]


def test_transfer_has_at_most_ten_files() -> None:
    names = [f"{number:02}.csv" for number in range(21)]
    assert [len(paths) for paths in batches(*names)] == [10, 10, 1]
    assert [path for paths in batches(*names) for path in paths] == [f"/b/{name}" for name in names]


def test_markers_are_sent_in_separate_transfers_after_all_files() -> None:
    names = ("a.csv", "a.csv.done", "a.csv.sha256", "b.csv", "done.csv")
    assert batches(*names) == [
        ["/b/a.csv", "/b/b.csv", "/b/done.csv"],
        ["/b/a.csv.sha256"],
        ["/b/a.csv.done"],
    ]


def manifest(files: list[str], markers: list[str]) -> dict[str, Any]:
    """Return the response of S3 for a manifest. A manifest of version 1 had no markers."""
    found = {
        "files": [{"key": key, "rows": 1} for key in files],
        "replaces": {"files": [{"key": "x/old.csv"}]},
    }
    return {"Body": json.dumps(found | ({"markers": [{"key": key} for key in markers]} if markers else {}))}


@pytest.mark.parametrize(
    ("files", "markers", "keys"),
    [
        (["x/a.csv", "y/b.csv"], [], ["x/a.csv"]),
        (["xy/a.csv", "y/x/b.csv"], [], []),
        (["y/b.csv", "x/a.csv"], ["y/b.csv.done", "x/a.csv.done"], ["x/a.csv", "x/a.csv.done"]),
        ([], [], []),
    ],
)
def test_only_keys_under_the_prefix_are_read_from_a_manifest(
    files: list[str], markers: list[str], keys: list[str]
) -> None:
    states = {"result": manifest(files, markers)}
    assert evaluate("push-keys", states=states, config={"prefix": "x"}) == keys


@pytest.mark.parametrize(
    ("files", "start"),
    [
        (["l/b=One/One 1.csv", "l/b=Two/Two.csv"], "other /Two.csv "),
        (["l/b=One/One.csv"], ""),
        (["l/b=Twofold/Two.csv"], ""),
        ([], ""),
    ],
)
def test_receipt_key_of_a_file_in_a_flat_folder_begins_with_the_word_other_and_the_path(
    files: list[str], start: str
) -> None:
    states = {"input": {"prefix": "l/b=Two"}, "result": manifest(files, ["l/b=Two/Two.csv.done"])}
    assert evaluate("uncollected-start", states=states) == start


def outcome(sent: list[str], *results: tuple[str, str]) -> dict[str, Any]:
    listed = [
        {"FilePath": path, "StatusCode": status}
        | ({"FailureMessage": f"{path} failed"} if status == "FAILED" else {})
        for path, status in results
    ]
    states = {"result": {"FileTransferResults": listed}}
    return dict(evaluate("push-outcome", states=states, batches=[{"paths": sent}, {"paths": ["/b/later"]}]))


SENT = ["/b/x/1.csv", "/b/x/2.csv"]


@pytest.mark.parametrize(
    "folder", ["/b/x", "/incoming"], ids=["the path it came from", "the path it went to"]
)
def test_result_of_a_transfer_is_matched_to_its_file_by_name(folder: str) -> None:
    arrived = outcome(SENT, (f"{folder}/1.csv", "COMPLETED"), (f"{folder}/2.csv", "COMPLETED"))
    assert arrived == {"open": 0, "failed": [], "reason": ""}


def test_file_without_a_result_has_not_arrived() -> None:
    assert outcome(SENT) == {"open": 2, "failed": [], "reason": ""}
    assert outcome(SENT, ("/in/2.csv", "COMPLETED")) == {"open": 1, "failed": [], "reason": ""}


@pytest.mark.parametrize("status", ["QUEUED", "IN_PROGRESS"])
def test_file_in_progress_has_not_arrived(status: str) -> None:
    assert outcome(SENT, ("/in/1.csv", status), ("/in/2.csv", "COMPLETED"))["open"] == 1


def test_outcome_lists_the_failed_files_and_the_reason_but_no_file_that_arrived() -> None:
    assert outcome(SENT, ("/in/1.csv", "COMPLETED"), ("/in/2.csv", "FAILED")) == {
        "open": 0,
        "failed": ["/b/x/2.csv"],
        "reason": "/in/2.csv failed",
    }


def test_due_month_is_correct_on_every_day_of_a_year() -> None:
    def month_before(day: date) -> date:
        return (day.replace(day=1) - timedelta(days=1)).replace(day=1)

    config = {"due": "-10T07:00:00Z"}
    for number in range(400):
        day = date(2027, 12, 1) + timedelta(days=number)
        for hour, is_due in (("06:59:59", day.day > 10), ("07:00:00", day.day >= 10)):
            states = {"input": {"time": f"{day}T{hour}Z"}}
            expected = month_before(day) if is_due else month_before(month_before(day))
            found = evaluate("uncollected-period", states=states, config=config)
            assert found == f"{expected:%Y-%m}", (day, hour)
