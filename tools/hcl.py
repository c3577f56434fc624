"""Read facts about variables and outputs from the HCL of the modules. Tests and READMEs need these facts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

REPOSITORY = Path(__file__).resolve().parents[1]
MODULES = REPOSITORY / "modules"
NAMES = sorted(folder.name for folder in MODULES.iterdir() if (folder / "variables.tf").is_file())


@dataclass(frozen=True, slots=True)
class Input:
    """A variable. `default` is HCL text, or None if the variable is required."""

    name: str
    description: str
    type: str
    default: str | None
    validations: int

    @property
    def attributes(self) -> list[str]:
        """Return the names of the attributes in the type, in the order of the type."""
        return re.findall(r"^\s+(\w+)\s+= ", self.type, flags=re.MULTILINE)

    @property
    def defaults(self) -> dict[str, str]:
        """Return the text of each attribute's default value, keyed by attribute."""
        found = re.findall(
            r"^\s+(\w+)\s+= optional\(\w+(?:\([^()]*\))?, (.*?)\)$",
            self.type,
            flags=re.MULTILINE | re.DOTALL,
        )
        return {name: re.sub(r"\s*\n\s*", "", default) for name, default in found}

    @property
    def described(self) -> list[str]:
        """Return the names of the attributes in the description, in the order of the description."""
        return re.findall(r"^- `(\w+)`\s+- ", self.description, flags=re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Output:
    """An output."""

    name: str
    description: str


def inputs(module: str) -> list[Input]:
    """Return the variables of a module.

    Required variables come first. Both groups are in alphabetical order.
    """
    return sorted(
        (given for path in files(module, "variable") for given in inputs_of(path)),
        key=lambda given: (given.default is not None, given.name),
    )


def inputs_of(path: Path) -> list[Input]:
    """Return the variables of one file, in the order of the file."""
    return [
        Input(name, _description(body), _type(body), _default(body), body.count("\n  validation {"))
        for name, body in _blocks(path, "variable")
    ]


def outputs(module: str) -> list[Output]:
    """Return the outputs of a module, in the order of its files."""
    return [
        Output(name, _description(body))
        for path in files(module, "output")
        for name, body in _blocks(path, "output")
    ]


def files(module: str, kind: str) -> list[Path]:
    """Return the files of a module that contain variables or outputs, such as `variables-recipients.tf`."""
    return sorted((MODULES / module).glob(f"{kind}s*.tf"))


def _blocks(path: Path, kind: str) -> Iterator[tuple[str, str]]:
    text = path.read_text()
    for match in re.finditer(rf'^{kind} "(\w+)" {{\n(.*?)^}}', text, flags=re.MULTILINE | re.DOTALL):
        yield match[1], match[2]


def _description(body: str) -> str:
    if match := re.search(r"description = <<-EOT\n(.*?)\n\s+EOT", body, flags=re.DOTALL):
        return dedent(match[1])
    match = re.search(r'description = "((?:[^"\\]|\\.)*)"', body)
    assert match, "a variable or an output has no description"
    return match[1].replace('\\"', '"')


def _type(body: str) -> str:
    match = re.search(r"^  type\s+= (.*?\n)(?=  \w|\n|\Z)", body, flags=re.MULTILINE | re.DOTALL)
    assert match, "a variable has no type"
    return match[1].strip()


def _default(body: str) -> str | None:
    match = re.search(r"^  default\s+= (.*)$", body, flags=re.MULTILINE)
    return match[1] if match else None
