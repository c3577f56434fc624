"""The expressions of GitHub in `${{ }}`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.github.model import Contexts

TOKENS = re.compile(r"\s*(?:('(?:[^']|'')*')|(\d+)|([A-Za-z_][\w-]*)|(==|!=|&&|\|\||[!().*,]))")


def interpolate(value: Any, contexts: Contexts) -> Any:
    """Return the value with each `${{ }}` evaluated. If the value is one expression, it keeps its type."""
    if not isinstance(value, str):
        return value
    whole = re.fullmatch(r"\$\{\{(.*?)\}\}", value.strip(), re.DOTALL)
    if whole:
        return _Expression(whole[1], contexts).value()
    return re.sub(r"\$\{\{(.*?)\}\}", lambda m: text(_Expression(m[1], contexts).value()), value)


def holds(condition: str, contexts: Contexts) -> bool:
    """Return whether a job or step runs. A condition without a status function includes `success()`."""
    text = str(condition).strip()
    text = re.sub(r"^\$\{\{(.*)\}\}$", r"\1", text, flags=re.DOTALL)
    if not re.search(r"\b(always|failure|cancelled|success)\(\)", text):
        text = f"success() && ({text})" if text else "success()"
    return bool(_Expression(text, contexts).value())


def text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(slots=True)
class _Expression:
    """A recursive descent parser for the expressions of GitHub."""

    text: str
    contexts: Contexts
    tokens: list[str] = field(default_factory=list)

    def value(self) -> Any:
        place = 0
        while self.text[place:].strip():
            match = TOKENS.match(self.text, place)
            if not match:
                raise LookupError(f"expression: cannot read {self.text[place:]!r} in {self.text!r}")
            self.tokens.append(match[0].strip())
            place = match.end()
        found = self._or()
        assert not self.tokens, f"expression: {self.tokens} remain of {self.text!r}"
        return found

    def _take(self, *wanted: str) -> bool:
        if self.tokens and self.tokens[0] in wanted:
            self.tokens.pop(0)
            return True
        return False

    def _or(self) -> Any:
        left = self._and()
        while self._take("||"):
            right = self._and()
            left = left or right
        return left

    def _and(self) -> Any:
        left = self._equal()
        while self._take("&&"):
            right = self._equal()
            left = left and right
        return left

    def _equal(self) -> Any:
        left = self._not()
        while self.tokens and self.tokens[0] in ("==", "!="):
            operator = self.tokens.pop(0)
            same = text(left).casefold() == text(self._not()).casefold()
            left = same if operator == "==" else not same
        return left

    def _not(self) -> Any:
        if self._take("!"):
            return not self._not()
        if self._take("("):
            found = self._or()
            assert self._take(")"), self.text
            return found
        return self._leaf()

    def _leaf(self) -> Any:
        token = self.tokens.pop(0)
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if token.isdigit():
            return int(token)
        if token in ("true", "false"):
            return token == "true"
        if self._take("("):
            return self._call(token)
        if token not in self.contexts:
            raise LookupError(f"expression: unknown context {token} in {self.text!r}")
        found = self.contexts[token]
        while self._take("."):
            name = self.tokens.pop(0)
            if name == "*":
                assert self._take("."), self.text
                name = self.tokens.pop(0)
                found = [one.get(name) for one in found.values()]
            else:
                found = (found or {}).get(name)
        return found

    def _call(self, name: str) -> Any:
        given = []
        while not self._take(")"):
            given.append(self._or())
            self._take(",")
        status = self.contexts["status"]
        known: dict[str, Callable[..., Any]] = {
            "always": lambda: True,
            "failure": lambda: not status,
            "hashFiles": self._hash,
            "join": lambda values, between: between.join(map(text, values)),
            "success": lambda: status,
        }
        if name not in known:
            raise LookupError(f"expression: unknown function {name} in {self.text!r}")
        return known[name](*given)

    def _hash(self, path: str) -> str:
        """Return the hash of a file, or an empty text if the file does not exist, as on GitHub."""
        file = self.contexts["workspace"] / path
        return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
