"""How to reach the source and log in: with a URL, a Glue connection and its secret, or an IAM token.

The result is a `Database`: the JDBC URL, and properties with all secrets and all settings of TLS. This module
does not log in. It only requests the certificate of the server, to find out which authority signed it.
"""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import cast
from urllib.parse import parse_qsl, unquote, urlsplit

from rolling_errors import ExtractError, one_line
from rolling_log import log

_JDBC = re.compile(
    r"jdbc:postgresql://(?P<host>\[[^\]]+\]|[^:/?\[\]]+)(?::(?P<port>\d{1,5}))?/(?P<name>[^/?]+)(?:\?.*)?"
)


@dataclass(frozen=True, slots=True)
class Database:
    """The address of the source, and how to log in.

    `properties` contains the secret. `url`, logs and error messages never contain it.
    """

    url: str  # jdbc:postgresql://host:port/name
    properties: dict[str, str] = field(repr=False)
    credentials: str  # where user and password come from, for error messages: "secret arn:..."
    token: Callable[[], str] | None = field(
        default=None, repr=False
    )  # returns a new password; only for a login with IAM

    def fresh(self) -> Database:
        """Return the database with a valid password. For a login with IAM, this is a new token.

        A token is valid for only 15 minutes.
        """
        if self.token is None:
            return self
        return replace(self, properties={**self.properties, "password": self.token()})

    @property
    def place(self) -> str:
        return self.url.removeprefix("jdbc:postgresql://").partition("?")[0]

    @property
    def user(self) -> str:
        return self.properties["user"]


# This error message must not contain an address such as user@host, which mail programs show as a link.
_URL_FORM = "--database-url must be postgresql://host:port/name, with user:password and @ before the host"


def from_url(text: str) -> Database:
    """Return the database for `postgresql://user:password@host:port/name`, for previews and tests.

    If the URL has no password, the password is read from the environment variable PGPASSWORD.
    """
    try:
        parts = urlsplit(text)
        port = parts.port or 5432
    except ValueError:
        # Either the port is not a number, or the text in brackets is not an IPv6 address. Do not show the
        # message of the ValueError, because it may contain the URL.
        raise ExtractError(
            f"{_URL_FORM}; write special characters of user and password as %XX, for example [ as %5B",
            kind="arguments",
        ) from None
    if parts.scheme not in ("postgresql", "postgres") or not parts.hostname or not parts.path.strip("/"):
        raise ExtractError(_URL_FORM, kind="arguments")
    if not parts.username:
        raise ExtractError(
            "--database-url has no user; write user:password and @ before the host", kind="arguments"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    password = unquote(parts.password or "") or os.environ.get("PGPASSWORD", "")
    properties = {"user": unquote(parts.username), "password": password}
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(set(given) - {"sslmode", "sslrootcert"}):
        # Refuse unknown parameters. A parameter may be about security, and nobody would notice if it were
        # ignored.
        raise ExtractError(
            f"--database-url has the parameter {unknown[0]}; only sslmode and sslrootcert are allowed",
            kind="arguments",
        )
    # The command `extracts new` reads the source with libpq, which also uses these two environment variables.
    for name, variable in (("sslmode", "PGSSLMODE"), ("sslrootcert", "PGSSLROOTCERT")):
        if value := os.environ.get(variable):
            given.setdefault(name, value)
    if "sslmode" not in given and not _is_here(parts.hostname):
        # Without sslmode, the driver would send the password in clear text to a server that declines TLS.
        given["sslmode"] = "require"
    properties |= given
    return Database(f"jdbc:postgresql://{host}:{port}/{parts.path.strip('/')}", properties, "--database-url")


def _is_here(host: str) -> bool:
    """Return whether a host name or an address belongs to this machine.

    >>> _is_here("localhost"), _is_here("127.0.0.1"), _is_here("store.internal")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def address_of(url: str) -> tuple[str, int, str]:
    """Return the host, the port and the database name of a JDBC URL.

    >>> address_of("jdbc:postgresql://[::1]:5433/my%20store")
    ('::1', 5433, 'my store')
    """
    match = _JDBC.match(url)
    assert match is not None
    return match["host"].strip("[]"), int(match["port"] or 5432), unquote(match["name"])


def from_token(url: str, user: str, certificate: str | None) -> Database:
    """Return a database to which `user` logs in with an IAM token. No password is stored anywhere."""
    match = _JDBC.fullmatch(url)
    if match is None:
        raise ExtractError("--jdbc-url must be jdbc:postgresql://host:5432/name", kind="arguments")
    host, port = match["host"].strip("[]"), int(match["port"] or 5432)

    def token() -> str:
        import boto3  # import only in a run on AWS

        try:
            client = boto3.client("rds", region_name=_region(host))
            made: str = client.generate_db_auth_token(DBHostname=host, Port=port, DBUsername=user)
        except Exception as error:
            raise aws_error(error, f'a token for "{user}"', "rds-db:connect", kind="secret") from error
        return made

    properties = {"user": user, **_tls("--jdbc-url", "--ca-certificate", certificate or "", url)}
    credentials = f'right rds-db:connect of the job\'s role, and whether "{user}" has the role rds_iam'
    return Database(url, properties, credentials, token).fresh()


def _region(host: str) -> str | None:
    """Return the region in the name of an RDS host, or None. If it is None, boto3 uses the region of the job.

    >>> _region("bank.cluster-ro-abc.eu-west-1.rds.amazonaws.com"), _region("127.0.0.1")
    ('eu-west-1', None)
    """
    match = re.search(r"\.([a-z]{2}(?:-[a-z]+)+-\d)\.rds\.amazonaws\.com(?:\.cn)?$", host)
    return match[1] if match else None


def from_connection(name: str) -> Database:
    """Return the database of a Glue connection. User and password are in the secret of the connection."""
    import boto3  # import only in a run on AWS

    # botocore creates the error classes of a service at run time, and code cannot import them. So
    # `aws_error` gets every error, and changes only the errors of botocore.
    try:
        answer = boto3.client("glue").get_connection(Name=name, HidePassword=True)
    except Exception as error:
        raise aws_error(
            error, f'Glue connection "{name}"', "glue:GetConnection", kind="connection"
        ) from error
    found = {
        str(key): str(value) for key, value in answer["Connection"].get("ConnectionProperties", {}).items()
    }
    url, secret = found.get("JDBC_CONNECTION_URL", ""), found.get("SECRET_ID", "")
    if not url.startswith("jdbc:postgresql://"):
        raise ExtractError(
            f'Glue connection "{name}" is not for a PostgreSQL database; its JDBC_CONNECTION_URL must start'
            " with jdbc:postgresql://",
            kind="connection",
        )
    if not secret:
        raise ExtractError(
            f'Glue connection "{name}" has no secret; set its SECRET_ID to the secret with username and'
            " password",
            kind="connection",
        )
    user, password = _secret(secret)
    properties = {"user": user, "password": password}
    if found.get("JDBC_ENFORCE_SSL", "false").lower() == "true":
        where = f'Glue connection "{name}"'
        properties |= _tls(where, "CUSTOM_JDBC_CERT", found.get("CUSTOM_JDBC_CERT", ""), url)
    return Database(url, properties, f"secret {secret}")


def _secret(identifier: str) -> tuple[str, str]:
    import boto3

    try:
        text = boto3.client("secretsmanager").get_secret_value(SecretId=identifier).get("SecretString", "")
    except Exception as error:
        raise aws_error(
            error, f"secret {identifier}", "secretsmanager:GetSecretValue", kind="secret"
        ) from error
    try:
        values = json.loads(text)
        return str(values["username"]), str(values["password"])
    except (ValueError, KeyError, TypeError):
        # `from None` hides the error of the JSON parser, because this error contains the text of the secret.
        raise ExtractError(
            f"secret {identifier} is not a JSON object with username and password", kind="secret"
        ) from None


def _tls(where: str, setting: str, certificate: str, url: str) -> dict[str, str]:
    """Return the properties for TLS. They have the text of the certificate, so no executor needs a file."""
    if not certificate:
        log(
            "tls_unverified",
            f"{where} uses TLS without {setting}: the certificate of the server is not verified",
            level="warning",
        )
        return {"sslmode": "require"}
    pem = object_bytes(certificate).decode("ascii", "replace")
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", pem, re.DOTALL)
    if not blocks:
        raise ExtractError(f"{certificate} has no certificate in PEM format", kind="connection")
    return {
        "sslmode": "verify-full",
        # The driver reads only the first certificate of the text, so the text has only the certificate that
        # is needed.
        "sslfactory": "org.postgresql.ssl.SingleCertValidatingFactory",
        "sslfactoryarg": _authority(url, list(dict.fromkeys(blocks)), certificate),
    }


def _authority(url: str, blocks: Sequence[str], source: str) -> str:
    """Return the certificate that the driver needs: the authority that signed the server's certificate.

    `blocks` are the certificates of a bundle. RDS's bundle has more than a hundred. To find the certificate,
    this process connects to the server and checks the server's certificate chain and host name, as the driver
    does. It divides a set of certificates that passes the check into halves, until one certificate is left.
    """
    match = _JDBC.match(url)
    host, port = (match["host"].strip("[]"), int(match["port"] or 5432)) if match else ("", 0)
    place = url.removeprefix("jdbc:postgresql://").partition("?")[0]
    try:
        for block in blocks:
            _trusting([block])
    except (ssl.SSLError, ValueError) as error:
        raise ExtractError(
            f"a certificate in {source} cannot be read: {one_line(str(error))}", kind="connection"
        ) from error
    try:
        _check_server(host, port, blocks)
        while len(blocks) > 1:
            half = blocks[: len(blocks) // 2]
            try:
                _check_server(host, port, half)
                blocks = half
            except ssl.SSLCertVerificationError:
                blocks = blocks[len(blocks) // 2 :]
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in (_WRONG_HOST, _WRONG_ADDRESS):
            said = f"the certificate of the database at {place} is not valid for the host {host}"
        elif error.verify_code == _EXPIRED:
            said = f"the certificate of the database at {place} has expired"
        else:
            number = len(blocks)
            those = "the authority" if number == 1 else f"any of the {number} authorities"
            said = f"the certificate of the database at {place} was not signed by {those} in {source}"
        raise ExtractError(said, kind="tls", cause=repr(error)) from error
    except ssl.SSLError as error:
        said = f"the database at {place} does not complete TLS: {one_line(error.reason or str(error))}"
        raise ExtractError(said, kind="tls", cause=repr(error)) from error
    except OSError as error:
        raise unreachable(place, one_line(str(error)), repr(error)) from error
    return blocks[0]


def _check_server(host: str, port: int, blocks: Sequence[str]) -> None:
    """Raise an error if the server's certificate does not chain to one of `blocks`, or is not for `host`."""
    context = _trusting(blocks)
    with socket.create_connection((host, port), timeout=15) as plain:
        plain.sendall(_SSL_REQUEST)
        answer = plain.recv(1)
        if answer != b"S":
            place = f"{host}:{port}"
            raise ExtractError(f"the database at {place} does not support TLS; set ssl = on", kind="tls")
        with context.wrap_socket(plain, server_hostname=host):
            pass


def _trusting(blocks: Sequence[str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # every given certificate is trusted, as in Java, even if it is not a root
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata="\n".join(blocks))
    return context


def unreachable(place: str, said: str, cause: str) -> ExtractError:
    return ExtractError(
        f"cannot reach the database at {place}: check host, port, security groups and TLS ({said})",
        kind="unreachable",
        cause=cause,
    )


# PostgreSQL's message SSLRequest: its length, 8 bytes, and a fixed number in place of the protocol version.
_SSL_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")
# OpenSSL's numbers for errors of a certificate.
_EXPIRED, _WRONG_HOST, _WRONG_ADDRESS = 10, 62, 64


def object_bytes(address: str, *, kind: str = "connection") -> bytes:
    """Return the content of an S3 object. `kind` is the kind of the error if the object cannot be read."""
    import boto3

    bucket, _, key = address.removeprefix("s3://").partition("/")
    try:
        return cast(bytes, boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    except Exception as error:
        raise aws_error(error, address, "s3:GetObject", kind=kind) from error


def aws_error(error: Exception, what: str, right: str, *, kind: str) -> Exception:
    """Return an error of AWS as an `ExtractError` with a message for the user.

    Return any other exception unchanged.
    """
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        if type(error).__module__.startswith("botocore."):
            return ExtractError(
                f"cannot get {what} from AWS: {one_line(str(error))}", kind=kind, cause=repr(error)
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
