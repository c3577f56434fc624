"""Check the PGP keys of the recipients with the engine of the project.

This file runs as a separate process, because each project may have another version of the engine. From
standard input, the process reads a JSON object with one entry per recipient. The entry maps the names of the
recipient's keys to the keys. The process writes a `Result` as JSON to standard output.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from extracts import children, preview
from extracts.doctor.check import Check, failed, ok, skipped

_NAME = "PGP keys"


class Result(TypedDict):
    """The result of the check. `wrong` is an error message, or empty."""

    keys: list[str]  # one sentence per key, with its fingerprint
    warnings: list[str]
    wrong: str


def checks(project: Path, keys: Mapping[str, Mapping[str, str]] | str) -> Iterator[Check]:
    """Check that files can be encrypted for all keys, now and for the next 60 days. List the fingerprints."""
    if isinstance(keys, str):
        yield skipped(_NAME, f"not checked: {keys}")
        return
    if not keys:
        return
    if importlib.util.find_spec("pysequoia") is None:
        yield skipped(_NAME, "not checked; pip install pysequoia")
        return
    done = children.run(
        children.python("extracts.doctor.pgp_keys"),
        input=json.dumps(keys),
        variables=preview.environment(project),
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        said = lines[-1] if lines else f"the check ended with code {done.returncode}"
        yield failed(_NAME, said, "update the project: extracts update")
        return
    found: Result = json.loads(done.stdout)
    remedy = "get a new key or a new export of the key from the recipient, set it in Terraform, and apply"
    if found["wrong"]:
        yield failed(_NAME, found["wrong"], remedy)
    for warning in found["warnings"]:
        yield failed(_NAME, warning, remedy)
    if not found["wrong"] and not found["warnings"]:
        yield ok(_NAME, f"keys that are valid for at least 60 days: {len(found['keys'])}")
    for key in found["keys"]:
        yield ok(_NAME, key)


def check(keys: Mapping[str, Mapping[str, str]]) -> Result:
    """Check the keys with the engine, and return the result."""
    import rolling_pgp
    from rolling_errors import ExtractError

    texts = {(recipient, name): key for recipient, named in keys.items() for name, key in named.items()}
    try:
        found = rolling_pgp.read(texts, datetime.now(UTC))
    except ExtractError as error:
        return Result(keys=[], warnings=[], wrong=str(error))
    return Result(keys=[*map(str, found.named)], warnings=[*found.warnings], wrong="")


if __name__ == "__main__":
    print(json.dumps(check(json.load(sys.stdin))))
