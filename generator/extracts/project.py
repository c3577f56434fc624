"""Read a stamped project: its answers, the version of its template, and the version of its modules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from extracts import files, git
from extracts.errors import ExtractsError
from extracts.home import Version, parse

# The start of a repository's address: a scheme such as `https://`, or a host and a colon.
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://|[^/:]+:", re.I)
_REFERENCE = re.compile(
    r"^[ \t]*source[ \t]*=[ \t]*\"(?:git::)?(\S+?)(?:\.git)?//modules/[\w-]+\?ref=v(\d+\.\d+\.\d+)\"", re.M
)


@dataclass(frozen=True, slots=True)
class Project:
    """The origin of a project, as its files describe it."""

    folder: Path
    name: str  # name in messages: the folder of the project, or the address of its repository
    home: str  # the repository of the template
    modules: Version  # the tag of the modules
    stamped: Version | None  # the version of the template; None without an extract.yaml
    answers: Mapping[str, str]


def read(folder: Path, name: str = "") -> Project:
    """Read a project. If it has no extract.yaml, only the version of its modules is known."""
    try:
        return _read(folder, name or str(folder))
    except OSError as error:
        raise ExtractsError(f"{error.filename} cannot be read: {error.strerror}.") from error


def _read(folder: Path, name: str) -> Project:
    texts = [files.text(path) for path in sorted(folder.glob("Terraform/*.tf"))]
    references = [match for text in texts for match in _REFERENCE.findall(text)]
    versions = {parse(version) for _, version in references}
    if len(versions) > 1:
        found = " and ".join(".".join(map(str, v)) for v in sorted(versions))
        raise ExtractsError(f"{name}: its modules have versions {found}; give all of them the same version.")
    kept = folder / "extract.yaml"
    if not (kept.is_file() or kept.is_symlink()):
        if not references:
            raise ExtractsError(
                f"{name} is not an extract project: it has no extract.yaml, and no Terraform module with a"
                " pinned version."
            )
        return Project(folder, name, references[0][0], versions.pop(), None, {})
    content = files.settings(kept, f"{name}/{kept.name}")
    try:
        version = str(content["version"])
        home = str(content["template"])
        answers = {str(key): str(value) for key, value in content["default_context"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise ExtractsError(
            f"{name}/{kept.name} cannot be read: it needs template, version and default_context."
        ) from error
    except ValueError as error:
        raise ExtractsError(f"{name}/{kept.name} cannot be read: a number in it is too long.") from error
    stamped = parse(version)
    return Project(folder, name, home, versions.pop() if versions else stamped, stamped, answers)


def found_in(source: str, clones: Path, *, keep: bool = False) -> list[tuple[Path, str]]:
    """Return the projects in a folder or a git repository, with their names for messages.

    A repository is cloned into a folder below `clones`. If `keep`, this folder has the name of the
    repository, and the clone has its whole history.
    """
    if Path(source).exists() or not _ADDRESS.match(source):
        return [(path, str(path)) for path in below(Path(source))]
    if keep:
        clone = clones / source.rstrip("/").rpartition("/")[2].rpartition(":")[2].removesuffix(".git")
        if clone.exists():
            raise ExtractsError(f"{clone} already exists; update that folder instead.")
    else:
        clone = clones / str(len(list(clones.iterdir())))
    git.clone(source, clone, *([] if keep else ["--depth=1"]))
    found = below(clone)
    if keep:
        return [(path, str(path)) for path in found]
    inside = (path.relative_to(clone).as_posix() for path in found)
    return [
        (path, source if part == "." else f"{source}: {part}")
        for path, part in zip(found, inside, strict=True)
    ]


def below(folder: Path) -> list[Path]:
    """Return the folder if it is a project. Otherwise return the projects up to two levels below the folder.

    The search does not follow links.
    """

    def is_project(path: Path) -> bool:
        try:
            return (path / "Glue/etl.py").is_file() and (path / "Terraform").is_dir()
        except OSError:
            return True  # the function `read` reports the error later

    if is_project(folder):
        return [folder]
    # In a repository, a link could lead to another project of the user. The tool would then update that
    # project.
    folders = [path for path in sorted(folder.glob("*")) if not path.is_symlink()]
    inner = [path for path in sorted(folder.glob("*/*")) if path.parent in folders and not path.is_symlink()]
    return [path for path in (*folders, *inner) if is_project(path)]
