"""Find a deployed project by its Terraform outputs, and explain why AWS refuses a call."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extracts import children, extra, terraform
from extracts.doctor import account
from extracts.errors import ExtractsError

PERIOD = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
# These actions have one name in the API and another name in IAM.
_ACTIONS = {
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "sfn:StartExecution": "states:StartExecution",
    "sfn:DescribeExecution": "states:DescribeExecution",
}
_REFUSED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403")


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployed project: its outputs, and clients for its AWS account with the user's own credentials."""

    project: Path
    outputs: Mapping[str, Any]
    client: Callable[[str], Any]

    def output(self, name: str, purpose: str) -> Any:
        """Return the value of an output.

        Raise ExtractsError if the project does not have the output, or if the value is null.
        """
        found = self.outputs.get(name)
        if found is None:
            raise ExtractsError(
                f"{self.project} has no output {name}, which {purpose}; update the project with"
                f" `extracts update {self.project}`, and apply it."
            )
        return found

    @property
    def manifests(self) -> tuple[str, str]:
        """Return the bucket and the prefix of the manifests."""
        url = str(self.output("manifests", "gives the location of the manifests"))
        found = re.fullmatch(r"s3://([^/]+)/(.+/)", url)
        if found is None:
            raise ExtractsError(
                f'The output manifests is "{url}"; it must be s3://BUCKET/PREFIX/_manifests/.'
            )
        return found[1], found[2]


def deployment(project: Path) -> Deployment:
    """Return the deployment of a project. Read its outputs from the Terraform state."""
    folder = project / "Terraform"
    if not (folder / "main.tf").is_file():
        raise ExtractsError(f"{project} is not an extract project: {folder}/main.tf does not exist.")
    extra.needed("boto3")
    with tempfile.TemporaryDirectory(prefix="extracts-outputs-") as scratch:
        environment = {**children.environment(), **terraform.quiet(Path(scratch))}
        outputs = terraform.Stack(folder, environment).outputs()
    if not outputs:
        raise ExtractsError(
            f"{project} is not deployed, or its state is not available here; run `terraform init` and"
            f" `terraform apply` in {folder}."
        )
    return Deployment(project, outputs, account.client(_region(outputs)))


def _region(outputs: Mapping[str, Any]) -> str | None:
    """Return the region in the ARN of the alert topic, or None if the outputs do not have this ARN.

    With None, boto3 uses the region in the user's settings.
    """
    arn = re.match(r"arn:[^:]+:[^:]+:([a-z0-9-]+):", str(outputs.get("alert_topic_arn", "")))
    return arn[1] if arn else None


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn an error of AWS into one message. If AWS refuses a call, the message names the missing right.

    `what` is the resource that the calls use, for example "The job bank-loans". The message
    begins with it, unless the credentials or the region are missing.
    """
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

    try:
        yield
    except (NoCredentialsError, NoRegionError):
        raise ExtractsError("No AWS credentials or no region; log in, e.g. with `aws sso login`.") from None
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        said = " ".join(str(error.response.get("Error", {}).get("Message", "")).split())
        if code in _REFUSED:
            raise ExtractsError(
                f"{what}: AWS refused {_right(error, said)}; grant it to your role."
            ) from None
        raise ExtractsError(f"{what}: {code}: {said}") from None
    except BotoCoreError as error:
        raise ExtractsError(f"{what}: {' '.join(str(error).split())}") from None


def _right(error: Any, said: str) -> str:
    """Return the missing IAM action: the action in the message of AWS, or else the action of the call."""
    if found := re.search(r"not authorized to perform: ([a-zA-Z0-9-]+:[a-zA-Z]+)", said):
        return found[1]
    name = str(error.operation_name)
    service = "s3" if name in ("ListObjectsV2", "GetObject", "HeadObject") else ""
    action = f"{service}:{name}" if service else name
    return _ACTIONS.get(action, action)


def period(text: str) -> str:
    """Return the text if it is a period. Otherwise raise an error."""
    if PERIOD.fullmatch(text) is None:
        raise ExtractsError(f'"{text}" is not a period; write YYYY-MM, for example 2026-10.')
    return text
