"""Compute the expected files of a source in plain Python, without SQL, Spark or the engine.

The oracle is simple on purpose. It follows the joins of each row one by one, and adds up fractions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from tests.support.engine.expressions import Column, Condition, Node, Read, Value, columns
from tests.support.engine.values import Metric, figure, label, moment_text

Row = Mapping[str, object]
Tables = Mapping[str, Sequence[Row]]
Month = tuple[int, int]  # 2026, 10
Group = tuple[object, ...]
YEAR_TO_DATE = "year_to_date"


@dataclass(frozen=True)
class Step:
    """A join from `start` to `table`. `name` is its alias. `start` is the entity or another join."""

    name: str
    table: str
    start: str
    lefts: tuple[str, ...]
    rights: tuple[str, ...]
    optional: bool = False


@dataclass(frozen=True)
class Case:
    """The spec of an extract. Its expressions are trees instead of text."""

    steps: tuple[Step, ...]
    recipient: Column
    group_by: Mapping[str, Column] = field(default_factory=dict)
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    rows: Mapping[str, Column] = field(default_factory=dict)  # the columns of a listing
    where: Condition | None = None
    recipients_where: Condition | None = None
    date: Column = Column("Loans", "loan_date")  # noqa: RUF009  # frozen
    date_type: str = "date"
    time_zone: str = "Etc/GMT"
    key: tuple[str, ...] = ("idLoan",)  # the primary key of the entity
    cutoff: datetime | None = None

    def path(self, name: str) -> tuple[str, ...]:
        """Return the tables on the path from the entity to `name`, including both."""
        found = [name]
        while found[0] != "Loans":
            found.insert(0, next(step.start for step in self.steps if step.name == found[0]))
        return tuple(found)

    @property
    def used(self) -> set[str]:
        """Return the tables that the spec uses."""
        trees: list[Node | Condition | None] = [self.recipient, self.date, self.where]
        trees += [*self.group_by.values(), *self.rows.values()]
        for metric in self.metrics.values():
            trees += [metric.expression, metric.where]
        return self.ways(*trees)

    def ways(self, *trees: Node | Condition | None) -> set[str]:
        """Return the tables on the paths to the columns of these trees."""
        return {table for tree in trees for column in columns(tree) for table in self.path(column.table)}

    @property
    def anchor(self) -> str:
        """Return the last table that is on the paths to the recipient and to all columns of the group by."""
        ways = [self.path(column.table) for column in (self.recipient, *self.group_by.values())]
        return [table for table in ways[0] if all(table in way for way in ways)][-1]

    @property
    def has_unassigned(self) -> bool:
        way = self.path(self.recipient.table)
        return any(step.optional for step in self.steps if step.name in way)


@dataclass
class Expected:
    """The expected publication of one period."""

    files: dict[str, list[dict[str, str]]]
    rows: int = 0  # number of entity rows that count in the longest window
    orphans: int = 0
    undated: int = 0
    excluded: int = 0
    # For each metric: the number of values in its window.
    counts: dict[str, int] = field(default_factory=dict)
    # For each metric: the sum, or None if the values are not numbers.
    sums: dict[str, Fraction | None] = field(default_factory=dict)


class Reached:
    """The rows of other tables that an entity row reaches through the joins of the spec."""

    def __init__(self, case: Case, lookup: Lookup, start: str, row: Row) -> None:
        self.found: dict[str, Row] = {start: row}
        self.broken: set[str] = set()
        for step in case.steps:
            if step.start in self.broken:
                self.broken.add(step.name)
            elif step.start in self.found:
                row_there = lookup(step, self.found[step.start])
                if row_there is not None:
                    self.found[step.name] = row_there
                elif not step.optional:
                    self.broken.add(step.name)
            # If `step.start` is neither found nor broken, an earlier optional join found no row.

    def read(self, table: str, column: str) -> object:
        return self.found[table][column] if table in self.found else None


Lookup = Callable[[Step, Row], Row | None]


def oracle(case: Case, tables: Tables, period: Month) -> Expected:
    """Return the expected files and totals of a period."""
    lookup = _lookup(case, tables)
    year, month = period
    last = year * 12 + month - 1
    longest = max((_months(metric.window, month) for metric in case.metrics.values()), default=1)
    made = Expected({})
    members: dict[tuple[str, Group], list[Reached]] = {}
    if not case.rows and case.anchor != "Loans":
        table = next(step.table for step in case.steps if step.name == case.anchor)
        for row in tables[table]:
            reached = Reached(case, lookup, case.anchor, row)
            owner = _recipient(case, reached, _beyond(case))
            if owner is not None and _selected(case, reached):
                members[owner, _group(case, reached)] = []
    months: dict[int, int] = {}  # the month of each counted row, keyed by its ID
    counted: list[Reached] = []
    for row in tables["Loans"]:
        reached = Reached(case, lookup, "Loans", row)
        if not _counts(case, reached):
            continue
        moment = _local(case, reached.read(case.date.table, case.date.name))
        if moment is None:
            made.undated += 1
            continue
        at = moment.year * 12 + moment.month - 1
        if at > last or _after_cutoff(case, moment):
            continue
        inside = at > last - longest
        owner = _recipient(case, reached, case.used)
        if inside:
            made.rows += 1
            months[id(reached)] = at
            counted.append(reached)
        if owner is None:
            made.orphans += inside
        elif not _selected(case, reached):
            made.excluded += inside
        elif inside or (case.anchor == "Loans" and not case.rows):
            found = members.setdefault((owner, _group(case, reached)), [])
            if inside:
                found.append(reached)
    for name, metric in case.metrics.items():
        values = _values(metric, _inside(counted, months, last, metric, month))
        made.counts[name] = len(values)
        numbers = [value for value in values if isinstance(value, Fraction)]
        is_text = isinstance(metric.expression, Column) and metric.expression.text
        made.sums[name] = None if metric.expression is None or is_text else sum(numbers, Fraction(0))
    made.files = {name: [] for name in _recipients(case, tables, lookup, members)}
    fixed = _fixed(period, longest)
    for owner, group in sorted(members, key=_in_order):
        found = members[owner, group]
        labels = dict(zip(case.group_by, map(label, group), strict=True))
        if case.rows:
            for reached in sorted(found, key=lambda one: _key(case, one)):
                listed = {name: _listed(case, reached, column) for name, column in case.rows.items()}
                made.files[owner].append({case_label(case): owner, **listed, "period": fixed["period"]})
            continue
        figures = {
            name: figure(metric, _values(metric, _inside(found, months, last, metric, month)))
            for name, metric in case.metrics.items()
        }
        made.files[owner].append({case_label(case): owner, **labels, **fixed, **figures})
    return made


def written(periods: Sequence[Month]) -> list[str]:
    return [f"{year}-{month:02d}" for year, month in periods]


def case_label(case: Case) -> str:
    return "bank_name" if case.recipient.table == "Bank" else "owner_name"


def _fixed(period: Month, longest: int) -> dict[str, str]:
    year, month = period
    first = divmod(year * 12 + month - longest, 12)
    outside = date(year + month // 12, month % 12 + 1, 1)
    return {
        "period": f"{year}-{month:02d}",
        "window_start": f"{first[0]}-{first[1] + 1:02d}-01",
        "window_end": (outside - timedelta(days=1)).isoformat(),
    }


def _lookup(case: Case, tables: Tables) -> Lookup:
    indexes: dict[str, dict[tuple[object, ...], Row]] = {}
    for step in case.steps:
        indexes[step.name] = {tuple(row[right] for right in step.rights): row for row in tables[step.table]}

    def lookup(step: Step, row: Row) -> Row | None:
        key = tuple(row[left] for left in step.lefts)
        return None if None in key else indexes[step.name].get(key)

    return lookup


def _months(window: int | str, month: int) -> int:
    return month if isinstance(window, str) else window


def _beyond(case: Case) -> set[str]:
    """Return the tables on the paths to the recipient and to the columns of the group by.

    Leave out the tables before the anchor, the last table that all these paths have in common.
    """
    return case.ways(case.recipient, *case.group_by.values()) - set(case.path(case.anchor)[:-1])


def _counts(case: Case, reached: Reached) -> bool:
    if case.where is None or case.ways(case.where) & reached.broken:
        return True
    return case.where.truth(reached.read) is True


def _recipient(case: Case, reached: Reached, used: set[str]) -> str | None:
    """Return the recipient of a row, or None for an orphan row."""
    if used & reached.broken:
        return None
    if case.recipient.table not in reached.found:
        return "Unassigned"
    name = reached.read(case.recipient.table, case.recipient.name)
    assert name is None or isinstance(name, str)
    return name


def _selected(case: Case, reached: Reached) -> bool:
    if case.recipients_where is None or case.recipient.table not in reached.found:
        return True
    return case.recipients_where.truth(reached.read) is True


def _group(case: Case, reached: Reached) -> Group:
    return tuple(reached.read(column.table, column.name) for column in case.group_by.values())


def _recipients(
    case: Case, tables: Tables, lookup: Lookup, members: Mapping[tuple[str, Group], object]
) -> list[str]:
    """Return all recipients that get a file, including recipients without rows."""
    if case.recipient.table == "Loans":
        return sorted({owner for owner, _ in members})
    table = next(step.table for step in case.steps if step.name == case.recipient.table)
    rows = (Reached(case, lookup, case.recipient.table, row) for row in tables[table])
    names = {str(one.read(case.recipient.table, case.recipient.name)) for one in rows if _named(case, one)}
    return sorted(names | ({"Unassigned"} if case.has_unassigned else set()))


def _named(case: Case, reached: Reached) -> bool:
    return reached.read(case.recipient.table, case.recipient.name) is not None and _selected(case, reached)


def _local(case: Case, moment: object) -> datetime | None:
    """Return the time of a row in the time zone of the extract. A time without zone in a source is UTC."""
    if moment is None:
        return None
    assert isinstance(moment, datetime)
    return moment.astimezone(ZoneInfo(case.time_zone)) if case.date_type == "timestamptz" else moment


def _after_cutoff(case: Case, moment: datetime) -> bool:
    if case.cutoff is None:
        return False
    match case.date_type:
        case "date":
            return moment.date() > case.cutoff.astimezone(ZoneInfo(case.time_zone)).date()
        case "timestamptz":
            return moment > case.cutoff
        case _:
            here = case.cutoff.astimezone(ZoneInfo(case.time_zone))
            return moment.replace(tzinfo=None) > here.replace(tzinfo=None)


def _inside(
    found: Sequence[Reached], months: Mapping[int, int], last: int, metric: Metric, month: int
) -> list[Read]:
    """Return the rows in the window of a metric. For each row, return a function that reads its columns."""
    first = last - _months(metric.window, month) + 1
    return [reached.read for reached in found if months[id(reached)] >= first]


def _values(metric: Metric, rows: Sequence[Read]) -> list[Value]:
    """Return the values that a metric aggregates, without NULLs."""
    counted = [read for read in rows if metric.where is None or metric.where.truth(read) is True]
    if metric.expression is None:
        return [Fraction(1) for _ in counted]
    values = (metric.expression.value(read) for read in counted)
    return [value for value in values if value is not None]


def _in_order(place: tuple[str, Group]) -> tuple[str, list[tuple[object, ...]]]:
    """Return the sort key of a row. Numbers are sorted as numbers, and missing values come first."""
    return place[0], [() if value is None else (value,) for value in place[1]]


def _key(case: Case, reached: Reached) -> tuple[object, ...]:
    return tuple(reached.read("Loans", name) for name in case.key)


def _listed(case: Case, reached: Reached, column: Column) -> str:
    """Return a value of a listing in the form in which PostgreSQL prints it."""
    value = reached.read(column.table, column.name)
    if not isinstance(value, datetime):
        return label(value)
    moment = _local(case, value)
    assert moment is not None
    match case.date_type:
        case "date":
            return moment.date().isoformat()
        case "timestamptz":
            return moment_text(moment)
        case _:
            return moment_text(moment.replace(tzinfo=None))
