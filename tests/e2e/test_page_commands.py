"""Every command that a page tells people to run is run by a test, or listed here with why it cannot be."""

from __future__ import annotations

import ast
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

DEMO = "tests/e2e/test_demo.py::test_it_ends_well_and_shows_nine_steps"
FIRST = "tests/e2e/test_demo.py::test_the_steps_of_a_first_deployment_show_what_its_page_says"
PROJECT = "tests/e2e/test_stamped_project.py::test_its_own_tests_pass_in_one_command_and_it_plans"
# What runs each command, as pages have it but for the version.
RUN: dict[str, str] = {
    # first steps
    "make demo": DEMO,
    "make demo KEEP=1": DEMO,
    f"cookiecutter gh:{ADDRESS.partition('.com/')[2]} --directory templates/extract --checkout vVERSION": (
        f"{HERE}::test_the_template_can_be_had_with_nothing_of_ours"
    ),
    ".venv/bin/extracts new --database-url postgresql://reader@store.internal/bank --entity Loans"
    " --metric Amount": f"{HERE}::test_a_project_is_stamped_and_previewed_as_the_first_page_says",
    ".venv/bin/extracts preview PROJECT --database-url postgresql://reader@store.internal/bank"
    " --period 2026-10 --output figures": (
        f"{HERE}::test_a_project_is_stamped_and_previewed_as_the_first_page_says"
    ),
    f'pip install "terraform-aws-extracts[local] @ git+{ADDRESS}@vVERSION"': (
        f"{HERE}::test_the_tool_can_be_had_without_a_checkout"
    ),
    # a project's page
    "make test": PROJECT,  # of this repository too: `.ci/run` runs nothing else
    "extracts preview . --database-url postgresql://reader@store.example.com/store --period 2026-10"
    " --output figures": f"{HERE}::test_a_project_is_previewed_as_its_own_page_says",
    "extracts doctor PROJECT": f"{HERE}::test_a_project_is_looked_after_as_the_pages_say",
    "extracts status .": f"{HERE}::test_a_project_is_looked_after_as_the_pages_say",
    "extracts update .": f"{HERE}::test_a_project_is_looked_after_as_the_pages_say",
    "extracts update . --plan --dry-run": f"{HERE}::test_a_project_is_looked_after_as_the_pages_say",
    "terraform -chdir=Terraform init": f"{HERE}::test_a_project_is_initialised_as_its_page_says",
    "terraform -chdir=Terraform apply": DEMO,
    # a first deployment
    "extracts doctor .": FIRST,
    "extracts doctor . --test-mail": FIRST,
    "terraform -chdir=Terraform plan -detailed-exitcode": FIRST,
    "aws scheduler get-schedule --group-name bank-loans --name bank-loans-start": FIRST,
    'aws glue start-workflow-run --name "$(terraform -chdir=Terraform output -raw workflow_name)"': FIRST,
    'aws glue get-job-runs --job-name "$(terraform -chdir=Terraform output -raw job_name)" --max-items 1': (
        FIRST
    ),
    'aws s3 ls --recursive "s3://$(terraform -chdir=Terraform output -raw bucket)/"': FIRST,
    'sftp first-recipient@"$(terraform -chdir=Terraform output -raw sftp_endpoint)"': FIRST,
    'aws glue start-job-run --job-name "$(terraform -chdir=Terraform output -raw job_name)"'
    ' --arguments \'{"--period": "2099-12"}\'': FIRST,
    # this repository
    'make test ARGS="tests/integration/engine -k orphans"': "",
    "make lint test": "tests/integration/tools/test_release.py::"
    "test_one_command_writes_the_version_everywhere_commits_and_tags",
    "make release VERSION=1.2.0": "tests/integration/tools/test_release.py::"
    "test_one_command_writes_the_version_everywhere_commits_and_tags",
    "make interfaces VERSION=2.0.0": "tests/integration/tools/test_release.py::"
    "test_a_step_that_is_too_small_for_the_change_is_refused",
    **{
        f"make test ARGS=tests/{part}": ""
        for part in (
            "e2e",
            "integration/engine",
            "integration/modules",
            "integration/template",
            "integration/tool",
        )
    },
    **{f"make {target}": "" for target in ("lint", "tflint", "test-spark35", "checkov")},
    "make docs": "tests/integration/tools/test_diagrams.py::test_what_the_code_draws_is_up_to_date",
    "make interfaces": "tests/unit/tools/test_interfaces.py::test_it_reads_the_modules_as_they_are",
    "make release": "tests/integration/tools/test_release.py::test_make_asks_for_the_version",
    "make dist": "tests/integration/tools/test_packages.py::"
    "test_both_carry_template_and_modules_and_nothing_that_was_left_there",
    "make test-browser": "tests/unit/tool/test_report.py::test_chromium_shows_it",
}
ACCOUNT = "it needs an account; its words are held against AWS's own description of the service"
DEPLOYED = "it asks for an output of what is deployed; the outputs' names are held against the project"
NOT_RUN: dict[str, str] = {
    "make bench": "it measures one machine for many minutes, and is no test",
    "make test-unit": "it is one folder of the tests, all of which the pull request runs",
    "make test-attack": "it kills and races at random times, for many minutes",
    "make test-matrix": "it is the template's tests with more combinations, and takes half an hour",
    "make test-deep": "it is the engine's tests with more examples, for as long as one likes",
    "make provider6": "it fetches 62 MB; the pull request runs what it calls on a smaller provider",
    "REFRESH_EXAMPLES=1 .venv/bin/python -m pytest tests/integration/template/test_examples.py": (
        "it writes into this checkout what the same tests compare without the variable"
    ),
    "git push --follow-tags": "it publishes",
    "aws glue start-job-run --job-name bank-loans --arguments=--period=2026-10": ACCOUNT,
    "aws secretsmanager create-secret --name bank-loans/database --secret-string file://secret.json": ACCOUNT,
    'aws glue start-job-run --job-name "$JOB" --arguments \'{"--from": "2026-01", "--to": "2026-09"}\'': (
        ACCOUNT
    ),
    'aws glue start-job-run --job-name "$JOB" --arguments \'{"--period": "2026-10", "--restate": "true",'
    ' "--reason": "late bookings"}\'': ACCOUNT,
    "aws transfer test-connection --connector-id c-0123456789abcdef0": ACCOUNT,
    "aws transfer test-connection": ACCOUNT,
    "aws cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue=CreateJob": (
        ACCOUNT
    ),
    'aws s3 cp "$MANIFEST" "$MANIFEST" --metadata-directive REPLACE --content-type application/json': (
        "it needs an account, and is no operation of the service but the client's own"
    ),
    "aws dynamodb query --table-name bank-loans-receipts --key-condition-expression 'recipient = :r'"
    ' --expression-attribute-values \'{":r": {"S": "first-bank"}}\'': ACCOUNT,
    'JOB="$(terraform -chdir=Terraform output -raw job_name)"': DEPLOYED,
    'BUCKET="$(terraform -chdir=Terraform output -raw bucket)"': DEPLOYED,
    'MANIFEST="s3://$BUCKET/loans/_manifests/2026-10.json"': "it gives a name to a text",
    "terraform -chdir=Terraform output sftp_connectors": DEPLOYED,
    "terraform -chdir=Terraform output alert_emails_pending": DEPLOYED,
    "terraform -chdir=Terraform refresh": "it asks the account that the project is deployed to",
}


################################################################################
# What the pages say
################################################################################


def commands(text: str) -> list[str]:
    """The commands of a page: what stands behind `$` in a console, and what is set as code in a sentence."""
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
    """Each page's text; a project's as it is with each way to its recipients."""
    found = {
        str(page.relative_to(ROOT)): page.read_text()
        for folder in (".", ".github", "docs/**", "modules/*", "examples/*")
        for page in sorted(ROOT.glob(f"{folder}/*.md"))
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


def test_what_is_said_to_run_a_command_is_there() -> None:
    jobs = (ROOT / ".github/workflows/ci.yml").read_text()
    for command, runner in RUN.items():
        if runner:
            file, _, name = runner.partition("::")
            defined = {
                n.name
                for n in ast.walk(ast.parse((ROOT / file).read_text()))
                if isinstance(n, ast.FunctionDef)
            }
            assert name in defined, f"{command}: {runner}"
        else:  # the pull request's own jobs; a folder of tests is one of the list that the job is given
            given = re.sub(r'ARGS="?tests/[\w/]+.*', 'ARGS="tests/$PART"', command)
            assert f"- run: {given}\n" in jobs, command


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


def test_a_project_has_every_output_that_its_page_asks_for() -> None:
    found = set()
    for page, text in pages().items():
        asked = re.findall(r"terraform \S+ output (?:-raw )?(\w+)", " ".join(commands(text)))
        if not asked:
            continue
        way = page.partition("sftp=")[2] or "server"
        with TemporaryDirectory() as folder:
            outputs = (stamp({"_sftp": way}, Path(folder)) / "Terraform/outputs.tf").read_text()
        assert set(asked) <= set(re.findall(r'^output "(\w+)"', outputs, re.MULTILINE)), page
        found |= set(asked)
    assert found


################################################################################
# What a newcomer does
################################################################################


@dataclass(frozen=True)
class Newcomer:
    """A folder to work in, with the programs that the pages speak of, and the collection where they say."""

    folder: Path
    served: database.Database
    variables: Mapping[str, str]

    def says(self, beginning: str) -> str:
        """The one command on the pages that begins so, with what is here in place of what stands for it."""
        found = {c for text in pages().values() for c in commands(text) if c.startswith(beginning)}
        assert len(found) == 1, found
        [command] = found
        here = f"{self.served.host}:{self.served.port}"
        for name, value in {
            "vVERSION": f"v{__version__}", "store.internal": here, "store.example.com/store": f"{here}/bank",
            "PROJECT": "bank-loans",
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


def test_a_project_is_stamped_and_previewed_as_the_first_page_says(newcomer: Newcomer) -> None:
    told = shlex.split(newcomer.says(".venv/bin/extracts new"))
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
    done = newcomer.run(newcomer.says(".venv/bin/extracts preview"))
    assert done.returncode == 0, done.stderr
    assert len(list((newcomer.folder / "figures").rglob("*_20261031.csv"))) == 3
    assert (newcomer.folder / "figures/report.html").is_file()


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
    assert len(list((newcomer.folder / project / "figures").rglob("*_20261031.csv"))) == 3
    shutil.rmtree(newcomer.folder / project / "figures")


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
        newcomer.says("extracts doctor PROJECT").replace("bank-loans", project),
        "--json",
        "--database-url",
        url,
    )
    found = {check["name"]: check["state"] for check in json.loads(done.stdout)["checks"]}
    assert (found["spec"], found["database"], found["resolved spec"]) == ("ok", "ok", "ok")


def test_a_project_is_initialised_as_its_page_says(newcomer: Newcomer, project: str) -> None:
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
