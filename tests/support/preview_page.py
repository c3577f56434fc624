"""Write files and manifests of made-up months like the engine, and write the preview page for them."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from extracts import report

OVER = {"expression": "Amount", "window": 3, "where": None, "scale": None}
SPEC = {
    "entity": "Loans", "date_column": "loan_date", "group_by": {"branch": "Branch.Name"}, "rows": None,
    "recipient": {"bank": "Bank.Name"}, "where": None, "recipients_where": None, "columns": None,
    "file": {"compression": None, "format": {"encoding": "utf-8"}},
    "files": None,
    "metrics": {name: {"aggregate": name, **OVER} for name in ("count", "sum", "avg")},
}  # fmt: skip
Lines = Mapping[str, tuple[Any, ...]]  # the values of the metrics, keyed by group
Months = Mapping[str, Mapping[str, Lines]]  # the rows of files, keyed by period and recipient


def write(folder: Path, months: Months, *, asked: int = 1, page: Path | None = None, **more: Any) -> Path:
    """Write the files of these months and the preview page. Return the path of the page.

    The last `asked` months are those that the user requested. The months before them are the history.
    """
    spec, requested = {**SPEC, **more}, sorted(months)[-asked:]
    groups = spec["group_by"] or spec["rows"]
    output, history = folder / "output", folder / "history"
    for period, recipients in months.items():
        target = output if period in requested else history
        _publish(target, period, recipients, [*(spec["metrics"] or ())], [*spec["recipient"], *groups])
    log: list[Mapping[str, Any]] = [
        {"event": "started", "message": "", "level": "info", "periods": requested},
        {"event": "query", "message": "", "level": "info", "sql": "\n    SELECT '<b>' FROM \"Loans\""},
        {"event": "spec", "spec": spec},
    ]
    page = page or output / "report.html"
    page.write_text(report.page("bank-loans", log, output, history, folder=page.parent), encoding="utf-8")
    return page


def _publish(
    folder: Path, period: str, recipients: Mapping[str, Lines], metrics: list[str], labels: list[str]
) -> None:
    files = []
    for number, (recipient, lines) in enumerate(recipients.items()):
        key = f"bank={number}/{period}-{number}.csv"
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([*labels, "period", "window_start", "window_end", *metrics])
            writer.writerows([recipient, group, period, "", "", *line] for group, line in lines.items())
        totals = {
            "rows": sum(line[0] for line in lines.values() if line and isinstance(line[0], int)),
            "metrics": {},
        }
        files.append({"recipient": recipient, "key": key, "rows": len(lines), "bytes": path.stat().st_size,
                      "sha256": "ab" * 32, "totals": totals})  # fmt: skip
    rows = sum(file["totals"]["rows"] for file in files)  # type: ignore[index]

    def part(rows: int, total: str) -> dict[str, Any]:
        """Return the totals of a file, as in the manifest. The metric `count` has no field `sum`."""
        values = {name: {"count": rows, **({} if name == "count" else {"sum": total})} for name in metrics}
        return {"rows": rows, "metrics": values}

    manifest = {
        "period": period, "window": {"start": "2026-08-01", "end": "2026-10-31", "time_zone": "Etc/GMT"},
        "files": files,
        "totals": part(rows, "12345.50"), "source": part(rows + 5, "12355.50"),
        "orphans": part(2, "10.00"), "excluded": part(3, "0"), "undated_rows": 0,
        "groups_without_recipient": 0, "revision": 1,
        "complete": True, "snapshot_time": "2026-11-01", "engine_version": "1", "run_id": "local-1",
    }  # fmt: skip
    (folder / "_manifests").mkdir(parents=True, exist_ok=True)
    (folder / "_manifests" / f"{period}.json").write_text(json.dumps(manifest))
