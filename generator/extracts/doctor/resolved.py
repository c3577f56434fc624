"""Resolve a spec against the catalog of a source, with the engine of the project.

This file runs as a separate process, because a spec is a program of the project, and each project may have
another version of the engine. The process reads a `Request` as JSON from standard input, and writes a
`Result` as JSON to standard output.
"""

from __future__ import annotations

import dataclasses
import json
import runpy
import sys
from typing import Any, TypedDict

import rolling_catalog
import rolling_database
import rolling_names
import rolling_psycopg
import rolling_resolve
import rolling_spec_check
from extracts.errors import ExtractsError
from extracts.introspect import catalog
from rolling_errors import ExtractError
from rolling_period import zone
from rolling_source import Session, Source

_SECONDS = 60  # time limit of a catalog query


class Request(TypedDict):
    """The spec to check, and the source."""

    script: str
    database_url: str | None
    role: str | None  # the role of the job, if it is not the user of the URL


class Result(TypedDict):
    """The result of the check. `wrong` is an error message, or empty."""

    spec: str
    schema: str
    wrong: str
    role: str
    tls: str
    version: str
    probed: bool  # whether PostgreSQL has checked the expressions
    usable: bool  # whether the role may use the schema
    readable: dict[str, bool]  # for each existing table: whether the role may read any column
    flat: list[str]  # recipients with flat=True; "*" stands for all recipients that `files` does not name
    time_zone: str
    zone_here: bool  # whether this machine has the time zone
    zone_there: bool | None  # whether the source has the time zone; None without a source


def check(request: Request) -> Result:
    """Check the spec. With a URL, resolve it against the source."""
    found = Result(
        spec="", schema="", wrong="", role="", tls="", version="", probed=True, usable=True,
        readable={}, flat=[], time_zone="", zone_here=True, zone_there=None,
    )  # fmt: skip
    try:
        spec = runpy.run_path(request["script"])["EXTRACT"]
        found["time_zone"], found["zone_here"] = spec.time_zone, _is_here(spec.time_zone)
        found["flat"] = _flat(spec)
        # A separate check reports a missing time zone. A missing time zone must not hide other errors.
        rolling_spec_check.check(
            spec if found["zone_here"] else dataclasses.replace(spec, time_zone="Etc/GMT")
        )
    except ExtractError as error:
        return Result({**found, "wrong": str(error)})
    except KeyError:
        return Result({**found, "wrong": "Glue/etl.py does not define EXTRACT"})
    except Exception as error:  # a spec is a program, which may raise any exception
        return Result({**found, "wrong": f"Glue/etl.py fails: {type(error).__name__}: {error}"})
    found["schema"] = spec.schema
    columns = spec.metrics or spec.rows
    found["spec"] = f"{', '.join(columns)} of {spec.entity} for each {', '.join(spec.recipient)}"
    if not request["database_url"]:
        return found
    with catalog.connected(request["database_url"]) as connection:
        [(version, tls, user, login)] = connection.execute(
            "select current_setting('server_version'), coalesce(s.version, ''), current_user::text,"
            " session_user::text from pg_catalog.pg_stat_ssl s where s.pid = pg_backend_pid()"
        )
        found["version"], found["tls"], found["role"] = version, tls, user
        if request["role"] and request["role"] != login:
            from psycopg import sql

            # A function that belongs to the owner of a table could reset the role and get the rights of the
            # login. So after `set role`, the session reads only the catalog, and does not check the
            # expressions.
            connection.execute(sql.SQL("set local role {}").format(sql.Identifier(request["role"])))
            found["role"], found["probed"] = request["role"], False
        [(found["zone_there"],)] = connection.execute(
            "select exists (select from pg_catalog.pg_timezone_names where lower(name) = lower(%s))",
            [spec.time_zone],
        )
        # Use the engine's class for the session, so that the messages of errors are the same as in a run.
        database = rolling_database.from_url(request["database_url"])
        source = Source(database, rolling_psycopg.connect, spec.time_zone, "doctor", _SECONDS, _SECONDS)
        session = Session(rolling_psycopg.PsycopgConnection(connection, _SECONDS), source)
        try:
            schemas = rolling_names.schemas_of(spec)
            known = rolling_catalog.read_tables(session, schemas, ())
            found["usable"] = all(schema.usable for schema in known.schemas)
            tables = [rolling_names.find_table(spec, name, known) for name in spec.tables]
            for column in rolling_catalog.read_columns(session, known, tables).columns:
                table = next(table.name for table in tables if table.oid == column.table)
                found["readable"][table] = found["readable"].get(table, False) or column.readable
            resolve = rolling_resolve.read if found["probed"] else rolling_resolve.from_catalog
            resolve(spec, session)
        except ExtractError as error:
            found["wrong"] = str(error)
    return found


def _flat(spec: Any) -> list[str]:
    """Return the recipients with `flat=True`. Older engines have no field `flat`."""
    files = {"*": getattr(spec, "file", None), **(getattr(spec, "files", None) or {})}
    return [name for name, file in files.items() if getattr(file, "flat", False)]


def _is_here(name: str) -> bool:
    """Return whether the engine finds the time zone on this machine."""
    try:
        zone(name)
    except ExtractError:
        return False
    return True


if __name__ == "__main__":
    try:
        print(json.dumps(check(json.load(sys.stdin))))
    except ExtractsError as error:
        sys.exit(str(error))
