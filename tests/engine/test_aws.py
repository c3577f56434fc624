"""The engine as Glue runs it, on an emulated AWS that enforces policies: connection, secret, TLS, bucket."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark import SparkContext
from tests.engine.bank import NOW, Engine, Store

import rolling_extract
import rolling_source
from extracts.local.aws import ACCOUNT, REGION, Cloud
from extracts.local.database import Database

BUCKET = "bank-loans-delivery"
TRUST = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}

# What the module grants the job on its bucket, and no more: the conditions are what trips a careless engine.
WRITE: list[dict[str, Any]] = [
    {"Action": ["s3:GetObject", "s3:PutObject"], "Resource": f"arn:aws:s3:::{BUCKET}/loans/*"},
    {
        "Action": ["s3:ListBucket"],
        "Resource": f"arn:aws:s3:::{BUCKET}",
        "Condition": {"StringLike": {"s3:prefix": ["loans", "loans/*"]}},
    },
]
LOG_IN: list[dict[str, Any]] = [
    {"Action": ["glue:GetConnection", "secretsmanager:GetSecretValue"], "Resource": "*"}
]


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
    """An account with a connection and a secret for this test's store."""
    made = Account(cloud, server, store.schema, monkeypatch)
    made.secret(json.dumps({"username": server.user, "password": server.password}))
    made.connection({"SECRET_ID": made.name})
    made.act_as([*LOG_IN, *WRITE])
    yield made
    cloud.client("glue").delete_connection(ConnectionName=made.name)
    cloud.client("secretsmanager").delete_secret(SecretId=made.name, ForceDeleteWithoutRecovery=True)


class Account:
    """What Terraform would have set up, one piece at a time."""

    def __init__(self, cloud: Cloud, server: Database, name: str, environment: pytest.MonkeyPatch) -> None:
        self.cloud = cloud
        self.server = server
        self.name = name
        self._environment = environment

    def secret(self, text: str) -> None:
        client = self.cloud.client("secretsmanager")
        try:
            client.create_secret(Name=self.name, SecretString=text)
        except client.exceptions.ResourceExistsException:
            client.put_secret_value(SecretId=self.name, SecretString=text)

    def connection(self, properties: dict[str, str]) -> None:
        client = self.cloud.client("glue")
        with contextlib.suppress(client.exceptions.EntityNotFoundException):
            client.delete_connection(ConnectionName=self.name)
        url = f"jdbc:postgresql://{self.server.host}:{self.server.port}/{self.server.name}"
        given = {"JDBC_CONNECTION_URL": url, **properties}
        client.create_connection(
            ConnectionInput={"Name": self.name, "ConnectionType": "JDBC", "ConnectionProperties": given}
        )

    def act_as(self, statements: list[dict[str, Any]]) -> None:
        """Take on a role with these rights: the credentials that the engine's boto3 will find."""
        iam, name = self.cloud.client("iam"), f"job-{self.name}"
        with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **s} for s in statements]}
        iam.put_role_policy(RoleName=name, PolicyName="job", PolicyDocument=json.dumps(policy))
        role = f"arn:aws:iam::{ACCOUNT}:role/{name}"
        answer = self.cloud.client("sts").assume_role(RoleArn=role, RoleSessionName="test")
        credentials = answer["Credentials"]
        environment = {
            **self.cloud.environment,
            "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
            "AWS_SESSION_TOKEN": credentials["SessionToken"],
        }
        for variable, value in environment.items():
            self._environment.setenv(variable, value)
        import boto3

        boto3.DEFAULT_SESSION = None

    def objects(self) -> dict[str, bytes]:
        s3 = self.cloud.client("s3")
        prefix = f"loans/{self.name}/"
        listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return {
            found["Key"].removeprefix(prefix): s3.get_object(Bucket=BUCKET, Key=found["Key"])["Body"].read()
            for found in listed
        }

    @property
    def arguments(self) -> list[str]:
        """As Glue passes them: every one a pair, with its own among them."""
        return [
            *("--connection", self.name, "--output", f"s3://{BUCKET}/loans/{self.name}"),
            *(
                "--JOB_NAME",
                "bank-loans",
                "--JOB_RUN_ID",
                "jr_1",
                "--TempDir",
                "s3://t/",
                "--enable-metrics",
                "true",
            ),
            *("--extra-py-files", "s3://a/rolling_spec.py", "--WORKFLOW_NAME", "bank-loans"),
        ]


def test_a_deployed_job_publishes_with_the_rights_that_the_module_grants(
    account: Account, store: Store, engine: Engine
) -> None:
    branch = store.branch()
    store.loan(branch, "2026-10-01", 5)
    engine(*account.arguments)
    published = account.objects()
    assert sorted(published) == [
        "_manifests/2026-10.json",
        "bank_name=Alpha/year=2026/month=10/Alpha_20261031.csv",
    ]
    manifest = json.loads(published["_manifests/2026-10.json"])
    assert manifest["run_id"] == "jr_1"
    [file] = manifest["files"]
    assert file["key"] == f"loans/{account.name}/bank_name=Alpha/year=2026/month=10/Alpha_20261031.csv"
    assert engine(*account.arguments).message.startswith("nothing to write: 2026-10 is already published")


def test_a_folder_and_a_bucket_get_the_same_bytes(account: Account, store: Store, engine: Engine) -> None:
    store.loan(store.branch('Łódź, "Piotrkowska"'), "2026-10-01", 5)
    delivered = engine("2026-10")
    engine(*account.arguments)
    for path in delivered.paths:
        assert account.objects()[path] == (delivered.folder / path).read_bytes()


def test_the_password_is_in_no_log_and_no_sentence(account: Account, store: Store, engine: Engine) -> None:
    account.secret(json.dumps({"username": "nobody-here", "password": "swordfish"}))
    sentence = engine.refusal(*account.arguments)
    assert sentence.startswith("2026-10: database")
    assert f"check the secret {account.name}" in sentence
    assert "swordfish" not in sentence + json.dumps(engine.log)


def test_a_secret_rotated_after_it_was_read_is_read_again(
    account: Account, store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.branch()
    account.secret(json.dumps({"username": account.server.user, "password": "the old one"}))
    start = rolling_source.spark_context

    def rotate_meanwhile() -> SparkContext:
        account.secret(json.dumps({"username": account.server.user, "password": account.server.password}))
        return start()

    monkeypatch.setattr(rolling_source, "spark_context", rotate_meanwhile)
    delivered = engine(*account.arguments)
    assert "login_retried" in [line["event"] for line in delivered.log]
    assert delivered.message.startswith("2026-10: published")


def test_tls_with_the_authoritys_certificate_checks_the_server(
    account: Account, store: Store, engine: Engine
) -> None:
    store.branch()
    authority = account.server.authority.read_text()
    key = f"loans/{account.name}-ca.pem"
    account.cloud.client("s3").put_object(Bucket=BUCKET, Key=key, Body=authority.encode())
    tls = {"SECRET_ID": account.name, "JDBC_ENFORCE_SSL": "true", "CUSTOM_JDBC_CERT": f"s3://{BUCKET}/{key}"}
    account.connection(tls)
    assert engine(*account.arguments).message.startswith("2026-10: published")


def test_tls_with_another_authoritys_certificate_is_refused(
    account: Account, store: Store, engine: Engine
) -> None:
    key = f"loans/{account.name}-ca.pem"
    other = account.cloud.authority.read_bytes()
    account.cloud.client("s3").put_object(Bucket=BUCKET, Key=key, Body=other)
    tls = {"SECRET_ID": account.name, "JDBC_ENFORCE_SSL": "true", "CUSTOM_JDBC_CERT": f"s3://{BUCKET}/{key}"}
    account.connection(tls)
    sentence = engine.refusal(*account.arguments)
    assert sentence.startswith("2026-10: cannot reach the database at 127.0.0.1:")
    assert "SSL error" in sentence


def test_tls_checks_that_the_certificate_is_of_the_host_that_was_asked_for(
    account: Account, store: Store, engine: Engine
) -> None:
    key = f"loans/{account.name}-ca.pem"
    authority = account.server.authority.read_bytes()
    account.cloud.client("s3").put_object(Bucket=BUCKET, Key=key, Body=authority)
    tls = {"SECRET_ID": account.name, "JDBC_ENFORCE_SSL": "true", "CUSTOM_JDBC_CERT": f"s3://{BUCKET}/{key}"}
    # The same address by a name that its certificate does not bear.
    alias = f"jdbc:postgresql://127.1:{account.server.port}/{account.server.name}"
    account.connection({**tls, "JDBC_CONNECTION_URL": alias})
    assert "could not be verified" in engine.refusal(*account.arguments)


def test_tls_without_a_certificate_is_used_and_warned_about(
    account: Account, store: Store, engine: Engine
) -> None:
    store.branch()
    account.connection({"SECRET_ID": account.name, "JDBC_ENFORCE_SSL": "true"})
    delivered = engine(*account.arguments)
    [warning] = [line for line in delivered.log if line["level"] == "warning"]
    assert warning["event"] == "tls_unverified"


def test_a_bundle_of_certificates_is_refused_because_the_driver_would_take_the_first(
    account: Account, engine: Engine
) -> None:
    key = f"loans/{account.name}-ca.pem"
    bundle = account.server.authority.read_bytes() * 2
    account.cloud.client("s3").put_object(Bucket=BUCKET, Key=key, Body=bundle)
    tls = {"SECRET_ID": account.name, "JDBC_ENFORCE_SSL": "true", "CUSTOM_JDBC_CERT": f"s3://{BUCKET}/{key}"}
    account.connection(tls)
    assert "holds 2 certificates" in engine.refusal(*account.arguments)


def test_a_connection_that_is_not_there_is_named(account: Account, engine: Engine) -> None:
    arguments = [*account.arguments, "--connection", "nowhere"]
    assert engine.refusal(*arguments) == (
        '2026-10: Glue connection "nowhere" does not exist. Nothing was published.'
    )


def test_a_connection_without_a_secret_says_what_to_set(account: Account, engine: Engine) -> None:
    account.connection({})
    assert "names no secret; set its SECRET_ID" in engine.refusal(*account.arguments)


def test_a_secret_that_is_not_there_is_named(account: Account, engine: Engine) -> None:
    account.connection({"SECRET_ID": "no-such-secret"})
    assert engine.refusal(*account.arguments).startswith("2026-10: secret no-such-secret does not exist")


def test_a_secret_that_is_no_login_is_refused_without_quoting_it(account: Account, engine: Engine) -> None:
    account.secret("swordfish")
    sentence = engine.refusal(*account.arguments)
    assert "is not a JSON object with username and password" in sentence
    assert "swordfish" not in sentence + json.dumps(engine.log)


def test_a_role_that_may_not_read_the_secret_is_told_what_to_grant(account: Account, engine: Engine) -> None:
    account.act_as([{"Action": "glue:GetConnection", "Resource": "*"}, *WRITE])
    assert "grant secretsmanager:GetSecretValue to the job's role" in engine.refusal(*account.arguments)


@pytest.mark.parametrize(
    ("without", "right"), [("s3:PutObject", "s3:PutObject"), ("s3:ListBucket", "s3:ListBucket")]
)
def test_a_role_that_may_not_write_is_told_what_to_grant(
    account: Account, store: Store, engine: Engine, without: str, right: str
) -> None:
    store.branch()
    kept = [{**s, "Action": [a for a in s["Action"] if a != without]} for s in WRITE]
    account.act_as([*LOG_IN, *(s for s in kept if s["Action"])])
    sentence = engine.refusal(*account.arguments)
    assert f"permission denied for s3://{BUCKET}/loans/{account.name}/" in sentence
    assert f"grant {right}" in sentence


def test_a_bucket_that_is_not_there_is_told(account: Account, store: Store, engine: Engine) -> None:
    store.branch()
    account.act_as([{"Action": "*", "Resource": "*"}])
    sentence = engine.refusal(*account.arguments, "--output", "s3://no-such-bucket/loans")
    assert "there is no bucket for s3://no-such-bucket/loans/" in sentence


def test_without_credentials_one_sentence_says_so(
    spark: None, engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import boto3

    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    boto3.DEFAULT_SESSION = None
    with pytest.raises(SystemExit) as end:
        rolling_extract.run(engine.spec, ["--connection", "c", "--output", "s3://b/p"], now=NOW)
    assert str(end.value.code).startswith('2026-10: cannot ask AWS for Glue connection "c": Unable to locate')
