"""The digest of a plan covers everything that is applied, and no text in the plan hides other text."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.invisible import SHAPELESS

WORKFLOWS = Path(__file__).parents[3] / ".github/workflows"
GH = Path(__file__).parents[2] / "support/github/gh.py"


def program(workflow: str, name: str) -> str:
    """Return the text of a Python program that a workflow has as a variable in `env`."""
    return str(yaml.safe_load((WORKFLOWS / workflow).read_text())["env"][name])


def output(workflow: str, name: str, text: str) -> str:
    """Run a program of a workflow with `text` as input. Return its output."""
    command = [sys.executable, "-c", program(workflow, name), "0" * 64]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def kept(plan: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON in the artifact of a plan."""
    found: dict[str, Any] = json.loads(output("extract-plan.yml", "KEPT", json.dumps(plan)))
    return found


def digest(plan: dict[str, Any]) -> str:
    return output("show-plan.yml", "DIGEST", json.dumps(kept(plan))).strip()


def fenced(text: str, limit: int = 1_000) -> str:
    command = [sys.executable, "-c", program("show-plan.yml", "FENCED"), str(limit), "https://run"]
    return subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout.decode()


def change(address: str, *actions: str, **values: Any) -> dict[str, Any]:
    return {"address": address, "change": {"actions": list(actions), "before": None, "after": values}}


PLAN: dict[str, Any] = {
    "format_version": "1.2",
    "timestamp": "2026-11-01T00:00:00Z",
    "prior_state": {"serial": 1},
    "resource_changes": [
        change("aws_glue_connection.this", "create", connection_properties={"HOST": "bank.internal"}),
        change("aws_s3_bucket.this", "no-op", tags={}),
    ],
    "configuration": {"root_module": {"resources": []}},
    "output_changes": {"url": {"actions": ["create"], "after": "x"}},
    "variables": {"database": {"value": {"host": "bank.internal"}}},
}


def changed(**parts: Any) -> dict[str, Any]:
    return {**PLAN, **parts}


@pytest.mark.parametrize(
    "other",
    [
        changed(
            resource_changes=[
                change("aws_glue_connection.this", "create", connection_properties={"HOST": "evil"})
            ]
        ),
        changed(configuration={"root_module": {"resources": [{"provisioners": [{"type": "local-exec"}]}]}}),
        changed(output_changes={"url": {"actions": ["create"], "after": "y"}}),
        changed(variables={"database": {"value": {"host": "evil"}}}),
    ],
    ids=["a hidden value", "a provisioner", "an output", "a variable"],
)
def test_different_plans_have_different_digests(other: dict[str, Any]) -> None:
    assert re.fullmatch("[0-9a-f]{64}", digest(PLAN))
    assert digest(other) != digest(PLAN)


def test_digest_ignores_the_time_of_the_plan_and_the_order_of_keys() -> None:
    later = changed(
        timestamp="2026-11-02T00:00:00Z",
        prior_state={"serial": 2},
        resource_changes=[
            PLAN["resource_changes"][0],
            change("aws_s3_bucket.this", "no-op", tags={"a": "b"}),
        ],
    )
    shuffled = dict(random.sample(list(later.items()), len(later)))
    assert digest(shuffled) == digest(PLAN)


@pytest.mark.parametrize("part", ["action_invocations", "deferred_changes", "part_of_a_future_version"])
def test_artifact_has_only_a_hash_of_a_part_of_the_plan_that_the_workflow_does_not_know(part: str) -> None:
    """For example, plans of Terraform 1.14 have actions as a new part. Their values can be sensitive."""

    def plan(password: str) -> dict[str, Any]:
        return changed(**{part: [{"config_values": {"p": password}, "config_sensitive": {"p": True}}]})

    assert re.fullmatch("sha256:[0-9a-f]{64}", kept(plan("s3cret-1"))[part])
    assert digest(plan("s3cret-1")) != digest(plan("s3cret-2"))
    assert not kept(changed(**{part: []}))[part]


def test_digest_changes_if_a_resource_is_moved() -> None:
    moved = {**change("aws_s3_bucket.new", "no-op"), "previous_address": "aws_s3_bucket.old"}
    assert digest(changed(resource_changes=[*PLAN["resource_changes"], moved])) != digest(PLAN)


def test_digest_changes_if_a_resource_is_imported() -> None:
    imported = change("aws_s3_bucket.other", "no-op")
    imported["change"]["importing"] = {"id": "other"}
    assert digest(changed(resource_changes=[*PLAN["resource_changes"], imported])) != digest(PLAN)


@pytest.mark.parametrize("workflow", ["extract-backfill.yml", "extract-drift.yml"])
def test_all_workflows_write_code_blocks_with_the_same_program(workflow: str) -> None:
    assert program(workflow, "FENCED") == program("show-plan.yml", "FENCED")


@pytest.mark.parametrize(
    "attack",
    [
        "\r````\r</details>\r<!--",
        "```` ",
        "`" * 40,
        "\x0b````\x0c\u2028````\u2029````\x85````",
        "a\u202eb\x1b[2Jc\u200bd\U000e0041",
        SHAPELESS,
    ],
)
def test_text_of_a_plan_cannot_end_the_code_block_or_hide_lines(attack: str) -> None:
    shown = fenced(f"before\n{attack}\n  # last.resource will be destroyed\n")
    lines = re.split(r"\r\n|\r|\n", shown)  # these are all line endings of CommonMark
    fence = lines[1]
    assert re.fullmatch("`{4,}", fence)
    # A code block ends at a line that has at least as many backticks as its first line:
    # https://spec.commonmark.org/0.31.2/#fenced-code-blocks
    ends = re.compile(f" {{0,3}}`{{{len(fence)},}}[ \\t]*")
    inside = lines[2 : next(n for n, line in enumerate(lines[2:], start=2) if ends.fullmatch(line))]
    assert inside[0] == "before"
    assert inside[-1] == "  # last.resource will be destroyed"
    assert not {*shown} & {*SHAPELESS}
    assert not re.search(
        r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u202e\u2028\u2029\U000e0000-\U000e007f]", shown
    )


def test_shortened_text_of_a_plan_has_a_note_and_a_link_to_the_whole_plan() -> None:
    shown = fenced("\n".join(f"line {number:03}" for number in range(500)), limit=999)
    assert shown.count("line ") == 111
    assert shown.endswith("\n**Cut here: 111 of 500 lines are shown.** The whole plan: https://run\n")
    assert "Cut here" not in fenced("all of it")


@pytest.mark.parametrize(
    ("ref", "code"), [("refs/heads/main", 0), ("refs/heads/aside", 1), ("refs/tags/main", 1)]
)
def test_only_commits_of_the_default_branch_are_applied(ref: str, code: int) -> None:
    steps = yaml.safe_load((WORKFLOWS / "extract-apply.yml").read_text())["jobs"]["reviewed"]["steps"]
    step = steps[0]
    assert (step["name"], step.get("if")) == ("Is it the default branch?", None)
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", step["run"]],
        env={"REF": ref, "MAIN": "main"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert ("Only the branch main is applied, not " in done.stdout) is bool(code)


DIGEST = "ab" * 32
CALLED = {"path": "home/.github/workflows/extract-plan.yml@refs/tags/v1.0.0", "sha": "c" * 40}


OTHER = "0" * 64


def job(name: str, conclusion: str | None = "success", at: int = 1) -> list[dict[str, Any]]:
    time = f"2026-11-0{at}T08:00:00Z" if conclusion else None
    return [{"id": 7, "name": name, "conclusion": conclusion, "completed_at": time}]


def reviewed(folder: Path, *more: Any, **shown: Any) -> subprocess.CompletedProcess[str]:
    """Run the step that checks if a run of the pull request showed the plan.

    `shown` changes fields of the first run. Each item of `more` adds a run and is the list of its jobs.
    """
    run = {"path": ".github/workflows/extract.yml", "referenced_workflows": [CALLED]}
    honest = {**run, "id": 1, "event": "pull_request", "head_sha": "d" * 40}
    pull = {"number": 4, "sha": "e" * 40, "merged_at": "now", "base": {"ref": "main"}}
    state = {
        "runs": [
            *({**honest, "id": number, "jobs": jobs} for number, jobs in enumerate(more, start=3)),
            {**honest, "jobs": job(f"plan / shown {DIGEST}"), **shown},
            {**run, "id": 2, "event": "push", "head_sha": "e" * 40, "jobs": []},
        ],
        "pulls": [{**pull, "head": {"sha": "d" * 40}}],
    }
    (folder / "state.json").write_text(json.dumps(state))
    (folder / f"artifacts/1/shown-plan---{DIGEST}").mkdir(parents=True)
    gh = folder / "gh"
    gh.write_text(f'#!/bin/sh\nexec {sys.executable} {GH} "$@"\n')
    gh.chmod(0o755)
    steps = yaml.safe_load((WORKFLOWS / "extract-apply.yml").read_text())["jobs"]["reviewed"]["steps"]
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", steps[-1]["run"]],
        env={
            "PATH": f"{folder}:/usr/bin:/bin",
            "LOCAL_GITHUB": str(folder),
            "GH_TOKEN": json.dumps({"actions": "read", "pull-requests": "read"}),
            "GITHUB_REPOSITORY": "banking-group/bank-loans",
            "GITHUB_RUN_ID": "2",
            "GITHUB_SHA": "e" * 40,
            "BRANCH": "main",
            "SHOWN": steps[-1]["env"]["SHOWN"]
            .replace("${{ needs.plan.outputs.artifact }}", "plan--")
            .replace("${{ needs.plan.outputs.digest }}", DIGEST),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_plan_that_the_pull_request_showed_is_applied(tmp_path: Path) -> None:
    done = reviewed(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "This is not the plan" not in done.stdout


@pytest.mark.parametrize(
    "forged",
    [
        {"jobs": job(f"plan / shown {DIGEST}", "failure")},
        {"jobs": job(f"plan / shown {OTHER}")},
        {"jobs": job(f"plan / shown {DIGEST}") + job(f"plan / shown {OTHER}", at=2)},
        {"jobs": job(f"plan / shown {DIGEST}") + job(f"plan / shown {DIGEST}", "failure", at=2)},
        {"jobs": job(f"plan / shown {DIGEST}") + job(f"plan / shown {OTHER}", None)},
        # This job proves nothing, because it runs code of the branch, which can upload any artifact.
        {"jobs": job("plan / plan")},
        {"head_sha": "0" * 40},
        {"path": ".github/workflows/own.yml"},
        {"event": "push"},
        {"referenced_workflows": []},
        {"referenced_workflows": [{**CALLED, "sha": "0" * 40}]},
    ],
    ids=[
        "not shown",
        "another plan",
        "another plan in the next attempt",
        "not shown in the next attempt",
        "another plan in an attempt that runs",
        "artifact of the plan's job",
        "another commit",
        "workflow of the branch",
        "another event",
        "no workflow of ours",
        "another version of our workflow",
    ],
)
def test_plan_is_refused_if_no_successful_job_of_our_workflow_showed_it(
    forged: dict[str, Any], tmp_path: Path
) -> None:
    done = reviewed(tmp_path, **forged)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "This is not the plan that #4 showed" in done.stdout


def test_plan_is_refused_if_a_later_run_of_the_same_commit_showed_another_plan(tmp_path: Path) -> None:
    """The plan of a commit can change, for example if the value of a data source changes."""
    done = reviewed(tmp_path, job(f"plan / shown {OTHER}", at=2))
    assert "This is not the plan that #4 showed" in done.stdout
    assert done.returncode == 1, done.stdout + done.stderr


@pytest.mark.parametrize(
    "other",
    [
        job(f"plan / shown {OTHER}", at=1),
        # A person started only the failed jobs again, so the workflow did not make a new plan.
        job("plan / scan", at=3),
        # GitHub skipped this job, so its name has no digest.
        job("plan / shown ", "skipped", at=3),
        # This job shows the plan of another project in the same repository.
        job(f"plan-second / shown {OTHER}", at=3),
    ],
    ids=["earlier plan", "failed jobs again", "skipped", "another project"],
)
def test_plan_is_applied_if_no_later_job_showed_another_plan_of_the_project(
    other: list[dict[str, Any]], tmp_path: Path
) -> None:
    shown = job(f"plan / shown {DIGEST}", at=2)
    done = reviewed(tmp_path, other, jobs=shown)
    assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "attempts").mkdir()
    done = reviewed(tmp_path / "attempts", jobs=shown + other)
    assert done.returncode == 0, done.stdout + done.stderr


def test_job_that_runs_code_of_a_branch_has_no_write_permission() -> None:
    """Terraform runs providers and data sources of the branch in this job.

    So the job may only read the repository and assume a role.
    """
    for path in WORKFLOWS.glob("extract-*.yml"):
        for name, job in yaml.safe_load(path.read_text())["jobs"].items():
            runs = " ".join(step.get("run", "") for step in job.get("steps", []))
            if re.search(r"\bterraform (?:plan|init|apply)|\bmake\b", runs):
                allowed = {"contents": "read", "id-token": "write"}
                assert job["permissions"].items() <= allowed.items(), f"{path.name}: {name}"
                assert "github.token" not in json.dumps(job), f"{path.name}: {name}"
