"""Every command on a page runs in a test, or is listed here with the reason why not."""

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
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import botocore.session
import pexpect
import psycopg
import pytest
import typer
from tests.docs import runners
from tests.docs.drawings import ROOT
from tools.reference import GENERATED

from extracts import __version__, programs, terraform
from extracts.cli import app
from extracts.stamp import stamp
from local_cloud import database
from local_cloud.demo import store
from tools.drawings import ROOT

HERE = "tests/e2e/test_page_commands.py"
ADDRESS = "https://github.com/terraform-aws-extracts/terraform-aws-extracts"
PROGRAMS = "make|extracts|cookiecutter|pip|terraform|aws|git|python"
COMMAND = re.compile(rf"(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?(?:{PROGRAMS}) [\w-]")
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)

DEMO = "tests/local/test_demo.py::test_it_ends_well_and_shows_nine_steps"
TUTORIAL = "tests/local/test_demo.py::test_the_steps_of_a_first_deployment_show_what_its_page_says"
PROJECT = "tests/template/test_stamped_project.py::test_its_own_tests_pass_in_one_command_and_it_plans"
CI = "the workflow ci"
LINT = "make lint"
# The test, workflow or command that runs each command of the pages.
RUN: dict[str, str] = {
    # the tool and the template
    "make demo": DEMO,
    "make demo KEEP=1": DEMO,
    f"cookiecutter gh:{ADDRESS.partition('.com/')[2]} --directory templates/extract --checkout vVERSION": (
        f"{HERE}::test_the_template_can_be_had_with_nothing_of_ours"
    ),
    "extracts new --database-url postgresql://reader@source.example.com/bank --entity Loans"
    " --metric Amount": f"{HERE}::test_a_project_is_stamped_and_previewed_as_the_tutorial_says",
    "extracts preview bank-loans --database-url postgresql://reader@source.example.com/bank"
    " --period 2026-10 --output preview": (
        f"{HERE}::test_a_project_is_stamped_and_previewed_as_the_tutorial_says"
    ),
    f'pip install "terraform-aws-extracts[local] @ git+{ADDRESS}@vVERSION"': (
        f"{HERE}::test_the_tool_can_be_had_without_a_checkout"
    ),
    # a project
    "make test": PROJECT,  # of this repository too: `.ci/run` runs nothing else
    "extracts preview . --database-url postgresql://reader@source.example.com/DATABASE --period 2026-10"
    " --output preview": f"{HERE}::test_a_project_is_previewed_as_its_own_page_says",
    "extracts status .": f"{HERE}::test_a_project_is_looked_after_as_the_pages_say",
    "extracts update .": f"{HERE}::test_a_project_is_looked_after_as_the_pages_say",
    "extracts update . --plan --dry-run": f"{HERE}::test_a_project_is_looked_after_as_the_pages_say",
    "terraform -chdir=Terraform init": f"{HERE}::test_a_project_is_initialized_as_its_page_says",
    # the tutorial
    "terraform -chdir=Terraform apply": TUTORIAL,
    "extracts doctor .": TUTORIAL,
    "extracts doctor . --test-mail": TUTORIAL,
    "terraform -chdir=Terraform plan -detailed-exitcode": TUTORIAL,
    "aws scheduler get-schedule --group-name bank-loans --name bank-loans-start": TUTORIAL,
    'aws glue start-workflow-run --name "$(terraform -chdir=Terraform output -raw workflow_name)"': TUTORIAL,
    'aws glue get-job-runs --job-name "$(terraform -chdir=Terraform output -raw job_name)" --max-items 1': (
        TUTORIAL
    ),
    'aws s3 ls --recursive "s3://$(terraform -chdir=Terraform output -raw bucket)/"': TUTORIAL,
    'sftp first-recipient@"$(terraform -chdir=Terraform output -raw sftp_endpoint)"': TUTORIAL,
    'aws glue start-job-run --job-name "$(terraform -chdir=Terraform output -raw job_name)"'
    ' --arguments \'{"--period": "2099-12"}\'': TUTORIAL,
    # this repository
    'make test ARGS="tests/engine -k orphans"': CI,
    "make lint test": CI,
    **{
        f"make test ARGS=tests/{part}": CI
        for part in ("docs", "engine", "generator", "local", "modules", "template")
    },
    **{f"make {target}": CI for target in ("lint", "tflint", "test-spark35", "checkov")},
    "make prose": LINT,
    "make release VERSION=1.2.0": "tests/generator/test_release.py::"
    "test_one_command_writes_the_version_everywhere_commits_and_tags",
    "make interfaces VERSION=2.0.0": "tests/generator/test_release.py::"
    "test_make_interfaces_prints_the_version_that_a_change_needs",
    "make interfaces": "tests/generator/test_release.py::"
    "test_make_interfaces_prints_the_version_that_a_change_needs",
    "make release": "tests/generator/test_release.py::test_make_asks_for_the_version",
    "make dist": "tests/generator/test_packages.py::"
    "test_both_carry_template_and_modules_and_nothing_that_was_left_there",
    "make test-browser": "tests/unit/tool/test_report.py::test_chromium_shows_it",
}
ACCOUNT = "needs an account; service, operation and options are compared with AWS's own model"
DEPLOYED = "reads an output of a deployed project; the name is compared with the project's outputs"
NOT_RUN: dict[str, str] = {
    "make bench": "measures one machine for many minutes, and is no test",
    "make test-attack": "kills and races at random times, for many minutes",
    "make test-matrix": "the template's tests with more combinations, for half an hour",
    "make test-deep": "the engine's tests with more examples, for many minutes",
    "make provider6": "downloads 62 MB; a pull request runs its code on a smaller provider",
    "make docs": "writes into this checkout; tests compare the pages with what it would write",
    "REFRESH_EXAMPLES=1 .venv/bin/python -m pytest tests/template/test_examples.py": (
        "writes into this checkout; without the variable the same tests compare"
    ),
    "git push --follow-tags": "publishes",
    "aws glue start-job-run --job-name bank-loans --arguments=--period=2026-10": ACCOUNT,
    'aws glue start-job-run --job-name bank-loans --arguments=\'{"--period": "2026-10"}\'': ACCOUNT,
    "aws secretsmanager create-secret --name bank-loans/database --secret-string file://secret.json": ACCOUNT,
    "aws secretsmanager put-secret-value --secret-id bank-loans/database"
    " --secret-string file://secret.json": ACCOUNT,
    'aws glue start-job-run --job-name "$JOB" --arguments \'{"--from": "2026-01", "--to": "2026-09"}\'': (
        ACCOUNT
    ),
    'aws glue start-job-run --job-name "$JOB" --arguments \'{"--period": "2026-10", "--restate": "true",'
    ' "--reason": "late bookings"}\'': ACCOUNT,
    'aws glue start-job-run --job-name "$JOB" --arguments \'{"--period": "2026-10", "--restate": "true",'
    ' "--reason": "late bookings", "--dry-run": "true"}\'': ACCOUNT,
    "aws transfer test-connection --connector-id c-0123456789abcdef0": ACCOUNT,
    "aws transfer test-connection": ACCOUNT,
    "aws cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue=CreateJob": (
        ACCOUNT
    ),
    'aws s3 cp "$MANIFEST" "$MANIFEST" --metadata-directive REPLACE --content-type application/json': (
        "needs an account, and is no operation of the service but of the client"
    ),
    "aws dynamodb query --table-name bank-loans-receipts --key-condition-expression 'recipient = :r'"
    ' --expression-attribute-values \'{":r": {"S": "first-bank"}}\'': ACCOUNT,
    'JOB="$(terraform -chdir=Terraform output -raw job_name)"': DEPLOYED,
    'BUCKET="$(terraform -chdir=Terraform output -raw bucket)"': DEPLOYED,
    'MANIFEST="s3://$BUCKET/loans/_manifests/2026-10.json"': "sets a variable",
    "terraform -chdir=Terraform output sftp_connectors": DEPLOYED,
    "terraform -chdir=Terraform output alert_emails_pending": DEPLOYED,
    "terraform -chdir=Terraform refresh": "reads the account that the project is deployed to",
}


################################################################################
# What the pages say
################################################################################


def commands(text: str) -> list[str]:
    """Return the commands of a page: lines after `$` in a console, and commands as code in a sentence."""
    found = []
    for _, language, block in FENCE.findall(text):
        if language == "console":
            joined = re.sub(r"\\\n\s*", "", block)
            found += re.findall(r"^ *\$ (.*?)(?: {2,}# .*)?$", joined, re.MULTILINE)
    for code in re.findall(r"`([^`]+)`", FENCE.sub("", text)):
        if COMMAND.match(" ".join(code.split())):
            found.append(" ".join(code.split()))
    return [command.replace(f"v{__version__}", "vVERSION") for command in found]


@cache
def pages() -> dict[str, str]:
    """Return each page by its path, and the stamped README for each kind of delivery.

    Generated pages show the examples of `--help`, which tests/generator/test_commands.py tries.
    """
    found = {
        str(page.relative_to(ROOT)): page.read_text()
        for folder in (".", ".github", "docs/**", "modules/*", "examples/*")
        for page in sorted(ROOT.glob(f"{folder}/*.md"))
        if GENERATED not in page.read_text()
    }
    for way in ("connector", "none"):
        with TemporaryDirectory() as folder:
            project = stamp({"_sftp": way}, Path(folder))
            found[f"a project with sftp={way}"] = (project / "README.md").read_text()
    return found


def test_every_command_on_a_page_is_run_or_it_is_said_why_not() -> None:
    names = set(typer.main.get_group(app).commands)
    told: dict[str, list[str]] = {}
    for page, text in pages().items():
        for command in commands(text):
            told.setdefault(command, []).append(page)
    # A mention of a command by its name alone is no call; its help is tried elsewhere.
    mentions = {f"extracts {name}" for name in names}
    assert not {c: p for c, p in told.items() if c not in RUN.keys() | NOT_RUN.keys() | mentions}
    assert not RUN.keys() & NOT_RUN.keys()
    assert not (RUN.keys() | NOT_RUN.keys()) - told.keys(), "no page says so any more"


def test_a_command_in_a_block_of_its_own_is_shown_as_one() -> None:
    for page, text in pages().items():
        for _, language, block in FENCE.findall(text):
            hidden = [
                line for line in block.splitlines() if language != "console" and COMMAND.match(line.strip())
            ]
            assert not hidden, f"{page}: ```console, and `$ ` in front"


def test_runner_of_a_command_runs_it() -> None:
    missing = {c: runner for c, runner in RUN.items() if not runners.runs(c, runner, commands)}
    assert not missing


@pytest.mark.parametrize(
    ("command", "runner"),
    [
        ("make lint", "tests/generator/test_release.py::test_make_asks_for_the_version"),
        ("make dist", "tests/generator/test_packages.py::test_no_such_test"),
        ("extracts status ~/projects", f"{HERE}::test_a_project_is_looked_after_as_the_pages_say"),
        ("terraform -chdir=Terraform destroy", TUTORIAL),
        ("make bench", CI),
        ("make demo", LINT),
    ],
)
def test_runner_of_another_command_is_refused(command: str, runner: str) -> None:
    assert not runners.runs(command, runner, commands)


@pytest.mark.parametrize("place", [".", "examples/bank-loans"])
def test_make_knows_every_target_and_variable_that_the_pages_give_it(place: str) -> None:
    told = {
        command
        for page, text in pages().items()
        if page.startswith("examples") == (place != ".") and not page.startswith("a project")
        for command in commands(text)
        if command.startswith("make ")
    }
    assert told
    makefile = (ROOT / place / "Makefile").read_text()
    for command in told:
        words = shlex.split(command)
        done = subprocess.run(
            [*words, "--dry-run", f"--old-file={sys.prefix}/.ready", f"VENV={sys.prefix}"],
            cwd=ROOT / place,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        for name in (word.partition("=")[0] for word in words if "=" in word):
            assert f"$({name})" in makefile or f"$(if $({name})" in makefile, command


def test_aws_knows_every_operation_and_option_that_the_pages_name() -> None:
    told = {c for c in NOT_RUN if c.startswith("aws ") and NOT_RUN[c] == ACCOUNT}
    assert told
    session = botocore.session.get_session()
    for command in told:
        _, service, operation, *words = shlex.split(command)
        model = session.get_service_model(service)
        [name] = [n for n in model.operation_names if botocore.xform_name(n, "-") == operation]
        shape = model.operation_model(name).input_shape
        assert shape is not None
        members = {botocore.xform_name(member, "-"): member for member in shape.members}
        given = {word[2:].partition("=")[0] for word in words if re.match(r"--[a-z]", word)}
        given -= {"period"}  # a word of `--arguments=--period=2026-10`
        assert given <= members.keys(), command
        required = {botocore.xform_name(member, "-") for member in shape.required_members}
        assert required <= given or len(words) == 0, command  # without words it is a mention of the operation


def test_a_project_has_every_output_that_its_page_asks_for(tmp_path: Path) -> None:
    declared: dict[str, set[str]] = {}
    for way in ("server", "connector", "none"):
        folder = tmp_path / way
        folder.mkdir()
        outputs = (stamp({"_sftp": way}, folder) / "Terraform/outputs.tf").read_text()
        declared[way] = set(re.findall(r'^output "(\w+)"', outputs, re.MULTILINE))
    declared[""] = set.union(*declared.values())  # a page of docs/ is for any project
    found = set()
    for page, text in pages().items():
        asked = set(re.findall(r"terraform \S+ output (?:-raw )?(\w+)", " ".join(commands(text))))
        way = "server" if page.startswith("examples/") else page.partition("sftp=")[2]
        assert asked <= declared[way], page
        found |= asked
    assert found


################################################################################
# What a newcomer does
################################################################################


@dataclass(frozen=True)
class Newcomer:
    """A user's folder, with the programs that the pages use, and this repository at its address."""

    folder: Path
    served: database.Database
    variables: Mapping[str, str]

    def says(self, beginning: str) -> str:
        """Return the command on the pages that begins like this, with the test's own database and version."""
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


def test_the_template_can_be_had_with_nothing_of_ours(newcomer: Newcomer, tmp_path: Path) -> None:
    done = newcomer.run(newcomer.says("cookiecutter "), "--output-dir", str(tmp_path), answers="\n" * 10)
    assert done.returncode == 0, done.stderr
    example = (ROOT / "examples/bank-loans/Glue/etl.py").read_bytes()
    assert (tmp_path / "bank-loans/Glue/etl.py").read_bytes() == example


def test_a_project_is_stamped_and_previewed_as_the_tutorial_says(newcomer: Newcomer) -> None:
    told = shlex.split(newcomer.says("extracts new --database-url"))
    at = pexpect.spawn(
        told[0], told[1:], cwd=str(newcomer.folder), env=dict(newcomer.variables),
        encoding="utf-8", timeout=120, dimensions=(50, 300),
    )  # fmt: skip
    for question in (
        "be called",
        "Which figure",
        "Window, the number of calendar months",
        "Mail address for alerts",
    ):
        at.expect(question)
        at.sendline("")
    at.expect("files made; see bank-loans/README.md")
    at.expect(pexpect.EOF)
    at.close()
    assert at.exitstatus == 0
    done = newcomer.run(newcomer.says("extracts preview bank-loans"))
    assert done.returncode == 0, done.stderr
    assert len(list((newcomer.folder / "preview").rglob("*_20261031.csv"))) == 3
    assert (newcomer.folder / "preview/report.html").is_file()


@pytest.fixture
def project(newcomer: Newcomer) -> str:
    """A project of this version that git keeps."""
    if not (newcomer.folder / "kept").exists():
        made = stamp({"project_slug": "kept"}, newcomer.folder)
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "All"]):
            subprocess.run(["git", *words], cwd=made, env=newcomer.variables, check=True, capture_output=True)
    return "kept"


def test_a_project_is_previewed_as_its_own_page_says(newcomer: Newcomer, project: str) -> None:
    done = newcomer.run(newcomer.says("extracts preview . "), "--history", "0", place=project)
    assert done.returncode == 0, done.stderr
    assert len(list((newcomer.folder / project / "preview").rglob("*_20261031.csv"))) == 3
    shutil.rmtree(newcomer.folder / project / "preview")


def test_a_project_is_looked_after_as_the_pages_say(newcomer: Newcomer, project: str) -> None:
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


def test_a_project_is_initialized_as_its_page_says(newcomer: Newcomer, project: str) -> None:
    done = newcomer.run(newcomer.says("terraform -chdir=Terraform init"), place=project)
    assert done.returncode == 0, done.stderr
    modules = newcomer.folder / project / "Terraform/.terraform/modules/modules.json"
    sources = {module["Source"] for module in json.loads(modules.read_text())["Modules"]} - {""}
    assert len(sources) == 4
    assert all(source.endswith(f"?ref=v{__version__}") for source in sources)


def test_the_tool_can_be_had_without_a_checkout(newcomer: Newcomer) -> None:
    # Not its dependencies, which are large and are here; all the rest is done, but for the last step.
    done = newcomer.run(
        newcomer.says("pip install "), "--dry-run", "--no-deps", "--no-build-isolation", "--force-reinstall"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Would install terraform-aws-extracts-{__version__}" in done.stdout
