"""Names as people mean them: `idBranch`, `branch_id` and `Branches` speak of the same thing."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable

from slugify import slugify

# What a column of a reference says besides the table that it leads to, and what tables are called by besides.
REFERENCE = frozenset(("id", "ids", "fk", "ref", "key", "code", "no", "nr", "num", "number", "uuid", "pk"))
PREFIXES = frozenset(("tbl", "table", "t", "dim", "fact", "fct", "ref", "lkp", "lookup", "mst", "stg", "tab"))


@functools.cache  # every schema has thousands of columns and hundreds of names
def words(name: str) -> tuple[str, ...]:
    """
    >>> words("Account_idAccount"), words("HTTPStatus2"), words("Größe der Filiale")
    (('account', 'id', 'account'), ('http', 'status', '2'), ('größe', 'der', 'filiale'))
    """
    spaced = re.sub(r"(?<=[^\W\d_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[^\W\d_])(?=\d)", " ", name)
    return tuple(word.lower() for word in re.findall(r"[^\W_]+", spaced))


def singular(word: str) -> str:
    """The same for one and for many; no dictionary, only so that two spellings meet.

    >>> [singular(w) for w in ("loans", "branches", "companies", "address", "addresses", "status", "boxes")]
    ['loan', 'branch', 'company', 'address', 'address', 'status', 'box']
    """
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        return word[:-1]
    return word


def stem(found: tuple[str, ...]) -> tuple[str, ...]:
    """What is left when the endings of several languages are off; only to be compared with its like.

    >>> stem(meant("Kunden")) == stem(("kunde",)), stem(meant("klanten")) == stem(("klant",))
    (True, True)
    """
    return tuple(re.sub(r"(?<=\w\w\w)(?:es|en|s|n|e)$", "", word) for word in found)


def meant(name: str) -> tuple[str, ...]:
    """What a table's name speaks of: singular words without a prefix that only says that it is a table.

    >>> meant("tbl_Order_Lines"), meant("Loans")
    (('order', 'line'), ('loan',))
    """
    found = [singular(word) for word in words(name)]
    while len(found) > 1 and found[0] in PREFIXES and found[1].isalpha():
        del found[0]
    return tuple(found)


@functools.cache
def referred(name: str) -> tuple[tuple[str, ...], bool]:
    """What a column's name refers to, and whether it says that it is a reference.

    >>> referred("Account_idAccount"), referred("billing_address_id"), referred("branch")
    ((('account',), True), (('billing', 'address'), True), (('branch',), False))
    """
    found = [singular(word) for word in words(name)]
    kept = [word for word in found if word not in REFERENCE]
    once = [word for word, before in zip(kept, ["", *kept], strict=False) if word != before]
    return tuple(once), len(kept) < len(found)


@functools.cache
def label(table: str, column: str) -> str:
    """A header for a column: what it is called, after what it is a part of.

    >>> label("Branch", "idBranch"), label("Bank", "Name"), label("customers", "customer_name")
    ('branch_id', 'bank_name', 'customer_name')
    """
    owner = meant(table)
    rest = [word for word in words(column) if singular(word) not in owner]
    text = slugify("_".join((*owner, *rest)), separator="_", lowercase=True)
    text = re.sub(r"[^a-z0-9_]", "", text) or "column"
    return (text if text[0].isalpha() else f"_{text}")[:63].rstrip("_")


def fitting(name: str, known: Iterable[str]) -> list[str]:
    """The one spelled exactly so, else all that differ in case only; as the engine resolves names."""
    names = list(dict.fromkeys(known))
    return [name] if name in names else [found for found in names if found.lower() == name.lower()]


def missing(what: str, name: str, known: Iterable[str], where: str = "") -> str:
    """The sentence for a name that is not there, with the nearest that is."""
    lower = {found.lower(): found for found in known}
    near = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    hint = f'; did you mean "{lower[near[0]]}"?' if near else ""
    return f'there is no {what} "{name}"{where and f" {where}"}{hint}'
