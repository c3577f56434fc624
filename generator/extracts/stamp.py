"""Stamp a project with plain cookiecutter, shielded from the user's own cookiecutter settings."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from cookiecutter.exceptions import CookiecutterException
from cookiecutter.main import cookiecutter

from extracts.errors import ExtractsError
from extracts.resources import modules, templates


def stamp(answers: Mapping[str, str], output: Path, *, local_modules: bool = False) -> Path:
    """Stamp into `output` without a question; the new project's folder.

    `local_modules` takes the Terraform modules from this checkout by path: a project that is to stay
    takes them from git by tag.
    """
    context = dict(answers)
    if local_modules:
        context["__module_source"] = f"{modules()}/MODULE"
    with tempfile.TemporaryDirectory(prefix="extracts-stamp-") as scratch:
        settings = Path(scratch) / "cookiecutter.yaml"
        settings.write_text(f"cookiecutters_dir: {scratch}/templates\nreplay_dir: {scratch}/replay\n")
        try:
            made = cookiecutter(
                str(templates() / "extract"),
                no_input=True,
                extra_context=context,
                output_dir=str(output),
                config_file=str(settings),
            )
        except CookiecutterException as error:
            raise ExtractsError(f"The project was not stamped: {error}") from error
    return Path(made)
