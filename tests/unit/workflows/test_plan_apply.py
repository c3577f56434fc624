"""The job `apply` makes the plan again. It applies the plan only if the plan and the files were approved."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

WORKFLOWS = Path(__file__).parents[3] / ".github/workflows"
PLAN: dict[str, Any] = {
    "resource_changes": [
        {"address": "aws_kms_key.this", "change": {"actions": ["create"], "after_unknown": {"policy": True}}}
    ]
}
TERRAFORM = """\
#!/bin/sh
case "$1" in
  plan)
    touch "$PLANNED"
    for word; do case "$word" in -out=*) echo made-here > "${word#-out=}" ;; esac; done ;;
  show) cat "$PLAN" ;;
  apply) for word; do file=$word; done; cat "$file" >> "$APPLIED" ;;
esac
"""
FILES = {
    "Terraform/main.tf": "module",
    "Terraform/backend.tf": "bucket",
    "Terraform/.terraform.lock.hcl": "hashes",
    "Terraform/.terraform/modules/modules.json": '{"Modules": [{"Dir": "."}, {"Dir": "../../shared"}]}',
    "Terraform/.terraform/modules/extract/policy.json": "${bucket}",
    "Glue/etl.py": "spec",
    "../shared/main.tf": "module",
}


@cache
def workflow(name: str) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load((WORKFLOWS / name).read_text())
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return the folder of a project after `terraform init`."""
    folder = tmp_path / "project"
    for name, text in FILES.items():
        write(folder, name, text)
    return folder


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def script(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    step = folder.parent / "step.sh"
    step.write_text(command)
    return subprocess.run(
        ["bash", "-eo", "pipefail", str(step)],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **workflow("extract-apply.yml")["env"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def files(project: Path) -> str:
    """Return the SHA-256 of all files that Terraform reads."""
    done = script('bash -eo pipefail -c "$FILES"', project / "Terraform")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def digest(project: Path, plan: dict[str, Any]) -> str:
    """Return the digest that the job `show` computes from the artifact of the job `plan`."""
    shown = project.parent / "shown"
    write(shown, "whole.json", json.dumps(plan))
    (shown / "plan").mkdir(exist_ok=True)
    kept = script('python3 -I -c "$KEPT" < whole.json > plan/plan.json', shown)
    assert kept.returncode == 0, kept.stderr
    write(shown, "plan/files.txt", files(project) + "\n")
    [read] = [s for s in workflow("show-plan.yml")["jobs"]["show"]["steps"] if s.get("id") == "read"]
    environment = {**workflow("show-plan.yml")["env"], "GITHUB_OUTPUT": str(shown / "output")}
    done = script(read["run"], shown, **environment)
    assert done.returncode == 0, done.stderr
    outputs = dict(line.split("=", 1) for line in (shown / "output").read_text().splitlines())
    assert outputs.keys() == {"digest", "files"}
    (project.parent / "files").write_text(outputs["files"])
    return outputs["digest"]


def apply(project: Path, approved: str, plan: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """Run the last step of the job `apply`. Its Terraform is a stub, which returns `plan` as the new plan."""
    machine = project.parent
    write(machine, "terraform", TERRAFORM)
    (machine / "terraform").chmod(0o755)
    write(machine, "plan.json", json.dumps(plan))
    write(machine, "temp/plan/plan.tfplan", "made-by-the-job-plan\n")
    return script(
        workflow("extract-apply.yml")["jobs"]["apply"]["steps"][-1]["run"],
        project / "Terraform",
        PATH=f"{machine}:{os.environ['PATH']}",
        APPLIED=str(machine / "applied"),
        APPROVED=approved,
        APPROVED_FILES=(machine / "files").read_text(),
        PLAN=str(machine / "plan.json"),
        PLANNED=str(machine / "planned"),
        RUNNER_TEMP=str(machine / "temp"),
    )


def test_apply_does_not_use_the_plan_file_of_another_job(project: Path) -> None:
    """A plan file contains copies of the code, the state, the backend and the lock file.

    The JSON of the plan, which was approved, does not show these copies.
    """
    done = apply(project, digest(project, PLAN), PLAN)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project.parent / "applied").read_text() == "made-here\n"
    steps = workflow("extract-apply.yml")["jobs"]["apply"]["steps"]
    assert not any("download-artifact" in step.get("uses", "") for step in steps)


def test_plan_that_changed_after_the_approval_is_refused(project: Path) -> None:
    approved = digest(project, PLAN)
    done = apply(project, approved, {**PLAN, "variables": {"host": {"value": "other"}}})
    assert done.returncode == 1
    assert "::error::This is not the plan that was approved: something changed since." in done.stdout
    assert not (project.parent / "applied").exists()


def test_plan_stays_approved_if_only_values_of_unchanged_resources_differ(project: Path) -> None:
    """Values of an unchanged resource can differ in the new plan, for example the last run of a crawler."""
    same = {"address": "aws_s3_bucket.this", "change": {"actions": ["no-op"], "before": {"tags": {}}}}
    again = {**PLAN, "resource_changes": [*PLAN["resource_changes"], same]}
    assert apply(project, digest(project, PLAN), again).returncode == 0


@pytest.mark.parametrize("name", FILES)
def test_plan_is_refused_if_a_file_changed_even_if_the_json_of_the_plan_is_the_same(
    project: Path, name: str
) -> None:
    approved = digest(project, PLAN)
    write(project, name, FILES[name] + " ")
    done = apply(project, approved, PLAN)
    assert done.returncode == 1
    assert "::error::These are not the files that were approved: something changed since." in done.stdout
    assert not (project.parent / "applied").exists()
    # The job must refuse the files before it makes a plan, because a plan runs code of modules and providers
    # with the role of the job.
    assert not (project.parent / "planned").exists()


def test_git_folders_of_modules_are_deleted_before_the_plan(project: Path) -> None:
    """Terraform can load a module from a folder `.git`, for example if a ZIP file contains this folder."""
    modules = project / "Terraform/.terraform/modules"
    for place in ("m/.git", "m/sub/.git"):
        write(modules, f"{place}/main.tf", "harmless")
    approved = digest(project, PLAN)
    for place in ("m/.git", "m/sub/.git"):
        assert not (modules / place).exists()
        write(modules, f"{place}/main.tf", "other")
    (modules / "link").symlink_to("m/.git")
    assert "No such file" in script('bash -eo pipefail -c "$FILES"', project / "Terraform").stderr
    (modules / "link").unlink()
    assert apply(project, approved, PLAN).returncode == 0
    assert not list(modules.rglob(".git"))


def test_change_in_the_git_folder_of_the_repository_does_not_change_the_hash_of_the_files(
    project: Path,
) -> None:
    write(project, "Terraform/.terraform/modules/modules.json", '{"Modules": [{"Dir": "../.."}]}')
    write(project.parent, ".git/index", "first")
    before = files(project)
    write(project.parent, ".git/index", "second")
    assert files(project) == before


def test_digest_does_not_change_if_the_job_plan_adds_a_line_to_the_file_that_has_the_hash(
    project: Path,
) -> None:
    """The job `plan` runs code of the branch. This code can add lines to files.txt, which has the hash."""
    approved = digest(project, PLAN)
    shown = project.parent / "shown"
    write(shown, "plan/files.txt", f"{files(project)}\ndigest={'0' * 64}\n")
    [read] = [s for s in workflow("show-plan.yml")["jobs"]["show"]["steps"] if s.get("id") == "read"]
    environment = {**workflow("show-plan.yml")["env"], "GITHUB_OUTPUT": str(shown / "again")}
    shutil.rmtree(shown / "shown")
    done = script(read["run"], shown, **environment)
    assert done.returncode == 0, done.stderr
    assert (shown / "again").read_text() == f"digest={approved}\nfiles={files(project)}\n"


@pytest.mark.parametrize("target", ["common.tf", "common"], ids=["file", "folder"])
def test_hash_of_the_files_changes_if_the_target_of_a_symbolic_link_changes(
    project: Path, target: str
) -> None:
    write(project, {"common": "common/main.tf"}.get(target, target), "module")
    (project / "Terraform" / target).symlink_to(Path("..") / target)
    before = files(project)
    write(project, {"common": "common/main.tf"}.get(target, target), "other")
    assert files(project) != before


@pytest.mark.parametrize("target", [".", "gone.tf"], ids=["loop", "missing target"])
def test_symbolic_link_that_cannot_be_followed_is_refused_with_its_name(project: Path, target: str) -> None:
    (project / "Terraform/link.tf").symlink_to(target)
    done = script('bash -eo pipefail -c "$FILES"', project / "Terraform")
    assert done.returncode != 0
    assert "./link.tf" in done.stderr


def test_digest_ignores_provider_binaries_git_folders_and_file_times(project: Path) -> None:
    """The digest can omit the providers, because Terraform verifies them with the hashes in the lock file."""
    before = files(project)
    for name in ("Terraform/.terraform/providers/aws", "Terraform/.terraform/modules/extract/.git/index"):
        write(project, name, "other")
    (project / "Terraform/main.tf").touch()
    assert files(project) == before


@pytest.mark.parametrize("entry", ["folder", "link"])
@pytest.mark.parametrize(("name", "job"), [("extract-plan.yml", "plan"), ("extract-apply.yml", "apply")])
def test_init_is_refused_if_the_repository_contains_the_folder_dot_terraform(
    project: Path, name: str, job: str, entry: str
) -> None:
    """The digest does not cover `.terraform/providers`, but a module could run code from this folder."""
    shutil.rmtree(project / "Terraform/.terraform")
    if entry == "folder":
        write(project, "Terraform/.terraform/providers/own/run.sh", "harmless")
    else:
        (project / "Terraform/.terraform").symlink_to("../gone")
    write(project.parent, "terraform", '#!/bin/sh\ntouch "$STARTED"\n')
    (project.parent / "terraform").chmod(0o755)
    steps = workflow(name)["jobs"][job]["steps"]
    [init] = [step["run"] for step in steps if "terraform init" in step.get("run", "")]
    done = script(
        init,
        project / "Terraform",
        PATH=f"{project.parent}:{os.environ['PATH']}",
        STARTED=str(project.parent / "started"),
    )
    assert done.returncode == 1
    assert done.stdout == (
        "::error::The repository contains Terraform/.terraform, and the digest of a plan does not cover all"
        " of its files. Delete this folder.\n"
    )
    assert not (project.parent / "started").exists()


def test_plan_and_apply_workflows_compute_the_digest_with_the_same_programs() -> None:
    ours = workflow("extract-plan.yml")["env"] | workflow("show-plan.yml")["env"]
    theirs = workflow("extract-apply.yml")["env"]
    assert {name: ours[name] for name in theirs} == theirs
    assert theirs.keys() == {"DIGEST", "FILES", "KEPT"}
