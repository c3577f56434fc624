"""Run a project's spec once as ordered and once more for the months before; for `extracts.preview` alone.

A process of its own, because the engine is the project's and not ours, and because Spark's JVM ends with it.
The order comes by standard input: a URL with a password is nobody's business who lists processes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import runpy
import sys
from typing import Any


def main() -> None:
    """Read the order, run, and print what the engine says and what the spec is, a JSON object a line."""
    order = json.load(sys.stdin)
    script, database_url = order["script"], order["database_url"]
    try:
        names, said = _run(script, database_url, order["output"], order["arguments"])
    except Exception as error:  # whatever a program of the project's may raise
        sys.exit(f"{script} does not run: {type(error).__name__}: {error}.")
    if "EXTRACT" not in names:
        sys.exit(f"{script} defines no EXTRACT.")
    if not said:
        sys.exit(f"{script} does not run EXTRACT; it ends with: run(EXTRACT).")
    print(json.dumps({"event": "spec", "spec": dataclasses.asdict(names["EXTRACT"])}, default=str))
    first = next(entry["periods"][0] for entry in said if entry["event"] == "started")
    if not order["history"]:
        return
    span = ["--from", _before(first, order["history"]), "--to", _before(first, 1)]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            _run(script, database_url, order["history_output"], span)
    except SystemExit as ended:
        # The months that were asked for are there; what cannot be had of long ago takes nothing away.
        print(json.dumps({"event": "history_failed", "level": "info", "message": str(ended.code)}))


def _run(
    script: str, database_url: str, output: str, arguments: list[str]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The script's names and the engine's log; what it says is also passed on, however it ends."""
    sys.argv = [script, "--database-url", database_url, "--output", output, *arguments]
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            names = runpy.run_path(script, run_name="__main__")
    finally:
        print(said.getvalue(), end="")
    return names, [json.loads(line) for line in said.getvalue().splitlines() if line.startswith("{")]


def _before(period: str, months: int) -> str:
    """The period that many months earlier."""
    year, month = divmod(int(period[:4]) * 12 + int(period[5:]) - 1 - months, 12)
    return f"{year:04}-{month + 1:02}"


if __name__ == "__main__":
    main()
