"""Differences between the SQL of PostgreSQL and the SQL of Spark in the queries."""

from __future__ import annotations

from dataclasses import dataclass

from rolling_expression import literal


@dataclass(frozen=True, slots=True)
class Dialect:
    """The SQL of PostgreSQL or of Spark. Spark must be in ANSI mode."""

    name: str  # "postgresql" or "spark"

    @property
    def is_spark(self) -> bool:
        return self.name == "spark"

    def text(self, sql: str) -> str:
        """Return the SQL that converts a value to text.

        >>> POSTGRESQL.text("sum(n)"), SPARK.text("sum(n)")
        ('CAST(sum(n) AS text)', 'CAST(sum(n) AS string)')
        """
        return f"CAST({sql} AS {'string' if self.is_spark else 'text'})"

    def whole(self, sql: str) -> str:
        return f"CAST({sql} AS bigint)"

    def by_code_point(self, sql: str) -> str:
        """Return the SQL that sorts a text by code points. The database's locale may have another order."""
        return sql if self.is_spark else f'{sql} COLLATE "C"'

    def literal(self, text: str) -> str:
        return literal(text, spark=self.is_spark)


POSTGRESQL = Dialect("postgresql")
SPARK = Dialect("spark")


def identifier(name: str) -> str:
    """Return a name in double quotes, for the SQL of PostgreSQL.

    >>> identifier("Loans")
    '"Loans"'
    """
    return '"' + name.replace('"', '""') + '"'
