"""The one SQL statement of a run.

One statement is one snapshot: figures, the list of groups, the list of recipients, the control totals and the
checks of the hops all see the same rows, whoever writes meanwhile and at whatever isolation. So everything
that a run must know comes back as rows of one result, told apart by `kind`:

==========  ======================================================================================
line        a group and a month of it (month 0: the group exists); count, sum, least and greatest
            of the metric
loose       the same of rows that an optional hop lost before they reached a group: there is such a
            line only while there are such rows
orphan      rows of a month that reach no recipient
control     rows of a month, read off the entity without any hop that leads to a recipient; and, where the
            metric's type does not fix them, how many digits it has after the point
undated     rows whose hops lead to no date (only when the date is not on the entity)
recipient   a recipient, with or without groups, and how many rows of its table bear the name
hop         a hop whose right side is not unique, and how many values of it are not
stray       groups that reach no recipient
snapshot    when all this was true
==========  ======================================================================================

Sums travel as text. A JDBC column of type numeric without precision arrives in Spark as decimal(38,18), which
silently rounds what has more digits and overflows on what has fewer; text is exact, and Spark casts it to the
decimal that fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from rolling_contract1 import WHOLE, Column, Contract, identifier, in_order, literal
from rolling_period import Span, zone


@dataclass(frozen=True, slots=True)
class Shape:
    """What is known of the lines that a read gives, whichever way it is done."""

    group_width: int  # how many g1, g2, ... columns
    # True when groups are read off the entity's rows: such a group exists from its first row on.
    groups_have_a_beginning: bool
    has_loose_lines: bool = False

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(f"g{i}" for i in range(1, self.group_width + 1))

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the statement's result, in this order."""
        measures = ("row_count", "value_count", "total", "least", "most")
        return ("kind", "line", "recipient", *self.groups, "month", *measures)


@dataclass(frozen=True, slots=True)
class Statement:
    sql: str  # all facts come first, and then the lines, those of one group beside each other
    shape: Shape


@dataclass(frozen=True, slots=True)
class Reads:
    """What is read where Spark does the work: the statement's facts, and rows instead of lines.

    Whole numbers come as they are and everything else as text. The columns of the table with alias `t1` are
    called `t1_0`, `t1_1`, ... in the order of `columns["t1"]`; beside them stand `metric`, where that is the
    table's, and for the entity `rolling_month` and `rolling_by`, which parts its rows.
    """

    facts: str
    rows: str
    partitions: tuple[str, ...]  # conditions on `rolling_by`: every row meets one of them
    tables: dict[str, str]  # by alias, the tables that hops lead to
    columns: dict[str, tuple[Column, ...]]
    # By number of the group's column, where Spark does not know the order of its values: each value as text,
    # with its place. Else the order is that of whole numbers, or of text.
    places: dict[int, str]

    def name(self, column: Column) -> str:
        """What a column is called in the rows of its table."""
        return f"{column.alias}_{self.columns[column.alias].index(column)}"


def statement(contract: Contract, span: Span, time_zone: str, cap: datetime | None) -> Statement:
    """The statement for these periods.

    `cap` cuts off what is dated after it, in the extract's time zone; for a month not over.
    """
    return _Builder(contract, span, time_zone, cap).build()


def reads(
    contract: Contract,
    span: Span,
    time_zone: str,
    cap: datetime | None,
    partitions: int,
    keys: tuple[int, int] | None,
) -> Reads:
    """The same for Spark to join and to aggregate. `keys` are the least and the greatest of the column that
    parts the rows, where the spec names one.
    """
    return _Builder(contract, span, time_zone, cap).reads(partitions, keys)


def key_range(contract: Contract) -> str:
    """The least and the greatest value of the column that parts the rows."""
    assert contract.partition is not None
    key = _ref(contract.partition)
    return f"SELECT min({key}) AS least, max({key}) AS most FROM {entity(contract)} t0"


class _Builder:
    """Holds what every part of the statement needs; each method writes one part."""

    def __init__(self, contract: Contract, span: Span, time_zone: str, cap: datetime | None) -> None:
        self.c = contract
        self.span = span
        self.time_zone = time_zone
        self.cap = cap
        self.anchor = contract.anchor
        self.dated_by = contract.path(contract.date.alias)[1:]
        self.measured_by = contract.path(contract.metric.alias)[1:]

    def build(self) -> Statement:
        from_entity = self.anchor == "t0"
        lines = self._from_entity() if from_entity else self._from_anchor()
        return Statement(
            sql=f"""
    SELECT * FROM ({lines}
    UNION ALL
    {self._facts()}
    ) everything ORDER BY kind IN ('line', 'loose'), line""",
            shape=Shape(len(self.c.group), from_entity, self.c.has_loose_lines),
        )

    # -- small pieces ----------------------------------------------------------------------------------

    def _table(self, alias: str) -> str:
        return entity(self.c) if alias == "t0" else _name(self.c, alias)

    def _joined(self, aliases: Sequence[str]) -> str:
        lines = []
        for alias in aliases:
            hop = self.c.hop_to(alias)
            pairs = zip(hop.rights, hop.lefts, strict=True)
            same = " AND ".join(f"{_ref(right)} = {_ref(left)}" for right, left in pairs)
            lines.append(f"LEFT JOIN {self._table(alias)} {alias} ON {same}")
        return "\n      ".join(lines)

    def _reached(self, alias: str) -> str:
        """Whether a LEFT JOIN found a row: then no column of its key is NULL."""
        return f"{_ref(self.c.hop_to(alias).rights[0])} IS NOT NULL"

    def _unbroken(self, aliases: Sequence[str]) -> list[str]:
        """Conditions under which no mandatory hop to one of `aliases` led nowhere."""
        conditions = []
        for alias, excuse in self.c.mandatory(aliases):
            reached = self._reached(alias)
            conditions.append(reached if excuse is None else f"({reached} OR NOT {self._reached(excuse)})")
        return conditions

    @property
    def _measured(self) -> str | None:
        """Whether a row reaches its metric; None where every row does, or need not."""
        return " AND ".join(self._unbroken(self.measured_by)) or None

    def _bound(self, day: date) -> str:
        match self.c.date.type:
            case "date":
                return f"DATE '{day}'"
            case "timestamp with time zone":
                # Not PostgreSQL's `AT TIME ZONE`: of a midnight that comes twice because clocks are put back,
                # it takes the second, an hour after the month began. Python takes the first.
                midnight = datetime(day.year, day.month, day.day, tzinfo=zone(self.time_zone))
                return f"TIMESTAMPTZ '{midnight.astimezone(UTC).isoformat()}'"
            case _:
                return f"TIMESTAMP '{day} 00:00:00'"

    @property
    def _bounds(self) -> str:
        return f"ARRAY[{', '.join(self._bound(day) for day in self.span.bounds)}]"

    @property
    def _month(self) -> str:
        """The number of a row's month: by the very bounds that the filter uses, so that the two cannot
        disagree.

        `date_trunc(... AT TIME ZONE ...)` would, in the hour that a change of the clock repeats.
        """
        return f"width_bucket({_ref(self.c.date)}, {self._bounds})"

    @property
    def _month_bits(self) -> list[str]:
        """The number of a row's month, to be grouped by, as bits.

        PostgreSQL takes an expression for as manifold as the column in it, here for a group for each day, and
        sorts millions of rows where a small hash table would do. Of a condition it knows that it has two
        values.
        """
        count = len(self.span.months).bit_length()
        return [f"{self._month} & {1 << i} > 0 AS rolling_bit{i}" for i in range(count)]

    @property
    def _month_of_bits(self) -> str:
        bits = (f"f.rolling_bit{i}::int * {1 << i}" for i, _ in enumerate(self._month_bits))
        return " + ".join(bits)

    def _in_span(self, *, from_the_beginning: bool = False) -> str:
        """Half-open range on the raw column, never a function of it, so that an index on it serves."""
        when = _ref(self.c.date)
        clauses = [] if from_the_beginning else [f"{when} >= {self._bound(self.span.bounds[0])}"]
        clauses.append(f"{when} < {self._bound(self.span.bounds[-1])}")
        if self.cap is not None:
            clauses.append(f"{when} {self._cap()}")
        return " AND ".join(clauses)

    def _cap(self) -> str:
        assert self.cap is not None
        match self.c.date.type:
            case "date":
                return f"<= DATE '{self.cap.date()}'"
            case "timestamp with time zone":
                return f"<= TIMESTAMPTZ '{self.cap.isoformat()}'"
            case _:
                return f"<= TIMESTAMP '{self.cap.replace(tzinfo=None)}'"

    @property
    def _metric(self) -> str:
        metric = _ref(self.c.metric)
        if self.c.metric.is_float:
            # A cast of the number itself would round it to 15 digits. As text it has the fewest digits that
            # mean this very number and no other.
            return f"{metric}::text::numeric"
        return f"{metric}::numeric" if self.c.metric.type == "money" else metric

    @property
    def _measures(self) -> str:
        """With a prefix, because a column of the entity that stands beside them may be called `total`."""
        m = self._metric
        return (
            f"count(*) AS rolling_rows, count({m}) AS rolling_values, sum({m}) AS rolling_total,"
            f" min({m}) AS rolling_least, max({m}) AS rolling_most"
        )

    @property
    def _labels(self) -> str:
        """Recipient and group as text, and beside each group column the value that it is ordered by."""
        columns = [f"{self._recipient} AS recipient"]
        for i, column in enumerate(self.c.group, start=1):
            columns.append(f"{_ref(column)}::text AS g{i}")
            if not column.is_text:
                columns.append(f"{_ref(column)} AS s{i}")
        return ", ".join(columns)

    @property
    def _recipient(self) -> str:
        name = f"{_ref(self.c.recipient)}::text"
        far = self.c.far(self.anchor)
        if not any(self.c.hop_to(a).optional for a in self.c.path(self.c.recipient.alias) if a in far):
            return name
        # A recipient that is there but has no name is nobody still.
        assert self.c.unassigned is not None
        reached = self._reached(self.c.recipient.alias)
        return f"CASE WHEN {reached} THEN {name} ELSE {literal(self.c.unassigned)} END"

    @property
    def _owned(self) -> str:
        """Whether a row reaches a recipient by name, and every table that its group is read from."""
        unbroken = self._unbroken(self.c.far(self.anchor))
        return " AND ".join([f"{self._recipient} IS NOT NULL", *unbroken])

    @property
    def _g(self) -> list[str]:
        return [f"g{i}" for i in range(1, len(self.c.group) + 1)]

    @property
    def _order(self) -> str:
        """The order of the lines.

        Text goes by code point, not by the database's locale: same bytes wherever it is restored.
        """
        keys = ['recipient COLLATE "C"']
        for i, column in enumerate(self.c.group, start=1):
            if not column.is_text:
                keys.append(f"s{i} NULLS FIRST")
            keys.append(f'g{i} COLLATE "C" NULLS FIRST')
        return ", ".join(keys)

    def _kind(self, kind: str, **columns: str) -> str:
        """A SELECT list in the result's one shape."""
        shape = {
            "line": "NULL::bigint",
            "recipient": "NULL::text",
            **dict.fromkeys(self._g, "NULL::text"),
            "month": "NULL::integer",
            "row_count": "NULL::bigint",
            "value_count": "NULL::bigint",
            "total": "NULL::text",
            "least": "NULL::text",
            "most": "NULL::text",
        }
        assert set(columns) <= set(shape)
        return ", ".join(
            [f"'{kind}' AS kind", *(f"{columns.get(name, null)} AS {name}" for name, null in shape.items())]
        )

    # -- the figures -----------------------------------------------------------------------------------

    def _from_anchor(self) -> str:
        """Groups are rows of a joined table: reduce the entity to (key of that table, month), then join the
        wide tables.
        """
        key = self.c.hop_to(self.anchor)
        before = [alias for alias in self.c.path(key.start) if alias != "t0"]
        near = in_order({*before, *self.dated_by, *self.measured_by})
        keys = [f"key{i}" for i in range(1, len(key.lefts) + 1)]
        # A row that should reach its metric and does not is nobody's, and so is given no key.
        measured = self._measured
        start = "{}" if measured is None else f"CASE WHEN {measured} THEN {{}} END"
        lefts = ", ".join(
            f"{start.format(_ref(left))} AS {k}" for left, k in zip(key.lefts, keys, strict=True)
        )
        rights = ", ".join(f"{_ref(right)} AS {k}" for right, k in zip(key.rights, keys, strict=True))
        same = " AND ".join(f"f.{k} = m.{k}" for k in keys)
        width = len(keys) + len(self._month_bits) + self.c.has_loose_lines
        loose, excuse = "false", ""
        recipient, owned = "m.recipient", "m.owned"
        if self.c.has_loose_lines:
            assert self.c.unassigned is not None
            excused = "true" if key.optional else f"NOT {self._reached(key.start)}"
            excuses = [*self._unbroken(before), excused, *([measured] if measured else [])]
            excuse = f"{' AND '.join(excuses)} AS rolling_excused, "
            loose = "m.is_there IS NULL"
            recipient = f"CASE WHEN {loose} THEN {literal(self.c.unassigned)} ELSE m.recipient END"
            owned = f"CASE WHEN {loose} THEN f.rolling_excused ELSE m.owned END"
        labels = ", ".join(
            f"m.g{i}" if column.is_text else f"m.g{i}, m.s{i}"
            for i, column in enumerate(self.c.group, start=1)
        )
        return f"""
    WITH figures AS (
      SELECT {lefts}, {excuse}{", ".join(self._month_bits)}, {self._measures}
      FROM {self._table("t0")} t0
      {self._joined(near)}
      WHERE {self._in_span()}
      GROUP BY {", ".join(str(i + 1) for i in range(width))}
    ), members AS (
      SELECT {rights}, {self._labels}, {self._owned} AS owned, true AS is_there
      FROM {self._table(self.anchor)} {self.anchor}
      {self._joined(self.c.far(self.anchor))}
    ), detail AS (
      SELECT {recipient} AS recipient, {labels}, {owned} AS owned, {loose} AS loose,
             coalesce({self._month_of_bits}, 0) AS rolling_month,
             f.rolling_rows, f.rolling_values, f.rolling_total, f.rolling_least, f.rolling_most
      FROM members m FULL JOIN figures f ON {same}
    )
    {self._lines()}
    UNION ALL
    SELECT {self._kind("stray", row_count="count(*)")} FROM members WHERE NOT owned"""

    def _from_entity(self) -> str:
        """Groups are read off the entity: reduce it to (its own columns and its foreign keys, month), then
        join.

        There is no lower bound on the date: rows before the window are what says that a group existed by
        then. They come back as month 0, without figures.
        """
        first_hops = [a for a in self.c.far("t0") if self.c.hop_to(a).start == "t0"]
        own = [column for column in (*self.c.group, self.c.recipient) if column.alias == "t0"]
        keys = list(
            dict.fromkeys(
                [
                    *(column.name for column in own),
                    *(left.name for a in first_hops for left in self.c.hop_to(a).lefts),
                ]
            )
        )
        measured, owned = self._measured, self._owned
        if measured is not None:
            measured, owned = f"{measured} AS rolling_measured, ", f"{owned} AND t0.rolling_measured"
        width = [str(i) for i in range(1, len(keys) + 2 + (measured is not None))]
        # 9.5 and 9.50 are equal, but two lines: which of them a group of both would bear, nobody could say.
        width += [f"{_ref(column)}::text" for column in own if not _is_written_one_way(column)]
        # The reduced rows take the entity's alias, so that hops and labels read the same before and after.
        return f"""
    WITH figures AS (
      SELECT {", ".join(f"t0.{identifier(name)}" for name in keys)},
             {measured or ""}{self._month} AS rolling_month, {self._measures}
      FROM {self._table("t0")} t0
      {self._joined(in_order({*self.dated_by, *self.measured_by}))}
      WHERE {self._in_span(from_the_beginning=True)}
      GROUP BY {", ".join(width)}
    ), detail AS (
      SELECT {self._labels}, {owned} AS owned, false AS loose,
             t0.rolling_month, t0.rolling_rows, t0.rolling_values,
             t0.rolling_total, t0.rolling_least, t0.rolling_most
      FROM figures t0
      {self._joined(self.c.far("t0"))}
    )
    {self._lines()}"""

    def _lines(self) -> str:
        counts = {
            "month": "rolling_month",
            "row_count": "sum(rolling_rows)::bigint",
            "value_count": "sum(rolling_values)::bigint",
            "total": "sum(rolling_total)::text",
        }
        extremes = {"least": "min(rolling_least)::text", "most": "max(rolling_most)::text"}
        labels = {"line": "line", "recipient": "recipient", **{g: g for g in self._g}}
        kind, by = self._kind("line", **labels, **counts, **extremes), ""
        if self.c.has_loose_lines:
            kind, by = kind.replace("'line'", "CASE WHEN loose THEN 'loose' ELSE 'line' END", 1), ", loose"
        return f"""
    SELECT {kind}
    FROM (SELECT dense_rank() OVER (ORDER BY {self._order}) AS line, detail.* FROM detail WHERE owned) ranked
    GROUP BY line, recipient, {", ".join(self._g)}, rolling_month{by}
    UNION ALL
    SELECT {self._kind("orphan", **counts)}
    FROM detail WHERE owned IS NOT TRUE AND rolling_month > 0 GROUP BY rolling_month"""

    # -- what the figures are held against -------------------------------------------------------------

    def _facts(self) -> str:
        near = in_order({*self.dated_by, *self.measured_by})
        entity = f"FROM {self._table('t0')} t0 {self._joined(near)}"
        sums = {
            "row_count": "count(*)",
            "value_count": f"count({self._metric})",
            "total": f"sum({self._metric})::text",
        }
        digits = {} if self.c.metric.digits is not None else {"line": f"max(scale({self._metric}))::bigint"}
        month = 4 + len(self.c.group)  # where it stands in the list; a name could be a column of the entity
        facts = [
            f"SELECT {self._kind('control', month=self._month, **digits, **sums)} {entity}"
            f" WHERE {self._in_span()} GROUP BY {month}"
        ]
        if self.dated_by:
            unreached = f"NOT {self._reached(self.dated_by[-1])}"
            facts.append(f"SELECT {self._kind('undated', **sums)} {entity} WHERE {unreached}")
        name = self.c.recipient
        if name.alias != "t0":
            facts.append(
                f"SELECT {self._kind('recipient', recipient=f'{_ref(name)}::text', row_count='count(*)')}"
                f" FROM {self._table(name.alias)} {name.alias} WHERE {_ref(name)} IS NOT NULL GROUP BY"
                f" {_ref(name)}::text"
            )
        for i, hop in enumerate(self.c.hops, start=1):
            if not hop.unique:
                key, alias = ", ".join(_ref(right) for right in hop.rights), f"t{i}"
                whole = " AND ".join(f"{_ref(right)} IS NOT NULL" for right in hop.rights)
                facts.append(
                    f"SELECT {self._kind('hop', line=str(i), row_count='count(*)')} FROM (SELECT {key} FROM"
                    f" {self._table(alias)} {alias} WHERE {whole} GROUP BY {key}"
                    " HAVING count(*) > 1) twice HAVING count(*) > 0"
                )
        stamp = "to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
        facts.append(f"SELECT {self._kind('snapshot', recipient=stamp)}")
        return "\n    UNION ALL\n    ".join(facts)

    # -- rows, for Spark to do the rest ----------------------------------------------------------------

    def reads(self, partitions: int, keys: tuple[int, int] | None) -> Reads:
        needed = {*self.c.path(self.anchor)[1:], *self.c.far(self.anchor), *self.measured_by}
        used: dict[str, dict[Column, None]] = {alias: {} for alias in ("t0", *in_order(needed))}
        shown = (*self.c.group, self.c.recipient, *self.c.carried)
        for column in (*shown, *(side for a in used if a != "t0" for side in self._sides(a))):
            used[column.alias][column] = None
        columns = {alias: tuple(found) for alias, found in used.items()}
        return Reads(
            facts=self._facts(),
            rows=self._rows(columns["t0"]),
            partitions=self._partitions(partitions, keys),
            tables={
                alias: f"SELECT {self._values(alias, found)} FROM {self._table(alias)} {alias}"
                for alias, found in columns.items()
                if alias != "t0"
            },
            columns=columns,
            places={
                i: self._places(column)
                for i, column in enumerate(self.c.group, start=1)
                if not (column.is_text or column.type in (*WHOLE, "uuid", "boolean"))
            },
        )

    def _sides(self, alias: str) -> tuple[Column, ...]:
        hop = self.c.hop_to(alias)
        return (*hop.lefts, *hop.rights)

    def _values(self, alias: str, columns: Sequence[Column]) -> str:
        values = [
            f"{_ref(column)}{'' if column.type in WHOLE else '::text'} AS {alias}_{i}"
            for i, column in enumerate(columns)
        ]
        if self.c.metric.alias == alias:
            metric = self._metric
            if self.c.metric.type not in WHOLE:
                # What no decimal can bear is told by the control totals, for the months that it is in.
                metric = f"nullif(nullif(nullif({metric}::text, 'NaN'), 'Infinity'), '-Infinity')"
            values.append(f"{metric} AS metric")
        return ", ".join(values)

    def _rows(self, columns: Sequence[Column]) -> str:
        """The entity's rows of the span; where groups are read off them, also those before it, as month 0.

        Only a date on another table is joined here: else all rows of the entity would be read for the few of
        the window.
        """
        by = self.c.date if self.c.partition is None else self.c.partition
        return f"""
    SELECT {self._values("t0", columns)}, {self._month} AS rolling_month, {_ref(by)} AS rolling_by
    FROM {self._table("t0")} t0
    {self._joined(self.dated_by)}
    WHERE {self._in_span(from_the_beginning=self.anchor == "t0")}"""

    def _partitions(self, count: int, keys: tuple[int, int] | None) -> tuple[str, ...]:
        """Conditions that part the rows into as many ranges of days, or of the key.

        The ranges leave no gap and are open at both ends, so that no row is lost or read twice whatever is
        in the column.
        """
        if self.c.partition is None:
            first, last = self.span.bounds[0], self.span.bounds[-1]
            days = (last - first).days
            inner = [self._bound(first + timedelta(days * i // count)) for i in range(1, count)]
            if self.anchor == "t0":
                inner.insert(0, self._bound(first))  # what is before the span is a part of its own
        elif keys is None:
            inner = []
        else:
            least, most = keys
            inner = [str(least + (most - least) * i // count) for i in range(1, count)]
        inner = list(dict.fromkeys(inner))
        if not inner:
            return ("true",)
        none = "" if self.c.partition is None else " OR rolling_by IS NULL"
        between = [f"rolling_by >= {low} AND rolling_by < {high}" for low, high in pairwise(inner)]
        return (f"rolling_by < {inner[0]}{none}", *between, f"rolling_by >= {inner[-1]}")

    def _places(self, column: Column) -> str:
        value = _ref(column)
        return f"""
    SELECT DISTINCT label, place
    FROM (SELECT {value}::text AS label, dense_rank() OVER (ORDER BY {value}) AS place
          FROM {self._table(column.alias)} {column.alias} WHERE {value} IS NOT NULL) placed"""


def entity(contract: Contract) -> str:
    """The entity's rows, as far as the spec's condition lets them count."""
    table = _name(contract, "t0")
    if contract.where is None:
        return table
    # The condition speaks of the entity by its own names, so it stands where nothing else is in sight.
    # Columns by name, because a role that was granted those alone may not say `*`.
    lefts = [column for hop in contract.hops for column in hop.lefts]
    read = (contract.metric, contract.date, *contract.group, contract.recipient, *contract.carried)
    by = () if contract.partition is None else (contract.partition,)
    used = (*read, *by, *lefts)
    names = dict.fromkeys(identifier(column.name) for column in used if column.alias == "t0")
    return f"(SELECT {', '.join(names)} FROM {table} WHERE (\n{contract.where}\n))"


def probe(contract: Contract) -> str:
    """A statement that reads nothing, for PostgreSQL to say what it makes of the spec's condition."""
    return f"SELECT count(*) FROM {entity(contract)} t0 WHERE false"


def _is_written_one_way(column: Column) -> bool:
    """Whether equal values of the column's type are the same text."""
    one_way = ("text", "character varying", "character", "boolean", "uuid", "date")
    return column.type in (*WHOLE, *one_way) or "timestamp" in column.type or column.category == "E"


def _ref(column: Column) -> str:
    return f"{column.alias}.{identifier(column.name)}"


def _name(contract: Contract, alias: str) -> str:
    return f"{identifier(contract.schema)}.{identifier(contract.tables[_number(alias)])}"


def _number(alias: str) -> int:
    return int(alias[1:])
