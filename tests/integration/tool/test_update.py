"""`extracts status` reports newer versions, and `extracts update` merges them into edited projects."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from extracts import programs, terraform
from tests.support.releases import ADDRESS, GIT, commit, edit, git
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
    assert 'Metric("avg", "Balance", window=3)' in spec  # the project's answers, not the template's defaults
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
    assert '  new question _colour: the default answer is "teal"; change it in extract.yaml' in said


def test_update_keeps_line_endings_of_windows(project: Path) -> None:
    edit(project / "README.md", "## Runbook", "## Our runbook")
    for path in (path for path in project.rglob("*") if path.is_file() and ".git" not in path.parts):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    (project / ".gitattributes").write_bytes(b"* -text\r\n")
    commit(project)
    done = call("update", project)
    assert done.returncode == 0, done.stdout + done.stderr
    for name, text in {
        "README.md": b"## Our runbook\r\n",
        "Makefile": b"# Shows the changes that an apply would make.\r\n",
    }.items():
        content = (project / name).read_bytes()
        assert text in content
        assert content.count(b"\n") == content.count(b"\r\n"), name


def test_line_endings_stay_in_a_checkout_that_converts_them(project: Path, tmp_path: Path) -> None:
    git(tmp_path, "-c", "core.autocrlf=true", "clone", "-q", str(project), "windows")
    assert (tmp_path / "windows/Makefile").read_bytes() == (project / "Makefile").read_bytes()


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


def test_changed_module_version_is_not_a_conflict(project: Path) -> None:
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
    assert "has version 1.2.0; choose a version newer than 1.1.0." in done.stderr


def test_project_of_another_template_keeps_its_template(project: Path, home: Path) -> None:
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
        (["--to", "1.0.5"], "has no version 1.0.5; its versions are 1.0.0, 1.1.0."),
        (["--to", "0.9.0"], "has version 1.0.0; choose a version newer than 0.9.0."),
        (["--to", "newest"], '"newest" is not a version; write a version such as 1.2.0.'),
        (["--template", "/nowhere/home"], "git clone: repository '/nowhere/home' does not exist"),
    ],
)
def test_error_for_an_invalid_target_version_is_one_line(
    project: Path, arguments: list[str], reason: str
) -> None:
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
