"""Run the spec of a project against a database without AWS, and write the files that it would publish."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from extracts import children, files, pages, preview_folder, untrusted
from extracts.errors import ExtractsError
from extracts.resources import modules


def engine(project: Path) -> Path:
    """Return the engine that `terraform init` installed in the project, or else the engine of the tool."""
    listed = project / "Terraform/.terraform/modules/modules.json"
    if listed.is_file():
        try:
            installed = untrusted.parsed(listed.read_text(encoding="utf-8"))["Modules"]
            folders = {module["Key"]: module["Dir"] for module in installed}
        except (ValueError, KeyError, TypeError) as error:
            raise ExtractsError(
                f"{listed} cannot be read; run `terraform init` in {project / 'Terraform'}."
            ) from error
        found = project / "Terraform" / str(folders.get("extract", "")) / "runtime"
        if (found / "rolling_extract.py").is_file():
            return found
    return modules() / "glue-extract/runtime"


def environment(project: Path) -> dict[str, str]:
    """Return the environment of a process that runs the project's spec."""
    return {**children.environment(), "PYTHONPATH": str(engine(project))}


def spark_environment(project: Path) -> dict[str, str]:
    """Return the environment of a process that runs the project's spec in Spark."""
    from extracts import spark

    return {**children.environment(), **spark.environment(engine(project))}


def tell_message(line: str, tell: Callable[[str], None]) -> None:
    """Read a line of the log. If it contains a message for the user, call `tell` with the message."""
    entry = untrusted.event(line)
    if entry is None or "message" not in entry or entry.get("level") == "error":
        return
    if entry["event"] == "published":  # a preview publishes nothing, so show only the counts
        tell(f"{entry['period']}: {_counted(entry['files'], 'file')}, {_counted(entry['rows'], 'row')}")
        return
    before = "no earlier months: " if entry["event"] == "history_failed" else ""
    tell(before + entry["message"])


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def failure(log: Sequence[Mapping[str, Any]], stderr: str) -> str:
    """Return the error message of a failed run, or an empty text if the run left no message."""
    reasons = [f"{entry['reason']} Nothing was written." for entry in log if "reason" in entry]
    return next(reversed([*(line for line in stderr.splitlines() if line.strip()), *reasons]), "")


def with_password(database_url: str) -> str:
    """Return the URL with the password from PGPASSWORD.

    The process of the engine gets the password in this URL, because it does not inherit PGPASSWORD.
    """
    password = os.environ.get("PGPASSWORD")
    place = re.fullmatch(r"(\w+://[^/?#@:]+)(@.*)", database_url)
    return f"{place[1]}:{quote(password, safe='')}{place[2]}" if password and place else database_url


@dataclass(frozen=True, slots=True)
class Preview:
    """The result of a preview: the log of the engine, the target and the page."""

    output: Path
    page: Path | None  # the path of the page, or None if the page was not written
    log: Sequence[Mapping[str, Any]]
    failure: str | None  # the error message of the run

    def as_json(self) -> dict[str, Any]:
        """Return the manifest of each requested month, with the paths of its files."""
        from extracts.report import statements
        from extracts.report_months import published

        said = {entry["event"]: entry for entry in self.log}
        return {
            "output": str(self.output),
            "report": str(self.page) if self.page else None,
            "periods": [
                {
                    **month.manifest,
                    "files": [
                        {"path": str(self.output / file["key"]), **file} for file in month.manifest["files"]
                    ],
                }
                for month in published(self.output, said["started"]["periods"])
            ],
            # The warnings of this run. They are not read from the manifests, because an unchanged manifest
            # contains the warnings of the earlier run that published the period.
            "warnings": [
                {name: entry.get(name) for name in ("event", "period", "message")}
                for entry in self.log
                if entry.get("level") == "warning" or entry["event"] == "history_failed"
            ],
            "sql": statements(self.log),
        }


def preview(
    project: Path,
    database_url: str,
    output: Path,
    arguments: Sequence[str] = (),
    *,
    page: Path | None = None,
    history: int = 0,
    tell: Callable[[str], None] = lambda _: None,
) -> Preview:
    """Run the project's spec against a database. Replace the previous preview in `output`.

    `arguments` are arguments of the job: `--period 2026-10`, or `--from 2026-01 --to 2026-10`. Without
    arguments, the preview shows the newest complete month that has rows. `page` is the path of the page, or
    None. `history` is the number of earlier months on the page. The function calls `tell` with each
    message of the run while the process runs.
    """
    script = project / "Glue/etl.py"
    if not script.is_file():
        raise ExtractsError(f"{project} is not an extract project: {script} does not exist.")
    folder = page.parent.resolve() if page else None  # resolve now: a link may change during the run
    # If the page is in the output folder, the record of the preview shows whether the page may be replaced.
    if page and (page.is_dir() or folder != output.resolve()):
        pages.check(page, "--report", "preview")
    elif page:
        files.inside(page.parent, page.name)
    with (
        files.private_folder(output) as output,  # the new path contains no links
        preview_folder.staging(output, preview_folder.NEW) as staged,
        preview_folder.staging(output, preview_folder.HISTORY) as history_folder,
    ):
        request = {
            "script": str(script),
            "database_url": with_password(database_url),
            "output": str(staged),
            "arguments": list(arguments),
            "history": history if page else 0,
            "page": page is not None,
            "history_output": str(history_folder),
            "readable_output": str(history_folder / preview_folder.READABLE),
        }
        done = children.run(
            children.python("extracts.spec_run"),
            input=json.dumps(request),
            variables=environment(project),
            each_line=lambda line: tell_message(line, tell),
        )
        log = [entry for line in done.stdout.splitlines() if (entry := untrusted.event(line))]
        if done.returncode:
            said = failure(log, done.stderr) or f"{script} ended with code {done.returncode}."
            return Preview(output, None, log, said)
        if page is None or folder is None:
            preview_folder.replace(output, staged)
            return Preview(output, None, log, None)
        from extracts import report

        name = project.resolve().name
        # A page in the output folder belongs to the files of the preview, so the next preview replaces it.
        if folder == output:
            shown = report.page(name, log, staged, history_folder, folder=staged)
            files.write(staged, page.name, shown.encode(), private=True)
            preview_folder.replace(output, staged)
        else:
            preview_folder.replace(output, staged)
            try:
                shown = report.page(name, log, output, history_folder, folder=folder)
                pages.write(folder / page.name, shown, "preview")
            except OSError as error:
                why = f"The files are written, but the page {page} is not: {error.strerror}."
                return Preview(output, None, log, why)
    return Preview(output, page, log, None)
