# Limits of AWS, with 60 recipients and a name of 40 characters.
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
  target = data.aws_caller_identity.current
  values = { account_id = "123456789012" }
}

override_resource {
  target          = aws_transfer_server.this
  override_during = plan
  values = {
    arn      = "arn:aws:transfer:eu-west-1:123456789012:server/s-0123456789abcdef0"
    endpoint = "s-0123456789abcdef0.server.transfer.eu-west-1.amazonaws.com"
    id       = "s-0123456789abcdef0"
  }
}

override_resource {
  target          = aws_transfer_connector.this
  override_during = plan
  values = {
    arn          = "arn:aws:transfer:eu-west-1:123456789012:connector/c-0123456789abcdef0"
    connector_id = "c-0123456789abcdef0"
  }
}

# The override replaces the real resource, because the provider would ask AWS to validate its
# definition.
override_resource {
  target          = aws_sfn_state_machine.dispatch
  override_during = plan
  values          = { arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:dispatch" }
}

override_resource {
  target          = aws_sfn_state_machine.push
  override_during = plan
  values          = { arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:push" }
}

override_resource {
  target          = aws_sfn_state_machine.receipts
  override_during = plan
  values          = { arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:receipts" }
}

override_resource {
  target          = aws_sfn_state_machine.uncollected
  override_during = plan
  values          = { arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:uncollected" }
}

variables {
  name            = "forty-characters-are-the-most-of-a-name1"
  bucket          = "sixty-three-characters-are-the-most-that-s3-takes-for-a-bucket1"
  kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  manifest_prefix = "loans/_manifests"
}

run "sixty_users_are_within_all_limits" {
  command = plan
  variables {
    endpoint        = { type = "PUBLIC" }
    receipts        = { due_day = 10 }
    manifest_prefix = "loans/_manifests"
    # User names have 100 characters. Folders have 120 letters that IAM does not accept in policies.
    recipients = {
      for number in range(60) : format("user-%095d", number) => {
        prefix = format(
          "loans/bank_name=%02d-Łódź-%s", number, join("", [for n in range(96) : "x"]),
        )
        public_keys = { laptop = "ssh-ed25519 AAAA" }
      }
    }
  }

  assert {
    condition = (
      length(aws_transfer_user.this) == 60
      && alltrue([
        for pattern in concat(
          values(aws_cloudwatch_event_rule.collected)[*].event_pattern,
          values(output.delivery.events), values(output.delivery.recoveries),
        ) : length(pattern) <= 2048
      ])
    )
    error_message = "An event pattern has at most 2,048 characters."
  }
  assert {
    condition = alltrue([
      for policy in concat(
        values(aws_iam_role_policy.recipient), values(aws_iam_role_policy.collected),
        values(aws_iam_role_policy.receipts), values(aws_iam_role_policy.uncollected),
        values(aws_iam_role_policy.due),
      ) : length(policy.policy) <= 10240 && !can(regex("[^\\x{0000}-\\x{00FF}]", policy.policy))
    ])
    error_message = "A role policy has at most 10,240 characters, and no character is above U+00FF."
  }
  assert {
    condition = alltrue([
      for role in concat(
        values(aws_iam_role.recipient), values(aws_iam_role.collected),
        values(aws_iam_role.receipts), values(aws_iam_role.uncollected), values(aws_iam_role.due),
      ) : length(role.name) <= 64 && length(role.assume_role_policy) <= 2048
    ])
    error_message = "Limits: 64 characters for a role name, 2,048 characters for a trust policy."
  }
  assert {
    condition = 60 == length(distinct([
      for role in aws_iam_role.recipient : lower(role.name)
    ]))
    error_message = "Role names stay different after they are shortened."
  }
  assert {
    condition = alltrue([
      for machine in concat(
        values(aws_sfn_state_machine.receipts), values(aws_sfn_state_machine.uncollected),
      ) : length(machine.name) <= 80 && length(machine.definition) <= 1048576
    ])
    error_message = "Limits of state machines: 80 characters for a name, 1 MiB for a definition."
  }
  assert {
    condition = alltrue([
      for name in concat(
        values(aws_cloudwatch_event_rule.collected)[*].name,
        values(aws_scheduler_schedule.uncollected)[*].name,
        values(aws_scheduler_schedule_group.uncollected)[*].name,
      ) : length(name) <= 64
    ])
    error_message = "Names of rules and schedules have at most 64 characters."
  }
}

run "sixty_connectors_are_within_all_limits" {
  command = plan
  variables {
    mode = "connector"
    # User names have 34 characters, because the name and a user name may have at most 74 characters
    # together.
    recipients = {
      for number in range(60) : format("user-%029d", number) => {
        prefix = format(
          "loans/bank_name=%02d-Łódź-%s", number, join("", [for n in range(96) : "x"]),
        )
        push = {
          folder             = "/incoming"
          secret_arn         = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s-AbCdEf"
          secret_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/secret"
          trusted_host_keys  = ["ssh-rsa AAAA"]
          url                = "sftp://sftp.example.com"
        }
      }
    }
  }

  assert {
    condition = (
      length(aws_cloudwatch_event_rule.published) == 1
      && alltrue([
        for pattern in concat(
          values(aws_cloudwatch_event_rule.published)[*].event_pattern,
          values(output.delivery.events), values(output.delivery.recoveries),
        ) : length(pattern) <= 2048 && !strcontains(pattern, "wildcard")
      ])
    )
    error_message = "60 connectors share one rule. No pattern has a wildcard or is too long."
  }
  assert {
    condition = alltrue([
      for policy in concat(
        values(aws_iam_role_policy.push), values(aws_iam_role_policy.send),
        values(aws_iam_role_policy.dispatch), values(aws_iam_role_policy.published),
      ) : length(policy.policy) <= 10240 && !can(regex("[^\\x{0000}-\\x{00FF}]", policy.policy))
    ])
    error_message = "A role policy has at most 10,240 characters, and no character is above U+00FF."
  }
  assert {
    condition = alltrue([
      for role in concat(
        values(aws_iam_role.push), values(aws_iam_role.send), values(aws_iam_role.dispatch),
        values(aws_iam_role.published),
      ) : length(role.name) <= 64 && length(role.assume_role_policy) <= 2048
    ])
    error_message = "Limits: 64 characters for a role name, 2,048 characters for a trust policy."
  }
  assert {
    condition = 120 == length(distinct([
      for role in concat(values(aws_iam_role.push), values(aws_iam_role.send)) : lower(role.name)
    ]))
    error_message = "Role names stay different after they are shortened."
  }
  assert {
    condition = alltrue([
      for machine in concat(
        values(aws_sfn_state_machine.push), values(aws_sfn_state_machine.dispatch),
      ) : length(machine.name) <= 80 && length(machine.definition) <= 1048576
    ])
    error_message = "Limits of state machines: 80 characters for a name, 1 MiB for a definition."
  }
  assert {
    condition = alltrue([
      for rule in aws_cloudwatch_event_rule.published : length(rule.name) <= 64
    ])
    error_message = "A rule's name has at most 64 characters."
  }
}
