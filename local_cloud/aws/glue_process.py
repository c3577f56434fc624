"""The worker process of the emulated Glue, which runs one job or one crawler.

The emulator runs `python -m local_cloud.aws.glue_process job NAME RUN_ID` or `... crawler NAME -`. The
process reads everything from the emulated AWS: definition, script, libraries, arguments, connection and
secret. If Glue makes a call with the role of the job or crawler, the process uses this role for the call,
too. The last line on stderr is the error message of the run.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import psycopg
from botocore.exceptions import ClientError

from extracts import spark

DECORATION = "Error Category: UNCLASSIFIED_ERROR; Failed Line Number: {line}; SystemExit: {message}"


class ServiceError(Exception):
    """An error that Glue itself reports because a run cannot start."""


def main(what: str, name: str, run_id: str) -> None:
    """Run the job or the crawler. If it fails, print the error message on stderr and exit."""
    try:
        if what == "job":
            run_job(name, run_id)
        else:
            run_crawler(name)
    except (ServiceError, ClientError, psycopg.Error) as error:
        sys.exit(" ".join(str(error).split()))


def run_job(name: str, run_id: str) -> None:
    """Run the job's script in a process with the job's role and arguments."""
    service = boto3.client("glue")
    job = service.get_job(JobName=name)["Job"]
    run = service.get_job_run(JobName=name, RunId=run_id)["JobRun"]
    session = assume(
        job["Role"], f"GlueJobRunnerSession-{run_id[:24]}", run.get("ExecutionRoleSessionPolicy")
    )
    folder = Path.cwd()
    arguments = resolved_arguments(job, run)
    script = fetch(session, arguments.get("--scriptLocation", job["Command"]["ScriptLocation"]), folder)
    libraries = folder / "libraries"
    libraries.mkdir()
    for location in filter(None, arguments.get("--extra-py-files", "").split(",")):
        fetch(session, location, libraries)
    for module in filter(None, arguments.get("--additional-python-modules", "").split(",")):
        if module.startswith("s3://"):
            # Glue installs the package with pip. This process only downloads the package, because it is
            # already installed.
            fetch(session, module, folder)
    for kind in ("--extra-jars", "--extra-files"):
        for location in filter(None, arguments.get(kind, "").split(",")):
            fetch(session, location, folder)
    for connection in job.get("Connections", {}).get("Connections", []):
        # Glue attaches the connection before the script starts. Without the connection, the run fails.
        session.client("glue").get_connection(Name=connection)

    given = {**arguments, "--JOB_NAME": name, "--JOB_ID": "j_" + name, "--JOB_RUN_ID": run_id}
    command = [sys.executable, str(script), *(part for pair in given.items() for part in pair)]
    done = subprocess.run(
        command,
        env=worker_environment(session, libraries, arguments),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        send_logs(
            session,
            arguments,
            run.get("SecurityConfiguration"),
            job["Role"].rsplit("/", 1)[-1],
            run_id,
            done.stdout,
            done.stderr,
        )
    finally:  # report the error of the run, even if the logs cannot be written
        if done.returncode:
            raise ServiceError(error_message(done.stderr, done.returncode))


def resolved_arguments(job: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, str]:
    """Return the arguments of a run. A run cannot change the non-overridable arguments of its job.

    https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-etl-glue-arguments.html
    """
    return {
        **job.get("DefaultArguments", {}),
        **run.get("Arguments", {}),
        **job.get("NonOverridableArguments", {}),
    }


def worker_environment(
    session: boto3.Session, libraries: Path, arguments: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of a worker: the role's credentials, libraries, Spark and the JDBC driver."""
    credentials = session.get_credentials().get_frozen_credentials()
    # Glue accepts several Spark settings in one argument: "a=1 --conf b=2".
    settings = [part for part in map(str.strip, re.split(r"--conf\s", arguments.get("--conf", ""))) if part]
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "AWS_REGION")
    return {
        **{key: os.environ[key] for key in kept if key in os.environ},
        **spark.environment(libraries, cores="2", settings=settings),
        "AWS_DEFAULT_REGION": os.environ["AWS_REGION"],
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_SESSION_TOKEN": credentials.token,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def assume(role_arn: str, session_name: str, session_policy: str | None = None) -> boto3.Session:
    """Return a session with the role. Fail if the trust policy of the role does not allow Glue."""
    role = boto3.client("iam").get_role(RoleName=role_arn.rsplit("/", 1)[-1])["Role"]
    trust = role["AssumeRolePolicyDocument"]
    principals = [s.get("Principal", {}).get("Service") for s in trust["Statement"] if s["Effect"] == "Allow"]
    if not any("glue.amazonaws.com" in ([p] if isinstance(p, str) else p or []) for p in principals):
        raise ServiceError(f"Service: AWSGlue; Glue is not trusted to assume the role {role_arn}")
    policy = {} if session_policy is None else {"Policy": session_policy}
    answer = boto3.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName=session_name, **policy)
    credentials = answer["Credentials"]
    return boto3.Session(
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        region_name=os.environ["AWS_REGION"],
    )


def fetch(session: boto3.Session, location: str, folder: Path) -> Path:
    """Download one object with the role's permissions."""
    url = urlsplit(location)
    target = folder / Path(url.path).name
    body = session.client("s3").get_object(Bucket=url.netloc, Key=url.path.lstrip("/"))["Body"]
    target.write_bytes(body.read())
    return target


def send_logs(
    session: boto3.Session,
    arguments: Mapping[str, str],
    security_configuration: str | None,
    role: str,
    run_id: str,
    output: str,
    errors: str,
) -> None:
    """Write stdout and stderr to the log groups of Glue 5 and 6, with the role's permissions."""
    logs = session.client("logs")
    prefix = arguments.get("--custom-logGroup-prefix", "/aws-glue/jobs")
    # If the job has a security configuration, the name of the log group contains the names of the security
    # configuration and the role.
    if security_configuration:
        prefix = f"{prefix}/{security_configuration}-role/{role}"
    for kind, text in (("output", output), ("error", errors)):
        group = f"{prefix}/{kind}"
        try:
            logs.create_log_group(logGroupName=group)
        except logs.exceptions.ResourceAlreadyExistsException:
            pass  # the module creates the log group, with its retention and key
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDeniedException":
                raise
        logs.create_log_stream(logGroupName=group, logStreamName=run_id)
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line} for line in text.splitlines() if line]
        for start in range(0, len(events), 1000):
            logs.put_log_events(
                logGroupName=group, logStreamName=run_id, logEvents=events[start : start + 1000]
            )


def error_message(errors: str, code: int) -> str:
    """Return the run's error message as Glue formats it: category, line, and the text of the exception."""
    lines = [line for line in errors.splitlines() if line.strip()]
    if not lines:
        return f"Command failed with exit code {code}"
    found = re.findall(r"line (\d+), in", errors)
    return DECORATION.format(line=found[-1] if found else 1, message=lines[-1].strip())


################################################################################
# Crawler
################################################################################

# The types of PostgreSQL, and their names in the Glue Data Catalog.
CATALOG_TYPES = {
    "smallint": "smallint",
    "integer": "int",
    "bigint": "bigint",
    "numeric": "decimal",
    "real": "float",
    "double precision": "double",
    "boolean": "boolean",
    "date": "date",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamp",
}


def run_crawler(crawler_name: str) -> None:
    """Add the tables of the crawler's target to the Data Catalog, with the crawler's role."""
    crawler = boto3.client("glue").get_crawler(Name=crawler_name)["Crawler"]
    session = assume(crawler["Role"], f"AWS-Crawler-{crawler_name[:40]}")
    glue = session.client("glue")
    for target in crawler["Targets"].get("JdbcTargets", []):
        database_and_schema = target["Path"].rsplit("/", 1)[0]
        prefix = crawler.get("TablePrefix", "") + database_and_schema.replace("/", "_")
        with connect(session, target["ConnectionName"]) as connection:
            for table, columns in tables(connection, target["Path"]):
                name = f"{prefix}_{table}".lower()
                entry = {
                    "Name": name,
                    "TableType": "EXTERNAL_TABLE",
                    "Parameters": {
                        "classification": "postgresql",
                        "connectionName": target["ConnectionName"],
                    },
                    "StorageDescriptor": {
                        "Columns": columns,
                        "Location": f"{database_and_schema.replace('/', '.')}.{table}",
                    },
                }
                try:
                    glue.get_table(DatabaseName=crawler["DatabaseName"], Name=name)
                    glue.update_table(DatabaseName=crawler["DatabaseName"], TableInput=entry)
                except glue.exceptions.EntityNotFoundException:
                    glue.create_table(DatabaseName=crawler["DatabaseName"], TableInput=entry)


# The JDBC drivers of PostgreSQL before version 42.2.0 fail with this message if the server requires SCRAM.
NO_SCRAM = (
    "The authentication type 10 is not supported. Check that you have configured the pg_hba.conf file to"
    " include the client's IP address or subnet, and that it is using an authentication scheme supported by"
    " the driver."
)


def connect(session: boto3.Session, name: str) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect to a database as a crawler does: with the address, secret and other properties of a connection.

    The built-in driver of crawlers may not support SCRAM. So if the server requires SCRAM and the connection
    has no driver of its own, the function raises an error.
    https://docs.aws.amazon.com/glue/latest/dg/console-connections-jdbc-drivers.html
    """
    properties = session.client("glue").get_connection(Name=name)["Connection"]["ConnectionProperties"]
    driver = properties.get("JDBC_DRIVER_JAR_URI")
    if driver:
        fetch(session, driver, Path.cwd())
    url = urlsplit(properties["JDBC_CONNECTION_URL"].removeprefix("jdbc:"))
    secret = session.client("secretsmanager").get_secret_value(SecretId=properties["SECRET_ID"])
    login = json.loads(secret["SecretString"])
    settings: dict[str, Any] = {"sslmode": "prefer"}
    if properties.get("JDBC_ENFORCE_SSL") == "true":
        settings = {"sslmode": "require"}
        if "CUSTOM_JDBC_CERT" in properties:
            settings = {
                "sslmode": "verify-full",
                "sslrootcert": str(fetch(session, properties["CUSTOM_JDBC_CERT"], Path.cwd())),
            }
    if not driver:
        settings["require_auth"] = "!scram-sha-256"
    try:
        return psycopg.connect(
            host=url.hostname,
            port=url.port,
            dbname=url.path.lstrip("/"),
            user=login["username"],
            password=login["password"],
            **settings,
        )
    except psycopg.OperationalError as error:
        if "authentication method requirement" in str(error):
            raise ServiceError(NO_SCRAM) from error
        raise


def tables(
    connection: psycopg.Connection[tuple[Any, ...]], path: str
) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Return the tables that match the path `database/schema/table` and that the login can see.

    In the name of the table, `%` matches any text.
    """
    _, schema, pattern = path.split("/", 2)
    rows = connection.execute(
        "select table_name, column_name, data_type from information_schema.columns"
        " where table_schema = %s and table_name like %s order by table_name, ordinal_position",
        (schema, pattern),
    ).fetchall()
    found: dict[str, list[dict[str, str]]] = {}
    for table, column, kind in rows:
        found.setdefault(table, []).append(
            {"Name": column.lower(), "Type": CATALOG_TYPES.get(kind, "string")}
        )
    yield from found.items()


if __name__ == "__main__":
    main(*sys.argv[1:4])
