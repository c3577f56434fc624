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

override_resource {
  target          = aws_iam_policy.plan
  override_during = plan
  values          = { arn = "arn:aws:iam::123456789012:policy/banking-group-bank-loans-plan" }
}

override_resource {
  target          = aws_iam_role.github
  override_during = plan
  values          = { arn = "arn:aws:iam::123456789012:role/banking-group-bank-loans" }
}

variables {
  repository       = "banking-group/bank-loans"
  name             = "bank-loans"
  region           = "eu-west-1"
  state            = { bucket = "terraform-states", key = "bank-loans.tfstate" }
  data_buckets     = ["bank-loans"]
  apply_policy_arn = "arn:aws:iam::aws:policy/PowerUserAccess"
}

run "plan_role_reads_only_resources_of_the_project" {
  command = plan

  assert {
    condition = toset([
      for s in jsondecode(aws_iam_role_policy.plan.policy).Statement : s.Sid
      if !alltrue([for r in s.Resource : can(regex("bank[-_]loans|glue:[^/]*:catalog$", r))])
    ]) == toset(["Account", "Generated", "States"])
    error_message = "only Account, Generated and States may match resources of other projects"
  }
  assert {
    condition = alltrue([
      for r in jsondecode(aws_iam_policy.plan.policy).Statement[0].Resource :
      strcontains(r, "bank-loans")
    ])
    error_message = "the name of every resource in the policy must contain the project's name"
  }
  assert {
    condition = toset(one([
      for s in jsondecode(aws_iam_role_policy.plan.policy).Statement : s.Resource
      if contains(s.Action, "glue:GetConnection")
      ])) == toset([
      for r in [
        "catalog", "connection/bank-loans", "crawler/bank-loans-crawler", "database/bank_loans",
        "job/bank-loans", "trigger/bank-loans-crawled", "trigger/bank-loans-start",
        "workflow/bank-loans",
      ] : "arn:aws:glue:eu-west-1:123456789012:${r}"
    ])
    error_message = "the plan must not read connections (hosts, user names) of other projects"
  }
  assert {
    condition = toset(flatten([
      for s in jsondecode(aws_iam_policy.plan.policy).Statement : [
        for r in s.Resource : r if strcontains(r, ":stateMachine:")
      ]
      ])) == toset([
      for machine in [
        "bank-loans-failures", "bank-loans-missing", "bank-loans-receipts",
        "bank-loans-uncollected", "bank-loans_push", "bank-loans_push_*",
      ] :
      "arn:aws:states:eu-west-1:123456789012:stateMachine:${machine}"
    ])
    error_message = "the plan must read exactly the state machines of the project"
  }
}

run "no_role_has_rights_in_another_project_whose_name_contains_the_name_of_this_project" {
  command = plan

  variables {
    created_secret   = true
    plan_environment = "plan"
    sftp_instance    = true
  }

  assert {
    # Make ARNs of other projects whose names contain "bank-loans", and test that no ARN pattern
    # matches them. To make an ARN from a pattern, the test replaces "*" by "x".
    condition = alltrue(flatten([
      for given in [flatten([
        for policy in [
          aws_iam_policy.plan.policy, aws_iam_role_policy.plan.policy,
          aws_iam_role_policy.run.policy,
        ] :
        [
          for s in flatten([jsondecode(policy).Statement]) : [
            for r in flatten([s.Resource]) : r if can(regex("bank[-_]loans", r))
          ]
        ]
        ])] : [
        for pair in setproduct(
          given,
          given,
          [
            "bank$${1}loans$${1}archive", "bank$${1}loans$${1}failures",
            "bank$${1}loans$${1}sftp", "old$${1}bank$${1}loans", "old$${1}bank$${1}loans$${1}job",
          ],
          ) : !can(regex(
            "^${replace(replace(pair[0], "/[.$]/", "\\$0"), "*", ".*")}$",
            replace(replace(pair[1], "/bank(.)loans/", pair[2]), "*", "x"),
        ))
      ]
    ]))
    error_message = "a role must not reach resources of another project"
  }
}

run "policy_with_the_longest_names_is_within_the_size_limit" {
  command = plan

  variables {
    name             = "an-extract-with-the-longest-name-allowed"
    region           = "ap-southeast-1"
    created_secret   = true
    plan_environment = "plan"
    sftp_instance    = true
    state = {
      bucket      = "terraform-states"
      key         = "an-extract-with-the-longest-name-allowed.tfstate"
      kms_key_arn = "arn:aws:kms:ap-southeast-1:123456789012:key/states"
    }
  }

  assert {
    # IAM User Guide, "IAM and AWS STS quotas".
    condition = (
      length(aws_iam_role_policy.plan.policy) <= 10240 && length(aws_iam_policy.plan.policy) <= 6144
    )
    error_message = "the policies must not be longer than the limits of IAM"
  }
}

run "plan_role_with_an_sftp_instance_reads_only_attributes_and_parameters_of_the_instance" {
  command = plan

  variables {
    sftp_instance = true
  }

  assert {
    condition = [
      for s in jsondecode(aws_iam_role_policy.plan.policy).Statement :
      [s.Resource, s.Condition.StringEquals]
      if contains(s.Action, "ec2:DescribeInstanceAttribute")
      ] == [[
        ["arn:aws:ec2:eu-west-1:123456789012:instance/*"],
        { "aws:ResourceTag/Name" = "bank-loans-sftp" },
    ]]
    error_message = "the plan must read attributes, such as user data, of its own instance only"
  }
  assert {
    condition = toset(flatten([
      for s in jsondecode(aws_iam_role_policy.plan.policy).Statement : [
        for r in s.Resource : r if strcontains(r, ":ssm:")
      ]
      ])) == toset([
      "arn:aws:ssm:eu-west-1:123456789012:parameter/bank-loans/sftp/*",
      "arn:aws:ssm:eu-west-1::parameter/aws/service/ami-amazon-linux-latest/*",
    ])
    error_message = "the plan must not read parameters of other projects"
  }
}

run "plan_role_without_an_sftp_instance_cannot_read_instances" {
  command = plan

  assert {
    condition = !anytrue([
      for a in flatten([
        for s in jsondecode(aws_iam_role_policy.plan.policy).Statement : s.Action
      ]) : can(regex("^ssm:|:DescribeInstance", a))
    ])
    error_message = "without sftp_instance, the plan must not read EC2 instances or SSM parameters"
  }
}

run "policy_of_the_plan_role_has_no_wildcard_actions_except_get_bucket" {
  command = plan

  variables {
    sftp_instance = true
  }

  assert {
    condition = [
      for a in flatten([
        for s in concat(
          jsondecode(aws_iam_role_policy.plan.policy).Statement,
          jsondecode(aws_iam_policy.plan.policy).Statement,
        ) : s.Action
      ]) : a if strcontains(a, "*")
    ] == ["s3:GetBucket*"]
    error_message = "only s3:GetBucket* may have a wildcard: a wildcard also allows future actions"
  }
  assert {
    condition = alltrue([
      for s in concat(
        jsondecode(aws_iam_role_policy.plan.policy).Statement,
        jsondecode(aws_iam_policy.plan.policy).Statement,
      ) : s.Effect == "Allow"
    ])
    error_message = "all statements of the plan must be Allow statements"
  }
}

run "plan_role_reads_only_the_state_and_the_programs_of_the_job" {
  command = plan

  assert {
    condition = toset(flatten([
      for s in jsondecode(aws_iam_role_policy.plan.policy).Statement : s.Resource
      if contains(s.Action, "s3:GetObject")
      ])) == toset([
      "arn:aws:s3:::bank-loans-123456789012-eu-west-1-artifacts/artifacts/*",
      "arn:aws:s3:::terraform-states/bank-loans.tfstate",
    ])
    error_message = "the plan must not read delivered files or states of other projects"
  }
}

run "no_role_reads_a_secret_if_the_module_creates_no_secret" {
  command = plan

  assert {
    condition = !anytrue([
      for a in flatten([
        for s in jsondecode(aws_iam_role_policy.plan.policy).Statement : s.Action
      ]) : contains(["kms:Decrypt", "secretsmanager:GetSecretValue"], a)
    ])
    error_message = "without created_secret, the plan must not read any secret"
  }
  assert {
    condition = one([
      for s in jsondecode(aws_iam_role_policy.apply.policy).Statement : s.Resource
      if s.Action == "secretsmanager:GetSecretValue"
    ]) == "*"
    error_message = "without created_secret, the apply must not read any secret"
  }
}

run "roles_read_only_the_secret_that_the_module_creates" {
  command = plan

  variables {
    created_secret   = true
    plan_environment = "plan"
  }

  assert {
    condition = flatten([
      for s in jsondecode(aws_iam_role_policy.plan.policy).Statement : s.Resource
      if contains(s.Action, "secretsmanager:GetSecretValue")
    ]) == ["arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-loans/reader-*"]
    error_message = "the plan must read only the secret that the module creates"
  }
  assert {
    condition = [
      for s in jsondecode(aws_iam_role_policy.plan.policy).Statement :
      s.Condition.StringLike["kms:EncryptionContext:SecretARN"] if contains(s.Action, "kms:Decrypt")
    ] == ["arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-loans/reader-*"]
    error_message = "the plan must decrypt only the secret that the module creates"
  }
  assert {
    condition = one([
      for s in jsondecode(aws_iam_role_policy.apply.policy).Statement : s.NotResource
      if s.Action == "secretsmanager:GetSecretValue"
    ]) == "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-loans/reader-*"
    error_message = "the apply must read only the secret that the module creates"
  }
}

run "created_secret_without_a_plan_environment_is_refused" {
  command = plan

  variables {
    created_secret = true
  }

  expect_failures = [var.created_secret]
}

run "role_uses_the_key_of_the_state_only_through_s3" {
  command = plan

  variables {
    state = {
      bucket      = "terraform-states"
      key         = "bank-loans.tfstate"
      kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/states"
    }
  }

  assert {
    condition = [
      for s in jsondecode(aws_iam_role_policy.plan.policy).Statement :
      [s.Resource, s.Condition.StringLike["kms:ViaService"]] if contains(s.Action, "kms:Decrypt")
    ] == [[["arn:aws:kms:eu-west-1:123456789012:key/states"], "s3.*"]]
    error_message = "the plan must use the KMS key of the state only through S3"
  }
}

run "apply_role_cannot_read_delivered_files_or_change_the_roles_of_the_workflows" {
  command = plan

  assert {
    condition = [
      for s in jsondecode(aws_iam_role_policy.apply.policy).Statement : s.Resource
      if s.Effect == "Deny" && contains(flatten([s.Action]), "s3:GetObject")
    ] == [["arn:aws:s3:::bank-loans/*"]]
    error_message = "the apply must not read delivered files"
  }
  assert {
    condition = toset(flatten([
      for s in jsondecode(aws_iam_role_policy.apply.policy).Statement : s.Resource
      if s.Effect == "Deny" && s.Action == "iam:*"
      ])) == toset([
      "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com",
      "arn:aws:iam::123456789012:policy/banking-group-bank-loans-plan",
      "arn:aws:iam::123456789012:role/banking-group-bank-loans",
    ])
    error_message = "the apply must not change the roles of the workflows"
  }
}

run "state_with_a_wildcard_is_refused" {
  command = plan

  variables {
    state = { bucket = "terraform-states", key = "*" }
  }

  expect_failures = [var.state]
}

run "name_with_a_wildcard_is_refused" {
  command = plan

  variables {
    name = "bank*"
  }

  expect_failures = [var.name]
}
