"""What differs between the SQL of PostgreSQL and that of Spark, in the bodies of the queries."""

from __future__ import annotations

from dataclasses import dataclass

from rolling_expression import literal


@dataclass(frozen=True, slots=True)
class Dialect:
    """The SQL of one of the two engines. Spark needs its ANSI mode."""

    name: str  # "postgresql" or "spark"

    @property
    def is_spark(self) -> bool:
        return self.name == "spark"

    def text(self, sql: str) -> str:
        """Return a value as text.

        >>> POSTGRESQL.text("sum(n)"), SPARK.text("sum(n)")
        ('CAST(sum(n) AS text)', 'CAST(sum(n) AS string)')
        """
        return f"CAST({sql} AS {'string' if self.is_spark else 'text'})"

    def whole(self, sql: str) -> str:
        return f"CAST({sql} AS bigint)"

    def by_code_point(self, sql: str) -> str:
        """Return a text to order by: by code point, not by the locale of the database."""
        return sql if self.is_spark else f'{sql} COLLATE "C"'

    def literal(self, text: str) -> str:
        return literal(text, spark=self.is_spark)


POSTGRESQL = Dialect("postgresql")
SPARK = Dialect("spark")


def identifier(name: str) -> str:
    """Return a name of PostgreSQL between double quotes.

    >>> identifier("Loans")
    '"Loans"'
    """
    return '"' + name.replace('"', '""') + '"'
