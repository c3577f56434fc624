"""Remove workflows that the answers do not request, and print the next steps.

The update of an existing project also runs this hook, in a temporary folder.
"""

import os
import sys

if __name__ == "__main__":
    # cookiecutter runs this hook from a shared temporary folder, where another user could put a file json.py.
    # Without this folder in sys.path, Python cannot import that file.
    sys.path[:] = [path for path in sys.path if path != os.path.dirname(__file__)]

from collections import OrderedDict
from pathlib import Path

ANSWERS: OrderedDict = {{cookiecutter}}  # type: ignore  # noqa: F821

NEXT = f"""
{ANSWERS["project_slug"]} is ready. Next:

  cd {ANSWERS["project_slug"]} && cp Terraform/terraform.tfvars.example Terraform/terraform.tfvars
  make test
  terraform -chdir=Terraform init && terraform -chdir=Terraform apply

README.md describes the values to fill in, the secret and the confirmation of alert mails. Options that are not
prompted for: day and time {ANSWERS["_schedule"]}, time zone {ANSWERS["_time_zone"]}, region {ANSWERS["_region"]},
GitHub workflows {ANSWERS["_github_workflows"]}, object lock {ANSWERS["_object_lock"]}. README.md describes how to change them.
"""


EDIT = """
First edit `file` in Glue/etl.py: it has a placeholder for the format that the recipients expect.
"""


def remove_workflows() -> None:
    """Delete the workflows of this template, and their folders if they are empty.

    The folder `.github` of an existing project may contain other files. With --skip-if-file-exists, it may
    even contain other workflows with these names. A workflow is from the template if it calls the reusable
    workflows of the template's repository.
    """
    folder = Path(".github/workflows")
    home = ANSWERS["_repository"].removeprefix("https://github.com/")
    for name in ("backfill.yml", "drift.yml", "extract.yml"):
        if f"{home}/.github/workflows/extract-" in (folder / name).read_text(encoding="utf-8"):
            (folder / name).unlink()
    for empty in (folder, folder.parent):
        if not any(empty.iterdir()):
            empty.rmdir()


if str(ANSWERS["_github_workflows"]).strip() in ("no", "False"):
    remove_workflows()

sys.stdout.write(NEXT + (EDIT if str(ANSWERS["delimiter"]).strip() == "other" else ""))
