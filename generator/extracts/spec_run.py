"""Run a project's spec for the requested months and for earlier months.

`extracts.preview` starts this program.

This program runs in a separate process for two reasons: each project may have another version of the engine,
and Spark's JVM ends with the process. The program reads the request from standard input, not from the command
line. Other users can see command lines, and the URL in the request contains a password. Java and Spark start
only if the spec needs them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import rolling_extract
from extracts import spec_period, untrusted
from extracts.errors import ExtractsError


def main() -> None:
    """Read the request, run the spec, and print the log of the engine and the output of the spec."""
    request = json.load(sys.stdin)
    script, database_url = request["script"], request["database_url"]
    if not hasattr(rolling_extract, "Metric"):
        sys.exit(
            f"{script} uses version {rolling_extract.__version__} of the engine, which this tool cannot"
            " preview; update the project: extracts update"
        )
    # A preview need not survive a power failure. With fsync, each file would wait for the disk.
    os.fsync = lambda fd: None
    rolling_extract.run = _with_spark(spec_period.with_rows(rolling_extract.run))
    try:
        names, said = _run(script, database_url, request["output"], request["arguments"])
    except Exception as error:  # a spec is a program and may raise anything
        sys.exit(f"{script} fails: {type(error).__name__}: {error}.")
    if "EXTRACT" not in names:
        sys.exit(f"{script} does not define EXTRACT.")
    if not said:
        sys.exit(f"{script} does not run EXTRACT; its last line must be run(EXTRACT).")
    print(json.dumps({"event": "spec", "spec": dataclasses.asdict(names["EXTRACT"])}, default=str))
    spec_period.explain_empty(names["EXTRACT"], sys.argv[1:], said)
    first = next(entry["periods"][0] for entry in said if entry["event"] == "started")
    span = _span(first, request, is_default=_is_default(names["EXTRACT"]))
    if not span:
        return
    engine, unseen = rolling_extract.run, io.StringIO()
    try:
        with contextlib.redirect_stdout(unseen):
            if request["page"] and _is_encrypted(names["EXTRACT"]):
                rolling_extract.run = _changed(engine, _readable)
                requested = _span(first, {**request, "history": 0}, is_default=False)
                _run(script, database_url, request["readable_output"], requested)
            rolling_extract.run = _changed(engine, lambda _: rolling_extract.File())
            _run(script, database_url, request["history_output"], span)
    except SystemExit as ended:
        # The requested months are complete, so a failure of earlier months is only reported.
        [last] = unseen.getvalue().splitlines()[-1:] or [""]
        reason = (untrusted.event(last) or {}).get("reason")
        message = reason or str(ended.code)
        print(json.dumps({"event": "history_failed", "level": "info", "message": message}))


def _span(first: str, request: dict[str, Any], *, is_default: bool) -> list[str]:
    """Return the arguments of an additional run, or an empty list if no additional run is needed.

    The additional run writes the earlier months. The page reads files in the default format. If the spec has
    another format, the additional run also writes the requested months again.
    """
    history, arguments = request["history"], request["arguments"]
    if is_default or not request["page"]:
        return ["--from", _before(first, history), "--to", _before(first, 1)] if history else []
    last = arguments[arguments.index("--to") + 1] if "--to" in arguments else first
    incomplete = [name for name in arguments if name == "--allow-incomplete"]
    return ["--from", _before(first, history), "--to", last, *incomplete]


def _is_default(extract: Any) -> bool:
    return extract.file == rolling_extract.File() and not extract.files


def _is_encrypted(extract: Any) -> bool:
    return any(getattr(file, "encryption", None) for file in (extract.file, *(extract.files or {}).values()))


def _readable(file: Any) -> Any:
    """Return the definition of a file, changed so that the page can read the lines of the file.

    The changed definition has no encryption, no compression, no marker files, and no options for names and
    folders.
    """
    return dataclasses.replace(file, name=None, compression=None, markers=(), flat=False, encryption=None)


def _changed(run: Callable[..., None], change: Callable[[Any], Any]) -> Callable[..., None]:
    """Return the engine's `run` with changed definitions of the files."""

    def changed(extract: Any, *positional: Any, **named: Any) -> None:
        files = {name: change(file) for name, file in (extract.files or {}).items()} or None
        run(dataclasses.replace(extract, file=change(extract.file), files=files), *positional, **named)

    return changed


def _run(
    script: str, database_url: str, output: str, arguments: list[str]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Run the script. Return the names that it defines, and its log, which is also printed at once."""
    sys.argv = [script, "--database-url", database_url, "--output", output, *arguments]
    said = _Copy(sys.stdout)
    with contextlib.redirect_stdout(said):
        names = runpy.run_path(script, run_name="__main__")
    return names, [entry for line in said.getvalue().splitlines() if (entry := untrusted.event(line))]


class _Copy(io.StringIO):
    """Keep the output, and also print it at once."""

    def __init__(self, to: TextIO) -> None:
        super().__init__()
        self._to = to

    def write(self, text: str) -> int:
        self._to.write(text)
        self._to.flush()
        return super().write(text)


def _with_spark(run: Callable[..., None]) -> Callable[..., None]:
    """Return a function that sets the environment for Spark if needed, and then calls the engine's `run`."""

    def prepared(extract: Any, *positional: Any, **named: Any) -> None:
        if getattr(extract, "aggregate_in", None) == "spark":
            from extracts import extra, spark, spark_classes
            from rolling_log import log

            try:
                extra.needed("pyspark")
                if spark_classes.can_be_made():
                    log("spark_prepared", "preparing Spark for faster starts; this happens only once")
                    spark.prepare()
                os.environ.update(spark.environment(Path(rolling_extract.__file__).parent))
            except ExtractsError as error:
                sys.exit(str(error))
        # Only this user can read the files that the run creates. Java was unpacked before this line, so all
        # users can read the files of Java.
        os.umask(0o077)
        run(extract, *positional, **named)

    return prepared


def _before(period: str, months: int) -> str:
    """Return the period that is this number of months before `period`."""
    year, month = divmod(int(period[:4]) * 12 + int(period[5:]) - 1 - months, 12)
    return f"{year:04}-{month + 1:02}"


if __name__ == "__main__":
    main()
