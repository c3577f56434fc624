"""Take away what was not asked for and say what to do next. Updating a project runs it again, in a folder that is
thrown away: it does the same there, and asks nobody.
"""

import shutil
import sys
from collections import OrderedDict
from pathlib import Path

ANSWERS: OrderedDict = {{cookiecutter}}  # type: ignore  # noqa: F821

NEXT = f"""
{ANSWERS["project_slug"]} is ready. Next:

  cd {ANSWERS["project_slug"]} && cp Terraform/terraform.tfvars.example Terraform/terraform.tfvars
  make test
  terraform -chdir=Terraform init && terraform -chdir=Terraform apply

README.md says what to fill in, how to make the secret and how to confirm the alert mails. Not asked, and taken
as usual unless you gave it: SFTP {ANSWERS["_sftp"]}, day and time {ANSWERS["_schedule"]} GMT, region {ANSWERS["_region"]},
GitHub workflows {ANSWERS["_github_workflows"]}, object lock {ANSWERS["_object_lock"]}. "Change it" in there says how to choose.
"""

if str(ANSWERS["_github_workflows"]).strip() in ("no", "False"):
    shutil.rmtree(Path(".github"))

sys.stdout.write(NEXT)
