"""`pipx run checkov==VERSION …` with the checkov that the variable `CHECKOV` names.

Without one, only what it is asked is checked: checkov is some 300 MB, too much to install for each test run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Run it on the files it is given."""
    verb, package, *arguments = sys.argv[1:]
    assert verb == "run"
    assert re.fullmatch(r"checkov==\d+\.\d+\.\d+", package), package
    place = Path(arguments[arguments.index("--file" if "--file" in arguments else "--directory") + 1])
    assert place.exists(), f"there is no {place} to look at"
    if "CHECKOV" in os.environ:
        sys.exit(subprocess.run([os.environ["CHECKOV"], *arguments], check=False).returncode)


if __name__ == "__main__":
    main()
