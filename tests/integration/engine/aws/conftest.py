"""Fixtures: an emulated AWS account for each test, and one bucket for all tests."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from local_cloud.aws import REGION, Cloud
from local_cloud.database import Database
from tests.support.bank import Store
from tests.support.engine.account import BUCKET, LOG_IN, WRITE, Account


@pytest.fixture(scope="session")
def bucket(cloud: Cloud) -> str:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return BUCKET


@pytest.fixture
def account(
    cloud: Cloud, server: Database, bucket: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Account]:
    """An account with a connection and a secret for the source of the test."""
    made = Account(cloud, server, store.schema, monkeypatch)
    made.secret(json.dumps({"username": server.user, "password": server.password}))
    made.connection({"SECRET_ID": made.name})
    made.act_as([*LOG_IN, *WRITE])
    yield made
    cloud.client("glue").delete_connection(ConnectionName=made.name)
    cloud.client("secretsmanager").delete_secret(SecretId=made.name, ForceDeleteWithoutRecovery=True)
