"""`extracts status` reports newer versions, and `extracts update` merges them into edited projects."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from extracts import fleet, plans, programs, terraform
from extracts.stamp import stamp
from local_cloud import aws
from local_cloud.demo import account
from tests.support.releases import ADDRESS, GIT, commit, edit, git, release
from tests.support.terraform import Root
from tests.support.tool import call


def test_update_keeps_edits_and_adds_changes(project: Path) -> None:
    edit(project / "Glue/etl.py", "EXTRACT = ", "# Agreed with finance.\nEXTRACT = ")
    (project / "notes.txt").write_text("ours")
    (project / "Terraform/more.tf").write_text('output "ours" {\n  value = 1\n}\n')
    commit(project)
    done = call("update", project)
    assert done.returncode == 0, done.stderr
    spec = (project / "Glue/etl.py").read_text()
    assert "# Agreed with finance.\nEXTRACT = " in spec
    assert "# Runs in Glue.\nif __name__" in spec
    assert 'metric="Balance"' in spec  # the project's answers, not the template's defaults
    assert (project / "CODEOWNERS").read_text() == "* @data-team\n"
    assert not (project / "Terraform/terraform.tfvars.example").exists()
    assert "?ref=v1.1.0" in (project / "Terraform/main.tf").read_text()
    assert "?ref=v1.0.0" not in (project / "Terraform/main.tf").read_text()
    assert 'version: "1.1.0"' in (project / "extract.yaml").read_text()
    assert os.access(project / ".checks/run", os.X_OK)
    assert (project / "notes.txt").read_text() == "ours"
    assert (project / "Terraform/more.tf").exists()
    said = done.stdout.splitlines()
    assert said[0] == f"{project}: 1.0.0 -> 1.1.0"
    assert "  CODEOWNERS: added" in said
    assert "  Glue/etl.py: updated, your edits are kept" in said
    assert "  Terraform/terraform.tfvars.example: removed" in said
    assert '  new question _colour: answered "teal" by default; change it in extract.yaml' in said


def test_updated_project_passes_its_own_tests(project: Path, tmp_path: Path) -> None:
    assert call("update", project).returncode == 0
    settings = terraform.environment(tmp_path) | GIT
    tools = {"TERRAFORM": programs.terraform().command[0], "PYTHON": sys.executable}
    done = subprocess.run(
        ["make", "test"], cwd=project, env=settings | tools, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    modules = json.loads((project / "Terraform/.terraform/modules/modules.json").read_text())["Modules"]
    sources = [module["Source"] for module in modules if module["Key"]]
    assert sources
    assert [source for source in sources if "ref=v1.1.0" not in source] == []


def test_second_update_changes_nothing(project: Path) -> None:
    assert call("update", project).returncode == 0
    commit(project)
    done = call("update", project)
    assert (done.returncode, done.stdout) == (0, f"{project} is up to date with version 1.1.0.\n")
    assert git(project, "status", "--porcelain") == ""


def test_line_changed_on_both_sides_is_a_conflict(project: Path) -> None:
    edit(project / "Makefile", "# Shows the changes that a deployment would make.", "# Plans.")
    commit(project)
    done = call("update", project)
    assert done.returncode == 1
    assert done.stderr == f"✗ {project}: resolve the conflicts in Makefile, then plan and commit.\n"
    assert (
        "<<<<<<< this project\n# Plans.\n"
        "||||||| version 1.0.0\n# Shows the changes that a deployment would make.\n=======\n"
        "# Shows the changes that an apply would make.\n>>>>>>> version 1.1.0\n"
        in (project / "Makefile").read_text()
    )
    assert (project / "CODEOWNERS").exists()  # the other files are merged
    assert "`make plan`" not in done.stdout  # terraform fails on conflict markers


def test_change_that_the_team_already_made_is_not_reported(project: Path) -> None:
    ignored = project / ".gitignore"
    ignored.write_text("# Ours.\n" + ignored.read_text().replace("*.tfplan\n", "*.tfplan\n*.csv\n"))
    commit(project)
    done = call("update", project)
    assert done.returncode == 0, done.stderr
    assert ".gitignore" not in done.stdout


def test_changed_module_version_is_no_conflict(project: Path) -> None:
    main = project / "Terraform/main.tf"
    main.write_text(main.read_text().replace("?ref=v1.0.0", "?ref=v1.0.5"))
    commit(project)
    done = call("update", project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert main.read_text().count("?ref=v1.1.0") == main.read_text().count("?ref=") == 5
    assert "Terraform/main.tf: updated\n" in done.stdout


def test_different_workflow_versions_are_a_conflict(project: Path) -> None:
    workflow = project / ".github/workflows/extract.yml"
    assert workflow.read_text().count(".yml@v1.0.0") == 2
    workflow.write_text(workflow.read_text().replace(".yml@v1.0.0", ".yml@v1.0.5", 1))
    commit(project)
    done = call("update", project)
    assert done.returncode == 1
    assert done.stderr == (
        f"✗ {project}: resolve the conflicts in .github/workflows/extract.yml, then plan and commit.\n"
    )


def test_newer_module_version_is_not_downgraded(project: Path) -> None:
    main = project / "Terraform/main.tf"
    main.write_text(main.read_text().replace("?ref=v1.0.0", "?ref=v1.2.0"))
    commit(project)
    done = call("update", project)
    assert done.returncode == 1
    assert "has version 1.2.0; choose a newer one than 1.1.0." in done.stderr


def test_project_of_another_collection_keeps_it(project: Path, home: Path) -> None:
    ours, theirs = ADDRESS.removeprefix("https://github.com/"), "banking-group/their-extracts"
    for path in git(project, "ls-files").splitlines():
        (project / path).write_text((project / path).read_text().replace(ours, theirs))
    commit(project)
    done = call("update", project, "--template", home)
    assert done.returncode == 0, done.stdout + done.stderr
    main = (project / "Terraform/main.tf").read_text()
    assert (main.count(f"{theirs}.git//modules/"), main.count("?ref=v1.1.0")) == (5, 5)
    assert ours not in main + (project / "extract.yaml").read_text()


def test_file_deleted_on_one_side_and_edited_on_the_other_is_kept(project: Path) -> None:
    (project / ".gitignore").unlink()
    edit(project / "Terraform/terraform.tfvars.example", "The file contains no secrets", "No secret is in it")
    commit(project)
    done = call("update", project)
    assert done.returncode == 0, done.stderr
    assert not (project / ".gitignore").exists()
    assert (project / "Terraform/terraform.tfvars.example").exists()
    assert (
        "  .gitignore: left out: changed in the new version, but you deleted it" in done.stdout.splitlines()
    )
    kept = "  Terraform/terraform.tfvars.example: kept: deleted in the new version, but you edited it"
    assert kept in done.stdout.splitlines()


def test_dry_run_reports_the_update_and_changes_nothing(project: Path) -> None:
    done = call("update", project, "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    [told] = json.loads(done.stdout)["projects"]
    assert (told["from"], told["to"], told["answered"]) == ("1.0.0", "1.1.0", {"_colour": "teal"})
    assert told["files"]["CODEOWNERS"] == "added"
    said = call("update", project, "--dry-run").stdout.splitlines()
    assert said[-2:] == ["To see the changes in AWS, use --plan.", "Nothing was written."]
    assert git(project, "status", "--porcelain") == ""


def test_project_with_uncommitted_changes_is_refused(project: Path) -> None:
    (project / "README.md").write_text("ours")
    done = call("update", project)
    assert done.returncode == 1
    assert done.stderr.startswith(f"✗ {project} has uncommitted changes (README.md); commit them")
    assert not (project / "CODEOWNERS").exists()


def test_uncommitted_changes_outside_the_project_are_allowed(project: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shutil.copytree(project, shared / "extracts/till-sums", ignore=shutil.ignore_patterns(".git"))
    commit(shared)
    (shared / "elsewhere.txt").write_text("ours")
    done = call("update", shared / "extracts/till-sums")
    assert done.returncode == 0, done.stderr


def test_project_outside_a_repository_is_refused(project: Path, tmp_path: Path) -> None:
    loose = tmp_path / "loose"
    shutil.copytree(project, loose, ignore=shutil.ignore_patterns(".git"))
    done = call("update", loose)
    assert done.returncode == 1
    assert done.stderr == (
        f"✗ {loose} is not in a git repository; run `git init` and commit it, so that you can review and"
        " undo the update.\n"
    )
    assert "?ref=v1.0.0" in (loose / "Terraform/main.tf").read_text()


def test_printed_command_undoes_the_update(project: Path) -> None:
    done = call("update", project)
    assert "undo it with `git restore . && git clean -fd .`." in done.stdout
    assert (project / "CODEOWNERS").exists()
    git(project, "restore", ".")
    git(project, "clean", "-fd", ".")
    assert git(project, "status", "--porcelain") == ""
    assert "?ref=v1.0.0" in (project / "Terraform/main.tf").read_text()


def test_error_in_one_project_does_not_stop_the_others(project: Path, tmp_path: Path) -> None:
    team = tmp_path / "team"
    for name in ("edited", "good", "strange"):
        shutil.copytree(project, team / name)
    (team / "edited/README.md").write_text("ours")
    (team / "strange/extract.yaml").write_bytes(b"\xff: [")
    commit(team / "strange")
    done = call("update", team, "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert [one["project"] for one in told["projects"]] == [f"{team}/good"]
    assert [problem.partition(" ")[0] for problem in told["problems"]] == [
        f"{team}/edited",
        f"{team}/strange/extract.yaml",
    ]
    assert done.stderr.splitlines() == [f"✗ {problem}" for problem in told["problems"]]
    versions = [
        (team / name / "Terraform/main.tf").read_text().count("?ref=v1.1.0")
        for name in ("edited", "good", "strange")
    ]
    assert versions == [0, 5, 0]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--to", "1.0.5"], "has no version 1.0.5; it has 1.0.0, 1.1.0."),
        (["--to", "0.9.0"], "has version 1.0.0; choose a newer one than 0.9.0."),
        (["--to", "newest"], '"newest" is not a version; write it like 1.2.0.'),
        (["--template", "/nowhere/home"], "git clone: repository '/nowhere/home' does not exist"),
    ],
)
def test_invalid_target_version_is_one_line(project: Path, arguments: list[str], reason: str) -> None:
    done = call("update", project, *arguments)
    assert done.returncode == 1
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_project_without_extract_yaml_is_refused_with_a_remedy(project: Path) -> None:
    (project / "extract.yaml").unlink()
    commit(project)
    done = call("update", project)
    assert (
        "has no extract.yaml, so its answers are unknown. Create it again with version 1.0.0" in done.stderr
    )


@pytest.mark.parametrize("answer", ["{{ 7 * 7 }}", "{% set a = 7 %}", "{# seven #}"])
def test_answer_is_not_executed(project: Path, answer: str) -> None:
    edit(project / "extract.yaml", "till-sums", answer)
    commit(project)
    assert f"project_slug: an answer must not contain {answer[:2]}." in call("update", project).stderr


def test_status_reports_versions_and_notes(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project, tmp_path / "second")
    assert call("update", tmp_path / "second").returncode == 0
    (tmp_path / "second/extract.yaml").unlink()
    done = call("status", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    behind: dict[str, Any] = {
        "folder": str(project),
        "version": "1.0.0",
        "stamped_from": "1.0.0",
        "newer": ["1.1.0"],
    }
    ahead = {**behind, "folder": f"{tmp_path}/second", "version": "1.1.0", "stamped_from": None, "newer": []}
    assert [p for p in told["projects"] if "old" not in p["folder"]] == [ahead, behind]
    assert told["notes"] == {"1.1.0": "- Files can be **teal**."}
    shown = call("status", project).stdout
    assert "1.1.0, 1 newer" in shown
    assert "- Files can be **teal**." in shown


@pytest.fixture
def repositories(project: Path, tmp_path: Path) -> list[str]:
    """URLs of two repositories: a project, and one that contains a project."""
    shared = tmp_path / "shared"
    shutil.copytree(project, shared / "extracts/till-sums", ignore=shutil.ignore_patterns(".git"))
    commit(shared)
    return [f"file://{project}", f"file://{shared}"]


def test_status_of_repositories_leaves_no_files(repositories: list[str], tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    done = call("status", *repositories, "file:///nowhere/at-all", "--json", folder=here)
    told = json.loads(done.stdout)
    names = [repositories[0], f"{repositories[1]}: extracts/till-sums"]
    assert [(one["folder"], one["newer"]) for one in told["projects"]] == [(n, ["1.1.0"]) for n in names]
    [problem] = told["problems"]
    assert problem.startswith("file:///nowhere/at-all: git clone: ")
    assert (done.returncode, list(here.iterdir())) == (1, [])


def test_repository_is_cloned_unless_it_is_a_dry_run(repositories: list[str], tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    done = call("update", *repositories, "--dry-run", folder=here)
    assert (done.returncode, list(here.iterdir())) == (0, [])
    assert f"{repositories[0]}: 1.0.0 -> 1.1.0" in done.stdout
    done = call("update", *repositories, folder=here)
    assert done.returncode == 0, done.stderr
    for path in ("till-sums", "shared/extracts/till-sums"):
        assert f"{path}: 1.0.0 -> 1.1.0" in done.stdout.splitlines()
        assert "?ref=v1.1.0" in (here / path / "Terraform/main.tf").read_text()
    assert git(here / "till-sums", "log", "--format=%s").strip() == "Work of the team"
    again = call("update", repositories[0], folder=here)
    assert again.stderr == f"✗ {repositories[0]}: till-sums already exists; update that folder instead.\n"


def test_status_without_the_collection_reports_the_version(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project, tmp_path / "second")
    edit(project / "extract.yaml", f'template: "{ADDRESS}"', 'template: "/nowhere/home"')
    done = call("status", project, tmp_path / "second", "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert [(one["version"], one["newer"]) for one in told["projects"]] == [
        ("1.0.0", None),
        ("1.0.0", ["1.1.0"]),
    ]
    assert told["problems"] == ["git clone: repository '/nowhere/home' does not exist"]
    assert "1.0.0         unknown" in call("status", project).stdout


@pytest.mark.parametrize(
    ("file", "content", "why"),
    [
        ("Terraform/main.tf", b"caf\xe9 = 1\n", "it is not UTF-8."),
        ("extract.yaml", b"caf\xe9 = 1\n", "it is not UTF-8."),
        ("extract.yaml", b"a = 1\n", "it needs template, version and default_context, as it was stamped."),
    ],
)
def test_status_names_what_cannot_be_read_and_still_shows_the_others(
    file: str, content: bytes, why: str, project: Path, home: Path, tmp_path: Path
) -> None:
    shutil.copytree(project, tmp_path / "torn")
    (tmp_path / "torn" / file).write_bytes(content)
    done = call("status", project, tmp_path / "torn", "--json", "--template", home)
    assert done.returncode == 1
    assert done.stderr == f"✗ {tmp_path / 'torn' / file} cannot be read: {why}\n"
    told = json.loads(done.stdout)
    assert [each["folder"] for each in told["projects"]] == [str(project)]
    assert told["problems"] == [done.stderr.removeprefix("✗ ").strip()]


def test_a_project_that_is_closed_to_us_hides_no_other(
    project: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(project, tmp_path / "closed")
    looked = Path.is_file

    def denied(path: Path) -> bool:  # root, who may run this, is denied nothing
        if tmp_path / "closed" in path.parents:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return looked(path)

    monkeypatch.setattr(Path, "is_file", denied)
    found = fleet.status([str(project), str(tmp_path / "closed")], str(home))
    assert [one.folder for one, _ in found.projects] == [project]
    assert found.problems == [f"{tmp_path}/closed/extract.yaml cannot be read: Permission denied."]


def test_status_names_what_is_no_project_and_still_shows_the_others(project: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    edit(project / "extract.yaml", 'version: "1.0.0"', "version: soon")
    done = call("status", project, tmp_path / "empty")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        '✗ "soon" is no version; versions look like 1.2.0.',
        f"✗ {tmp_path}/empty is no extract project and holds none.",
    ]


################################################################################
# What Terraform would do
################################################################################


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection whose template needs no provider, and a project of its 1.0.0 that is deployed."""
    root = tmp_path_factory.mktemp("small")
    home = root / "home"
    stamped = home / "templates/extract/{{cookiecutter.__folder}}"
    (stamped / "Terraform").mkdir(parents=True)
    (stamped / "Glue").mkdir()
    (stamped / "Glue/etl.py").write_text("")
    context = {"project_slug": "small", "__folder": "{{ cookiecutter.project_slug }}", "_version": "",
               "_repository": "x"}  # fmt: skip
    (home / "templates/extract/cookiecutter.json").write_text(json.dumps(context))
    (stamped / "extract.yaml").write_text(
        'template: "{{ cookiecutter._repository }}"\nversion: "{{ cookiecutter._version }}"\n'
        'default_context:\n  project_slug: "{{ cookiecutter.project_slug }}"\n'
    )
    main = stamped / "Terraform/main.tf"
    main.write_text(
        'resource "terraform_data" "same" {}\nresource "terraform_data" "input" {\n  input = 1\n}\n'
        'resource "terraform_data" "replaced" {\n  triggers_replace = 1\n}\n'
        'resource "terraform_data" "old" {}\n'
        'resource "terraform_data" "gone" {}\n'
    )
    git(root, "init", "-q", "-b", "main", "home")
    release(home, "1.0.0", "- The first.")
    project = stamp({"_repository": str(home)}, root, template=home / "templates/extract")
    commit(project)
    deployed = Root(project / "Terraform", terraform.environment(root))
    deployed.setup()
    deployed.apply()
    text = main.read_text().replace("input = 1", "input = 2").replace("replace = 1", "replace = 2")
    text = text.replace('resource "terraform_data" "gone" {}\n', "").replace('"old"', '"new"')
    text += "moved {\n  from = terraform_data.old\n  to   = terraform_data.new\n}\n"
    main.write_text(text + 'resource "terraform_data" "added" {}\n')
    release(home, "1.1.0", "- More.")
    return project


def test_update_with_plan_reports_changes_in_terraform(small: Path, tmp_path: Path) -> None:
    home = small.parent / "home"
    variables = terraform.environment(tmp_path)
    done = call("update", small, "--template", home, "--plan", "--dry-run", variables=variables)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert "Terraform: 1 destroyed, 1 replaced, 1 changed, 1 created, 1 moved" in said
    told = said[said.index("Terraform: 1 destroyed, 1 replaced, 1 changed, 1 created, 1 moved") + 1 : -1]
    assert told == [
        "  terraform_data.added is created",
        "  terraform_data.gone is destroyed",
        "  terraform_data.input is changed: input, output",
        "  terraform_data.new is moved: from terraform_data.old",
        "  terraform_data.replaced is replaced: because triggers_replace cannot change in place",
    ]
    assert git(small, "status", "--porcelain", "--untracked-files=no") == ""


def test_plan_of_a_project_reports_the_changed_script(project: Path, tmp_path: Path) -> None:
    """With all modules, the real provider and the values of an account; nothing of it is applied yet."""
    with aws.serve(tmp_path / "aws") as cloud:
        made = account.prepare(cloud, username="reader", password="unused")
        values = {
            "database": {
                "host": "localhost",
                "name": "store",
                "secret_arn": made.secret_arn,
                "security_group_id": made.database_security_group_id,
            },
            "subnet_id": made.subnet_id,
            "recipients": {"first-bank": {"name": "First Bank", "public_keys": {}}},
            "sftp": {"allowed_cidrs": {"office": "10.0.0.0/8"}},
        }
        (project / "Terraform/team.auto.tfvars.json").write_text(json.dumps(values))
        commit(project)
        done = call("update", project, "--plan", "--dry-run", variables=cloud.environment)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[said.index("  extract.yaml: updated") + 2 :] == [
        "Terraform: 1 created differently",
        "  module.extract.aws_s3_object.script is created differently: source_hash",
        "Nothing was written.",
    ]


def resource(address: str, *actions: str, **change: Any) -> dict[str, Any]:
    values = {"actions": list(actions), "before": None, "after": None, "after_unknown": {}, **change}
    return {"address": address, "type": address.split(".")[-2], "mode": "managed", "change": values}


def test_pending_changes_are_not_reported() -> None:
    waiting = resource("aws_sns_topic.a", "update", before={"name": "x"}, after={"name": "y"})
    new = resource("aws_sns_topic.b", "create", after={"name": "b"})
    [change] = plans.compare({"resource_changes": [waiting]}, {"resource_changes": [waiting, new]})
    assert str(change) == "aws_sns_topic.b is created"


def test_lost_content_is_reported() -> None:
    bucket = resource("module.bucket.aws_s3_bucket.this", "delete", "create", replace_paths=[["bucket"]])
    [change] = plans.compare({}, {"resource_changes": [bucket]})
    assert str(change) == (
        "module.bucket.aws_s3_bucket.this is replaced: because bucket cannot change in place; this"
        " deletes the files in it"
    )


def test_changes_before_the_first_apply_are_reported() -> None:
    was = resource("aws_sns_topic.a", "create", after={"name": "x", "kms": None})
    now = resource("aws_sns_topic.a", "create", after={"name": "x", "kms": "k"})
    gone = resource("aws_sns_topic.b", "create", after={})
    changes = plans.compare({"resource_changes": [was, gone]}, {"resource_changes": [now]})
    assert [str(change) for change in changes] == [
        "aws_sns_topic.a is created differently: kms",
        "aws_sns_topic.b is no longer created",
    ]
