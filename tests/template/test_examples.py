"""examples/ is what the template stamps, byte for byte."""

from __future__ import annotations

import difflib
import os
import shutil
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

import pytest

# Folder under examples/ -> the answers that are not the defaults.
EXAMPLES: dict[str, dict[str, object]] = {"bank-loans": {}}
REFRESH = "REFRESH_EXAMPLES=1 python -m pytest tests/template/test_examples.py"
# What working in an example leaves there, and git ignores.
LEFTOVERS = (".terraform*", "*.tfstate*", "*.tfplan", "terraform.tfvars", "__pycache__", ".pytest_cache")

SPEC = """\
from rolling_extract import Extract, Join, run

EXTRACT = Extract(
    entity="Loans",
    metric="Amount",
    aggregate="avg",
    date_column="loan_date",
    window_months=3,
    joins=(
        Join("Account", left="Loans.Account_idAccount", right="idAccount"),
        Join("Client", left="Account.Client_idClient", right="idClient"),
        Join("Branch", left="Client.Branch_idBranch", right="idBranch"),
        Join("Bank", left="Branch.Bank_idBank", right="idBank"),
    ),
    group={"branch_id": "Branch.idBranch", "branch_address": "Branch.Address"},
    recipient={"bank_name": "Bank.Name"},
)

if __name__ == "__main__":
    run(EXTRACT)
"""


def files(folder: Path) -> dict[str, str]:
    """Text of every file under the folder, by its path in it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().decode()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not any(fnmatch(part, mask) for part in path.relative_to(folder).parts for mask in LEFTOVERS)
    }


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_what_the_template_stamps(
    name: str, stamp: Callable[..., Path], repository: Path
) -> None:
    project = stamp(__module_source="../../../modules/MODULE", **EXAMPLES[name])
    example = repository / "examples" / name
    if os.environ.get("REFRESH_EXAMPLES"):
        shutil.rmtree(example, ignore_errors=True)
        shutil.copytree(project, example)
    stamped, committed = files(project), files(example)
    difference = [
        line
        for path in sorted(stamped.keys() | committed.keys())
        for line in difflib.unified_diff(
            committed.get(path, "").splitlines(),
            stamped.get(path, "").splitlines(),
            f"examples/{name}/{path}" if path in committed else "/dev/null",
            f"stamped/{path}" if path in stamped else "/dev/null",
            lineterm="",
        )
    ]
    assert stamped == committed, "\n".join(
        [f"examples/{name} is not what the template stamps. If it should be: {REFRESH}", *difference]
    )


def test_the_defaults_give_the_spec_of_bank_loans_and_nothing_else(stamp: Callable[..., Path]) -> None:
    assert (stamp() / "Glue/etl.py").read_text() == SPEC


def test_the_example_differs_from_a_teams_own_project_by_the_modules_source_alone(
    stamp: Callable[..., Path],
) -> None:
    local = files(stamp(__module_source="../../../modules/MODULE"))
    released = files(stamp())
    assert [path for path in local if local[path] != released[path]] == ["Terraform/main.tf"]
    differing = set(local["Terraform/main.tf"].splitlines()) ^ set(released["Terraform/main.tf"].splitlines())
    assert all(line.startswith("  source = ") for line in differing)
