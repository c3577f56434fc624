"""The page of a preview with millions of rows is small, opens in a browser, and needs little memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.attack

LINES = 3_000_000
OVER = {"expression": "Amount", "window": 3, "where": None, "scale": None}
METRICS = {"loans_count": "count", "amount_sum": "sum", "amount_avg": "avg"}
SPEC = {
    "entity": "Loans", "date_column": "loan_date", "group_by": {"branch": "Branch.Name"}, "rows": None,
    "recipient": {"bank": "Bank.Name"}, "where": None, "recipients_where": None, "columns": None,
    "file": {"compression": None, "format": {"encoding": "utf-8"}}, "files": None,
    "metrics": {name: {"aggregate": aggregate, **OVER} for name, aggregate in METRICS.items()},
}  # fmt: skip
WRITE = """
import json, resource, sys
from pathlib import Path
from extracts import report
log, folder = json.loads(sys.argv[1]), Path(sys.argv[2])
(folder / "report.html").write_text(report.page("big", log, folder / "output", folder / "history"))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def publish(folder: Path, period: str, first: int) -> None:
    key = f"Alpha_{period}.csv"
    (folder / "_manifests").mkdir(parents=True)
    with (folder / key).open("w") as file:
        file.write("bank,branch,period,window_start,window_end,loans_count,amount_sum,amount_avg\r\n")
        for number in range(first, first + LINES):
            amount = f"{number % 977}.{number % 89:02}"
            file.write(f"Alpha,{number},{period},2026-08-01,2026-10-31,1,{amount},{amount}\r\n")
    totals = {"rows": LINES, "metrics": {name: {"count": LINES, "sum": "1"} for name in METRICS}}
    nothing = {"rows": 0, "metrics": {name: {"count": 0, "sum": "0"} for name in METRICS}}
    entry = {"key": key, "recipient": "Alpha", "bytes": 1, "rows": LINES, "sha256": "0", "totals": totals}
    rest = {
        "revision": 1, "complete": True, "totals": totals, "orphans": nothing, "excluded": nothing,
        "undated_rows": 0, "source": totals, "warnings": [], "engine_version": "1", "run_id": "1",
        "late_data": [], "snapshot_time": "2026-11-01T00:00:00Z",
        "published_at": "2026-11-01T00:00:00Z", "groups_without_recipient": 0, "reason": None,
        "window": {"start": "2026-08-01", "end": "2026-10-31", "months": 3, "time_zone": "Etc/GMT"},
    }  # fmt: skip
    manifest = {"period": period, "files": [entry], **rest}
    (folder / f"_manifests/{period}.json").write_text(json.dumps(manifest))


def test_preview_page_for_three_million_rows_needs_less_than_200_megabytes_of_memory(tmp_path: Path) -> None:
    publish(tmp_path / "history", "2026-09", first=0)
    publish(tmp_path / "output", "2026-10", first=10)
    log = [
        {"event": "started", "message": "", "level": "info", "periods": ["2026-10"]},
        {"event": "statement", "message": "", "level": "info", "sql": "SELECT 1"},
        {"event": "spec", "spec": SPEC},
    ]
    done = subprocess.run(
        [sys.executable, "-c", WRITE, json.dumps(log), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 200
    text = (tmp_path / "report.html").read_text()
    assert len(text) < 1_000_000
    assert "2,999,900 more rows are in the file." in text
    assert "New: " in text
    assert "Removed: " in text
