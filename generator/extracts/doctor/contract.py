"""A spec against a database, by the engine's own contract check; run by itself, with the project's engine.

Standard input says what to look at, standard output what was found: both JSON. By itself, because a spec is a
program of the project's, and because two projects may have two engines.
"""

from __future__ import annotations

import dataclasses
import json
import runpy
import sys
from typing import TypedDict

import rolling_contract
import rolling_spec
from extracts.errors import ExtractsError
from extracts.introspect import catalog
from rolling_errors import ExtractError
from rolling_period import zone


class Asked(TypedDict):
    """The order."""

    script: str
    database_url: str | None
    role: str | None  # the job's, where it is not the one of the URL


class Found(TypedDict):
    """The answer; `wrong` is a sentence, or nothing."""

    spec: str
    schema: str
    wrong: str
    role: str
    tls: str
    version: str
    usable: bool  # may the schema be used?
    readable: dict[str, bool]  # of each table of the spec that is there: may any of it be read?
    time_zone: str
    zone_here: bool  # does this machine know the time zone?
    zone_there: bool | None  # and the database? None if it was not asked


def look(asked: Asked) -> Found:
    """The spec alone, or the spec and the database."""
    found = Found(
        spec="", schema="", wrong="", role="", tls="", version="", usable=True, readable={},
        time_zone="", zone_here=True, zone_there=None,
    )  # fmt: skip
    try:
        spec = runpy.run_path(asked["script"])["EXTRACT"]
        found["time_zone"], found["zone_here"] = spec.time_zone, _is_here(spec.time_zone)
        # A time zone that is missing here is one finding, and hides no other.
        rolling_spec.check(spec if found["zone_here"] else dataclasses.replace(spec, time_zone="Etc/GMT"))
    except ExtractError as error:
        return Found({**found, "wrong": str(error)})
    except KeyError:
        return Found({**found, "wrong": "it defines no EXTRACT"})
    except Exception as error:  # whatever a program of the project's may raise
        return Found({**found, "wrong": f"it does not run: {type(error).__name__}: {error}"})
    found["schema"] = spec.schema
    found["spec"] = f"{spec.aggregate} of {spec.entity}.{spec.metric} over {spec.window_months} months"
    if not asked["database_url"]:
        return found
    with catalog.connected(asked["database_url"]) as connection:
        [(version, tls, user)] = connection.execute(
            "select current_setting('server_version'), coalesce(s.version, ''), current_user::text"
            " from pg_catalog.pg_stat_ssl s where s.pid = pg_backend_pid()"
        )
        found["version"], found["tls"], found["role"] = version, tls, user
        if asked["role"] and asked["role"] != user:
            from psycopg import sql

            connection.execute(sql.SQL("set local role {}").format(sql.Identifier(asked["role"])))
            found["role"] = asked["role"]
        [(found["zone_there"],)] = connection.execute(
            "select exists (select from pg_catalog.pg_timezone_names where lower(name) = lower(%s))",
            [spec.time_zone],
        )
        found["usable"] = all(
            usable
            for (usable,) in connection.execute(
                "select has_schema_privilege(oid, 'usage') from pg_catalog.pg_namespace where nspname = %s",
                [spec.schema],
            )
        )
        rows = [rolling_contract.CatalogRow(*row) for row in connection.execute(
            rolling_contract.catalog_query(spec).encode()
        )]  # fmt: skip
    for row in rows:
        if row.kind == "column":
            found["readable"][row.table] = found["readable"].get(row.table, False) or row.readable
    try:
        rolling_contract.resolve(spec, rows)
    except ExtractError as error:
        found["wrong"] = str(error)
    return found


def _is_here(name: str) -> bool:
    """Return whether the engine finds the time zone on this machine."""
    try:
        zone(name)
    except ExtractError:
        return False
    return True


if __name__ == "__main__":
    try:
        print(json.dumps(look(json.load(sys.stdin))))
    except ExtractsError as error:
        sys.exit(str(error))
