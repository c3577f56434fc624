"""examples/bank-loans is exactly the output of the template."""

from __future__ import annotations

import difflib
import os
import re
import shutil
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.support import options

# Each key is a folder under examples/. The value contains the answers that differ from the defaults.
EXAMPLES: dict[str, dict[str, object]] = {"bank-loans": {}}
REFRESH = "REFRESH_EXAMPLES=1 python -m pytest tests/integration/template/test_examples.py"
# Each file in this folder contains the lines that one option changes.
DIFFERENCES = Path(__file__).parent / "differences"
CHOICES = {
    f"{question} {answer}": {question: answer}
    for question, values in options.factors().items()
    for [(_, answer)] in (value.items() for value in values if len(value) == 1)
    if question not in ("shape", "project_slug") and answer != options.default(question)
}
# Files that exist only after somebody has worked in an example, and that git ignores.
LEFTOVERS = (".terraform*", "*.tfstate*", "*.tfplan", "terraform.tfvars", "__pycache__", ".pytest_cache")

SPEC = """\
from rolling_extract import Extract, Join, Metric, run

EXTRACT = Extract(
    entity="Loans",
    date_column="loan_date",
    time_zone="Etc/GMT",
    joins=(
        Join("Account", left="Loans.Account_idAccount", right="idAccount"),
        Join("Client", left="Account.Client_idClient", right="idClient"),
        Join("Branch", left="Client.Branch_idBranch", right="idBranch"),
        Join("Bank", left="Branch.Bank_idBank", right="idBank"),
    ),
    recipient={"bank_name": "Bank.Name"},
    group_by={"branch_id": "Branch.idBranch", "branch_address": "Branch.Address"},
    metrics={
        "loans_count": Metric("count", "Amount", window=3),
        "amount_sum": Metric("sum", "Amount", window=3),
        "amount_avg": Metric("avg", "Amount", window=3),
    },
)

if __name__ == "__main__":
    run(EXTRACT)
"""


def files(folder: Path) -> dict[str, str]:
    """Return the text of every file in a folder, keyed by path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().decode()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not any(fnmatch(part, mask) for part in path.relative_to(folder).parts for mask in LEFTOVERS)
    }


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_is_the_output_of_the_template(
    name: str, stamp: Callable[..., Path], repository: Path
) -> None:
    project = stamp(__module_source="../../../modules/MODULE", **EXAMPLES[name])
    example = repository / "examples" / name
    if os.environ.get("REFRESH_EXAMPLES"):
        shutil.rmtree(example, ignore_errors=True)
        shutil.copytree(project, example)
    stamped, committed = files(project), files(example)
    assert stamped == committed, (
        f"examples/{name} is not what the template stamps. If it should be: {REFRESH}\n"
        + difference(committed, stamped)
    )


def difference(before: dict[str, str], after: dict[str, str], context: int = 3) -> str:
    """Return the difference between two projects as a patch."""
    return "".join(
        f"{line.rstrip()}\n"
        for path in sorted(before.keys() | after.keys())
        for line in difflib.unified_diff(
            before.get(path, "").splitlines(),
            after.get(path, "").splitlines(),
            path if path in before else "/dev/null",
            path if path in after else "/dev/null",
            n=context,
            lineterm="",
        )
    )


@pytest.fixture(scope="module")
def usual(stamp_into: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A project with the default answers."""
    return files(stamp_into(tmp_path_factory.mktemp("usual")))


@pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES)
def test_each_option_changes_only_the_expected_lines(
    choice: options.Answers, usual: dict[str, str], stamp: Callable[..., Path]
) -> None:
    changed = difference(usual, files(stamp(**choice)), context=0)
    name = "-".join(f"{question.strip('_')}-{answer}" for question, answer in choice.items())
    committed = DIFFERENCES / f"{re.sub('[^0-9A-Za-z_]+', '-', name)}.diff"
    if os.environ.get("REFRESH_EXAMPLES"):
        DIFFERENCES.mkdir(exist_ok=True)
        committed.write_text(changed)
    assert committed.exists(), f"nobody has looked at what this option changes; write it down: {REFRESH}"
    assert changed == committed.read_text(), f"if it should be so: {REFRESH}"


def test_default_answers_create_the_spec_of_bank_loans(stamp: Callable[..., Path]) -> None:
    assert (stamp() / "Glue/etl.py").read_text() == SPEC


def test_example_differs_from_a_new_project_only_in_the_source_of_its_modules(
    stamp: Callable[..., Path],
) -> None:
    local = files(stamp(__module_source="../../../modules/MODULE"))
    released = files(stamp())
    assert [path for path in local if local[path] != released[path]] == ["Terraform/main.tf"]
    differing = set(local["Terraform/main.tf"].splitlines()) ^ set(released["Terraform/main.tf"].splitlines())
    assert all(line.startswith("  source = ") for line in differing)
