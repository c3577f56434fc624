"""The program `receipt.jsonata` decides which downloads get a receipt.

The input of the program may be forged or incomplete.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.modules.test_sftp_programs import evaluate

CONFIG = {
    "bucket": "data",
    "prefixes": {"first-bank": "loans/bank_name=FirstBank", "beta": "loans/bank_name=Beta"},
}
PATH = "/year=2026/month=10/FirstBank_20261031.csv"
FORGED = "The refund is at evil.example.com"


def download(**detail: Any) -> dict[str, Any]:
    """Return the event of a download. The argument `file_path` sets the field `file-path`."""
    given = {
        "bytes": 4859062,
        "client-ip": "203.0.113.7",
        "etag": "9b2cf535f27731c974343645a3985328",
        "file-path": f"/data/loans/bank_name=FirstBank{PATH}",
        "username": "first-bank",
    }
    given |= {name.replace("_", "-"): value for name, value in detail.items()}
    return {"time": "2026-11-03T08:15:30Z", "detail": given}


def receipt(event: Any) -> dict[str, Any]:
    return dict(evaluate("receipt", states={"input": event}, config=CONFIG))


def test_download_has_a_receipt() -> None:
    assert receipt(download()) == {
        "bytes": "4859062",
        "client_ip": "203.0.113.7",
        "collected": f"2026-10 {PATH} 9b2cf535f27731c974343645a3985328",
        "file": f"/data/loans/bank_name=FirstBank{PATH}",
        "period": "2026-10",
        "recipient": "first-bank",
        "time": "2026-11-03T08:15:30Z",
    }


def test_event_may_contain_the_number_of_bytes_as_a_text() -> None:
    assert receipt(download(bytes="0"))["bytes"] == "0"


def test_receipt_of_a_file_outside_the_folder_of_a_month_has_the_period_other() -> None:
    found = receipt(download(file_path="/data/loans/bank_name=FirstBank/readme.txt"))
    assert (found["period"], found["collected"].split(" ")[:2]) == ("other", ["other", "/readme.txt"])


@pytest.mark.parametrize("marker", [".sha256", ".done"])
def test_receipt_of_a_marker_has_the_period_other(marker: str) -> None:
    found = receipt(download(file_path=f"/data/loans/bank_name=FirstBank{PATH}{marker}"))
    assert (found["period"], found["collected"].split(" ")[:2]) == ("other", ["other", f"{PATH}{marker}"])


def test_key_of_a_receipt_contains_the_time_if_the_event_has_no_etag() -> None:
    event = download()
    del event["detail"]["etag"]
    assert receipt(event)["collected"] == f"2026-10 {PATH} 2026-11-03T08:15:30Z"


@pytest.mark.parametrize("name", ["loans/bank_name=ŁódźBank", "loans/a.b(c)[d]$"])
def test_prefix_with_special_characters_is_compared_as_plain_text(name: str) -> None:
    event = download(file_path=f"/data/{name}{PATH}")
    found = evaluate(
        "receipt", states={"input": event}, config={"bucket": "data", "prefixes": {"first-bank": name}}
    )
    assert found["collected"].startswith(f"2026-10 {PATH} ")


@pytest.mark.parametrize(
    "path",
    [
        f"/data/loans/bank_name=Beta{PATH}",
        f"/other/loans/bank_name=FirstBank{PATH}",
        f"/data/loans/bank_name=FirstBankTwo{PATH}",
        f"/data/x/loans/bank_name=FirstBank{PATH}",
        "/data/loans/bank_name=FirstBank",
        PATH,
    ],
)
def test_file_outside_the_prefix_of_the_recipient_has_no_receipt(path: str) -> None:
    assert receipt(download(file_path=path)) == {}


VALUES = [None, True, 7, -1, 1.5, 1e300, "", FORGED, "12\n", "9" * 2000, [], ["first-bank"], {}, {"a": 1}]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("name", ["bytes", "client-ip", "etag", "file-path", "time", "username"])
def test_invalid_value_gives_no_receipt_and_no_error(name: str, value: Any) -> None:
    event = download(**{name: value}) if name != "time" else download() | {"time": value}
    found = receipt(event)
    harmless: dict[str, list[Any]] = {
        "bytes": [7],
        "client-ip": [FORGED, "12\n"],
        "etag": [FORGED, "12\n"],
        "time": [FORGED, "12\n"],
    }
    assert (found == {}) == (value not in harmless.get(name, []))


@pytest.mark.parametrize("missing", ["bytes", "client-ip", "file-path", "username"])
def test_missing_value_gives_no_receipt_and_no_error(missing: str) -> None:
    event = download()
    del event["detail"][missing]
    assert receipt(event) == {}


@pytest.mark.parametrize("event", [{}, None, "x", 7, [], {"detail": None}, {"detail": FORGED}, {"time": "x"}])
def test_input_that_is_not_an_event_of_a_download_gives_no_receipt_and_no_error(event: Any) -> None:
    assert receipt(event) == {}


@pytest.mark.parametrize("user", ["toString", "constructor", "__proto__"])
def test_user_with_the_name_of_a_javascript_property_gets_no_receipt(user: str) -> None:
    assert receipt(download(username=user)) == {}
