"""Say what to do next. Changes nothing: updating a project runs it again, in a folder that is thrown away."""

import sys
from collections import OrderedDict

ANSWERS: OrderedDict = {{cookiecutter}}  # type: ignore  # noqa: F821

NEXT = f"""
{ANSWERS["project_slug"]} is ready. Next:

  cd {ANSWERS["project_slug"]} && cp Terraform/terraform.tfvars.example Terraform/terraform.tfvars
  make test
  terraform -chdir=Terraform init && terraform -chdir=Terraform apply

README.md says what to fill in, how to make the secret and how to confirm the alert mails.
"""

sys.stdout.write(NEXT)
