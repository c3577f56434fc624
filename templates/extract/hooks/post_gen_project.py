"""Remove the workflows that were not asked for and say what to do next.

Updating a project runs it again, in a temporary folder: it does the same there, and asks nobody.
"""

import os
import sys

if __name__ == "__main__":
    # cookiecutter runs this from the temporary folder, where somebody's json.py would be imported.
    sys.path[:] = [path for path in sys.path if path != os.path.dirname(__file__)]

from collections import OrderedDict
from pathlib import Path

ANSWERS: OrderedDict = {{cookiecutter}}  # type: ignore  # noqa: F821

NEXT = f"""
{ANSWERS["project_slug"]} is ready. Next:

  cd {ANSWERS["project_slug"]} && cp Terraform/terraform.tfvars.example Terraform/terraform.tfvars
  make test
  terraform -chdir=Terraform init && terraform -chdir=Terraform apply

README.md says what to fill in, how to make the secret and how to confirm the alert mails. Not asked, and taken
as usual unless you gave it: SFTP {ANSWERS["_sftp"]}, day and time {ANSWERS["_schedule"]},
time zone {ANSWERS["_time_zone"]}, region {ANSWERS["_region"]}, GitHub workflows {ANSWERS["_github_workflows"]},
object lock {ANSWERS["_object_lock"]}. "Change it" in there says how to choose.
"""


def remove_workflows() -> None:
    """Delete the workflows of this template, and their folders if nothing else is in them.

    In a folder that was there before, `.github` may hold files of the team's own. With --skip-if-file-exists
    even a workflow of the same name may be theirs; ours call the reusable workflows of the collection.
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

sys.stdout.write(NEXT)
