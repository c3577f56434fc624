"""Run the commands that the pages show to a new user, with a local database and this repository."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pexpect
import psycopg
import pytest

from extracts import __version__, programs, terraform
from extracts.stamp import stamp
from local_cloud import database
from local_cloud.demo import store
from tests.e2e.test_page_commands import ADDRESS, commands, pages
from tools.drawings import ROOT

ALERTS = "data-team@example.com"


@dataclass(frozen=True)
class Newcomer:
    """A new user: a folder, the programs that the pages need, and a copy of this repository.

    git uses this copy instead of the public URL of the repository.
    """

    folder: Path
    served: database.Database
    variables: Mapping[str, str]

    def says(self, beginning: str) -> str:
        """Return the command on the pages that begins with the text `beginning`.

        In the command, replace the host, the database and the version with the values of the test.
        """
        found = {c for text in pages().values() for c in commands(text) if c.startswith(beginning)}
        assert len(found) == 1, found
        [command] = found
        here = f"{self.served.host}:{self.served.port}"
        for name, value in {
            "vVERSION": f"v{__version__}", "source.example.com": here, "/DATABASE": "/bank",
        }.items():  # fmt: skip
            command = command.replace(name, value)
        return command

    def run(
        self, command: str, *more: str, place: str = ".", answers: str = ""
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*shlex.split(command), *more],
            cwd=self.folder / place,
            env=dict(self.variables),
            input=answers,
            capture_output=True,
            text=True,
            check=False,
        )


ROWS = store.generate(date(2026, 10, 1), loans=6_000)


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    folder = tmp_path_factory.mktemp("newcomer")
    binaries = folder / "bin"
    binaries.mkdir()
    for name in ("extracts", "cookiecutter", "pip"):
        (binaries / name).symlink_to(Path(sys.executable).with_name(name))
    (binaries / "terraform").symlink_to(shutil.which(programs.terraform().command[0]) or "")
    (folder / ".venv").mkdir()
    (folder / ".venv/bin").symlink_to(binaries)
    variables = terraform.environment(folder) | {
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "PGPASSWORD": "as the reader types it",
        "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com",
        "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.com",
        "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{folder}/collection.insteadOf", "GIT_CONFIG_VALUE_0": ADDRESS,
    }  # fmt: skip
    variables.pop("COOKIECUTTER_CONFIG", None)
    collection = folder / "collection.git"
    for part in ("templates", "modules", "generator"):
        unwanted = shutil.ignore_patterns(".terraform*", "__pycache__", "*.egg-info")
        shutil.copytree(ROOT / part, collection / part, ignore=unwanted)
    for file in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"):
        shutil.copy(ROOT / file, collection)
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "All"], ["tag", f"v{__version__}"]):
        subprocess.run(["git", *words], cwd=collection, env=variables, check=True, capture_output=True)
    with database.serve(folder / "store") as served:
        with psycopg.connect(served.url, autocommit=True) as connection:
            connection.execute("create database bank")
        bank = served.url.removesuffix(served.name) + "bank"
        store.load(bank, ROWS, "unused")
        with psycopg.connect(bank) as connection:
            connection.execute("create role reader login password 'as the reader types it'")
            connection.execute("grant select on all tables in schema public to reader")
        yield Newcomer(folder, served, variables)


def test_cookiecutter_creates_bank_loans_without_the_tool_extracts(
    newcomer: Newcomer, tmp_path: Path
) -> None:
    done = newcomer.run(
        newcomer.says("cookiecutter "), "--output-dir", str(tmp_path), answers="\n" * 11 + f"{ALERTS}\n"
    )
    assert done.returncode == 0, done.stderr
    example = (ROOT / "examples/bank-loans/Glue/etl.py").read_bytes()
    assert (tmp_path / "bank-loans/Glue/etl.py").read_bytes() == example


def test_commands_of_the_tutorial_create_and_preview_a_project(newcomer: Newcomer) -> None:
    # "/bank" selects the command of the tutorial. Another page has a similar command for "/shop".
    command = newcomer.says("extracts new --database-url postgresql://reader@source.example.com/bank ")
    told = shlex.split(command)
    at = pexpect.spawn(
        told[0], told[1:], cwd=str(newcomer.folder), env=dict(newcomer.variables),
        encoding="utf-8", timeout=120, dimensions=(50, 300),
    )  # fmt: skip
    for question, said in (
        ("Name of the project", ""),
        ("Aggregate of the metric", ""),
        ("Window, the number of calendar months", ""),
        ("Delimiter and decimal mark", ""),
        ("How do the recipients get the files", ""),
        ("Mail address for alerts", ALERTS),
    ):
        at.expect(question)
        at.sendline(said)
    at.expect("files created. Next: (extracts preview bank-loans --database-url [^;]+); bank-loans/README.md")
    assert at.match[1] == newcomer.says("extracts preview bank-loans")
    at.expect(pexpect.EOF)
    at.close()
    assert at.exitstatus == 0
    done = newcomer.run(newcomer.says("extracts preview bank-loans"), "--period", "2026-10")
    assert done.returncode == 0, done.stderr
    shown = newcomer.folder / "bank-loans/preview"
    assert len(list(shown.rglob("*_20261031.csv"))) == 3
    assert (shown / "report.html").is_file()


@pytest.fixture
def project(newcomer: Newcomer) -> str:
    """Create a project of this version, and commit it to git."""
    if not (newcomer.folder / "kept").exists():
        made = stamp({"project_slug": "kept", "alert_email": ALERTS}, newcomer.folder)
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "All"]):
            subprocess.run(["git", *words], cwd=made, env=newcomer.variables, check=True, capture_output=True)
    return "kept"


def test_command_of_the_stamped_readme_previews_the_project(newcomer: Newcomer, project: str) -> None:
    done = newcomer.run(newcomer.says("extracts preview . "), "--history", "0", place=project)
    assert done.returncode == 0, done.stderr
    assert len(list((newcomer.folder / project / "preview").rglob("*_20261031.csv"))) == 3
    shutil.rmtree(newcomer.folder / project / "preview")


def test_documented_commands_update_a_project(newcomer: Newcomer, project: str) -> None:
    done = newcomer.run(newcomer.says("extracts status ."), place=project)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(
        rf"^\. +{re.escape(__version__)} +{re.escape(__version__)} +up to date", done.stdout, re.M
    )
    for command in ("extracts update . --plan --dry-run", "extracts update ."):
        done = newcomer.run(command, place=project)
        assert done.stdout == f". is up to date with version {__version__}.\n"
        assert done.returncode == 0, done.stderr
    url = f"postgresql://reader@{newcomer.served.host}:{newcomer.served.port}/bank"
    done = newcomer.run(
        f"extracts doctor {project}",
        "--json",
        "--database-url",
        url,
    )
    found = {check["name"]: check["state"] for check in json.loads(done.stdout)["checks"]}
    assert (found["spec"], found["database"], found["resolved spec"]) == ("ok", "ok", "ok")


def test_terraform_init_uses_the_released_modules(newcomer: Newcomer, project: str) -> None:
    done = newcomer.run(newcomer.says("terraform -chdir=Terraform init"), place=project)
    assert done.returncode == 0, done.stderr
    modules = newcomer.folder / project / "Terraform/.terraform/modules/modules.json"
    sources = {module["Source"] for module in json.loads(modules.read_text())["Modules"]} - {""}
    assert len(sources) == 4
    assert all(source.endswith(f"?ref=v{__version__}") for source in sources)


def test_editors_and_mypy_find_the_engine_of_the_project(newcomer: Newcomer, project: str) -> None:
    # Spark needs several hundred MB on the disk, so the test does not install Spark.
    done = newcomer.run("make dev DEV_PACKAGES=mypy", place=project)
    assert done.returncode == 0, done.stdout + done.stderr
    checks = ".venv/bin/python -m mypy Glue/etl.py"
    done = newcomer.run(checks, place=project)
    assert done.stdout.startswith("Success: no issues found"), done.stdout + done.stderr
    assert done.stderr == ""  # mypy reports unknown settings on stderr
    spec = newcomer.folder / project / "Glue/etl.py"
    before = spec.read_text()
    spec.write_text(before.replace("date_column=", "date_colum="))
    done = newcomer.run(checks, place=project)
    spec.write_text(before)
    assert 'Unexpected keyword argument "date_colum" for "Extract"' in done.stdout
    done = newcomer.run(".venv/bin/python -c 'import rolling_extract'", place=project)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(newcomer.folder / project / ".venv")


@pytest.mark.parametrize("extra", ["", "[aws]"])
def test_pip_installs_the_tool_from_the_repository(newcomer: Newcomer, extra: str) -> None:
    # The dependencies are already installed. With --dry-run, pip only reports what it would install.
    command = newcomer.says(f'pip install "terraform-aws-extracts{extra} @')
    done = newcomer.run(command, "--dry-run", "--no-deps", "--no-build-isolation", "--force-reinstall")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Would install terraform-aws-extracts-{__version__}" in done.stdout
