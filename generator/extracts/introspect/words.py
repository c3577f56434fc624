"""Split and compare names, so that `idBranch`, `branch_id` and `Branches` have the same meaning."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable

from slugify import slugify

from extracts.terminal import one_line

# The name of a foreign-key column is often the name of the target table and a word in REFERENCE, for example
# `branch_id`. PREFIXES are prefixes of table names.
REFERENCE = frozenset(("id", "ids", "fk", "ref", "key", "code", "no", "nr", "num", "number", "uuid", "pk"))
PREFIXES = frozenset(("tbl", "table", "t", "dim", "fact", "fct", "ref", "lkp", "lookup", "mst", "stg", "tab"))


@functools.cache  # cached, because a schema with thousands of columns has only hundreds of different names
def words(name: str) -> tuple[str, ...]:
    """Return the words of a name, in lower case.

    >>> words("Account_idAccount"), words("HTTPStatus2"), words("Größe der Filiale")
    (('account', 'id', 'account'), ('http', 'status', '2'), ('größe', 'der', 'filiale'))
    """
    spaced = re.sub(r"(?<=[^\W\d_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[^\W\d_])(?=\d)", " ", name)
    return tuple(word.lower() for word in re.findall(r"[^\W_]+", spaced))


def singular(word: str) -> str:
    """Return the singular of an English word.

    The result depends only on the ending of the word, which is enough to compare names.

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
    """Return the words without plural endings of several languages. The result is only for comparisons.

    >>> stem(meant("Kunden")) == stem(("kunde",)), stem(meant("klanten")) == stem(("klant",))
    (True, True)
    """
    return tuple(re.sub(r"(?<=\w\w\w)(?:es|en|s|n|e)$", "", word) for word in found)


def meant(name: str) -> tuple[str, ...]:
    """Return the singular words of a table's name, without a prefix such as `tbl`.

    >>> meant("tbl_Order_Lines"), meant("Loans")
    (('order', 'line'), ('loan',))
    """
    found = [singular(word) for word in words(name)]
    while len(found) > 1 and found[0] in PREFIXES and found[1].isalpha():
        del found[0]
    return tuple(found)


@functools.cache
def referred(name: str) -> tuple[tuple[str, ...], bool]:
    """Return the words of a column's name without words such as `id`, and whether the name has such a word.

    >>> referred("Account_idAccount"), referred("billing_address_id"), referred("branch")
    ((('account',), True), (('billing', 'address'), True), (('branch',), False))
    """
    found = [singular(word) for word in words(name)]
    kept = [word for word in found if word not in REFERENCE]
    once = [word for word, before in zip(kept, ["", *kept], strict=False) if word != before]
    return tuple(once), len(kept) < len(found)


@functools.cache
def column_name(table: str, column: str) -> str:
    """Return a name for a column of a file, made from the names of the table and the column.

    >>> column_name("Branch", "idBranch"), column_name("customers", "customer_name")
    ('branch_id', 'customer_name')
    >>> column_name("product", "productid"), column_name("salesorderdetail", "orderqty")
    ('product_id', 'salesorderdetail_orderqty')
    """
    own = meant(table)
    joined = "".join(own)
    # In the table `product`, the column `productid` becomes `id`, in the same way as `product_id`.
    rest = [word.removeprefix(joined) for word in words(column) if singular(word) not in (*own, joined)]
    text = slugify("_".join((*own, *rest)), separator="_", lowercase=True)
    text = re.sub(r"[^a-z0-9_]", "", text) or "column"
    return (text if text[0].isalpha() else f"_{text}")[:63].rstrip("_")


def fitting(name: str, known: Iterable[str]) -> list[str]:
    """Return the exact match, or else all names that differ only in case.

    The engine finds columns in the same way.
    """
    names = list(dict.fromkeys(known))
    return [name] if name in names else [found for found in names if found.lower() == name.lower()]


def missing(what: str, name: str, known: Iterable[str], where: str = "") -> str:
    """Return the message for a name that does not exist.

    The message proposes the nearest name that exists.
    """
    lower = {found.lower(): found for found in known}
    near = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.6)
    hint = f'; did you mean "{one_line(lower[near[0]])}"?' if near else ""
    return f'there is no {what} "{name}"{where and f" {where}"}{hint}'
