"""Fixtures: two extracts that share one bucket. They are deployed once for all tests of rights."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from local_cloud import aws
from tests.integration.modules.rights import (
    ARTIFACTS,
    BUCKET,
)
from tests.integration.modules.rights_root import (
    Inputs,
    root,
)
from tests.support.terraform import OpenRoot, Root
from tools.hcl import REPOSITORY

# The job runs this script instead of the engine. It makes only the checks that every run of the engine makes
# before it reads data.
SCRIPT = """\
import sys
import rolling_arguments, rolling_glue
rolling_glue.check(rolling_arguments.parse(sys.argv[1:]))
print("ran")
"""
Given = Callable[..., Root]
NOTHING: Inputs = {}


@pytest.fixture(scope="session")
def deployment(cloud: aws.Cloud, open_root: OpenRoot, tmp_path_factory: pytest.TempPathFactory) -> Given:
    """Return a function that opens Terraform in the root module, with changed inputs of the modules."""
    folder = tmp_path_factory.mktemp("rights")
    for part in ("modules", "examples"):
        (folder / part).symlink_to(REPOSITORY / part)
    (folder / "driver.jar").write_text("stands in for a driver\n")
    (folder / "global-bundle.pem").write_text("-----BEGIN CERTIFICATE-----\n")

    def given(
        script: str = SCRIPT,
        bucket: Inputs = NOTHING,
        extract: Inputs = NOTHING,
        second: Inputs = NOTHING,
        **environment: str,
    ) -> Root:
        (folder / "etl.py").write_text(script)
        (folder / "main.tf.json").write_text(root(bucket, extract, second))
        return open_root(folder, **(cloud.environment | environment))

    given().setup()
    return given


@pytest.fixture(scope="session")
def facts(cloud: aws.Cloud, deployment: Given) -> dict[str, dict[str, str]]:
    """Apply the root module, and return the facts about each extract, keyed by name."""
    deployment().apply()
    outputs = deployment().output()
    s3, secrets, glue = cloud.client("s3"), cloud.client("secretsmanager"), cloud.client("glue")
    for key in (
        *("loans/old.csv", "fees/old.csv", "loans-of-others/x.csv"),
        *("loans/_manifests/2026-10.claim", "fees/_manifests/2026-10.claim"),
    ):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    s3.put_object(Bucket=ARTIFACTS, Key="artifacts/rights/_crawler/kept", Body=b"x")
    secrets.create_secret(Name="rights/other", SecretString="{}")
    properties = {"JDBC_CONNECTION_URL": "jdbc:postgresql://localhost/other", "SECRET_ID": "rights/other"}
    glue.create_connection(
        ConnectionInput={"Name": "rights-other", "ConnectionType": "JDBC", "ConnectionProperties": properties}
    )
    glue.create_database(DatabaseInput={"Name": "others"})
    return {output["name"]: output for output in outputs.values()}
