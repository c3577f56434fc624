"""The login of a run: database, driver, and another login if the secret was rotated in the meantime."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import rolling_database
import rolling_psycopg
from rolling_arguments import Arguments
from rolling_database import Database
from rolling_errors import ExtractError
from rolling_log import log
from rolling_source import Driver, Session, Source


@contextmanager
def session(arguments: Arguments, time_zone: str, aggregate_in: str) -> Iterator[Session]:
    """Log in, and keep the transaction of a run open.

    The secret may be rotated after it is read and before the login, which can be 30 seconds later. So after a
    refused login, the secret is read again. If it has changed, the login is repeated. A new IAM token always
    differs from the old one, so such a login is always repeated.
    """
    with ExitStack() as stack:
        driver = _driver(arguments, aggregate_in, stack)

        def source(database: Database) -> Source:
            limits = arguments.statement_timeout, arguments.lock_timeout
            return Source(database, driver, time_zone, arguments.run_id, *limits)

        database = _database(arguments)
        try:
            found = stack.enter_context(source(database).session())
        except ExtractError as refused:
            renewed = _database(arguments) if refused.kind == "authentication" else database
            if renewed == database:
                raise
            why = "with another token" if renewed.token else "the secret has changed since it was read"
            log("login_retried", f"the login was refused; logging in again: {why}", level="warning")
            found = stack.enter_context(source(renewed).session())
        yield found


def _driver(arguments: Arguments, aggregate_in: str, stack: ExitStack) -> Driver:
    """Return psycopg if it is installed and the run has a `--database-url`. Otherwise return the JDBC driver.

    Start Spark if the JDBC driver or the aggregation needs it.
    """
    has_psycopg = arguments.database_url is not None and rolling_psycopg.is_installed()
    if has_psycopg and aggregate_in == "database":
        return rolling_psycopg.connect
    import rolling_jdbc

    if has_psycopg:
        stack.enter_context(rolling_jdbc.spark_starting())
        return rolling_psycopg.connect
    rolling_jdbc.spark_context()  # starting Spark takes seconds, so start it before the secret is read
    return rolling_jdbc.connect


def _database(arguments: Arguments) -> Database:
    if arguments.database_url is not None:
        return rolling_database.from_url(arguments.database_url)
    if arguments.jdbc_url is not None and arguments.iam_user is not None:
        return rolling_database.from_token(arguments.jdbc_url, arguments.iam_user, arguments.ca_certificate)
    assert arguments.connection is not None  # `parse` requires exactly one of the three options
    return rolling_database.from_connection(arguments.connection)
