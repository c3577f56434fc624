"""Run a project's own spec against a database: the files that would be delivered, without any AWS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from extracts.errors import ExtractsError
from extracts.resources import modules

# The arguments come by standard input: a URL with a password is nobody's business who lists processes.
_CHILD = """
import json, runpy, sys
sys.argv = json.load(sys.stdin)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def engine(project: Path) -> Path:
    """The engine of the version that the project is pinned to, where `terraform init` put it; else ours."""
    listed = project / "Terraform/.terraform/modules/modules.json"
    if listed.is_file():
        folders = {module["Key"]: module["Dir"] for module in json.loads(listed.read_text())["Modules"]}
        found = project / "Terraform" / str(folders.get("extract", "")) / "runtime"
        if (found / "rolling_extract.py").is_file():
            return found
    return modules() / "glue-extract/runtime"


def preview(project: Path, database_url: str, output: Path, arguments: Sequence[str] = ()) -> Iterator[str]:
    """What the engine says while it works; raises its sentence when it fails.

    `arguments` are the job's own: `--period 2026-10`, or `--from 2026-01 --to 2026-10`.
    """
    from extracts.local import programs

    script = project / "Glue/etl.py"
    if not script.is_file():
        raise ExtractsError(f"{project} is no extract project: there is no {script}.")
    jar = programs.jdbc_driver()
    environment = {
        **os.environ,
        "JAVA_HOME": str(programs.java_home()),
        "PYTHONPATH": str(engine(project)),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_SUBMIT_ARGS": (
            f"--master local[*] --jars {jar} --conf spark.ui.enabled=false"
            " --conf spark.driver.host=127.0.0.1 --conf spark.driver.bindAddress=127.0.0.1 pyspark-shell"
        ),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    command = [str(script), "--database-url", database_url, "--output", str(output.resolve()), *arguments]
    done = subprocess.run(
        [sys.executable, "-c", _CHILD],
        input=json.dumps(command),
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    for line in done.stdout.splitlines():
        if line.startswith("{") and (entry := json.loads(line))["level"] != "error":
            yield str(entry["message"])
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise ExtractsError(said[-1] if said else f"{script} ended with code {done.returncode}.")
