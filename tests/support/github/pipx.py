"""Emulate `pipx run checkov==VERSION …`. The variable `CHECKOV` contains the path of checkov.

Without the variable, the program only checks its arguments. checkov has about 300 MB, which is too much for
each test run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Check the arguments, and run checkov."""
    verb, package, *arguments = sys.argv[1:]
    assert verb == "run"
    assert re.fullmatch(r"checkov==\d+\.\d+\.\d+", package), package
    place = Path(arguments[arguments.index("--file" if "--file" in arguments else "--directory") + 1])
    assert place.exists(), f"{place} does not exist"
    if "CHECKOV" in os.environ:
        sys.exit(subprocess.run([os.environ["CHECKOV"], *arguments], check=False).returncode)
    print("Passed checks: 1, Failed checks: 0, Skipped checks: 0")


if __name__ == "__main__":
    main()
