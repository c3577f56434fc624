"""Every command on the pages runs in a test or in CI, or this file gives the reason why it does not run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import botocore.session
import pytest
import typer

from extracts import __version__
from extracts.cli import app
from extracts.stamp import stamp
from tests.support import options, runners
from tools.drawings import ROOT
from tools.reference import GENERATED

HERE = "tests/e2e/test_newcomer.py"
ADDRESS = "https://github.com/terraform-aws-extracts/terraform-aws-extracts"
PROGRAMS = "make|extracts|cookiecutter|pip|terraform|aws|git|python"
COMMAND = re.compile(rf"(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?(?:{PROGRAMS}) [\w-]")
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)

DEMO = "tests/e2e/test_demo.py::test_all_nine_steps_of_the_demo_succeed"
TUTORIAL = "tests/e2e/test_demo.py::test_steps_of_a_first_deployment_have_the_documented_output"
OPERATE = "tests/integration/tool/test_operate.py"
PROJECT = "tests/e2e/test_stamped_project.py::test_project_passes_its_own_tests_and_plans"
CI = "the workflow ci"
LINT = "make lint"
# The test, workflow or command that runs each command on the pages.
RUN: dict[str, str] = {
    # commands of the tool and the template
    "make demo": DEMO,
    "make demo KEEP=1": DEMO,
    f"cookiecutter gh:{ADDRESS.partition('.com/')[2]} --directory templates/extract --checkout vVERSION": (
        f"{HERE}::test_cookiecutter_creates_bank_loans_without_the_tool_extracts"
    ),
    "extracts new --database-url postgresql://reader@source.example.com/bank --entity Loans"
    " --metric Amount": f"{HERE}::test_commands_of_the_tutorial_create_and_preview_a_project",
    "extracts preview bank-loans --database-url postgresql://reader@source.example.com/bank": (
        f"{HERE}::test_commands_of_the_tutorial_create_and_preview_a_project"
    ),
    f'pip install "terraform-aws-extracts @ git+{ADDRESS}@vVERSION"': (
        f"{HERE}::test_pip_installs_the_tool_from_the_repository"
    ),
    f'pip install "terraform-aws-extracts[aws] @ git+{ADDRESS}@vVERSION"': (
        f"{HERE}::test_pip_installs_the_tool_from_the_repository"
    ),
    **dict.fromkeys(
        (
            "extracts inspect --database-url postgresql://reader@source.example.com/shop",
            "extracts new --database-url postgresql://reader@source.example.com/shop",
            "extracts new --no-input --database-url postgresql://reader@source.example.com/shop"
            " --entity payment --recipient country",
        ),
        "tests/integration/tool/test_public_questions.py::test_commands_of_the_how_to_guide_create_a_project",
    ),
    # a project
    "make readme": ("tests/e2e/test_stamped_project.py::test_project_tests_name_what_differs_from_the_spec"),
    "make test": PROJECT,  # `make test` of a project; `.ci/run` tests this repository
    "extracts preview . --database-url postgresql://reader@source.example.com/DATABASE --period 2026-10"
    " --output preview": f"{HERE}::test_command_of_the_stamped_readme_previews_the_project",
    "extracts preview --pgp-keys keys . --database-url postgresql://reader@source.example.com/DATABASE"
    " --period 2026-10 --output preview": (
        "tests/integration/tool/test_preview.py::test_preview_encrypts_files_with_the_public_keys_in_a_folder"
    ),
    "pip download --no-deps --only-binary :all: --python-version 3.13 --platform manylinux2014_x86_64"
    " --dest Terraform pysequoia==0.1.35": (
        "tests/integration/engine/test_pgp_wheel.py::test_page_shows_the_name_and_the_digest_of_the_wheel"
    ),
    "extracts status .": f"{HERE}::test_documented_commands_update_a_project",
    "extracts update .": f"{HERE}::test_documented_commands_update_a_project",
    "extracts update . --plan --dry-run": f"{HERE}::test_documented_commands_update_a_project",
    'extracts run . --period 2026-10 --restate --reason "late bookings"': (
        f"{OPERATE}::test_run_command_passes_its_options_to_the_job"
    ),
    "extracts run . --from 2026-01 --to 2026-09": (
        f"{OPERATE}::test_run_command_passes_its_options_to_the_job"
    ),
    "extracts history . --page history.html": (
        f"{OPERATE}::test_history_shows_who_collected_which_file_in_json_and_on_a_page"
    ),
    "extracts resend . --period 2026-10 --recipient first-bank": (
        f"{OPERATE}::test_resend_starts_the_state_machine_of_the_recipient"
    ),
    "terraform -chdir=Terraform init": f"{HERE}::test_terraform_init_uses_the_released_modules",
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
    'make test ARGS="tests/integration/engine -k orphan"': CI,
    "make lint test": CI,
    **{
        f"make test ARGS=tests/{part}": CI
        for part in (
            "e2e",
            "integration/engine",
            "integration/modules",
            "integration/template",
            "integration/tool",
        )
    },
    **{f"make {target}": CI for target in ("lint", "tflint", "test-spark35", "checkov")},
    "make test-unit": CI,
    "make prose": LINT,
    "make release VERSION=1.2.0": "tests/integration/tools/test_release.py::"
    "test_release_sets_the_version_everywhere_and_commits",
    "make interfaces VERSION=2.0.0": "tests/integration/tools/test_release.py::"
    "test_interfaces_command_prints_the_smallest_allowed_version",
    "make interfaces": "tests/integration/tools/test_release.py::"
    "test_interfaces_command_prints_the_smallest_allowed_version",
    "make release": "tests/integration/tools/test_release.py::test_release_command_requires_a_version",
    "make dist": "tests/integration/tools/test_packages.py::"
    "test_distributions_contain_templates_and_modules_but_no_generated_files",
    "make test-browser": "tests/unit/tool/test_report_browser.py::test_page_fits_the_screen",
}
ACCOUNT = "needs an account; service, operation and options are compared with AWS's own model"
DEPLOYED = "reads an output of a deployed project; the name is compared with the project's outputs"
NOT_RUN: dict[str, str] = {
    "make bench": "measures one machine for many minutes, and is not a test",
    **{f"make bench-{what}": "measures one machine for many minutes" for what in ("formats", "groups")},
    "make test-attack": "kills and races at random times, for many minutes",
    "make test-matrix": "the template's tests with more combinations, for half an hour",
    "make test-deep": "the engine's tests with more examples, for many minutes",
    "sha256sum Terraform/pysequoia-0.1.35-cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64.whl": (
        "test_pgp_wheel.py compares the digest of the downloaded wheel"
    ),
    "gpg --decrypt --output FirstBank_20261031.csv.gz FirstBank_20261031.csv.gz.pgp": (
        "the recipient's; test_encrypted_files.py decrypts with GnuPG"
    ),
    f'pip install "terraform-aws-extracts[pgp] @ git+{ADDRESS}@vVERSION"': (
        "differs from two commands that run by the name of the extra only"
    ),
    "export PGPASSWORD=PASSWORD": "sets a variable",
    "make dev": "downloads Spark; a test in test_newcomer.py runs it with fewer packages",
    'export PYSPARK_SUBMIT_ARGS="--packages org.postgresql:postgresql:42.7.4 pyspark-shell"': (
        "sets a variable"
    ),
    '.venv/bin/python Glue/etl.py --database-url "$DATABASE_URL" --period 2026-10 --output preview': (
        "downloads the driver from Maven Central; test_transforms.py stops in a transform, too"
    ),
    "aws ssm start-session --target i-0123456789abcdef0": ACCOUNT,
    "terraform apply -refresh-only": "needs an account with a started instance",
    "terraform apply -replace='module.sftp.aws_instance.this[\"this\"]'": (
        "needs an account; test_sftp_instance.py starts a second machine instead"
    ),
    "make provider6": "downloads 62 MB; a pull request runs its code on a smaller provider",
    "make docs": "writes into this checkout; tests compare the pages with what it would write",
    "REFRESH_EXAMPLES=1 .venv/bin/python -m pytest tests/integration/template/test_examples.py": (
        "writes into this checkout; without the variable the same tests compare"
    ),
    "gh workflow run release.yml -f version=1.2.0": "publishes",
    "aws glue start-job-run --job-name bank-loans --arguments=--period=2026-10": ACCOUNT,
    "aws glue start-job-run --job-name NAME --arguments=--period=2026-10": ACCOUNT,
    "aws glue start-workflow-run --name NAME": ACCOUNT,
    'aws glue start-job-run --job-name bank-loans --arguments=\'{"--period": "2026-10"}\'': ACCOUNT,
    "aws secretsmanager create-secret --name bank-loans/database --secret-string file://secret.json": ACCOUNT,
    "curl -f -o Terraform/global-bundle.pem"
    " https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem": "downloads the certificates of AWS",
    "aws secretsmanager put-secret-value --secret-id bank-loans/database"
    " --secret-string file://secret.json": ACCOUNT,
    'aws glue start-job-run --job-name "$JOB" --arguments \'{"--from": "2026-01", "--to": "2026-09"}\'': (
        ACCOUNT
    ),
    'aws glue start-job-run --job-name "$JOB" --arguments \'{"--period": "2026-10", "--restate": "true",'
    ' "--reason": "late bookings"}\'': ACCOUNT,
    'aws glue start-job-run --job-name "$JOB" --arguments \'{"--period": "2026-10", "--dry-run": "true"}\'': (
        ACCOUNT
    ),
    "aws transfer test-connection --connector-id c-0123456789abcdef0": ACCOUNT,
    "aws transfer test-connection": ACCOUNT,
    "aws cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue=CreateJob": (
        ACCOUNT
    ),
    'aws s3 cp "$MANIFEST" "$MANIFEST" --metadata-directive REPLACE --content-type application/json': (
        "needs an account, and is not an operation of the service but of the client"
    ),
    "aws dynamodb query --table-name bank-loans-receipts --key-condition-expression 'recipient = :r'"
    ' --expression-attribute-values \'{":r": {"S": "first-bank"}}\'': ACCOUNT,
    'TOPIC="$(terraform -chdir=Terraform output -raw alert_topic_arn)"': DEPLOYED,
    'aws sns confirm-subscription --topic-arn "$TOPIC" --token TOKEN --authenticate-on-unsubscribe true': (
        ACCOUNT
    ),
    'JOB="$(terraform -chdir=Terraform output -raw job_name)"': DEPLOYED,
    'BUCKET="$(terraform -chdir=Terraform output -raw bucket)"': DEPLOYED,
    'MANIFEST="s3://$BUCKET/loans/_manifests/2026-10.json"': "sets a variable",
    "terraform -chdir=Terraform output sftp_connectors": DEPLOYED,
    "terraform -chdir=Terraform output alert_emails_pending": DEPLOYED,
    "terraform -chdir=Terraform refresh": "reads the account that the project is deployed to",
}


################################################################################
# Commands on the pages
################################################################################


def commands(text: str) -> list[str]:
    """Return the commands of a page: lines after `$` in a console block, and commands in inline code."""
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
    """Return the text of each page and of the stamped README for each kind of delivery, keyed by path.

    Generated pages contain the examples of `--help`. tests/integration/tool/test_commands.py runs these
    examples.
    """
    found = {
        str(page.relative_to(ROOT)): page.read_text()
        for folder in (".", ".github", "docs/**", "modules/*", "examples/*")
        for page in sorted(ROOT.glob(f"{folder}/*.md"))
        if GENERATED not in page.read_text()
    }
    for way in ("connector", "none"):
        with TemporaryDirectory() as folder:
            project = stamp({**options.BANK, "sftp": way}, Path(folder))
            found[f"a project with sftp={way}"] = (project / "README.md").read_text()
    return found


def test_every_command_on_a_page_has_a_test_or_a_reason_for_no_test() -> None:
    names = set(typer.main.get_group(app).commands)
    told: dict[str, list[str]] = {}
    for page, text in pages().items():
        for command in commands(text):
            told.setdefault(command, []).append(page)
    # `extracts NAME` without arguments only mentions a command. Another test runs the help of each command.
    mentions = {f"extracts {name}" for name in names}
    assert not {c: p for c, p in told.items() if c not in RUN.keys() | NOT_RUN.keys() | mentions}
    assert not RUN.keys() & NOT_RUN.keys()
    assert not (RUN.keys() | NOT_RUN.keys()) - told.keys(), "no page says so now"


def test_block_that_contains_a_command_is_marked_as_console() -> None:
    for page, text in pages().items():
        for _, language, block in FENCE.findall(text):
            hidden = [
                line for line in block.splitlines() if language != "console" and COMMAND.match(line.strip())
            ]
            assert not hidden, f"{page}: ```console, and `$ ` in front"


def test_every_command_is_run_by_the_test_that_this_file_lists_for_it() -> None:
    missing = {c: runner for c, runner in RUN.items() if not runners.runs(c, runner, commands)}
    assert not missing


@pytest.mark.parametrize(
    ("command", "runner"),
    [
        ("make lint", "tests/integration/tools/test_release.py::test_release_command_requires_a_version"),
        ("make dist", "tests/integration/tools/test_packages.py::test_no_such_test"),
        (
            "extracts status ~/projects",
            f"{HERE}::test_documented_commands_update_a_project",
        ),
        ("terraform -chdir=Terraform destroy", TUTORIAL),
        ("make bench", CI),
        ("make demo", LINT),
    ],
)
def test_command_is_reported_if_its_listed_test_does_not_run_it(command: str, runner: str) -> None:
    assert not runners.runs(command, runner, commands)


@pytest.mark.parametrize("place", [".", "examples/bank-loans"])
def test_every_make_target_and_variable_on_the_pages_exists(place: str) -> None:
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


def test_every_aws_operation_and_option_on_the_pages_exists() -> None:
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
        given -= {"period"}  # part of the value of `--arguments`, and not an option of aws
        assert given <= members.keys(), command
        required = {botocore.xform_name(member, "-") for member in shape.required_members}
        # If a page shows no options, it only names the operation.
        assert required <= given or len(words) == 0, command


def test_every_terraform_output_in_the_readme_of_a_project_exists(tmp_path: Path) -> None:
    declared: dict[str, set[str]] = {}
    for way in ("server", "connector", "none"):
        folder = tmp_path / way
        folder.mkdir()
        outputs = (stamp({**options.BANK, "sftp": way}, folder) / "Terraform/outputs.tf").read_text()
        declared[way] = set(re.findall(r'^output "(\w+)"', outputs, re.MULTILINE))
    # The key "" stands for a page of docs/, which applies to all projects.
    declared[""] = set.union(*declared.values())
    found = set()
    for page, text in pages().items():
        asked = set(re.findall(r"terraform \S+ output (?:-raw )?(\w+)", " ".join(commands(text))))
        way = "server" if page.startswith("examples/") else page.partition("sftp=")[2]
        assert asked <= declared[way], page
        found |= asked
    assert found
