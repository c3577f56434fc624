"""Compare the modules' interfaces with the last release, and find the smallest allowed next version.

`make interfaces` prints the changes and the version. `make interfaces VERSION=1.2.0` refuses a version that
is too small. .github/CONTRIBUTING.md has the rules: it lists which changes are major, minor and patch. For
each rule, this file has a few lines of code, and there is a test.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from extracts.errors import ExtractsError
from extracts.home import Home, Version, parse, spelled
from tools.module_interface import Input, Interface, Type, interface

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = ("major", "minor", "patch")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference that a caller of the module can notice."""

    weight: str  # one of WEIGHTS
    sentence: str


################################################################################
# Comparing
################################################################################


def compare(old: Interface, new: Interface) -> Iterator[Change]:
    """Yield every difference between two interfaces, with the version step that it requires."""
    yield from _inputs(old.inputs, new.inputs)
    for name in sorted(old.outputs - new.outputs):
        yield Change("major", f"the output {name} is gone")
    for name in sorted(new.outputs - old.outputs):
        yield Change("minor", f"the output {name} is new")
    yield from _resources(old, new)
    for what in sorted(old.requires.keys() | new.requires.keys()):
        before, after = old.requires.get(what, ""), new.requires.get(what, "")
        if before != after:
            weight = "minor" if _wider(before, after) else "major"
            yield Change(weight, f'{what} was "{before}" and is now "{after or "not required"}"')


def _inputs(old: Mapping[str, Input], new: Mapping[str, Input]) -> Iterator[Change]:
    for name in sorted(old.keys() - new.keys()):
        yield Change("major", f"the input {name} is gone")
    for name in sorted(new.keys() - old.keys()):
        required = new[name].required
        how = "new and required" if required else "new"
        yield Change("major" if required else "minor", f"the input {name} is {how}")
    fresh = [*(new.keys() - old.keys())]
    for name in sorted(old.keys() & new.keys()):
        before, after = old[name], new[name]
        if after.required and not before.required:
            yield Change("major", f"the input {name} has become required")
        elif before.required and not after.required:
            yield Change("minor", f"the input {name} is no longer required")
        elif before.default != after.default:
            yield Change(
                "major", f"the input {name} has another default: {before.default} -> {after.default}"
            )
        if before.nullable and not after.nullable:
            yield Change("major", f"the input {name} can no longer be null")
        elif after.nullable and not before.nullable:
            yield Change("minor", f"the input {name} may be null")
        changes = list(_types(name, before.type, after.type))
        yield from changes
        fresh_here = [*fresh, *(change.sentence.split()[2] for change in changes if change.weight == "minor")]
        for condition in sorted(after.conditions - before.conditions):
            # Existing callers do not use a new input, so a validation of this input cannot affect them.
            about = [word.rpartition(".")[2] for word in fresh_here]
            new_only = any(re.search(rf"\b{re.escape(word)}\b", condition) for word in about)
            weight = "minor" if new_only else "major"
            yield Change(weight, f"the input {name} has a new condition: {condition[:100]}")
        if before.conditions - after.conditions and not after.conditions - before.conditions:
            yield Change("minor", f"the input {name} has fewer conditions")


def _types(name: str, old: Type, new: Type) -> Iterator[Change]:
    if old.name != new.name or (old.of is None) != (new.of is None):
        widened = new.name == "any" or (old.name, new.name) in {
            ("list", "set"),
            ("number", "string"),
            ("bool", "string"),
        }
        yield Change("minor" if widened else "major", f"the input {name} was {old} and is {new}")
        return
    if old.of and new.of:
        yield from _types(name, old.of, new.of)
    for key in sorted(old.attributes.keys() - new.attributes.keys()):
        yield Change("major", f"the attribute {name}.{key} is gone")
    for key in sorted(new.attributes.keys() - old.attributes.keys()):
        weight, how = ("minor", "new") if new.attributes[key].optional else ("major", "new and required")
        yield Change(weight, f"the attribute {name}.{key} is {how}")
    for key in sorted(old.attributes.keys() & new.attributes.keys()):
        before, after = old.attributes[key], new.attributes[key]
        if before.optional and not after.optional:
            yield Change("major", f"the attribute {name}.{key} has become required")
        elif after.optional and not before.optional:
            yield Change("minor", f"the attribute {name}.{key} is no longer required")
        elif before.default != after.default:
            was, now = before.default or "null", after.default or "null"
            yield Change("major", f"the attribute {name}.{key} has another default: {was} -> {now}")
        yield from _types(f"{name}.{key}", before.type, after.type)


def _resources(old: Interface, new: Interface) -> Iterator[Change]:
    for address in sorted(old.resources):
        here = _followed(address, new.moved)
        if here not in new.resources:
            yield Change("major", f"{address} was removed, and no moved block moves it to another resource")
            continue
        before, after = old.resources[address], new.resources[here]
        if here != address:
            yield Change("minor", f"{address} is moved to {here}")
        # If a resource gets `count` or loses it, Terraform itself moves the state of the first instance. If a
        # resource gets `for_each` or loses it, the module needs a moved block.
        elif before != after and "for_each" in (before, after) and address not in new.moved:
            yield Change("major", f"{address} changed from {before} to {after} without a moved block")
    for address in sorted(new.resources.keys() - old.resources.keys() - set(new.moved.values())):
        yield Change("minor", f"{address} is new")


def _followed(address: str, moved: Mapping[str, str]) -> str:
    """Return the address at which a chain of moves ends."""
    seen = {address}
    while (address in moved) and (moved[address] not in seen):
        address = moved[address]
        seen.add(address)
    return address


def _wider(before: str, after: str) -> bool:
    """Return whether a new version constraint allows all versions that the old constraint allowed."""
    if not after:
        return True
    bounds = [re.fullmatch(r">= ([\d.]+), < ([\d.]+)", text) for text in (before, after)]
    if not bounds[0] or not bounds[1]:
        return False
    floors, ceilings = ([tuple(map(int, b[i].split("."))) for b in bounds if b] for i in (1, 2))
    return floors[1] <= floors[0] and ceilings[1] >= ceilings[0]


################################################################################
# Versions
################################################################################


def since(repository: Path, version: Version) -> dict[str, list[Change]]:
    """Return the changes of each module since the release `version`, major changes first."""
    home = Home(repository, str(repository))
    found: dict[str, list[Change]] = {}
    with tempfile.TemporaryDirectory(prefix="interfaces-") as folder:
        home.unpack(version, "modules", Path(folder))
        old, new = Path(folder) / "modules", repository / "modules"
        names = {path.parent.name for root in (old, new) for path in root.glob("*/*.tf")}
        for name in sorted(names):
            if not list((new / name).glob("*.tf")):
                found[name] = [Change("major", "the module is gone")]
            elif not list((old / name).glob("*.tf")):
                found[name] = [Change("minor", "the module is new")]
            elif _texts(old / name) != _texts(new / name):
                changes = compare(interface(old / name), interface(new / name))
                found[name] = sorted(changes, key=lambda change: WEIGHTS.index(change.weight))
    return found


def _texts(module: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in module.glob("*.tf")}


def demanded(last: Version, changes: Mapping[str, list[Change]]) -> Version:
    """Return the smallest version that the next release may have.

    Before 1.0.0, a breaking change needs only a minor version.
    """
    weights = {change.weight for found in changes.values() for change in found}
    major, minor, patch = last
    if "major" in weights:
        return (major + 1, 0, 0) if major else (0, minor + 1, 0)
    if "minor" in weights and major:
        return major, minor + 1, 0
    return major, minor, patch + 1


def without_notes(repository: Path, version: Version, changes: Mapping[str, list[Change]]) -> list[str]:
    """Return the modules with a breaking change whose README does not show callers a diff of their code."""
    missing = []
    for module, found in changes.items():
        page = repository / "modules" / module / "README.md"
        # A removed module has no README. The changelog reports the removal.
        if page.is_file() and any(change.weight == "major" for change in found):
            heading = rf"^### To {re.escape(spelled(version))}\n((?:(?!#{{1,3}} ).*\n?)*)"
            notes = re.search(heading, page.read_text(encoding="utf-8"), flags=re.MULTILINE)
            shown = re.search(
                r"^```diff\n(.*?)^```", notes[1] if notes else "", flags=re.MULTILINE | re.DOTALL
            )
            if not shown or {"-", "+"} - {line[:1] for line in shown[1].splitlines()}:
                missing.append(module)
    return missing


def check(repository: Path, version: Version | None, *, tagged: bool = False) -> Iterator[str]:
    """Yield the changes as text, one at a time.

    Raise an error if `version` is too small, or if upgrade notes are missing.

    If `tagged`, `version` already has its tag, so compare the modules with the release before `version`.
    """
    released = Home(repository, str(repository)).versions()
    if version is not None and tagged:
        released = [earlier for earlier in released if earlier < version]
    if not released:
        yield "There is no released version to compare the modules with."
        return
    last = released[-1]
    changes = since(repository, last)
    for module, found in changes.items():
        for change in found:
            yield f"{change.weight}: {module}: {change.sentence}"
    least = demanded(last, changes)
    yield f"The version after {spelled(last)} must be at least {spelled(least)}."
    if version is not None and version < least:
        raise ExtractsError(
            f"Version {spelled(version)} is too small for the changes; it must be at least {spelled(least)}."
        )
    if version is not None and (missing := without_notes(repository, version, changes)):
        raise ExtractsError(
            f"{', '.join(missing)}: a major change needs upgrade notes; add the section"
            f' "### To {spelled(version)}" to the README, with a diff of the caller\'s code.'
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare the modules' interfaces with the last release.")
    parser.add_argument("--version", help="refuse this version if it is too small")
    given = parser.parse_args().version
    try:
        for line in check(ROOT, parse(given) if given else None):
            print(line)
    except ExtractsError as error:
        sys.exit(f"✗ {error}")


if __name__ == "__main__":
    main()
