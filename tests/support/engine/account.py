"""An emulated AWS account that has the connection, the secret and the role of one job."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from psycopg import sql

import rolling_database
from local_cloud.aws import ACCOUNT, Cloud
from local_cloud.database import Database
from tests.support.bank import Store

BUCKET = "bank-loans-delivery"
TRUST = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
# The module glue-extract gives a job exactly these permissions and conditions for its bucket.
WRITE: list[dict[str, Any]] = [
    {
        "Action": ["s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject"],
        "Resource": f"arn:aws:s3:::{BUCKET}/loans/*",
    },
    {"Action": ["s3:GetObject"], "Resource": f"arn:aws:s3:::{BUCKET}/loans/*.claim"},
    {
        "Action": ["s3:ListBucketVersions"],
        "Resource": f"arn:aws:s3:::{BUCKET}",
        "Condition": {"StringLike": {"s3:prefix": ["loans", "loans/*"]}},
    },
]
LOG_IN: list[dict[str, Any]] = [
    {"Action": ["glue:GetConnection", "secretsmanager:GetSecretValue"], "Resource": "*"},
    # The module stores the TLS certificate (-ca.pem) and the public keys of the recipients (-keys.json) in
    # the artifact folder.
    {
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{BUCKET}/loans/*{ending}" for ending in ("-ca.pem", "-keys.json")],
    },
]


class Account:
    """Create the resources that a job needs. In a real account, Terraform creates these resources."""

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
        """Create a connection that requires TLS and trusts the authorities in `pem`."""
        self.cloud.client("s3").put_object(Bucket=BUCKET, Key=f"loans/{self.name}-ca.pem", Body=pem)
        tls = {
            "SECRET_ID": self.name,
            "JDBC_ENFORCE_SSL": "true",
            "CUSTOM_JDBC_CERT": self.certificate,
            **({"JDBC_CONNECTION_URL": url} if url else {}),
        }
        self.connection(tls)

    def act_as(self, statements: list[dict[str, Any]]) -> None:
        """Create a role that has these permissions. Put its credentials into the environment."""
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
        """The arguments that Glue passes to the job: the job's own arguments, and those that Glue adds."""
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
    """Create a certificate authority that signs only its own certificate. Return this certificate."""
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
        """Let the server accept only the token that is valid at the time `clock`."""
        role, token = sql.Identifier(self.name), sql.Literal(self.token())
        self.store.connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(role))
        self.store.connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, token))

    @property
    def arguments(self) -> list[str]:
        given = self.account.arguments
        del given[:2]  # --connection NAME
        return [*given, "--jdbc-url", self.url, "--iam-user", self.name]
