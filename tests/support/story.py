"""The project of a team. Its workflows run on the emulated GitHub and use the local cloud."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_urlsafe

import pytest

from extracts import terraform
from extracts.stamp import stamp
from local_cloud import aws, database
from local_cloud.demo import account, store
from tests.support.github import ROOT, Event, GitHub
from tests.support.options import BANK
from tests.support.provider import Provider
from tests.support.terraform import Root

BACKEND = """\
terraform {
  backend "s3" {
    bucket         = "terraform-states"
    key            = "bank-loans.tfstate"
    region         = "eu-west-1"
    use_lockfile   = true
    use_path_style = true
  }
}
"""


@dataclass(frozen=True, slots=True)
class Story:
    """A team's project, its repository, its AWS account and its source."""

    github: GitHub
    project: Path
    cloud: aws.Cloud

    def write(self, path: str, text: str) -> None:
        (self.project / path).write_text(text)

    def push(self, message: str, team: str = "data", branch: str = "main") -> Event:
        """Set the tag `team` of the project to this value, and push the project."""
        self.write("Terraform/tags.auto.tfvars", f'tags = {{ team = "{team}" }}\n')
        return self.github.push(self.project, message, branch=branch)


@pytest.fixture(scope="module")
def story(
    tmp_path_factory: pytest.TempPathFactory,
    cloud: aws.Cloud,
    provider: Provider,
    terraform_program: Path,
) -> Iterator[Story]:
    """Create a project, the values of its variables, its GitHub repository and its roles.

    The project is not pushed or deployed yet.
    """
    folder = tmp_path_factory.mktemp("pipelines")
    login = token_urlsafe(18)
    with database.serve(folder / "database") as served:
        last_month = store.last_complete_month(datetime.now(UTC).date())
        store.load(served.url, store.generate(last_month, loans=2_000), login)
        made = account.prepare(cloud, username=store.READER, password=login)
        (folder / "stamped").mkdir()
        project = stamp(BANK, folder / "stamped")
        variables = {
            "database": {
                "host": "localhost",
                "port": served.port,
                "name": served.name,
                "secret_arn": made.secret_arn,
                "security_group_id": made.database_security_group_id,
                "ca_certificate_file": str(served.authority),
            },
            "subnet_id": made.subnet_id,
            "recipients": {"first-bank": {"name": store.BANKS[0], "public_keys": {}}},
            "sftp": {"allowed_cidrs": {"office": "10.0.0.0/8"}},
        }
        (project / "Terraform/team.auto.tfvars.json").write_text(json.dumps(variables, indent=2))
        cloud.client("s3").create_bucket(
            Bucket="terraform-states", CreateBucketConfiguration={"LocationConstraint": aws.REGION}
        )
        settings = terraform.environment(folder)
        github = GitHub(folder / "github", cloud, settings, terraform=terraform_program)
        github.variables |= roles(github, folder, cloud, provider)
        yield Story(github, project, cloud)


def roles(github: GitHub, folder: Path, cloud: aws.Cloud, provider: Provider) -> dict[str, str]:
    """Create the roles of the example github-roles. Return the GitHub variables with their ARNs."""
    shutil.copytree(ROOT / "examples/github-roles", folder / "roles")
    values = {
        "repository": github.repository,
        "repository_ids": dict(zip(("owner", "repository"), github.ids, strict=True)),
        "name": "bank-loans",
        "region": aws.REGION,
        "state": {"bucket": "terraform-states", "key": "bank-loans.tfstate"},
        "data_buckets": [f"bank-loans-{aws.ACCOUNT}-{aws.REGION}"],
        "apply_policy_arn": "arn:aws:iam::aws:policy/AdministratorAccess",
    }
    (folder / "roles/terraform.tfvars.json").write_text(json.dumps(values))
    root = Root(folder / "roles", {**terraform.environment(folder), **cloud.environment}, provider)
    root.setup()
    root.apply()
    found = root.output()["role_arns"]
    return {f"AWS_{name.upper()}_ROLE_ARN": str(arn) for name, arn in found.items()}
