"""Run a project's spec for the requested months and for earlier ones. `extracts.preview` starts this program.

It is a separate process, because each project may have another engine, and because it ends Spark's JVM. The
request is on standard input, because other users can see command lines, and the URL contains a password.
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
    """Read the request, run the spec, and print the log of the engine and the spec as lines of JSON."""
    request = json.load(sys.stdin)
    script, database_url = request["script"], request["database_url"]
    try:
        names, said = _run(script, database_url, request["output"], request["arguments"])
    except Exception as error:  # a spec is a program and may raise anything
        sys.exit(f"{script} fails: {type(error).__name__}: {error}.")
    if "EXTRACT" not in names:
        sys.exit(f"{script} does not define EXTRACT.")
    if not said:
        sys.exit(f"{script} does not run EXTRACT; its last line must be run(EXTRACT).")
    print(json.dumps({"event": "spec", "spec": dataclasses.asdict(names["EXTRACT"])}, default=str))
    first = next(entry["periods"][0] for entry in said if entry["event"] == "started")
    if not request["history"]:
        return
    span = ["--from", _before(first, request["history"]), "--to", _before(first, 1)]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            _run(script, database_url, request["history_output"], span)
    except SystemExit as ended:
        # The requested months are complete, so a failure of earlier ones is only reported.
        print(json.dumps({"event": "history_failed", "level": "info", "message": str(ended.code)}))


def _run(
    script: str, database_url: str, output: str, arguments: list[str]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Run the script. Return its names and the log, which is also printed if the script fails."""
    sys.argv = [script, "--database-url", database_url, "--output", output, *arguments]
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            names = runpy.run_path(script, run_name="__main__")
    finally:
        print(said.getvalue(), end="")
    return names, [json.loads(line) for line in said.getvalue().splitlines() if line.startswith("{")]


def _before(period: str, months: int) -> str:
    """Return the period that many months earlier."""
    year, month = divmod(int(period[:4]) * 12 + int(period[5:]) - 1 - months, 12)
    return f"{year:04}-{month + 1:02}"


if __name__ == "__main__":
    main()
