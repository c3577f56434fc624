"""`extracts history` refuses invalid manifests, and shows special characters in manifests safely."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from extracts.errors import ExtractsError
from extracts.operate import history
from extracts.operate.deployment import Deployment
from extracts.screen import Screen

TOTALS = {"rows": 1, "metrics": {"amount_sum": {"count": 1, "sum": "1.00"}}}
FILE = {"key": "loans/Alpha.csv", "recipient": "Alpha", "bytes": 9, "rows": 1, "sha256": "0"}
MANIFEST: dict[str, Any] = {
    "period": "2026-10",
    "revision": 1,
    "complete": True,
    "reason": None,
    "files": [FILE],
    "totals": TOTALS,
    "source": {"rows": 1},
    "orphans": {"rows": 0},
    "published_at": "2026-11-01T00:05:00Z",
}


def deployed(manifest: str) -> Deployment:
    """Return a deployment whose bucket contains this manifest."""
    key = "_manifests/2026-10.json"
    pages = SimpleNamespace(paginate=lambda **_: [{"Contents": [{"Key": f"loans/{key}"}]}])
    s3 = SimpleNamespace(
        get_paginator=lambda _: pages,
        get_object=lambda **_: {"Body": io.BytesIO(manifest.encode())},
    )
    return Deployment(Path("bank-loans"), {"manifests": "s3://bank/loans/_manifests/"}, lambda _: s3)


@pytest.mark.parametrize(
    "manifest",
    [
        json.dumps(MANIFEST | {"reason": 5}),
        json.dumps(MANIFEST | {"reason": ["late bookings"]}),
        json.dumps(MANIFEST | {"period": "2026-10\n2026-11"}),
        json.dumps(MANIFEST | {"source": {"rows": int("9" * 4300)}}),
        '{"a":' * 100_000,
        json.dumps(MANIFEST)[:-1] + ', "more": ' + "[" * 300 + "]" * 300 + "}",
    ],
    ids=["number as reason", "list as reason", "period with two lines", "long number", "deep", "deep field"],
)
def test_manifest_that_the_engine_did_not_write_is_refused_in_one_sentence(manifest: str) -> None:
    with pytest.raises(ExtractsError) as refused:
        history.history(deployed(manifest))
    assert str(refused.value) == (
        "s3://bank/loans/_manifests/2026-10.json is not a manifest of the engine; move it to another place."
    )


def test_line_break_in_a_manifest_does_not_begin_a_line_in_the_list_of_periods() -> None:
    periods = history.history(deployed(json.dumps(MANIFEST | {"published_at": "now\n2026-11  1  now"})))
    shown = io.StringIO()
    history.show(periods, Screen(file=shown, width=120), receipts=False)
    assert [line[:7] for line in shown.getvalue().splitlines()] == ["period ", "2026-10", "  total"]


def test_single_surrogate_in_a_manifest_is_replaced_on_the_history_page() -> None:
    periods = history.history(deployed(json.dumps(MANIFEST | {"reason": "late \ud800 bookings"})))
    page = history.page("bank-loans", periods, receipts=False)
    assert "late \ufffd bookings".encode() in page.encode()
