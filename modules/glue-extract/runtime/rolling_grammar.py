"""Parse the text of a SQL expression into nodes: a part of PostgreSQL's grammar, with its precedence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from rolling_nodes import (
    COMPARISONS,
    Binary,
    Call,
    Case,
    Cast,
    Constant,
    In,
    Is,
    Node,
    Number,
    Ref,
    Text,
    Unary,
    children,
)
from rolling_repeatable import CLOCK_CALLS, CLOCKS, clock
from rolling_tokens import ExpressionError, Token, decimal, tokens, unquoted

if TYPE_CHECKING:
    from rolling_resolved import Column

# A function that returns the column for the parts of a name, for example for ("Account", "Balance").
Resolve = Callable[[tuple[str, ...]], "Column"]

_RESERVED = (
    *("all", "and", "any", "array", "as", "between", "case", "cast", "collate", "distinct", "else", "end"),
    *(
        "exists",
        "from",
        "group",
        "having",
        "ilike",
        "in",
        "is",
        "like",
        "limit",
        "not",
        "null",
        "offset",
        "on",
    ),
    *(
        "or",
        "order",
        "over",
        "row",
        "select",
        "similar",
        "some",
        "table",
        "then",
        "union",
        "when",
        "where",
        "with",
    ),
)
_TYPED = ("date", "time", "timestamp", "timestamptz", "interval")
# Types whose names have several words.
_LONG_TYPES = ("double precision", "character varying", "bit varying")
_ZONED = ("timestamp", "time")

_LONGEST = 10_000
_DEEPEST = 40  # maximum number of levels of nested parentheses
_MOST_OPERATORS = 150  # maximum number of operators in a chain such as a + b + c + d


def parse(text: str, resolve_name: Resolve) -> Node:
    """Return the nodes of `text`. Raise `ExpressionError` if it is not an expression."""
    if not text.strip():
        raise ExpressionError("is empty; leave it out")
    if len(text) > _LONGEST:
        raise ExpressionError(f"has more than {_LONGEST} characters; put the expression into a view")
    node = _Parser(tokens(text), resolve_name).whole()
    level, height = [node], 0
    while level:
        level, height = [child for each in level for child in children(each)], height + 1
    if height > _MOST_OPERATORS:
        raise ExpressionError(
            f"has more than {_MOST_OPERATORS} operators in a row; put the expression into a view"
        )
    return node


@dataclass(slots=True)
class _Parser:
    """The parser. It has one method for each level of precedence, the lowest first."""

    tokens: list[Token]
    resolve: Resolve
    at: int = 0
    depth: int = field(default=0)

    @property
    def next(self) -> Token:
        return self.tokens[self.at]

    def whole(self) -> Node:
        node = self._or()
        if self.next.kind != "end":
            self._fail("the end")
        return node

    # -- tokens --------------------------------------------------------------------------------------

    def _take(self, *words: str) -> str | None:
        """If the next word or sign is one of `words`, return it and move to the token after it."""
        found = self.next.word
        if found not in words:
            return None
        self.at += 1
        return found

    def _sees(self, *words: str) -> bool:
        """Return whether the next tokens are these words. If so, move to the token after them."""
        if [token.word for token in self.tokens[self.at : self.at + len(words)]] != list(words):
            return False
        self.at += len(words)
        return True

    def _expect(self, word: str) -> None:
        if self._take(word) is None:
            self._fail(f'"{word.upper()}"')

    def _fail(self, expected: str) -> NoReturn:
        token = self.next
        if token.kind == "end":
            raise ExpressionError(f"ends where {expected} should follow")
        if token.word == "select":
            raise ExpressionError("has a subquery; use a view instead of the table, or join the table")
        if token.word in ("over", "filter", "collate", "array", "similar", "any", "all", "exists", "escape"):
            raise ExpressionError(
                f"uses {token.text.upper()}, which is not supported; put the expression into a view"
            )
        raise ExpressionError(
            f'has "{token.text}" (character {token.start + 1}) where {expected} should follow'
        )

    # -- precedence ------------------------------------------------------------------------------------

    def _or(self) -> Node:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ExpressionError(
                f"is nested more than {_DEEPEST} levels deep; put the expression into a view"
            )
        node = self._and()
        while self._take("or"):
            node = Binary("OR", node, self._and())
        self.depth -= 1
        return node

    def _and(self) -> Node:
        node = self._not()
        while self._take("and"):
            node = Binary("AND", node, self._not())
        return node

    def _not(self) -> Node:
        negations = 0
        while self._take("not"):
            negations += 1
        node = self._is()
        for _ in range(min(negations, 2 - negations % 2)):
            node = Unary("NOT", node)
        return node

    def _is(self) -> Node:
        node = self._comparison()
        while True:
            if self._take("isnull"):
                node = Is(node, "NULL")
            elif self._take("notnull"):
                node = Is(node, "NOT NULL")
            elif self._take("is"):
                negated = "NOT " if self._take("not") else ""
                if self._sees("distinct", "from"):
                    node = Binary(f"IS {negated}DISTINCT FROM", node, self._comparison())
                elif test := self._take("null", "true", "false", "unknown"):
                    node = Is(node, negated + test.upper())
                else:
                    self._fail("NULL, TRUE, FALSE or DISTINCT FROM")
            else:
                return node

    def _comparison(self) -> Node:
        node = self._range()
        if operator := self._take("=", "<>", "!=", "<", "<=", ">", ">="):
            node = Binary("<>" if operator == "!=" else operator, node, self._range())
            if self.next.word in (*COMPARISONS, "!="):
                self._fail("AND or OR")
        return node

    def _range(self) -> Node:
        node = self._other()
        start = self.at
        negated = self._take("not") is not None
        if self._take("between"):
            low = self._other()
            self._expect("and")
            found: Node = Binary("AND", Binary(">=", node, low), Binary("<=", node, self._other()))
            return Unary("NOT", found) if negated else found
        if self._take("in"):
            self._expect("(")
            return In(node, self._list(), negated)
        if like := self._take("like", "ilike"):
            return Binary(("NOT " if negated else "") + like.upper(), node, self._other())
        self.at = start
        return node

    def _other(self) -> Node:
        node = self._sum()
        while operator := self._take("||", "~", "~*", "!~", "!~*", "->", "->>"):
            node = Binary(operator, node, self._sum())
        return node

    def _sum(self) -> Node:
        node = self._product()
        while operator := self._take("+", "-"):
            node = Binary(operator, node, self._product())
        return node

    def _product(self) -> Node:
        node = self._power()
        while operator := self._take("*", "/", "%"):
            node = Binary(operator, node, self._power())
        return node

    def _power(self) -> Node:
        node = self._zoned()
        while self._take("^"):
            node = Call("power", (node, self._zoned()))
        return node

    def _zoned(self) -> Node:
        node = self._signed()
        while self._sees("at", "time", "zone"):
            node = Call("timezone", (self._signed(), node))
        return node

    def _signed(self) -> Node:
        negative = False
        while sign := self._take("-", "+"):
            negative ^= sign == "-"
        node = self._cast()
        if not negative:
            return node
        return Number(f"-{node.text}") if isinstance(node, Number) and node.text != "0" else Unary("-", node)

    def _cast(self) -> Node:
        node = self._value()
        while self._take("::"):
            node = Cast(node, self._type())
        return node

    # -- values ----------------------------------------------------------------------------------------

    def _value(self) -> Node:
        token = self.next
        self.at += 1
        match token.kind:
            case "number":
                return Number(decimal(token.text))
            case "text":
                return Text(token.text[1:-1].replace("''", "'"))
            case "sign" if token.text == "(":
                node = self._or()
                self._expect(")")
                return node
            case "name":
                return self._column(unquoted(token.text))
            case "word":
                return self._word(token)
        self.at -= 1
        return self._fail("a value")

    def _word(self, token: Token) -> Node:
        word = token.word
        following = self.next
        if word in ("null", "true", "false"):
            return Constant(word.upper())
        if word == "case":
            return self._case()
        if word == "cast":
            self._expect("(")
            node = self._or()
            self._expect("as")
            type = self._type()
            self._expect(")")
            return Cast(node, type)
        if word in _TYPED and following.kind == "text":
            self.at += 1
            return Cast(Text(following.text[1:-1].replace("''", "'")), word)
        if following.word == "(" and word not in _RESERVED:
            self.at += 1
            return self._call(word)
        if word in CLOCKS and following.word != ".":
            raise clock(word)
        if word in _RESERVED:
            self.at -= 1
            self._fail("a value")
        return self._column(token.text)

    def _column(self, first: str) -> Node:
        names = [first]
        while self._take("."):
            token = self.next
            if token.kind not in ("word", "name"):
                self._fail("the name of a column")
            names.append(unquoted(token.text) if token.kind == "name" else token.text)
            self.at += 1
        if self.next.word == "(":
            raise ExpressionError(
                f"calls {'.'.join(names)}(); only built-in functions of PostgreSQL are allowed"
            )
        return Ref(self.resolve(tuple(names)))

    def _list(self) -> tuple[Node, ...]:
        """Return the values of a list in parentheses, up to the closing parenthesis."""
        found = [self._or()]
        while self._take(","):
            found.append(self._or())
        self._expect(")")
        return tuple(found)

    def _call(self, name: str) -> Node:
        if name in CLOCK_CALLS:
            raise clock(f"{name}()")
        if name == "extract":
            part = self.next
            if part.kind not in ("word", "text"):
                self._fail("the part of a date, for example YEAR,")
            self.at += 1
            self._expect("from")
            part_name = part.text.strip("'").lower()
            if not part_name.isalpha():
                raise ExpressionError(f'extracts "{part_name}", which is not part of a date')
            return Call(name, (Text(part_name), *self._list()))
        if self._take(")"):
            return Call(name, ())
        if self.next.word in ("*", "distinct"):
            raise ExpressionError(
                f"calls the aggregate {name}(); write the aggregate as the first field of a Metric"
            )
        return Call(name, self._list())

    def _case(self) -> Node:
        subject = None if self.next.word == "when" else self._or()
        whens = []
        while self._take("when"):
            condition = self._or()
            self._expect("then")
            whens.append((condition if subject is None else Binary("=", subject, condition), self._or()))
        otherwise = self._or() if self._take("else") else None
        self._expect("end" if whens else "when")
        return Case(tuple(whens), otherwise)

    def _type(self) -> str:
        token = self.next
        if token.kind not in ("word", "name") or token.word in _RESERVED:
            self._fail("a type")
        self.at += 1
        name = token.word or token.text
        if f"{name} {self.next.word}" in _LONG_TYPES:
            name = f"{name} {self.next.word}"
            self.at += 1
        while self._take("."):
            if self.next.kind not in ("word", "name"):
                self._fail("a type")
            name = f"{name}.{self.next.word or self.next.text}"
            self.at += 1
        if "." in name:  # the owner of the type could let PostgreSQL run code for the cast
            raise ExpressionError(f"has a cast to {name}; only PostgreSQL's own types are allowed")
        if self._take("("):
            numbers = []
            while self.next.kind == "number" and self.next.text.isdecimal():
                numbers.append(self.next.text)
                self.at += 1
                if not self._take(","):
                    break
            if not numbers:
                self._fail("a number")
            self._expect(")")
            name = f"{name}({', '.join(numbers)})"
        if name.partition("(")[0] in _ZONED:
            for zone in ("with", "without"):
                if self._sees(zone, "time", "zone"):
                    name = f"{name} {zone} time zone"
        return name
