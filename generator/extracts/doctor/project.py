"""Read the Terraform values and outputs of a stamped project."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from extracts import children, programs, terraform
from extracts.doctor.check import Check, failed, notice, ok, skipped
from extracts.errors import ExtractsError

VALUES = ("region", "subnet_id", "database")
_EXTRACT = re.compile(r'^module "extract" {\n(.*?)^}', re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Values:
    """Values of the variables, and the outputs if the project is deployed."""

    region: str | None = None
    subnet_id: str | None = None
    database: Mapping[str, Any] = field(default_factory=dict)
    time_zone: str | None = None
    schedule: str | None = None
    # The PGP keys by recipient and name, or the error message of Terraform.
    pgp: Mapping[str, Mapping[str, str]] | str = field(default_factory=dict)
    # The recipients with a flat folder, or None if they are unknown.
    flat_recipients: Sequence[str] | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict)


def values(project: Path) -> tuple[Values, list[Check]]:
    """Return the Terraform values and outputs of a project, and the results of the checks.

    `terraform console` evaluates the variables, because it reads all files and settings that set variables.
    """
    folder = project / "Terraform"
    if not (folder / "main.tf").is_file():
        raise ExtractsError(f"{project} is not an extract project: {folder}/main.tf does not exist.")
    with tempfile.TemporaryDirectory(prefix="extracts-doctor-") as scratch:
        environment = {**children.environment(), **terraform.quiet(Path(scratch))}

        def ask(command: str, text: str = "") -> subprocess.CompletedProcess[str]:
            command_line = [*programs.terraform().command, f"-chdir={folder}", *command.split(), "-no-color"]
            return children.run(command_line, input=text, variables=environment)

        def evaluate(*expressions: str) -> list[str]:
            """Return the values of Terraform expressions as Terraform shows them.

            One process evaluates all expressions, because Terraform reads the schemas of AWS at each start.
            """
            shown = ask("console", f"[{', '.join(f'jsonencode({text})' for text in expressions)}]\n")
            if shown.returncode:
                raise ExtractsError(terraform.reason(shown.stderr or shown.stdout))
            return [line.strip().removesuffix(",") for line in shown.stdout.splitlines()[1:-1]]

        found: dict[str, Any] = {}
        expressions = {name: f"var.{name}" for name in VALUES} | _arguments(folder / "main.tf")
        keys = expressions.pop("pgp", None)
        try:
            try:
                shown = dict(zip(expressions, evaluate(*expressions.values()), strict=False))
            except ExtractsError as error:
                remedy = f"terraform -chdir={folder} init"
                written = re.fullmatch(r'"([^"\\$%]*)"', expressions.get("time_zone", ""))
                return Values(time_zone=written and written[1]), [
                    failed("Terraform's values", str(error), remedy)
                ]
            try:
                shown |= zip(["pgp"], evaluate(keys), strict=False) if keys else {}
            except ExtractsError as error:
                found["pgp"] = str(error)
            for name, text in shown.items():
                # For a variable without a value, Terraform shows "(known after apply)".
                if text.startswith('"'):
                    found[name] = json.loads(json.loads(text))
            applied = ask("output -json")
        except OSError as error:
            remedy = 'fix the failed check "Terraform"'
            return Values(), [failed("Terraform's values", str(error.strerror), remedy)]
    missing = [name for name in VALUES if name not in found]
    if missing:
        first = failed(
            "Terraform's values",
            f"no value for {' and '.join(missing)}",
            f"copy {folder}/terraform.tfvars.example to terraform.tfvars, and fill it in",
        )
    else:
        first = ok("Terraform's values", f"database {found['database']['host']}, {found['subnet_id']}")
    outputs = {name: output["value"] for name, output in json.loads(applied.stdout or "{}").items()}
    second = (
        ok("deployment", f"{len(outputs)} outputs")
        if outputs
        else skipped("deployment", "not deployed, or the state is not available here")
    )
    return Values(**found, outputs=outputs), [first, second]


def _arguments(main: Path) -> dict[str, str]:
    """Return some arguments of module "extract" as Terraform expressions.

    If the module block does not set `time_zone`, its expression is "Etc/GMT".
    """
    block = _EXTRACT.search(main.read_text(encoding="utf-8"))
    if block is None:
        return {}
    found = re.findall(r"^  (time_zone|schedule)\s*= (.*?)(?:\s+(?:#|//).*)?$", block[1], re.MULTILINE)
    pgp = _value(block[1], "pgp")
    keys = {"pgp": f"try(({pgp}).public_keys, {{}})"} if pgp else {}
    names = {"flat_recipients": _value(block[1], "flat_recipients") or "[]"}
    return {"time_zone": '"Etc/GMT"', **dict(found), **names, **keys}


def _value(block: str, name: str) -> str | None:
    """Return the value of an argument as one line, or None if the block does not have the argument."""
    # The value ends before the next argument. The other lines of an object have a larger indentation than the
    # argument, or begin with a brace.
    found = re.search(rf"^  {name}\s*= (.*?)(?=\n  [a-z#/]|\Z)", block, re.MULTILINE | re.DOTALL)
    return None if found is None else _one_line(found[1])


def _one_line(expression: str) -> str:
    """Return an expression on one line, because `terraform console` reads one line at a time.

    >>> _one_line("{\\n  a = 1 # first\\n  b = [\\n    2,\\n  ]\\n}")
    '{ a = 1, b = [ 2, ] }'
    """
    lines = [re.sub(r"\s(#|//) .*", "", line).strip() for line in expression.splitlines()]
    text = "\n".join(line for line in lines if line and not line.startswith(("#", "//")))
    return re.sub(r"\n", " ", re.sub(r"(?<![{(\[,:=>?])\n(?![})\]:?])", ", ", text))


def server_verification(project: Path, database: Mapping[str, Any]) -> Iterator[Check]:
    """Check that the job verifies the certificate of the source. `database` is a variable of the project."""
    name = "source certificate"
    # There is no file to check if `database` is unknown, or if it contains the PEM text, as in projects from
    # earlier versions of the template.
    if not database or database.get("ca_certificate"):
        return
    file = database.get("ca_certificate_file")
    if not file:
        said = (
            "the job does not verify the certificate of the source, so an attacker in the network path can"
            " read the login"
        )
        remedy = (
            "set database.ca_certificate_file to a PEM file in the folder Terraform; for RDS, download"
            " https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
        )
        yield notice(name, said, remedy)
        return
    authorities = (project / "Terraform" / file).read_text(encoding="utf-8", errors="replace")
    yield ok(name, f"{authorities.count('-----BEGIN CERTIFICATE-----')} certificate authorities in {file}")


def flat_folders(project: Path, known: Sequence[str] | None, flat: Sequence[str]) -> Iterator[Check]:
    """Check that Terraform allows the flat folders of the spec. `flat` is a field of `resolved.Result`."""
    main = project / "Terraform/main.tf"
    if not flat:
        return
    if known is None:
        yield skipped("flat folders", f"the value of flat_recipients in {main} is unknown")
        return
    # The check does not know which recipients "*" stands for, because it does not read the source.
    missing = (
        [] if "*" in known else [name for name in flat if name not in known and (name != "*" or not known)]
    )
    if missing:
        listed = ", ".join(f'"{name}"' for name in missing)
        said = f"the spec has flat=True, but flat_recipients in {main} does not have {listed}"
        yield failed("flat folders", said, f'add to module "extract" in {main}: flat_recipients = [{listed}]')
    else:
        yield ok("flat folders", f"flat_recipients in {main} has all recipients with a flat folder")


def workflows(project: Path) -> Iterator[Check]:
    """Check that GitHub can find the project's workflows. GitHub looks only in the root of a repository."""
    folder = project.resolve()
    if not (folder / ".github/workflows").is_dir() or (folder / ".git").exists():
        return
    root = next((parent for parent in folder.parents if (parent / ".git").exists()), None)
    if root:
        said = f"GitHub does not run these workflows: {folder.name} is not the root of the repository {root}"
        remedy = (
            f"move them to {root}/.github/workflows, and set their working_directory to the folder of the"
            " project"
        )
        yield failed("GitHub workflows", said, remedy)
