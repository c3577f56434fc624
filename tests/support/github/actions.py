"""Local equivalents of the actions that our workflows use."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from local_cloud import aws
from local_cloud.aws import web_identity
from tests.support.github.model import ISSUER, git

if TYPE_CHECKING:
    from tests.support.github.runner import Runner


def _checkout(runner: Runner, given: dict[str, str]) -> None:
    """Fetch one commit without tags, as `actions/checkout` does. With `fetch-depth: 0`, fetch everything.

    If `ssh-key` is given, a push passes the key to the hook of the repository in the variable DEPLOY_KEY.
    """
    whole, key = given.get("fetch-depth") == "0", given.get("ssh-key")
    kept = {"persist-credentials": str(bool(key))}
    assert given == kept | ({"fetch-depth": "0"} if whole else {}) | ({"ssh-key": key} if key else {})
    runner.require("contents", "read")
    git(runner.place, "init", "--quiet", str(runner.workspace))
    git(runner.workspace, "remote", "add", "origin", f"file://{runner.github.origin}")
    if key:
        git(runner.workspace, "config", "remote.origin.receivepack", f"env DEPLOY_KEY={key} git-receive-pack")
    wanted = ["--tags", "origin"] if whole else ["--depth", "1", "--no-tags", "origin", runner.event.sha]
    git(runner.workspace, "fetch", "--quiet", *wanted)
    git(runner.workspace, "checkout", "--quiet", runner.event.sha)


def _set_up(runner: Runner, given: dict[str, str]) -> None:
    """Do nothing: this machine already has Terraform and Python."""


def _credentials(runner: Runner, given: dict[str, str]) -> None:
    """Assume the role with a token like the token that GitHub signs for this job."""
    runner.require("id-token", "write")
    start, event = runner.github.subject, runner.event
    subject = f"{start}:ref:{event.ref}"
    if runner.deploys_to:
        subject = f"{start}:environment:{runner.deploys_to}"
    elif event.name == "pull_request":
        subject = f"{start}:pull_request"
    assumed = assume(runner.github.cloud, given["role-to-assume"], subject, runner.source)
    runner.environment |= {
        "AWS_ACCESS_KEY_ID": assumed["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": assumed["SecretAccessKey"],
        "AWS_SESSION_TOKEN": assumed["SessionToken"],
        "AWS_REGION": given["aws-region"],
        "AWS_DEFAULT_REGION": given["aws-region"],
    }


def assume(cloud: aws.Cloud, role_arn: str, subject: str, workflow: str) -> dict[str, str]:
    """Assume the role with a GitHub token for this subject and workflow. Return the credentials."""
    claims = {
        "iss": f"https://{ISSUER}",
        "aud": "sts.amazonaws.com",
        "sub": subject,
        "job_workflow_ref": workflow,
    }
    token = web_identity.token(claims, cloud.environment["AWS_SECRET_ACCESS_KEY"])
    sts = boto3.client(
        "sts",
        endpoint_url=cloud.endpoint,
        region_name=aws.REGION,
        verify=str(cloud.authority),
        config=Config(signature_version=UNSIGNED),
    )
    found: dict[str, str] = sts.assume_role_with_web_identity(
        RoleArn=role_arn, RoleSessionName="GitHubActions", WebIdentityToken=token
    )["Credentials"]
    return found


def _sarif(runner: Runner, given: dict[str, str]) -> None:
    runner.require("security-events", "write")
    assert given["sarif_file"].endswith(".sarif")


def _cache(runner: Runner, given: dict[str, str]) -> None:
    assert re.fullmatch(r"[\w-]+-Linux-[0-9a-f]{64}", given["key"]), "a file in the cache key does not exist"


def _upload(runner: Runner, given: dict[str, str]) -> dict[str, str]:
    assert given["overwrite"] == "True"
    assert re.fullmatch(r"[^\":<>|*?\r\n\\/]+", given["name"]), "GitHub refuses this name of an artifact"
    target = runner.github.folder / "artifacts" / str(runner.number) / given["name"]
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(runner.workspace / given["path"], target, ignore=shutil.ignore_patterns(".*"))
    assert any(target.iterdir())
    runs = f"https://github.com/{runner.github.repository}/actions/runs"
    return {"artifact-url": f"{runs}/{runner.number}/artifacts/1"}


def _download(runner: Runner, given: dict[str, str]) -> None:
    source = runner.github.folder / "artifacts" / str(runner.number) / given["name"]
    shutil.copytree(source, runner.workspace / given["path"])


ACTIONS: dict[str, Callable[[Runner, dict[str, str]], dict[str, str] | None]] = {
    "actions/cache": _cache,
    "actions/checkout": _checkout,
    "actions/download-artifact": _download,
    "actions/setup-python": _set_up,
    "actions/upload-artifact": _upload,
    "aws-actions/configure-aws-credentials": _credentials,
    "github/codeql-action/upload-sarif": _sarif,
    "hashicorp/setup-terraform": _set_up,
    "terraform-linters/setup-tflint": _set_up,
}
