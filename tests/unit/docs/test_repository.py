"""Pages of the repository have the current version, correct examples, and links to existing files."""

from __future__ import annotations

import doctest
import importlib
import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import extracts
import rolling_extract
from tools import release

ROOT = Path(__file__).parents[3]
PAGES = sorted(
    path
    for pages in ("*.md", ".github/*.md", "docs/**/*.md", "modules/*/README.md")
    for path in ROOT.glob(pages)
)


def test_version_is_the_same_in_the_tool_the_engine_the_template_and_the_changelog() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert extracts.__version__ == version
    assert rolling_extract.__version__ == version
    assert json.loads((ROOT / "templates/extract/cookiecutter.json").read_text())["_version"] == version
    newest = re.search(r"^## (\d\S*)", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert newest
    assert newest[1] == version


def test_references_to_this_repository_have_the_current_version() -> None:
    """Check pages, examples and the folder differences/.

    The changelog and tests may mention other versions.
    """
    listed = ["git", "-C", str(ROOT), "ls-files", "-z", "--", ":!tests/*.py", ":!CHANGELOG.md"]
    names = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\0")
    pinned = {
        (name, pin[2])
        for name in names
        if name.endswith((".md", ".tf", ".yml", ".yaml", ".diff")) and (ROOT / name).is_file()
        for pin in release.PIN.finditer((ROOT / name).read_text())
    }
    assert {"README.md", "examples/bank-loans/extract.yaml"} <= {name for name, _ in pinned}
    assert {version for _, version in pinned} == {extracts.__version__}


def modules_with_examples() -> list[str]:
    folders = (
        ("generator", "extracts/**/*.py"),
        ("modules/glue-extract/runtime", "*.py"),
        (".", "local_cloud/**/*.py"),
        (".", "tools/**/*.py"),
        (".", "tests/**/*.py"),
    )
    return [
        ".".join(path.relative_to(ROOT / folder).with_suffix("").parts)
        for folder, files in folders
        for path in sorted((ROOT / folder).glob(files))
        if re.search(r"^ +>>> ", path.read_text(), flags=re.MULTILINE)
    ]


@pytest.mark.parametrize("module", modules_with_examples())
def test_all_examples_in_docstrings_are_correct(module: str) -> None:
    ran = doctest.testmod(importlib.import_module(module))
    assert ran.attempted > 0
    assert ran.failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_on_a_page_leads_to_an_existing_file(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    missing = [
        t
        for t in targets
        if "://" not in t and not t.startswith("mailto:") and not (page.parent / t).exists()
    ]
    assert not missing


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert "$ make test" in (ROOT / "README.md").read_text()
    assert "\nmake test\n" in (ROOT / ".ci/run").read_text()
