"""A Terraform test that plans a project without AWS. It contains the values that AWS would return."""

from __future__ import annotations

from hashlib import sha1

from tests.support import options

ACCOUNT = "123456789012"


def plan_test(answers: options.Answers) -> str:
    """Return the text of a Terraform test: a plan, and the conditions that the plan must fulfill.

    The test uses the real provider, because a mock provider does not support ephemeral resources. The
    test makes no calls to AWS, because it overrides the data sources with fixed values.
    """
    sftp = answers.get("sftp", "server")
    region = answers.get("_region", "eu-west-1")
    slug = answers.get("project_slug", "bank-loans")
    shortened = slug if len(slug) <= 24 else f"{slug[:15].rstrip('-')}-{sha1(slug.encode()).hexdigest()[:8]}"
    modules = ["bucket", "artifacts", "extract", "alerts", *(["sftp"] if sftp != "none" else [])]
    identities = ["", *(f"module.{module}." for module in modules)]
    delivered = {
        "server": 'endswith(output.sftp_users["first-recipient"].prefix, "=FirstRecipient")',
        "instance": 'endswith(output.sftp_users["first-recipient"].prefix, "=FirstRecipient")',
        "connector": 'keys(output.sftp_connectors) == ["first-recipient"]',
        "none": 'output.files == "s3://${output.bucket}/${local.prefix}/" && length(var.readers) == 1',
    }[sftp]
    overrides = "".join(
        f"""
override_data {{
  target = {module}data.aws_caller_identity.current
  values = {{ account_id = "{ACCOUNT}" }}
}}
"""
        for module in identities
    )
    if sftp == "instance":
        overrides += """
override_data {
  target = module.sftp.data.aws_ssm_parameter.image
  values = { insecure_value = "ami-0123456789abcdef0" }
}
"""
    if sftp in ("server", "instance"):
        # The definition of this state machine is known before apply, so the provider would ask AWS to
        # validate it. The override prevents this call.
        overrides += """
override_resource {
  target = module.sftp.aws_sfn_state_machine.receipts
}
"""
    return f"""\
provider "aws" {{
  region                      = "{region}"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}}
{overrides}
override_data {{
  target = data.aws_subnet.this
  values = {{ vpc_id = "vpc-1", availability_zone = "{region}a" }}
}}

run "plan" {{
  command = plan

  assert {{
    condition     = output.bucket == "{shortened}-{ACCOUNT}-{region}"
    error_message = "the bucket is called otherwise"
  }}
  assert {{
    condition     = {delivered}
    error_message = "a recipient does not get at its files"
  }}
}}
"""
