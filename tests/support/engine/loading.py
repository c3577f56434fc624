"""Load random sources into PostgreSQL."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql

from tests.support.engine.random_sources import Setting, Tables, other_schema


def load(connection: psycopg.Connection[Any], schema: str, setting: Setting, made: Tables) -> None:
    """Drop the tables, create them again, and fill them."""
    names = {
        "amount": sql.SQL(setting.amount),
        "date": sql.SQL(setting.case.date_type),
        "other": sql.Identifier(other_schema(schema)),
        "key": sql.SQL(", ").join(map(sql.Identifier, setting.case.key)),
    }
    connection.execute(
        sql.SQL("""
        DROP TABLE IF EXISTS "Bank", "Branch", "Client", "Account", "Loans";
        DROP SCHEMA IF EXISTS {other} CASCADE;
        CREATE SCHEMA {other};
        CREATE TABLE "Bank" (world int, "idBank" int, "Name" text, rating int);
        CREATE TABLE "Branch" (world int, "idBranch" int, "Bank_idBank" int, "Head" int, "Address" text,
                               rooms int);
        CREATE TABLE "Client" (world int, "idClient" int, "Branch_idBranch" int);
        CREATE TABLE "Account" (world int, "idAccount" int, "Client_idClient" int, "Balance" int,
                                loan_date {date});
        CREATE TABLE {other}."Price" (world int, "idPrice" int, "Amount" {amount}, factor numeric(8,3));
        CREATE TABLE "Loans" (world int, "idLoan" int, code text, "Account_idAccount" int, "Price" int,
                              kind text, owner text, loan_date {date}, "Amount" {amount}, quantity int,
                              discount numeric(6,4), PRIMARY KEY ({key}));
        """).format(**names)
    )
    for table, rows in made.items():
        place = sql.Identifier(*([other_schema(schema)] if table == "Price" else []), table)
        columns = sql.SQL(", ").join(map(sql.Identifier, rows[0] if rows else ["world"]))
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(place, columns)
        with connection.cursor().copy(statement) as copy:
            for row in rows:
                copy.write_row([str(v) if isinstance(v, Decimal) else v for v in row.values()])
        if setting.indexed and table != "Loans":
            keys = ["world", f"id{table}"] if setting.composite else [f"id{table}"]
            listed = sql.SQL(", ").join(map(sql.Identifier, keys))
            connection.execute(sql.SQL("CREATE UNIQUE INDEX ON {} ({})").format(place, listed))
    if setting.analyzed:
        connection.execute('ANALYZE "Branch"')
