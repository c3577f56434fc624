"""The engine as Glue runs it, on an emulated AWS that enforces policies: connection, secret, TLS, bucket."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4QueryAuth
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from psycopg import sql
from pyspark import SparkContext

import rolling_database
import rolling_extract
import rolling_source
from local_cloud import database
from local_cloud.aws import ACCOUNT, REGION, Cloud
from local_cloud.database import Database
from tests.support.bank import NOW, Engine, Store

BUCKET = "bank-loans-delivery"
TRUST = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}

# What the module grants the job on its bucket, and no more: the conditions are what trips a careless engine.
WRITE: list[dict[str, Any]] = [
    {
        "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
        "Resource": f"arn:aws:s3:::{BUCKET}/loans/*",
    },
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

    @property
    def place(self) -> str:
        return f"{self.server.host}:{self.server.port}/{self.server.name}"

    @property
    def certificate(self) -> str:
        return f"s3://{BUCKET}/loans/{self.name}-ca.pem"

    def tls(self, pem: bytes, url: str | None = None) -> None:
        """A connection that enforces TLS and trusts the authorities in `pem`."""
        self.cloud.client("s3").put_object(Bucket=BUCKET, Key=f"loans/{self.name}-ca.pem", Body=pem)
        tls = {
            "SECRET_ID": self.name,
            "JDBC_ENFORCE_SSL": "true",
            "CUSTOM_JDBC_CERT": self.certificate,
            **({"JDBC_CONNECTION_URL": url} if url else {}),
        }
        self.connection(tls)

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


def authority(name: str) -> bytes:
    """The certificate of an authority that vouches for nobody."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=10))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def test_a_deployed_job_publishes_with_the_rights_that_the_module_grants(
    account: Account, store: Store, engine: Engine
) -> None:
    branch = store.branch()
    store.loan(branch, "2026-10-01", 5)
    engine(*account.arguments)
    published = account.objects()
    assert sorted(published) == [
        "_manifests/2026-10.claim",
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
    assert [path.rpartition("/")[2] for path in delivered.paths] == ["Alpha_20261031.csv"]
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
    account.tls(account.server.authority.read_bytes())
    assert engine(*account.arguments).message.startswith("2026-10: published")


def test_a_bundle_may_hold_a_hundred_authorities_beside_the_right_one(
    account: Account, store: Store, engine: Engine
) -> None:
    """As RDS's own does. The driver reads the first of them alone."""
    store.branch()
    others = [authority(f"authority {number}") for number in range(120)]
    account.tls(
        b"# global bundle\n".join([*others[:70], account.server.authority.read_bytes(), *others[70:]])
    )
    assert engine(*account.arguments).message.startswith("2026-10: published")


@pytest.mark.parametrize("number", [1, 3])
def test_a_server_that_another_authority_vouches_for_is_refused(
    account: Account, engine: Engine, number: int
) -> None:
    account.tls(b"".join(authority(f"authority {n}") for n in range(number)))
    those = "the authority" if number == 1 else "any of the 3 authorities"
    assert engine.refusal(*account.arguments) == (
        f"2026-10: the certificate of the database at {account.place} was not signed by {those} in"
        f" {account.certificate}. Nothing was published."
    )
    assert engine.log[-1]["kind"] == "tls"


def test_a_server_whose_certificate_is_of_another_host_is_refused(account: Account, engine: Engine) -> None:
    # The same address by a name that its certificate does not bear.
    alias = account.place.replace("127.0.0.1", "127.1")
    account.tls(account.server.authority.read_bytes(), f"jdbc:postgresql://{alias}")
    assert engine.refusal(*account.arguments) == (
        f"2026-10: the certificate of the database at {alias} is not made out to 127.1."
        " Nothing was published."
    )


def test_a_server_without_tls_is_refused(
    account: Account, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with database.serve(tmp_path_factory.mktemp("plain"), settings={"ssl": "off"}) as plain:
        place = f"127.0.0.1:{plain.port}"
        account.tls(plain.authority.read_bytes(), f"jdbc:postgresql://{place}/store")
        assert engine.refusal(*account.arguments) == (
            f"2026-10: the database at {place} speaks no TLS; switch ssl on there. Nothing was published."
        )


def test_the_driver_checks_the_host_by_itself_as_well(
    account: Account, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Spark's processes trust is not what this one found out."""
    monkeypatch.setattr(rolling_database, "_authority", lambda url, blocks, source: blocks[0])
    alias = account.place.replace("127.0.0.1", "127.1")
    account.tls(account.server.authority.read_bytes(), f"jdbc:postgresql://{alias}")
    assert "could not be verified" in engine.refusal(*account.arguments)
    account.tls(authority("another authority"))
    sentence = engine.refusal(*account.arguments)
    assert sentence.startswith("2026-10: cannot reach the database at 127.0.0.1:")
    assert "SSL error" in sentence


def test_what_is_no_certificate_is_told(account: Account, engine: Engine) -> None:
    account.tls(b"hello")
    assert f"{account.certificate} holds no certificate in PEM" in engine.refusal(*account.arguments)
    account.tls(b"-----BEGIN CERTIFICATE-----\nhello\n-----END CERTIFICATE-----\n")
    assert f"a certificate in {account.certificate} cannot be read" in engine.refusal(*account.arguments)


def test_a_server_that_does_not_answer_is_told_before_spark_starts(account: Account, engine: Engine) -> None:
    account.tls(account.server.authority.read_bytes(), "jdbc:postgresql://127.0.0.1:1/store")
    assert engine.refusal(*account.arguments).startswith(
        "2026-10: cannot reach the database at 127.0.0.1:1/store: check host, port, security groups and TLS"
    )


def test_tls_without_a_certificate_is_used_and_warned_about(
    account: Account, store: Store, engine: Engine
) -> None:
    store.branch()
    account.connection({"SECRET_ID": account.name, "JDBC_ENFORCE_SSL": "true"})
    delivered = engine(*account.arguments)
    [warning] = [line for line in delivered.log if line["level"] == "warning"]
    assert warning["event"] == "tls_unverified"


# -- a login by token --------------------------------------------------------------------------------------


@pytest.fixture
def token_user(account: Account, store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenUser]:
    """A user of the store's whose password is the token that is made at one moment.

    PostgreSQL here cannot ask IAM, so the clock of what signs tokens stands still: a token is a signature,
    and at another moment another.
    """
    user = TokenUser(f"token_{store.schema}", store, account)
    sign = SigV4QueryAuth.add_auth

    def sign_at_that_moment(auth: SigV4QueryAuth, request: object) -> None:
        with monkeypatch.context() as standing:
            standing.setattr("botocore.auth.get_current_datetime", lambda *_, **__: user.clock)
            sign(auth, request)

    monkeypatch.setattr(SigV4QueryAuth, "add_auth", sign_at_that_moment)
    user.accept()
    store.sql(f"GRANT USAGE ON SCHEMA {store.schema} TO {user.name}")
    store.sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA {store.schema} TO {user.name}")
    yield user
    store.sql(f"DROP OWNED BY {user.name}")
    store.sql(f"DROP ROLE {user.name}")


@dataclass
class TokenUser:
    name: str
    store: Store
    account: Account
    clock: datetime = datetime(2026, 11, 1, 0, 1)

    @property
    def url(self) -> str:
        return f"jdbc:postgresql://{self.account.place}"

    def token(self) -> str:
        with contextlib.redirect_stdout(io.StringIO()):
            return rolling_database.from_token(self.url, self.name, None).properties["password"]

    def accept(self) -> None:
        """Let the user in with the token of this moment, and with no other."""
        role, token = sql.Identifier(self.name), sql.Literal(self.token())
        self.store.connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(role))
        self.store.connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, token))

    @property
    def arguments(self) -> list[str]:
        given = self.account.arguments
        del given[:2]  # --connection NAME
        return [*given, "--jdbc-url", self.url, "--iam-user", self.name]


def test_a_token_logs_in_and_the_server_is_checked(
    account: Account, token_user: TokenUser, store: Store, engine: Engine
) -> None:
    store.branch()
    account.tls(account.server.authority.read_bytes())
    delivered = engine(*token_user.arguments, "--ca-certificate", account.certificate)
    assert delivered.message.startswith("2026-10: published")
    assert "tls_unverified" not in [line["event"] for line in delivered.log]


def test_a_token_without_a_certificate_travels_in_tls_and_is_warned_about(
    token_user: TokenUser, store: Store, engine: Engine
) -> None:
    store.branch()
    delivered = engine(*token_user.arguments)
    [warning] = [line for line in delivered.log if line["event"] == "tls_unverified"]
    assert warning["message"] == (
        "--jdbc-url uses TLS but has no --ca-certificate: the server is not authenticated"
    )


def test_a_refused_token_is_followed_by_another(
    token_user: TokenUser, store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.branch()
    token_user.clock = datetime(2026, 11, 1, 0, 2)  # which the server does not know
    made = rolling_database.from_token
    moments = iter([token_user.clock, datetime(2026, 11, 1, 0, 1)])

    def later(*given: Any) -> rolling_database.Database:
        token_user.clock = next(moments)
        return made(*given)

    monkeypatch.setattr(rolling_database, "from_token", later)
    delivered = engine(*token_user.arguments)
    [retried] = [line for line in delivered.log if line["event"] == "login_retried"]
    assert retried["message"] == "the login was refused; logging in again: with another token"


def test_every_read_has_a_token_of_its_own(token_user: TokenUser) -> None:
    database = rolling_database.from_token(token_user.url, token_user.name, None)
    token_user.clock = datetime(2026, 11, 1, 0, 15)
    assert database.fresh().properties["password"] == token_user.token()
    assert database.fresh().properties["password"] != database.properties["password"]


def test_a_token_that_is_refused_twice_is_told_and_kept_to_itself(
    token_user: TokenUser, engine: Engine
) -> None:
    token_user.clock = datetime(2026, 11, 1, 0, 2)
    sentence = engine.refusal(*token_user.arguments)
    assert sentence.endswith(
        f"check the right rds-db:connect of the job's role and the role rds_iam of"
        f' "{token_user.name}". Nothing was published.'
    )
    said = sentence + json.dumps(engine.log)
    assert "X-Amz-Signature" not in said.replace("X-Amz-Signature=***", "")


@pytest.mark.parametrize("url", ["postgresql://h/d", "jdbc:postgresql://h", "jdbc:postgresql:///d"])
def test_a_url_that_is_none_is_told(account: Account, engine: Engine, url: str) -> None:
    given = ["--jdbc-url", url, "--iam-user", "u", "--output", "o"]
    with pytest.raises(SystemExit) as end:
        rolling_extract.run(engine.spec, given, now=NOW)
    assert "--jdbc-url is written jdbc:postgresql://host:5432/name" in str(end.value.code)


# -- what is not there, or not allowed ---------------------------------------------------------------------


def test_a_restatement_without_the_right_to_withdraw_is_told_what_to_grant(
    account: Account, store: Store, engine: Engine
) -> None:
    branch = store.branch()
    engine(*account.arguments)
    before = account.objects()
    store.loan(branch, "2026-10-01", 5)
    kept = [{**s, "Action": [a for a in s["Action"] if a != "s3:DeleteObject"]} for s in WRITE]
    account.act_as([*LOG_IN, *kept])
    sentence = engine.refusal(*account.arguments, "--restate", "--reason", "late booking")
    assert f"permission denied for s3://{BUCKET}/loans/{account.name}/_manifests/2026-10.json" in sentence
    assert "grant s3:DeleteObject to the job's role" in sentence
    claim = "_manifests/2026-10.claim"
    assert {k: v for k, v in account.objects().items() if k != claim} == {
        k: v for k, v in before.items() if k != claim
    }


def test_a_connection_that_is_not_there_is_named(account: Account, engine: Engine) -> None:
    arguments = [*account.arguments, "--connection", "nowhere"]
    assert engine.refusal(*arguments) == (
        '2026-10: Glue connection "nowhere" does not exist. Nothing was published.'
    )


def test_a_connection_without_a_secret_says_what_to_set(account: Account, engine: Engine) -> None:
    account.connection({"USERNAME": "reader", "PASSWORD": "swordfish"})
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
