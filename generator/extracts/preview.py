"""Run a project's own spec against a database: the files that would be delivered, without any AWS."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from extracts import children, extra, report
from extracts.errors import ExtractsError
from extracts.files import inside
from extracts.resources import modules


def engine(project: Path) -> Path:
    """The engine of the version that the project is pinned to, where `terraform init` put it; else ours."""
    listed = project / "Terraform/.terraform/modules/modules.json"
    if listed.is_file():
        folders = {module["Key"]: module["Dir"] for module in json.loads(listed.read_text())["Modules"]}
        found = project / "Terraform" / str(folders.get("extract", "")) / "runtime"
        if (found / "rolling_extract.py").is_file():
            return found
    return modules() / "glue-extract/runtime"


def spark_environment(project: Path) -> dict[str, str]:
    """What a process needs to run the project's spec here."""
    from extracts import spark

    return {**children.environment(), **spark.environment(engine(project))}


_ENDS = ("published", "unchanged")  # what the engine says last of a month


def with_password(database_url: str) -> str:
    """The URL with the password that PGPASSWORD holds, as PostgreSQL's own programs hear it.

    The engine does not: on AWS the login is in a secret, or a token.
    """
    password = os.environ.get("PGPASSWORD")
    place = re.fullmatch(r"(\w+://[^/?#@:]+)(@.*)", database_url)
    return f"{place[1]}:{quote(password, safe='')}{place[2]}" if password and place else database_url


@dataclass(frozen=True, slots=True)
class Preview:
    """One run of the engine: what it said line by line, and what came of it."""

    output: Path
    page: Path | None  # where the report was written to
    log: Sequence[Mapping[str, Any]]
    failure: str | None  # the sentence that the run ended with

    def told(self) -> Iterator[str]:
        """For a person: what the engine said while it worked."""
        for entry in self.log:
            if "message" in entry and entry["level"] != "error":
                before = "without the months before: " if entry["event"] == "history_failed" else ""
                yield before + entry["message"]
        if self.page:
            yield f"report: {self.page}"

    def as_json(self) -> dict[str, Any]:
        """For a script: the manifest of each month that was asked for, with the path of each file."""
        said = {entry["event"]: entry for entry in self.log}
        ended = {entry["period"]: entry["event"] for entry in self.log if entry["event"] in _ENDS}
        return {
            "output": str(self.output),
            "report": str(self.page) if self.page else None,
            "periods": [
                {
                    "outcome": ended[month.period],
                    **month.manifest,
                    "files": [
                        {"path": str(self.output / file["key"]), **file} for file in month.manifest["files"]
                    ],
                }
                for month in report.published(self.output, said["started"]["periods"])
            ],
            # Of this run; a month that was there already keeps in its manifest what its own run was told.
            "warnings": [
                {name: entry.get(name) for name in ("event", "period", "message")}
                for entry in self.log
                if entry.get("level") == "warning" or entry["event"] == "history_failed"
            ],
            "sql": report.statement(said),
        }


def preview(
    project: Path,
    database_url: str,
    output: Path,
    arguments: Sequence[str] = (),
    *,
    page: Path | None = None,
    history: int = 0,
) -> Preview:
    """Run the project's spec against a database.

    `arguments` are the job's own: `--period 2026-10`, or `--from 2026-01 --to 2026-10`. `page` is where the
    report is written to, if any, with that many months of `history` before the ones asked for.
    """
    script = project / "Glue/etl.py"
    if not script.is_file():
        raise ExtractsError(f"{project} is no extract project: there is no {script}.")
    if page:
        page = inside(page.parent, page.name)
    extra.needed("pyspark")
    with tempfile.TemporaryDirectory(prefix="extracts-preview-") as scratch:
        order = {
            "script": str(script),
            "database_url": with_password(database_url),
            "output": str(output.resolve()),
            "arguments": list(arguments),
            "history": history if page else 0,
            "history_output": scratch,
        }
        done = children.run(
            [sys.executable, "-m", "extracts.spec_run"],
            input=json.dumps(order),
            variables=spark_environment(project),
        )
        log = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.strip()]
            failure = said[-1] if said else f"{script} ended with code {done.returncode}."
            return Preview(output.resolve(), None, log, failure)
        if page:
            try:
                page.parent.mkdir(parents=True, exist_ok=True)
                name = project.resolve().name
                page.write_text(report.page(name, log, output.resolve(), Path(scratch)), encoding="utf-8")
            except OSError as error:
                why = f"The files are written, and the page is not: {page}: {error.strerror}."
                return Preview(output.resolve(), None, log, why)
    return Preview(output.resolve(), page, log, None)
