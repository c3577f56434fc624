"""Plan all examples, and report the checks of checkov that fail for the plans: `make checkov`.

A plan shows facts that the code alone does not show, for example which resources are disabled. But a plan
contains no values that are known only after apply, and no skip comments from the code of a module. So this
program adds placeholders for these values, and omits the checks that the comments skip.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from extracts import programs, terraform
from extracts.errors import ExtractsError
from local_cloud import aws
from tools import documents, readme
from tools.hcl import MODULES, NAMES, REPOSITORY

Skip = tuple[str, str, str]  # a module, an address in the module, and the ID of a check

################################################################################
# Plans
################################################################################


def roots(folder: Path) -> Iterator[tuple[str, Path]]:
    """For each example in a README or in `examples/`, yield the name and the folder of a root module."""
    (folder / "modules").symlink_to(MODULES)
    for module in NAMES:
        for number, text in enumerate(readme.examples(module), 1):
            root = folder / "examples" / f"{module}-{number}"
            readme.write_example(root, text)
            yield root.name, root
    for example in sorted((REPOSITORY / "examples").iterdir()):
        root = folder / "examples" / example.name
        shutil.copytree(example, root, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
        yield example.name, root / "Terraform" if (root / "Terraform").is_dir() else root


def plan(folder: Path, environment: Mapping[str, str], **given: str) -> dict[str, Any]:
    """Return the plan of a root module in Terraform's JSON format."""
    if (sample := folder / "terraform.tfvars.example").is_file():
        shutil.copy(sample, folder / "terraform.tfvars")
        (folder / "global-bundle.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    variables = {f"TF_VAR_{name}": value for name, value in given.items()}
    stack = terraform.Stack(folder, {**environment, **variables})
    try:
        stack.init()
        return stack.plan_in_full()
    except ExtractsError as error:
        sys.exit(f"✗ {folder}: {error}")


def with_unknowns(plan: dict[str, Any]) -> dict[str, Any]:
    """Return the plan with placeholders.

    A placeholder stands for a value that the code sets, but that is known only after apply.

    If the code does not set a value, the value stays absent, so that a check for this value fails.
    """
    unknown = {r["address"]: r["change"].get("after_unknown", {}) for r in plan["resource_changes"]}
    root = plan["configuration"]["root_module"]
    for module in plan["planned_values"]["root_module"].get("child_modules", []):
        code = root["module_calls"][module["address"].split(".")[1].split("[")[0]]["module"]["resources"]
        written = {f"{r['type']}.{r['name']}": r.get("expressions", {}) for r in code}
        for resource in module.get("resources", []):
            given = written[f"{resource['type']}.{resource['name']}"]
            later = unknown.get(resource["address"], {})
            values = resource.get("values", {})  # ephemeral resources have no values
            values |= {name: _filled(values.get(name), later[name]) for name in given.keys() & later.keys()}
    return plan


def _filled(value: Any, unknown: Any) -> Any:
    if unknown is True:
        return "known after apply"
    if isinstance(unknown, dict):
        known = value or {}
        return known | {name: _filled(known.get(name), inner) for name, inner in unknown.items() if inner}
    if isinstance(unknown, list) and isinstance(value, list):
        return [_filled(*pair) for pair in zip(value, unknown, strict=True)]
    return value


def write(target: Path, known: Path) -> None:
    """Write each plan to a file in `target`. Write its policies and state machines to a file in `known`."""
    for folder in (target, known):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    with TemporaryDirectory() as scratch, aws.serve(Path(scratch)) as cloud:
        environment = terraform.environment(Path(scratch)) | cloud.environment
        ec2 = cloud.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        for name, root in roots(Path(scratch)):
            named = 'variable "subnet_id"' in "".join(path.read_text() for path in root.glob("*.tf"))
            given = {"subnet_id": subnet} if named else {}
            found = plan(root, environment, **given)
            variables = [f"-var={variable}={value}" for variable, value in given.items()]
            policies = documents.collect(root, found, programs.terraform().command, environment, *variables)
            documents.save(policies, known / f"{name}.json")
            (target / f"{name}.json").write_text(json.dumps(with_unknowns(found)))


################################################################################
# Findings of checkov
################################################################################


def skips(modules: Path) -> set[Skip]:
    """Return the checks that a comment in a module switches off, each with the module and the resource."""
    return {
        (path.parent.name, f"{block[1]}.{block[2]}", check)
        for path in modules.glob("*/*.tf")
        for block in re.finditer(
            r'^resource "(\w+)" "(\w+)" {\n(.*?)^}', path.read_text(), flags=re.MULTILINE | re.DOTALL
        )
        for check in re.findall(r"checkov:skip=(\w+):", block[3])
    }


def failures(report: dict[str, Any], plans: Path, skipped: set[Skip]) -> list[str]:
    """Return one sentence for each failed check in the report. Omit the checks in `skipped`."""
    found = []
    for failed in report["results"]["failed_checks"]:
        plan = plans / Path(failed["file_path"]).name
        calls = json.loads(plan.read_text())["configuration"]["root_module"]["module_calls"]
        address = re.sub(r"\[[^\]]*\]", "", failed["resource"])
        within = re.fullmatch(r"module\.(\w+)\.(.*)", address)
        module = calls[within[1]]["source"].rsplit("/", 1)[-1] if within else ""
        if (module, within[2] if within else address, failed["check_id"]) not in skipped:
            found.append(f"{plan.stem}: {failed['resource']}: {failed['check_id']}: {failed['check_name']}")
    return found


def judge(report: Path, plans: Path) -> None:
    """Print the failures. If there are any, exit with code 1."""
    found = json.loads(report.read_text())
    complaints = failures(found, plans, skips(MODULES))
    for said in complaints:
        print(f"✗ {said}")
    if complaints:
        sys.exit(1)
    passed, excused = found["summary"]["passed"], found["summary"]["failed"]
    count = len(list(plans.glob("*.json")))
    print(
        f"✓ {count} plans: {passed} checks passed, 0 failed, {excused} skipped. Comments in the code"
        " give the reasons for skipped checks."
    )


if __name__ == "__main__":
    if sys.argv[1].endswith(".json"):
        judge(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        write(Path(sys.argv[1]), Path(sys.argv[2]))
