"""Check the spec of a project, and the source that the spec reads."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from extracts import children, preview
from extracts.doctor import zone
from extracts.doctor.check import Check, failed, ok, skipped
from extracts.doctor.project import Values, flat_folders
from extracts.introspect.candidates import quoted

if TYPE_CHECKING:
    from extracts.doctor.resolved import Result

_TLS = "set ssl = on in the server's configuration, and add ?sslmode=verify-full&sslrootcert=FILE to the URL"


def checks(project: Path, database_url: str | None, role: str | None, known: Values) -> Iterator[Check]:
    """Check the spec with the engine of the project. Then check the source and the rights of `role`."""
    script = project / "Glue/etl.py"
    if not script.is_file():
        yield failed(
            "spec", f"{script} does not exist", f"{project} is not a project; give the folder of a project"
        )
        return
    spec = _checked(script, None, None)
    if isinstance(spec, str) or spec["wrong"]:
        wrong = spec if isinstance(spec, str) else spec["wrong"]
        yield failed("spec", wrong, f"fix the spec in {script}")
        return
    yield ok("spec", spec["spec"])
    found = _checked(script, database_url, role) if database_url else spec
    asked = spec if isinstance(found, str) else found
    yield from zone.checks(project, known, asked, datetime.now(UTC))
    yield from flat_folders(project, known.flat_recipients, asked["flat"])
    if not database_url:
        yield skipped("database", "not checked; give --database-url with the login of the job")
        return
    if isinstance(found, str):
        yield failed("database", found, "check host, port, login and network")
        return
    parts = urlsplit(database_url)
    yield ok("database", f"PostgreSQL {found['version']} at {parts.hostname}:{parts.port or 5432}")
    yield ok("TLS", found["tls"]) if found["tls"] else failed("TLS", "the connection is not encrypted", _TLS)
    if not found["usable"]:
        grant = f"grant usage on schema {quoted(found['schema'])} to {quoted(found['role'])};"
        text = f"{found['role']} has no right to use the schema {found['schema']}"
        yield failed("rights", text, f"run as the owner of the schema: {grant}")
    for table, readable in sorted(found["readable"].items()):
        if readable:
            yield ok("rights", f"{found['role']} has the right to read {table}")
        else:
            grant = f"grant select on {quoted(found['schema'], table)} to {quoted(found['role'])};"
            text = f"{found['role']} has no right to read {table}"
            yield failed("rights", text, f"run as the owner of the table: {grant}")
    if not found["wrong"]:
        yield ok("resolved spec", "all tables and columns of the spec exist and have usable types")
    elif all(found["readable"].values()):
        yield failed("resolved spec", found["wrong"], f"fix the spec in {script}, or fix the database")
    if not found["probed"]:
        text = f"not checked by PostgreSQL; give --database-url with the login {found['role']} of the job"
        yield skipped("expressions", text)


def _checked(script: Path, database_url: str | None, role: str | None) -> Result | str:
    """Return the result of the process that resolves the spec, or its error message."""
    engine = preview.engine(script.parents[1])
    url = preview.with_password(database_url) if database_url else None
    done = children.run(
        children.python("extracts.doctor.resolved"),
        input=json.dumps({"script": str(script), "database_url": url, "role": role}),
        variables={
            **children.environment(),
            "PYTHONPATH": os.pathsep.join([str(engine), *filter(None, sys.path)]),
        },
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return lines[-1] if lines else f"the check ended with code {done.returncode}"
    # Read only the last line, because the spec may print other lines before the result.
    answer: Result = json.loads(done.stdout.splitlines()[-1])
    return answer
