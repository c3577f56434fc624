"""Run a project's own spec against a database: the files that would be delivered, without any AWS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from extracts import extra, report
from extracts.errors import ExtractsError
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
    from extracts.local import spark

    return {**os.environ, **spark.environment(engine(project))}


def preview(
    project: Path,
    database_url: str,
    output: Path,
    arguments: Sequence[str] = (),
    *,
    page: Path | None = None,
    history: int = 0,
) -> Iterator[str]:
    """What the engine says while it works; raises its sentence when it fails.

    `arguments` are the job's own: `--period 2026-10`, or `--from 2026-01 --to 2026-10`. `page` is where the
    report is written to, if any, with that many months of `history` before the ones asked for.
    """
    script = project / "Glue/etl.py"
    if not script.is_file():
        raise ExtractsError(f"{project} is no extract project: there is no {script}.")
    extra.needed("pyspark")
    with tempfile.TemporaryDirectory(prefix="extracts-preview-") as scratch:
        order = {
            "script": str(script),
            "database_url": database_url,
            "output": str(output.resolve()),
            "arguments": list(arguments),
            "history": history if page else 0,
            "history_output": scratch,
        }
        done = subprocess.run(
            [sys.executable, "-m", "extracts.spec_run"],
            input=json.dumps(order),
            capture_output=True,
            text=True,
            check=False,
            env=spark_environment(project),
        )
        log = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        for entry in log:
            if "message" in entry and entry["level"] != "error":
                yield _spoken(entry)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.strip()]
            raise ExtractsError(said[-1] if said else f"{script} ended with code {done.returncode}.")
        if page:
            page.parent.mkdir(parents=True, exist_ok=True)
            name = project.resolve().name
            page.write_text(report.page(name, log, output.resolve(), Path(scratch)), encoding="utf-8")
            yield f"report: {page}"


def _spoken(entry: Mapping[str, str]) -> str:
    before = "without the months before: " if entry["event"] == "history_failed" else ""
    return before + entry["message"]
