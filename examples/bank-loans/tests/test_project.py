"""Tests that need no AWS account and no database. `make test` runs them."""

import ast
import importlib
import json
import os
import re
import runpy
import subprocess
import sys
import unittest
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
TERRAFORM = PROJECT / "Terraform"


def terraform(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = os.environ.get("TERRAFORM", "terraform")
    command = [program, f"-chdir={TERRAFORM}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def engine() -> Path:
    """Return the folder of the engine that `terraform init` downloaded. The job runs the same version."""
    manifest = TERRAFORM / ".terraform/modules/modules.json"
    if not manifest.exists():
        raise AssertionError("the modules are not installed; run `make test`")
    found = json.loads(manifest.read_text())["Modules"]
    folders: dict[str, str] = {module["Key"]: module["Dir"] for module in found}
    return TERRAFORM / folders["extract"] / "runtime"


class SpecTest(unittest.TestCase):
    def setUp(self) -> None:
        """Read Glue/etl.py with the folder of the engine in sys.path, as Glue does."""
        sys.path.insert(0, str(engine()))
        self.addCleanup(sys.path.pop, 0)
        self.extract = runpy.run_path(str(PROJECT / "Glue/etl.py"))["EXTRACT"]

    def test_spec_is_valid(self) -> None:
        importlib.import_module("rolling_spec_check").check(self.extract)

    def test_readme_describes_the_spec(self) -> None:
        description = importlib.import_module("rolling_description")
        readme = (PROJECT / "README.md").read_text(encoding="utf-8")
        stale = description.stale(readme, self.extract)
        assert not stale, stale

    def test_time_zone_of_the_spec_equals_time_zone_in_terraform(self) -> None:
        main = (TERRAFORM / "main.tf").read_text(encoding="utf-8")
        zone = re.search(r'^  time_zone += "(.*?)"', main, re.MULTILINE)
        assert zone, 'Terraform/main.tf sets no time_zone in module "extract"'
        assert zone[1] == self.extract.time_zone, (
            f'the time zone is "{zone[1]}" in Terraform/main.tf and "{self.extract.time_zone}" in'
            " Glue/etl.py; the schedule and the months must have the same time zone"
        )

    def test_tables_and_recipient_of_the_spec_equal_those_in_terraform(self) -> None:
        main = (TERRAFORM / "main.tf").read_text(encoding="utf-8")
        tables = re.search(r"^  tables = (\[.*?\])$", main, re.MULTILINE | re.DOTALL)
        recipient = re.search(r'^  recipient_column += "(.*)"$', main, re.MULTILINE)
        assert tables
        assert recipient
        deployed, read = set(ast.literal_eval(tables[1])), set(self.extract.tables)
        assert deployed == read, "; ".join(
            f"{has} has the table {table!r}, but {lacks} does not; correct its name, or add or remove it"
            for has, lacks, more in (
                ("Glue/etl.py", "Terraform/main.tf", read - deployed),
                ("Terraform/main.tf", "Glue/etl.py", deployed - read),
            )
            for table in sorted(more)
        )
        assert recipient[1] == self.extract.recipient_label


class TerraformTest(unittest.TestCase):
    def test_terraform_is_formatted(self) -> None:
        done = terraform("fmt", "-check", "-diff", "-recursive")
        assert done.returncode == 0, done.stdout + done.stderr

    def test_terraform_is_valid(self) -> None:
        done = terraform("validate", "-no-color")
        assert done.returncode == 0, done.stdout + done.stderr


if __name__ == "__main__":
    unittest.main()
