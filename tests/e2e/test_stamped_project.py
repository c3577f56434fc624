"""A new project works: its tests, checks, plan and workflows."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import rolling_description
from extracts import terraform
from tests.support import options
from tests.support.files import tree
from tests.support.planning import plan_test
from tests.support.provider import Provider
from tests.support.terraform import Root

# The answers that change the Terraform most: each value is planned. `make test-matrix` plans combinations.
TERRAFORM = ("sftp", "_object_lock", "_schedule", "_time_zone", "_region", "project_slug")
PLANNED = (
    list(options.combinations())
    if options.TOGETHER > 2
    else options.covering({name: options.factors()[name] for name in ("shape", *TERRAFORM)}, 1)
)


@pytest.fixture(scope="module")
def everything(
    stamp_into: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[Path, options.Answers]:
    """Projects for every pair of values of two options, and for every combination of choices."""
    folder = tmp_path_factory.mktemp("everything")
    return {
        stamp_into(folder / str(number), **answers): answers
        for number, answers in enumerate(options.combinations())
    }


@pytest.fixture(scope="module", params=PLANNED, ids=lambda row: " ".join(row[name] for name in TERRAFORM))
def planned(
    request: pytest.FixtureRequest,
    stamp_into: Callable[..., Path],
    repository: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, options.Answers]:
    """Create a project with the modules of this working copy."""
    folder = tmp_path_factory.mktemp("stamped")
    # A relative path, because checkov recognizes no other path as a folder.
    modules = os.path.relpath(repository / "modules", folder / "PROJECT/Terraform")
    return stamp_into(folder, __module_source=f"{modules}/MODULE", **request.param), request.param


@pytest.fixture
def environment(tmp_path: Path, terraform_program: Path) -> dict[str, str]:
    ours = terraform.environment(tmp_path)
    return {name: value for name, value in ours.items() if name not in ("MAKEFLAGS", "MAKELEVEL")} | {
        "TERRAFORM": str(terraform_program),
        "PYTHON": sys.executable,
        "PYTHONDONTWRITEBYTECODE": "1",  # the engine is in this working copy
    }


def run(*command: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_every_option_has_test_answers() -> None:
    varied = options.factors()
    tried = {question: set() for question in options.asked_for()}  # type: dict[str, set[str]]
    for values in varied.values():
        for answers in values:
            for question, answer in answers.items():
                tried[question].add(answer)
    for question, answers_tried in tried.items():
        answers_tried.add(str(options.choices(question) or options.QUESTIONS[question]))
        assert len(answers_tried) > 1, (
            f"nothing but the default of {question} is ever stamped: see options.py"
        )


def test_readme_describes_the_spec(everything: dict[Path, options.Answers]) -> None:
    for project in everything:
        readme = (project / "README.md").read_text(encoding="utf-8")
        assert rolling_description.BEGIN in readme
        extract = runpy.run_path(str(project / "Glue/etl.py"))["EXTRACT"]
        assert rolling_description.stale(readme, extract) == ""


@pytest.mark.parametrize(
    ("delimiter", "line"),
    [
        ("comma", None),
        ("semicolon", '    file=File(format=Csv(delimiter=";", decimal=",")),'),
        ("tab", '    file=File(format=Csv(delimiter="\\t")),'),
        ("other", '    file=File(format=Csv(delimiter=",", decimal=".")),'),
    ],
)
def test_delimiter_is_in_the_spec(
    delimiter: str, line: str | None, stamp: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    spec = (stamp(delimiter=delimiter) / "Glue/etl.py").read_text()
    assert [text for text in spec.splitlines() if "file=" in text] == ([line] if line else [])
    told = "First edit `file` in Glue/etl.py" in capfd.readouterr().out
    assert (told, "# EDIT: the format" in spec) == ((delimiter == "other"),) * 2


def test_project_has_no_template_syntax(everything: dict[Path, options.Answers]) -> None:
    for project in everything:
        for path in project.rglob("*"):
            assert "{{" not in path.name
            if path.is_file():
                text = path.read_text(encoding="utf-8")
                # `${{` belongs to GitHub's syntax.
                assert not re.search(r"(?<!\$)\{\{|\{%|\{#", text), path
                assert text.endswith("\n"), path
                assert not text.endswith("\n\n"), path
                assert "\n\n\n" not in text or path.suffix == ".py", path


def test_files_are_formatted(everything: dict[Path, options.Answers], environment: dict[str, str]) -> None:
    folder = next(iter(everything)).parents[1]
    Root(folder, environment).execute_command("fmt", "-check", "-diff", "-recursive")
    ruff = (sys.executable, "-m", "ruff")
    for command in (
        (*ruff, "check", "--isolated", "--no-cache", "--quiet", "."),
        (*ruff, "format", "--isolated", "--no-cache", "--check", "--diff", "."),
    ):
        done = run(*command, folder=folder, environment=environment)
        assert done.returncode == 0, done.stdout + done.stderr


def test_actionlint_and_zizmor_find_nothing(everything: dict[Path, options.Answers], tmp_path: Path) -> None:
    stamped = {path.read_text() for project in everything for path in project.glob(".github/workflows/*")}
    names = [f"{number}.yml" for number in range(len(stamped))]
    for name, text in zip(names, sorted(stamped), strict=True):
        (tmp_path / name).write_text(text)
    programs_here = Path(sys.executable).parent
    for command in (
        ("actionlint", *names),
        ("zizmor", "--offline", "--quiet", "--no-config", *names),
    ):
        done = run(
            str(programs_here / command[0]), *command[1:], folder=tmp_path, environment=dict(os.environ)
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_workflows_exist_if_requested(everything: dict[Path, options.Answers]) -> None:
    for project, answers in everything.items():
        assert (project / ".github").exists() == (answers["_github_workflows"] == "yes")


def test_creation_without_workflows_keeps_other_files(output: Path, stamp: Callable[..., Path]) -> None:
    owners = output / "bank-loans/.github/CODEOWNERS"
    own = owners.parent / "workflows/release.yml"
    own.parent.mkdir(parents=True)
    owners.write_text("* @team\n")
    own.write_text("on: push\n")
    project = stamp(_github_workflows="no")
    kept = [path for path in (project / ".github").rglob("*") if path.is_file()]
    assert sorted(kept) == [owners, own]


def test_creation_keeps_an_existing_workflow_with_the_same_name(
    output: Path, template: Path, cookiecutter_settings: Path
) -> None:
    own = output / "bank-loans/.github/workflows/drift.yml"
    own.parent.mkdir(parents=True)
    own.write_text("on: push\n")
    command = (
        sys.executable,
        "-m",
        "cookiecutter",
        "--no-input",
        "--config-file",
        str(cookiecutter_settings),
    )
    over = ("--overwrite-if-exists", "--skip-if-file-exists", "--output-dir", str(output))
    done = run(
        *(*command, *over, str(template), "_github_workflows=no", "alert_email=a@example.com"),
        folder=output,
        environment={**os.environ},
    )
    assert done.returncode == 0, done.stderr
    assert list(own.parent.iterdir()) == [own]


def test_readme_is_complete(everything: dict[Path, options.Answers]) -> None:
    for project in everything:
        readme = (project / "README.md").read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.+)$", readme, re.MULTILINE)
        anchors = {heading.lower().replace(" ", "-") for heading in headings}
        assert {"a-run-failed", "backfill", "restate"} <= anchors, "failure mails refer to these headings"
        assert set(re.findall(r"\]\(#([^)]+)\)", readme)) <= anchors
        assert all((project / path).exists() for path in re.findall(r"\]\((?!#|https:)([^)]+)\)", readme))
        assert readme.count("```") % 2 == 0
        assert "```mermaid\nflowchart LR\n" in readme
        declared = (project / "Terraform/outputs.tf").read_text()
        outputs = set(re.findall(r'^output "(\w+)"', declared, re.MULTILINE))
        assert set(re.findall(r"-chdir=Terraform output (?:-raw )?(\w+)", readme)) <= outputs
        assert set(re.findall(r"\(`(sftp_\w+)`\)", readme)) <= outputs


def test_readme_describes_the_chosen_delivery(stamp: Callable[..., Path]) -> None:
    told = {
        way: (stamp(project_slug=f"by-{way}", sftp=way) / "README.md").read_text()
        for way in options.choices("sftp") or ()
    }
    assert 'sftp["SFTP server' in told["server"]
    assert "219.00" in told["server"]
    assert 'connector["SFTP connector"]' in told["connector"]
    assert "### A file did not arrive" in told["connector"]
    assert "SFTP" not in told["none"].replace("`sftp`", "")
    assert all(way == "server" or "219" not in readme for way, readme in told.items())


def test_readme_describes_schedule_and_lock(stamp: Callable[..., Path]) -> None:
    readme = (stamp(_schedule="22 06:30", _object_lock="compliance 7 years") / "README.md").read_text()
    assert readme.splitlines()[2].startswith("On the 22nd of every month at 06:30 GMT this project reports")
    assert "from day 23 on" in readme
    assert "for 7 years, not even the account's owner" in readme
    abroad = (stamp(project_slug="abroad", _time_zone="Europe/Paris") / "README.md").read_text()
    assert abroad.splitlines()[2].startswith("On the 1st of every month at 00:01 (Europe/Paris) this project")
    assert "from day 2 on, 06:00 GMT" in abroad
    ordinals = {
        day: (stamp(_schedule=f"{day} 00:01") / "README.md").read_text().splitlines()[2].split()[2]
        for day in (1, 2, 3, 4, 11, 12, 13, 21, 23, 27)
    }
    assert " ".join(ordinals.values()) == "1st 2nd 3rd 4th 11th 12th 13th 21st 23rd 27th"


def test_extract_yaml_creates_the_same_project_again(
    everything: dict[Path, options.Answers],
    declared: dict[str, object],
    template: Path,
    tmp_path: Path,
) -> None:
    for project, given in list(everything.items())[:: len(everything) // 4]:
        kept = yaml.safe_load((project / "extract.yaml").read_text(encoding="utf-8"))
        assert (kept["version"], kept["template"]) == (declared["_version"], declared["_repository"])
        assert kept["default_context"].keys() == set(options.asked_for())
        assert given.items() <= kept["default_context"].items()
        again = tmp_path / project.parent.name
        command = (
            sys.executable,
            "-m",
            "cookiecutter",
            str(template),
            "--no-input",
            "--output-dir",
            str(again),
        )
        environment = {**os.environ, "HOME": str(tmp_path)}
        done = run(
            *command, "--config-file", str(project / "extract.yaml"), folder=tmp_path, environment=environment
        )
        assert done.returncode == 0, done.stderr
        assert tree(again / project.name) == tree(project)


def test_project_passes_its_own_tests_and_plans(
    planned: tuple[Path, options.Answers], environment: dict[str, str], provider: Provider
) -> None:
    project, answers = planned
    done = run("make", "test", folder=project, environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^Ran [4-9] tests", done.stderr, re.MULTILINE)
    assert "skipped" not in done.stderr

    folder = project / "Terraform"
    shutil.copy(folder / "terraform.tfvars.example", folder / "terraform.tfvars")
    (folder / "global-bundle.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    (folder / "plan.tftest.hcl").write_text(plan_test(answers))
    tested = Root(folder, environment, provider).execute_command("test", "-no-color")
    assert "1 passed, 0 failed" in tested.out


@pytest.mark.skipif(
    "CHECKOV" not in os.environ,
    reason="checkov is some 300 MB, too much to install for each run; `make test-matrix` does",
)
def test_checkov_finds_nothing(planned: tuple[Path, options.Answers], environment: dict[str, str]) -> None:
    """Check the project and the modules that it calls, with its values."""
    command = (os.environ["CHECKOV"], "--skip-download", "--framework", "terraform", "--output", "json")
    done = run(*command, "--directory", "Terraform", folder=planned[0], environment=environment)
    found = json.loads(done.stdout)["results"]
    assert not [(check["check_id"], check["resource"]) for check in found["failed_checks"]]
    assert not found["parsing_errors"]
    assert "module.bucket.aws_s3_bucket.this" in {check["resource"] for check in found["passed_checks"]}


def test_project_tests_recover_after_a_failed_download(
    stamp: Callable[..., Path], repository: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    project = stamp(__module_source=f"{repository}/modules/MODULE")
    settings = tmp_path / "offline.rc"  # an empty mirror: the provider is not there, but the modules are
    (tmp_path / "mirror").mkdir()
    settings.write_text(
        f'provider_installation {{\n  filesystem_mirror {{ path = "{tmp_path}/mirror" }}\n}}\n'
    )
    offline = {**environment, "TF_CLI_CONFIG_FILE": str(settings)}
    for _ in range(2):
        done = run("make", "test", folder=project, environment=offline)
        assert done.returncode != 0
        [message] = [line for line in done.stderr.splitlines() if line.startswith("✗")]
        assert message.startswith("✗ terraform init: Failed to query available provider packages")
    assert (project / "Terraform/.terraform/modules/modules.json").exists()
    done = run("make", "test", folder=project, environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr


def test_failed_download_of_modules_is_reported_with_its_reason(
    stamp: Callable[..., Path], environment: dict[str, str], tmp_path: Path
) -> None:
    source = f"git::file://{tmp_path}/nowhere.git//modules/MODULE?ref=v1"
    project = stamp(__module_source=source)
    done = run("make", "test", folder=project, environment=environment)
    assert done.returncode != 0
    assert done.stdout == "Downloading the modules and the provider...\n"
    [message] = [line for line in done.stderr.splitlines() if line.startswith("✗")]
    assert message.startswith("✗ terraform init: Could not download module ")
    assert f"{tmp_path}/nowhere.git?ref=v1" in message
    assert "fatal: '" in message
    assert "does not appear to be a git repository" in message


def test_project_tests_name_what_differs_from_the_spec(
    stamp: Callable[..., Path], repository: Path, environment: dict[str, str]
) -> None:
    project = stamp(__module_source=f"{repository}/modules/MODULE")
    main, spec = project / "Terraform/main.tf", project / "Glue/etl.py"
    main.write_text(main.read_text().replace("  tables = [\n", '  tables = [\n    "Other",\n'))
    text = spec.read_text().replace('"Etc/GMT"', '"America/Sao_Paulo"')
    spec.write_text(text.replace('"Account"', '"Acount"').replace('"Account.', '"Acount.'))
    done = run("make", "test", folder=project, environment=environment)
    assert done.returncode != 0
    assert "FAIL: test_tables_and_recipient_of_the_spec_equal_those_in_terraform" in done.stderr
    assert "FAIL: test_time_zone_of_the_spec_equals_time_zone_in_terraform" in done.stderr
    assert (
        'the time zone is "Etc/GMT" in Terraform/main.tf and "America/Sao_Paulo" in Glue/etl.py'
        in done.stderr
    )
    for has, lacks, table in (
        ("Glue/etl.py", "Terraform/main.tf", "Acount"),
        ("Terraform/main.tf", "Glue/etl.py", "Account"),
        ("Terraform/main.tf", "Glue/etl.py", "Other"),
    ):
        assert f"{has} has the table '{table}', but {lacks} does not" in done.stderr
    assert "`Etc/GMT`.', but Glue/etl.py requires '- A row of `Loans` belongs" in done.stderr
    assert "run: make readme" in done.stderr
    assert "failures=3)" in done.stderr

    before = (project / "README.md").read_text()
    made = run("make", "readme", folder=project, environment=environment)
    assert (made.returncode, made.stdout) == (0, "README.md now describes Glue/etl.py.\n"), made.stderr
    readme = (project / "README.md").read_text()
    assert "`America/Sao_Paulo`" in readme
    assert "└─ Acount: Account_idAccount = idAccount" in readme
    assert readme.partition("<!-- End")[2] == before.partition("<!-- End")[2]
    done = run("make", "test", folder=project, environment=environment)
    assert "failures=2)" in done.stderr
