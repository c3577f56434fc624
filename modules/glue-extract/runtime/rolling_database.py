"""How to reach the store and log in: from a URL, or from a Glue connection and its secret.

Nothing here opens a connection to the store. What is found out is a `Database`: the JDBC URL, and
as properties beside it all that is secret or that TLS needs.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import parse_qsl, unquote, urlsplit

from rolling_errors import ExtractError, one_line
from rolling_log import log


@dataclass(frozen=True, slots=True)
class Database:
    """Where the store is and how to log in.

    `properties` hold the secret; it is never part of `url`, of a log or of a sentence.
    """

    url: str  # jdbc:postgresql://host:port/name
    properties: dict[str, str] = field(repr=False)
    credentials: str  # where user and password came from, for a sentence: "secret arn:..."

    @property
    def place(self) -> str:
        return self.url.removeprefix("jdbc:postgresql://").partition("?")[0]

    @property
    def user(self) -> str:
        return self.properties["user"]


def from_url(text: str) -> Database:
    """A database given as `postgresql://user:password@host:port/name`, for previews and tests."""
    parts = urlsplit(text)
    try:
        port = parts.port or 5432
    except ValueError:
        port = 0
    if (
        parts.scheme not in ("postgresql", "postgres")
        or not parts.hostname
        or not parts.path.strip("/")
        or not port
    ):
        raise ExtractError(
            "--database-url is written postgresql://user:password@host:port/name", kind="arguments"
        )
    if not parts.username:
        raise ExtractError(
            "--database-url names no user; write postgresql://user:password@host:port/name", kind="arguments"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    properties = {"user": unquote(parts.username), "password": unquote(parts.password or "")}
    properties |= {key: value for key, value in parse_qsl(parts.query) if key in ("sslmode", "sslrootcert")}
    return Database(f"jdbc:postgresql://{host}:{port}/{parts.path.strip('/')}", properties, "--database-url")


def from_connection(name: str) -> Database:
    """A database as a Glue connection describes it, with user and password from the secret that it names."""
    import boto3  # only a run on AWS needs it

    try:
        answer = boto3.client("glue").get_connection(Name=name, HidePassword=True)
    except (
        Exception
    ) as error:  # botocore makes its classes at run time; `_aws_error` passes on what is not AWS's
        raise _aws_error(
            error, f'Glue connection "{name}"', "glue:GetConnection", kind="connection"
        ) from error
    found = {
        str(key): str(value) for key, value in answer["Connection"].get("ConnectionProperties", {}).items()
    }
    url, secret = found.get("JDBC_CONNECTION_URL", ""), found.get("SECRET_ID", "")
    if not url.startswith("jdbc:postgresql://"):
        raise ExtractError(
            f'Glue connection "{name}" leads to no PostgreSQL database; its JDBC_CONNECTION_URL must start'
            " with jdbc:postgresql://",
            kind="connection",
        )
    if not secret:
        raise ExtractError(
            f'Glue connection "{name}" names no secret; set its SECRET_ID to the secret with username and'
            " password",
            kind="connection",
        )
    user, password = _secret(secret)
    properties = {"user": user, "password": password}
    if found.get("JDBC_ENFORCE_SSL", "false").lower() == "true":
        properties |= _tls(name, found.get("CUSTOM_JDBC_CERT", ""))
    return Database(url, properties, f"secret {secret}")


def _secret(identifier: str) -> tuple[str, str]:
    import boto3

    try:
        text = boto3.client("secretsmanager").get_secret_value(SecretId=identifier).get("SecretString", "")
    except Exception as error:
        raise _aws_error(
            error, f"secret {identifier}", "secretsmanager:GetSecretValue", kind="secret"
        ) from error
    try:
        values = json.loads(text)
        return str(values["username"]), str(values["password"])
    except (ValueError, KeyError, TypeError):
        # `from None`: the parser's message quotes the text, and the text is the secret.
        raise ExtractError(
            f"secret {identifier} is not a JSON object with username and password", kind="secret"
        ) from None


def _tls(connection: str, certificate: str) -> dict[str, str]:
    """TLS as properties only. The certificate travels as text, so that no executor needs a file."""
    if not certificate:
        log(
            "tls_unverified",
            f'Glue connection "{connection}" enforces TLS but has no CUSTOM_JDBC_CERT: the server is not'
            " authenticated",
            level="warning",
        )
        return {"sslmode": "require"}
    pem = _object_text(certificate)
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", pem, re.DOTALL)
    if len(blocks) != 1:
        # The driver's factory reads the first certificate and forgets the rest; which one is meant must be
        # said, not guessed.
        raise ExtractError(
            f"{certificate} holds {len(blocks)} certificates; give the one PEM certificate of the authority"
            " that signed the database's",
            kind="connection",
        )
    return {
        "sslmode": "verify-full",
        "sslfactory": "org.postgresql.ssl.SingleCertValidatingFactory",
        "sslfactoryarg": blocks[0],
    }


def _object_text(address: str) -> str:
    import boto3

    bucket, _, key = address.removeprefix("s3://").partition("/")
    try:
        return cast(bytes, boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()).decode(
            "ascii", "replace"
        )
    except Exception as error:
        raise _aws_error(error, address, "s3:GetObject", kind="connection") from error


def _aws_error(error: Exception, what: str, right: str, *, kind: str) -> Exception:
    """An AWS refusal as a sentence; any other exception unchanged."""
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        if type(error).__module__.startswith("botocore."):
            return ExtractError(
                f"cannot ask AWS for {what}: {one_line(str(error))}", kind=kind, cause=repr(error)
            )
        return error
    code = str(response.get("Error", {}).get("Code", ""))
    cause = f"{code}: {response.get('Error', {}).get('Message', '')}"
    if code in ("EntityNotFoundException", "ResourceNotFoundException", "NoSuchKey", "NoSuchBucket"):
        return ExtractError(f"{what} does not exist", kind=kind, cause=cause)
    if "AccessDenied" in code:
        return ExtractError(
            f"permission denied for {what}; grant {right} to the job's role", kind=kind, cause=cause
        )
    if code in ("DecryptionFailure", "KMSAccessDeniedException"):
        return ExtractError(
            f"cannot decrypt {what}; grant kms:Decrypt on its key to the job's role", kind=kind, cause=cause
        )
    return ExtractError(f"AWS refused {what}: {code}", kind=kind, cause=cause)
