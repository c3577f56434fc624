"""Random expressions and conditions. Each has a text in SQL and a value that plain Python computes.

An expression is a tree of nodes. Its value is computed with fractions and three-valued logic. This module
does not parse SQL, because a parser could have the same error as the parser of the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from hypothesis import strategies as st

Value = Fraction | str | None
# A function that returns the value of a column. Its arguments are the table's alias and the column's name.
Read = Callable[[str, str], object]


@dataclass(frozen=True)
class Column:
    """A column of the entity (`table` is "Loans") or of a joined table."""

    table: str
    name: str
    whole: bool = False  # whether the column has a type for whole numbers
    text: bool = False
    quoted: bool = False

    def sql(self) -> str:
        parts = [self.name] if self.table == "Loans" and not self.quoted else [self.table, self.name]
        return ".".join(f'"{part}"' if self.quoted else part for part in parts)

    def value(self, read: Read) -> Value:
        found = read(self.table, self.name)
        if found is None or isinstance(found, str):
            return found
        assert isinstance(found, int | Decimal)
        return Fraction(found)


@dataclass(frozen=True)
class Number:
    """A constant."""

    number: Decimal

    def sql(self) -> str:
        return f"{self.number:f}"

    def value(self, _: Read) -> Fraction:
        return Fraction(self.number)

    @property
    def whole(self) -> bool:
        return self.number == self.number.to_integral() and self.number.as_tuple().exponent == 0


@dataclass(frozen=True)
class Arithmetic:
    """`left operator right`. The text has parentheses where they are necessary."""

    operator: str  # + - *
    left: Node
    right: Node

    def sql(self) -> str:
        return f"{_closed(self.left)} {self.operator} {_closed(self.right)}"

    def value(self, read: Read) -> Value:
        left, right = _number(self.left, read), _number(self.right, read)
        if left is None or right is None:
            return None
        match self.operator:
            case "+":
                return left + right
            case "-":
                return left - right
            case _:
                return left * right

    @property
    def whole(self) -> bool:
        return self.left.whole and self.right.whole


@dataclass(frozen=True)
class Divided:
    """A division by a constant, or by a column that is not zero."""

    left: Node
    by: Number | Column
    whole: bool = False

    def sql(self) -> str:
        by = self.by.sql()
        return f"{_closed(self.left)} / {by if isinstance(self.by, Number) else f'nullif({by}, 0)'}"

    def value(self, read: Read) -> Value:
        left, by = _number(self.left, read), _number(self.by, read)
        return None if left is None or not by else left / by


@dataclass(frozen=True)
class Call:
    """A function of one or several numbers."""

    name: str  # abs, coalesce, greatest, least or nullif; "-" changes the sign
    arguments: tuple[Node, ...]

    def sql(self) -> str:
        if self.name == "-":
            return f"-{_closed(self.arguments[0])}"
        return f"{self.name}({', '.join(argument.sql() for argument in self.arguments)})"

    def value(self, read: Read) -> Value:
        given = [_number(argument, read) for argument in self.arguments]
        known = [number for number in given if number is not None]
        match self.name:
            case "-":
                return None if given[0] is None else -given[0]
            case "abs":
                return None if given[0] is None else abs(given[0])
            case "coalesce":
                return known[0] if known else None
            case "greatest":
                return max(known, default=None)
            case "least":
                return min(known, default=None)
            case _:  # nullif
                return None if given[0] == given[1] else given[0]

    @property
    def whole(self) -> bool:
        return all(argument.whole for argument in self.arguments)


@dataclass(frozen=True)
class Case:
    """`CASE WHEN condition THEN one ELSE other END`. Without `other`, there is no ELSE."""

    condition: Condition
    one: Node
    other: Node | None

    def sql(self) -> str:
        other = "" if self.other is None else f" ELSE {self.other.sql()}"
        return f"CASE WHEN {self.condition.sql()} THEN {self.one.sql()}{other} END"

    def value(self, read: Read) -> Value:
        if self.condition.truth(read):
            return self.one.value(read)
        return None if self.other is None else self.other.value(read)

    @property
    def whole(self) -> bool:
        return self.one.whole and (self.other is None or self.other.whole)


Node = Column | Number | Arithmetic | Divided | Call | Case


@dataclass(frozen=True)
class Comparison:
    """A comparison of two numbers, or of a text with a constant."""

    operator: str  # = <> < <= > >=
    left: Node
    right: Node | str

    def sql(self) -> str:
        right = f"'{self.right}'" if isinstance(self.right, str) else _closed(self.right)
        return f"{_closed(self.left)} {self.operator} {right}"

    def truth(self, read: Read) -> bool | None:
        if isinstance(self.right, str):
            text = self.left.value(read)
            assert text is None or isinstance(text, str)
            return None if text is None else (text == self.right) is (self.operator == "=")
        left, right = _number(self.left, read), _number(self.right, read)
        if left is None or right is None:
            return None
        compared: dict[str, bool] = {
            "=": left == right,
            "<>": left != right,
            "<": left < right,
            "<=": left <= right,
            ">": left > right,
            ">=": left >= right,
        }
        return compared[self.operator]


@dataclass(frozen=True)
class Missing:
    """`IS NULL` or `IS NOT NULL`."""

    column: Column
    negated: bool

    def sql(self) -> str:
        return f"{self.column.sql()} IS {'NOT ' if self.negated else ''}NULL"

    def truth(self, read: Read) -> bool:
        return (self.column.value(read) is None) is not self.negated


@dataclass(frozen=True)
class Among:
    """`IN` or `NOT IN` with a list of texts or whole numbers."""

    column: Column
    values: tuple[str, ...] | tuple[int, ...]
    negated: bool

    def sql(self) -> str:
        listed = ", ".join(f"'{value}'" if isinstance(value, str) else str(value) for value in self.values)
        return f"{self.column.sql()} {'NOT ' if self.negated else ''}IN ({listed})"

    def truth(self, read: Read) -> bool | None:
        value = self.column.value(read)
        return None if value is None else (value in self.values) is not self.negated


@dataclass(frozen=True)
class Between:
    """`BETWEEN` with two constants."""

    left: Node
    low: Number
    high: Number

    def sql(self) -> str:
        return f"{_closed(self.left)} BETWEEN {self.low.sql()} AND {self.high.sql()}"

    def truth(self, read: Read) -> bool | None:
        value = _number(self.left, read)
        return None if value is None else self.low.value(read) <= value <= self.high.value(read)


@dataclass(frozen=True)
class Logic:
    """`AND` or `OR` of two conditions, or `NOT` of one condition."""

    operator: str
    parts: tuple[Condition, ...]

    def sql(self) -> str:
        if self.operator == "NOT":
            return f"NOT ({self.parts[0].sql()})"
        return f" {self.operator} ".join(f"({part.sql()})" for part in self.parts)

    def truth(self, read: Read) -> bool | None:
        found = [part.truth(read) for part in self.parts]
        if self.operator == "NOT":
            return None if found[0] is None else not found[0]
        decisive = self.operator == "OR"  # one true part makes OR true, and one false part makes AND false
        if decisive in found:
            return decisive
        return None if None in found else not decisive


Condition = Comparison | Missing | Among | Between | Logic


def columns(tree: Node | Condition | str | None) -> Iterator[Column]:
    """Yield all columns of a tree."""
    match tree:
        case Column():
            yield tree
        case Arithmetic(_, left, right) | Comparison(_, left, right):
            yield from columns(left)
            yield from columns(right)
        case Divided(left, by):
            yield from columns(left)
            yield from columns(by)
        case Call(_, parts) | Logic(_, parts):
            for part in parts:
                yield from columns(part)
        case Case(condition, one, other):
            yield from columns(condition)
            yield from columns(one)
            yield from columns(other)
        case Missing(column) | Among(column):
            yield column
        case Between(left):
            yield from columns(left)
        case _:
            pass


def _number(node: Node, read: Read) -> Fraction | None:
    value = node.value(read)
    assert value is None or isinstance(value, Fraction)
    return value


def _closed(node: Node) -> str:
    """Return the text of a node. Add parentheses if the operators around it could change its meaning."""
    bare = (isinstance(node, Column | Number) and not node.sql().startswith("-")) or (
        isinstance(node, Call) and node.name != "-"
    )
    return node.sql() if bare else f"({node.sql()})"


def nodes(numbers: list[Column], texts: list[Column]) -> st.SearchStrategy[Node]:
    """Return a Hypothesis strategy for expressions over these columns. Most expressions are small."""
    column = st.builds(_quoted, st.sampled_from(numbers), st.booleans())
    constant = st.builds(Number, st.sampled_from([Decimal(text) for text in CONSTANTS]))
    leaf: st.SearchStrategy[Node] = st.one_of(column, column, constant)
    small: st.SearchStrategy[Node] = st.one_of(
        column,
        st.builds(Arithmetic, st.sampled_from("+-*"), column, leaf),
        st.builds(Call, st.just("abs"), st.tuples(column)),
    )
    case = st.builds(Case, conditions(numbers, texts, depth=1), leaf, st.one_of(st.none(), leaf))
    called = st.one_of(
        st.builds(Call, st.sampled_from(("-", "abs")), st.tuples(small)),
        st.builds(Call, st.sampled_from(("coalesce", "greatest", "least", "nullif")), st.tuples(small, leaf)),
    )
    arithmetic = st.builds(Arithmetic, st.sampled_from("+-*"), small, leaf)
    whole_divisors = st.sampled_from([Number(Decimal(text)) for text in ("2", "3", "7", "100", "-6", "0.3")])
    divided = st.builds(Divided, st.one_of(column, small), whole_divisors)
    ratio = st.builds(Divided, column, st.sampled_from(numbers))
    return st.one_of(column, column, small, arithmetic, called, case, divided, ratio)


CONSTANTS = ("0", "1", "2", "1.5", "0.0001", "100", "-3", "7")


def _quoted(column: Column, quoted: bool) -> Column:
    return Column(column.table, column.name, column.whole, column.text, quoted)


def conditions(numbers: list[Column], texts: list[Column], *, depth: int = 2) -> st.SearchStrategy[Condition]:
    """Return a Hypothesis strategy for conditions over these columns."""
    number = st.builds(_quoted, st.sampled_from(numbers), st.booleans())
    constant = st.builds(Number, st.sampled_from([Decimal(text) for text in CONSTANTS]))
    simple: list[st.SearchStrategy[Condition]] = [
        st.builds(Comparison, st.sampled_from(("=", "<>", "<", "<=", ">", ">=")), number, constant),
        st.builds(Comparison, st.sampled_from(("<", ">=")), number, number),
        st.builds(Missing, st.sampled_from([*numbers, *texts]), st.booleans()),
        st.builds(Among, number, st.sampled_from(((1, 2, 3), (0, 5), (-1,))), st.booleans()),
        st.builds(Between, number, st.just(Number(Decimal(-5))), st.just(Number(Decimal("99.5")))),
    ]
    if texts:
        text = st.builds(_quoted, st.sampled_from(texts), st.booleans())
        simple += [
            st.builds(Comparison, st.sampled_from(("=", "<>")), text, st.sampled_from(("a", "b", ""))),
            st.builds(Among, text, st.sampled_from((("a", "b"), ("B", "x"))), st.booleans()),
        ]
    one: st.SearchStrategy[Condition] = st.one_of(simple)
    if depth == 1:
        return one
    inner = conditions(numbers, texts, depth=depth - 1)
    both = st.builds(Logic, st.sampled_from(("AND", "OR")), st.tuples(inner, inner))
    return st.one_of(one, one, both, st.builds(Logic, st.just("NOT"), st.tuples(inner)))
