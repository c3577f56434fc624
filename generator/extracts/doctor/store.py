"""The project's spec, and the database that it reads."""

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
from extracts.doctor.project import Values
from extracts.introspect.candidates import quoted

if TYPE_CHECKING:
    from extracts.doctor.contract import Found

_TLS = "add ?sslmode=verify-full&sslrootcert=FILE to the URL, and switch ssl on at the server"


def checks(project: Path, database_url: str | None, role: str | None, known: Values) -> Iterator[Check]:
    """The spec, by the engine that the project is pinned to; then the database, and what `role` may there."""
    script = project / "Glue/etl.py"
    if not script.is_file():
        yield failed("spec", f"there is no {script}", f"name the folder of a stamped project, not {project}")
        return
    spec = _looked(script, None, None)
    if isinstance(spec, str) or spec["wrong"]:
        wrong = spec if isinstance(spec, str) else spec["wrong"]
        yield failed("spec", wrong, f"put it right in {script}")
        return
    yield ok("spec", spec["spec"])
    found = _looked(script, database_url, role) if database_url else spec
    asked = spec if isinstance(found, str) else found
    yield from zone.checks(project, known, asked, datetime.now(UTC))
    if not database_url:
        yield skipped("database", "not looked at; give --database-url with the login of the job")
        return
    if isinstance(found, str):
        yield failed("database", found, "check host, port, login and the network between here and there")
        return
    parts = urlsplit(database_url)
    yield ok("database", f"PostgreSQL {found['version']} at {parts.hostname}:{parts.port or 5432}")
    yield ok("TLS", found["tls"]) if found["tls"] else failed("TLS", "the connection is not encrypted", _TLS)
    if not found["usable"]:
        grant = f"grant usage on schema {quoted(found['schema'])} to {quoted(found['role'])};"
        text = f"the schema {found['schema']} may not be used by {found['role']}"
        yield failed("rights", text, f"run as its owner: {grant}")
    for table, readable in sorted(found["readable"].items()):
        if readable:
            yield ok("rights", f"{table} may be read by {found['role']}")
        else:
            grant = f"grant select on {quoted(found['schema'], table)} to {quoted(found['role'])};"
            yield failed(
                "rights", f"{table} may not be read by {found['role']}", f"run as its owner: {grant}"
            )
    if not found["wrong"]:
        yield ok("contract", "every table and column of the spec is there, of a usable type")
    elif all(found["readable"].values()):
        yield failed("contract", found["wrong"], f"put it right in {script}, or in the database")


def _looked(script: Path, database_url: str | None, role: str | None) -> Found | str:
    """What the look found, or the sentence for why there was none."""
    engine = preview.engine(script.parents[1])
    url = preview.with_password(database_url) if database_url else None
    done = children.run(
        [sys.executable, "-m", "extracts.doctor.contract"],
        input=json.dumps({"script": str(script), "database_url": url, "role": role}),
        variables={
            **children.environment(),
            "PYTHONPATH": os.pathsep.join([str(engine), *filter(None, sys.path)]),
        },
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return lines[-1] if lines else f"the look ended with code {done.returncode}"
    # A spec that prints something does not make the answer unreadable.
    answer: Found = json.loads(done.stdout.splitlines()[-1])
    return answer
