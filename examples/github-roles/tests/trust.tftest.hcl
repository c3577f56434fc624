# These tests plan with the real AWS provider, without a network, to check complete policies.

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
    error_message = "without plan_environment, the role must trust pull requests and main"
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
    error_message = "the role must not trust pull requests: a branch could avoid the approval"
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
    error_message = "the default of workflow_refs must be the tag of one version"
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

run "subject_contains_the_ids_of_owner_and_repository" {
  command = plan

  variables {
    repository_ids = { owner = 123456, repository = 456789 }
  }

  assert {
    condition = flatten([
      for role in ["plan", "apply", "run"] :
      jsondecode(aws_iam_role.github[role].assume_role_policy)
      .Statement.Condition.StringEquals["token.actions.githubusercontent.com:sub"]
      ]) == [
      for end in [
        "pull_request", "ref:refs/heads/main", "environment:production", "environment:production",
      ] : "repo:banking-group@123456/bank-loans@456789:${end}"
    ]
    error_message = "the subject that the roles trust must contain the IDs of owner and repository"
  }
}

run "ids_in_the_name_of_the_repository_are_refused" {
  command = plan

  variables {
    repository = "banking-group@123456/bank-loans@456789"
  }

  expect_failures = [var.repository]
}

run "id_with_a_wildcard_is_refused" {
  command = plan

  variables {
    repository_ids = { owner = "123456", repository = "*" }
  }

  expect_failures = [var.repository_ids]
}

run "plan_role_trusts_only_the_default_branch" {
  command = plan

  variables {
    default_branch   = "trunk"
    plan_environment = "plan"
  }

  assert {
    condition = (
      jsondecode(aws_iam_role.github["plan"].assume_role_policy)
      .Statement.Condition.StringEquals["token.actions.githubusercontent.com:sub"] == [
        "repo:banking-group/bank-loans:environment:plan",
        "repo:banking-group/bank-loans:ref:refs/heads/trunk",
      ]
    )
    error_message = "the role must trust the default branch and no other branch"
  }
}

run "branch_with_a_wildcard_is_refused" {
  command = plan

  variables {
    default_branch = "release/*"
  }

  expect_failures = [var.default_branch]
}

run "existing_identity_provider_is_used" {
  command = plan

  variables {
    oidc_provider_arn = join("", [
      "arn:aws:iam::123456789012:oidc-provider/", "token.actions.githubusercontent.com",
    ])
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0
    error_message = "the configuration must not create a second identity provider"
  }
  assert {
    condition = alltrue([
      for role in aws_iam_role.github :
      jsondecode(role.assume_role_policy).Statement.Principal.Federated == var.oidc_provider_arn
    ])
    error_message = "the roles must trust the existing identity provider"
  }
}

run "provider_of_another_issuer_is_refused" {
  command = plan

  variables {
    oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/gitlab.com"
  }

  expect_failures = [var.oidc_provider_arn]
}
