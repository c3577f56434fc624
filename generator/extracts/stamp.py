"""Run cookiecutter without the user's cookiecutter settings."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from extracts import children
from extracts.errors import ExtractsError
from extracts.resources import modules, templates


def stamp(
    answers: Mapping[str, str], output: Path, *, local_modules: bool = False, template: Path | None = None
) -> Path:
    """Create a project below `output` without prompts, and return its folder.

    With `local_modules`, the project uses the Terraform modules of this checkout by path, instead of by tag
    from git. `template` is the folder of the template. The default is the template of this version.
    """
    given = dict(answers)
    if local_modules:
        given["__module_source"] = f"{modules()}/MODULE"
    before = set(output.iterdir())
    with tempfile.TemporaryDirectory(prefix="extracts-stamp-") as scratch:
        settings = Path(scratch) / "cookiecutter.yaml"
        settings.write_text(f"cookiecutters_dir: {scratch}/templates\nreplay_dir: {scratch}/replay\n")
        command = [*children.python("cookiecutter"), "--no-input", "--config-file", str(settings)]
        words = (f"{k}={v}" for k, v in given.items())
        done = children.run([*command, "-o", output, template or templates() / "extract", *words])
    made = [path for path in output.iterdir() if path not in before and path.is_dir()]
    if done.returncode or len(made) != 1:
        raise ExtractsError(_reason(done.stderr))
    # If pip installed the template, pip also compiled the Python files of the template. Cookiecutter copied
    # the compiled files to the project. Delete these copies.
    for folder in [*made[0].rglob("__pycache__")]:
        shutil.rmtree(folder)
    return made[0]


def _reason(errors: str) -> str:
    """Return all messages of the template's hook, or else the first line of cookiecutter's error."""
    lines = [line for line in errors.splitlines() if line.strip()]
    said = [line.removeprefix("✗ ") for line in lines if line.startswith(("✗ ", "  - "))]
    return "\n".join(said) or f"cookiecutter failed: {lines[0] if lines else 'no message'}"
