"""A stamped project as it lies in a folder: what it was stamped from and which version it runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from extracts.errors import ExtractsError
from extracts.home import Version, parse

_REFERENCE = re.compile(
    r"^\s*source\s*=\s*\"(?:git::)?(\S+?)(?:\.git)?//modules/[\w-]+\?ref=v(\d+\.\d+\.\d+)\"", re.M
)


@dataclass(frozen=True, slots=True)
class Project:
    """A project's own word on where it comes from."""

    folder: Path
    home: str  # the collection's repository
    modules: Version  # the tag of its modules: what a deployment runs
    stamped: Version | None  # the template's version; None where the project has kept no answers
    answers: Mapping[str, str]


def read(folder: Path) -> Project:
    """Read a project's folder; it needs no more than its Terraform."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("Terraform/*.tf"))]
    references = [match for text in texts for match in _REFERENCE.findall(text)]
    versions = {parse(version) for _, version in references}
    if len(versions) > 1:
        found = " and ".join(".".join(map(str, v)) for v in sorted(versions))
        raise ExtractsError(f"{folder}: its modules are of versions {found}; they are tested as one set.")
    kept = folder / "extract.yaml"
    if not kept.is_file():
        if not references:
            raise ExtractsError(
                f"{folder} is no extract project: it has no extract.yaml, and no module in its Terraform"
                " is pinned to a version."
            )
        return Project(folder, references[0][0], versions.pop(), None, {})
    try:
        content = yaml.safe_load(kept.read_bytes())
        stamped = parse(str(content["version"]))
        home = str(content["template"])
        answers = {str(key): str(value) for key, value in content["default_context"].items()}
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ExtractsError(
            f"{kept} cannot be read: it needs template, version and default_context, as it was stamped."
        ) from error
    return Project(folder, home, versions.pop() if versions else stamped, stamped, answers)


def below(folder: Path) -> list[Path]:
    """The project at a folder, or those up to two levels below, as a team's checkouts lie side by side."""

    def is_project(path: Path) -> bool:
        return (path / "Glue/etl.py").is_file() and (path / "Terraform").is_dir()

    if is_project(folder):
        return [folder]
    return [path for path in (*sorted(folder.glob("*")), *sorted(folder.glob("*/*"))) if is_project(path)]
