# The runs plan with the real AWS provider, without a network. So they can check complete policies.

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

override_data {
  target = data.aws_caller_identity.this
  values = { account_id = "123456789012" }
}

override_resource {
  target          = aws_iam_openid_connect_provider.github
  override_during = plan
  values = {
    arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
  }
}

variables {
  repository       = "banking-group/bank-loans"
  name             = "bank-loans"
  region           = "eu-west-1"
  state            = { bucket = "terraform-states", key = "bank-loans.tfstate" }
  data_buckets     = ["bank-loans"]
  apply_policy_arn = "arn:aws:iam::aws:policy/PowerUserAccess"
}

run "pull_requests_get_the_plan_role_if_no_plan_environment_is_set" {
  command = plan

  assert {
    condition = (
      jsondecode(aws_iam_role.github["plan"].assume_role_policy)
      .Statement.Condition.StringEquals["token.actions.githubusercontent.com:sub"] == [
        "repo:banking-group/bank-loans:pull_request",
        "repo:banking-group/bank-loans:ref:refs/heads/main",
      ]
    )
    error_message = "without an environment, the role must trust pull requests and main"
  }
}

run "only_jobs_of_the_plan_environment_and_the_main_branch_get_the_plan_role" {
  command = plan

  variables {
    plan_environment = "plan"
  }

  assert {
    condition = (
      jsondecode(aws_iam_role.github["plan"].assume_role_policy)
      .Statement.Condition.StringEquals["token.actions.githubusercontent.com:sub"] == [
        "repo:banking-group/bank-loans:environment:plan",
        "repo:banking-group/bank-loans:ref:refs/heads/main",
      ]
    )
    error_message = "the role must not trust pull requests: a branch can delete `environment:`"
  }
}

run "roles_trust_only_workflows_of_the_given_versions" {
  command = plan

  variables {
    workflow_refs = ["refs/tags/v1.0.0", "refs/tags/v1.1.0"]
  }

  assert {
    condition = (
      jsondecode(aws_iam_role.github["apply"].assume_role_policy)
      .Statement.Condition.StringEquals["token.actions.githubusercontent.com:job_workflow_ref"] == [
        for v in ["1.0.0", "1.1.0"] : join("", [
          "terraform-aws-extracts/terraform-aws-extracts/.github/workflows/extract-apply.yml",
          "@refs/tags/v${v}",
        ])
      ]
    )
    error_message = "the role must trust only the versions in workflow_refs"
  }
}

run "roles_trust_one_version_tag_by_default" {
  command = plan

  assert {
    condition     = can(regex("^refs/tags/v\\d+\\.\\d+\\.\\d+$", one(var.workflow_refs)))
    error_message = "the default must be the tag of one version"
  }
}

run "version_with_a_wildcard_is_refused" {
  command = plan

  variables {
    workflow_refs = ["refs/tags/v*"]
  }

  expect_failures = [var.workflow_refs]
}

run "empty_list_of_versions_is_refused" {
  command = plan

  variables {
    workflow_refs = []
  }

  expect_failures = [var.workflow_refs]
}

run "environment_with_a_colon_is_refused" {
  command = plan

  variables {
    plan_environment = "plan:x"
  }

  expect_failures = [var.plan_environment]
}
