"""`extracts doctor` compares flat=True in the spec with flat_recipients in Terraform."""

from __future__ import annotations

from pathlib import Path

import pytest

from extracts.doctor import project
from extracts.doctor.resolved import check

SPEC = """
from rolling_extract import Extract, File, Metric
EXTRACT = Extract(
    entity="Loans", date_column="Loans.day", metrics={"n": Metric("count")}, group_by={"b": "Loans.b"},
    recipient={"bank": "Loans.bank"}, FILES,
)
"""
FLAT = 'File(flat=True, name="{recipient}_{date:%Y%m%d}.csv")'


@pytest.mark.parametrize(
    ("files", "flat"),
    [("file=File()", []), (f"file={FLAT}", ["*"]), (f"files={{'A': {FLAT}, 'B': File()}}", ["A"])],
)
def test_check_finds_the_flat_recipients_of_a_spec(files: str, flat: list[str], tmp_path: Path) -> None:
    script = tmp_path / "etl.py"
    script.write_text(SPEC.replace("FILES", files))
    found = check({"script": str(script), "database_url": None, "role": None})
    assert (found["wrong"], found["flat"]) == ("", flat)


@pytest.mark.parametrize(
    ("known", "flat", "states"),
    [
        ([], [], []),
        (None, ["A"], ["skipped"]),
        ([], ["*"], ["failed"]),
        (["B"], ["A"], ["failed"]),
        (["A"], ["A"], ["ok"]),
        (["*"], ["*", "A"], ["ok"]),
    ],
)
def test_check_fails_if_a_flat_recipient_of_the_spec_is_missing_in_terraform(
    known: list[str] | None, flat: list[str], states: list[str], tmp_path: Path
) -> None:
    found = list(project.flat_folders(tmp_path, known, flat))
    assert [each.state for each in found] == states
    for each in found:
        if each.state == "failed":
            assert each.remedy.endswith(f'main.tf: flat_recipients = ["{flat[0]}"]')


@pytest.mark.parametrize(
    ("written", "expression"),
    [
        ("", "[]"),
        ('  flat_recipients = ["A"]\n', '["A"]'),
        ('  flat_recipients = [\n    "A",\n  ]\n', '[ "A", ]'),
    ],
)
def test_flat_recipients_are_read_from_the_module_call_in_main_tf(
    written: str, expression: str, tmp_path: Path
) -> None:
    main = tmp_path / "main.tf"
    main.write_text(f'module "extract" {{\n  name = "x"\n{written}  schedule = "y"\n}}\n')
    assert project._arguments(main)["flat_recipients"] == expression
