"""What a stamped `Glue/etl.py` says: the spec, in the words of the business, and the checks that need no
database.

The names in a spec are the ones a person reads in the ERD. Whether they exist, and how the store really
spells them, is the business of `rolling_contract`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from rolling_errors import ExtractError, listed
from rolling_period import zone

AGGREGATES = ("avg", "sum", "count", "min", "max")

# Labels become CSV headers and, for the recipient, part of an object's key that others match with
# `bank_name=*`.
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Join:
    """One hop: the rows of `table` whose `right` column equals `left`, a column of the entity or of an
    earlier hop.

    The right side must be unique: a hop leads from many to one, never the other way, or it would multiply the
    money.
    """

    table: str
    left: str  # "Loans.Account_idAccount"
    right: str  # "idAccount", a column of `table`


@dataclass(frozen=True, slots=True)
class Extract:
    """The spec of one monthly extract.

    Read it aloud and it should be the sentence that the business asked for.
    """

    entity: str
    metric: str
    date_column: str
    group: Mapping[str, str]
    recipient: Mapping[str, str]
    joins: tuple[Join, ...] = ()
    aggregate: str = "avg"
    window_months: int = 1
    schema: str = "public"
    time_zone: str = "Etc/GMT"
    scale: int = 2
    max_orphan_rows: int = 0
    aggregate_in: str = "database"
    defuse_formulas: bool = True

    @property
    def tables(self) -> tuple[str, ...]:
        """Entity first, then the hops in their order."""
        return (self.entity, *(join.table for join in self.joins))

    @property
    def recipient_label(self) -> str:
        return next(iter(self.recipient))

    @property
    def count_label(self) -> str:
        return f"{_identifier(self.entity)}_count"

    @property
    def sum_label(self) -> str:
        return f"{_identifier(self.split(self.metric)[1])}_sum"

    @property
    def figure_label(self) -> str:
        return f"{_identifier(self.split(self.metric)[1])}_{self.aggregate}"

    @property
    def columns(self) -> tuple[str, ...]:
        """The header of a delivered file.

        `aggregate="sum"` has one column for the sum, not the same one twice.
        """
        figures = dict.fromkeys((self.count_label, self.sum_label, self.figure_label))
        return (self.recipient_label, *self.group, "period", "window_start", "window_end", *figures)

    def split(self, reference: str) -> tuple[str, str]:
        """Table and column of `Branch.idBranch`; a bare `loan_date` belongs to the entity.

        Only the spec's own tables count as a prefix, so that a column may have a dot in its name.
        """
        for table in sorted(self.tables, key=len, reverse=True):
            if reference.startswith(f"{table}."):
                return table, reference[len(table) + 1 :]
        return self.entity, reference


def check(spec: Extract) -> None:
    """Refuse a spec that contradicts itself, in one sentence, before anything is asked of AWS or of the
    database.
    """
    if spec.aggregate not in AGGREGATES:
        raise _wrong(f'aggregate="{spec.aggregate}" is not one of {", ".join(AGGREGATES)}')
    if spec.aggregate_in == "spark":
        raise _wrong(
            'aggregate_in="spark" is not part of this version; leave it out to aggregate in the database'
        )
    if spec.aggregate_in != "database":
        raise _wrong(f'aggregate_in="{spec.aggregate_in}" is unknown; "database" is the way there is')
    for name, value, least in (("window_months", spec.window_months, 1), ("scale", spec.scale, 0)):
        most = 1200 if name == "window_months" else 18
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise _wrong(f"{name}={value!r} is not a whole number from {least} to {most}")
    if (
        isinstance(spec.max_orphan_rows, bool)
        or not isinstance(spec.max_orphan_rows, int)
        or spec.max_orphan_rows < 0
    ):
        raise _wrong(f"max_orphan_rows={spec.max_orphan_rows!r} is not a whole number from 0 up")
    zone(spec.time_zone)
    _check_joins(spec)
    _check_labels(spec)


def _check_joins(spec: Extract) -> None:
    known = {spec.entity}
    for join in spec.joins:
        if join.table in known:
            raise _wrong(f'joins reach "{join.table}" twice; a table can be one hop only')
        if not any(join.left.startswith(f"{table}.") for table in known):
            raise _wrong(
                f'the hop to "{join.table}" starts at "{join.left}", which is no column of'
                f" {listed(sorted(known))};"
                ' write left="Table.column" of the entity or of an earlier hop'
            )
        known.add(join.table)
    for what, reference in (("recipient", next(iter(spec.recipient.values()), "")), *spec.group.items()):
        table, dot, _ = reference.partition(".")
        if dot and spec.split(reference)[0] == spec.entity and not reference.startswith(f"{spec.entity}."):
            raise _wrong(f'"{what}" is "{reference}", but no join leads to "{table}"')
    if spec.split(spec.metric)[0] != spec.entity:
        raise _wrong(f'the metric "{spec.metric}" is not a column of the entity "{spec.entity}"')


def _check_labels(spec: Extract) -> None:
    if len(spec.recipient) != 1:
        raise _wrong(
            f'recipient names {len(spec.recipient)} columns; it takes one, e.g. {{"bank_name": "Bank.Name"}}'
        )
    if not spec.group:
        raise _wrong('group is empty; name what one line stands for, e.g. {"branch_id": "Branch.idBranch"}')
    for label in (*spec.recipient, *spec.group):
        if _LABEL.fullmatch(label) is None:
            raise _wrong(f'"{label}" cannot head a column; use letters, digits and underscores')
    headers = [
        spec.recipient_label,
        *spec.group,
        "period",
        "window_start",
        "window_end",
        spec.count_label,
        spec.sum_label,
    ]
    if spec.aggregate != "sum":
        headers.append(spec.figure_label)
    twice = sorted({header for header in headers if headers.count(header) > 1})
    if twice:
        raise _wrong(
            f"two columns of the file would be called {listed(twice)}; give the group or the recipient"
            " another label"
        )


def _identifier(name: str) -> str:
    return re.sub(r"\W+", "_", name).lower()


def _wrong(sentence: str) -> ExtractError:
    return ExtractError(sentence, kind="spec")
