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
  target          = aws_transfer_connector.this
  override_during = plan
  values = {
    arn          = "arn:aws:transfer:eu-west-1:123456789012:connector/c-0123456789abcdef0"
    connector_id = "c-0123456789abcdef0"
  }
}

override_resource {
  target          = aws_sfn_state_machine.push
  override_during = plan
  values = {
    arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans_push_first-bank"
  }
}

# The override replaces the real resource, because the provider would ask AWS to validate the
# definition of the state machine.
override_resource {
  target          = aws_sfn_state_machine.dispatch
  override_during = plan
  values = {
    arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans_push"
  }
}

variables {
  name            = "bank-loans"
  bucket          = "bank-loans-data"
  kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/data"
  manifest_prefix = "loans/_manifests"
  mode            = "connector"
  recipients = {
    first-bank = {
      prefix = "loans/bank_name=FirstBank"
      push = {
        folder = "/incoming"
        secret_arn = join(":", [
          "arn:aws:secretsmanager:eu-west-1:123456789012:secret", "aws/transfer/first-AbCdEf",
        ])
        secret_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/secret"
        trusted_host_keys  = ["ecdsa-sha2-nistp256 AAAA sftp.first.example.com"]
        url                = "sftp://sftp.first.example.com:2222"
      }
    }
  }
}

run "connector_trusts_only_the_given_host_keys" {
  command = plan

  assert {
    condition = (
      aws_transfer_connector.this["first-bank"].url == "sftp://sftp.first.example.com:2222"
      && aws_transfer_connector.this["first-bank"].security_policy_name
      == "TransferSFTPConnectorSecurityPolicy-2024-03"
      && one(one(aws_transfer_connector.this["first-bank"].sftp_config).trusted_host_keys)
      == "ecdsa-sha2-nistp256 AAAA"
      && one(aws_transfer_connector.this["first-bank"].sftp_config).user_secret_id
      == var.recipients.first-bank.push.secret_arn
    )
    error_message = "The connector uses only the given URL, host key and secret."
  }
  assert {
    condition = (
      length(aws_transfer_server.this) == 0
      && length(aws_transfer_user.this) == 0
      && length(aws_security_group.this) == 0
      && output.server_id == null
      && output.connectors == { first-bank = "c-0123456789abcdef0" }
    )
    error_message = "Mode \"connector\" creates no server, so there is no fixed cost."
  }
}

run "new_manifest_starts_the_transfers" {
  command = plan

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.published["this"].event_pattern) == {
      source      = ["aws.s3"]
      detail-type = ["Object Created"]
      detail = {
        bucket = { name = ["bank-loans-data"] }
        object = { key = [{ prefix = "loans/_manifests/" }] }
      }
    }
    error_message = "Only a new manifest starts transfers, so no incomplete period is sent."
  }
  assert {
    condition = jsondecode(
      aws_sfn_state_machine.dispatch["this"].definition
      ).States.Begin.Assign.config == {
      manifest_prefix = "loans/_manifests"
      recipients = [{
        name    = "first-bank"
        machine = "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans_push_first-bank"
      }]
    }
    error_message = "One rule starts the state machines of all recipients."
  }
  assert {
    condition = (
      aws_sfn_state_machine.push["first-bank"].name == "bank-loans_push_first-bank"
      && aws_sfn_state_machine.dispatch["this"].name == "bank-loans_push"
      && jsondecode(
        aws_sfn_state_machine.push["first-bank"].definition
        ).States.Begin.Assign.config == {
        attempts  = 4
        bucket    = "bank-loans-data"
        connector = "c-0123456789abcdef0"
        folder    = "/incoming"
        prefix    = "loans/bank_name=FirstBank"
        recipient = "first-bank"
      }
    )
    error_message = "Each recipient has its own connector, prefix and folder."
  }
}

run "characters_above_u_00ff_are_kept_in_transfers_and_replaced_in_policies" {
  command = plan
  variables {
    recipients = {
      lodz = {
        prefix = "loans/bank_name=KredytŁódź"
        push = {
          folder            = "/incoming"
          secret_arn        = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:lodz-AbCdEf"
          trusted_host_keys = ["ssh-rsa AAAA"]
          url               = "sftp://sftp.lodz.example.com"
        }
      }
    }
  }

  assert {
    condition = jsondecode(
      aws_sfn_state_machine.push["lodz"].definition
    ).States.Begin.Assign.config.prefix == "loans/bank_name=KredytŁódź"
    error_message = "The state machine lists the prefix with unchanged letters above U+00FF."
  }
  assert {
    condition = (
      [
        for policy in [aws_iam_role_policy.push["lodz"], aws_iam_role_policy.send["lodz"]] :
        [
          for statement in jsondecode(policy.policy).Statement : statement.Condition
          if statement.Sid == "ListFolder"
        ]
      ]
      == [
        for role in ["push", "send"] : [
          { StringLike = { "s3:prefix" = "loans/bank_name=Kredyt?ód?/*" } },
        ]
      ]
      && !can(regex("[^\\x{0000}-\\x{00FF}]", aws_iam_role_policy.push["lodz"].policy))
    )
    error_message = "In IAM policies, \"?\" replaces each character above U+00FF."
  }
}

run "connector_mode_without_recipients_creates_nothing" {
  command = plan
  variables {
    recipients = {}
  }

  assert {
    condition = (
      length(aws_cloudwatch_event_rule.published) == 0
      && length(aws_iam_role.published) == 0
      && length(aws_iam_role_policy.dispatch) == 0
      && length(aws_cloudwatch_log_group.push) == 0
      && output.delivery == {
        events          = {}
        push_arn_prefix = null
        recipients      = {}
        recoveries      = {}
        rule_arns       = []
      }
    )
    error_message = "Without recipients, the module creates no rules, roles or log groups."
  }
}

run "connector_role_reads_one_prefix_and_one_secret" {
  command = plan

  assert {
    condition = {
      for s in jsondecode(aws_iam_role_policy.push["first-bank"].policy).Statement :
      s.Sid => [s.Action, s.Resource, try(s.Condition, null)]
      } == {
      FindBucket = ["s3:GetBucketLocation", "arn:aws:s3:::bank-loans-data", null]
      ListFolder = [
        "s3:ListBucket", "arn:aws:s3:::bank-loans-data",
        { StringLike = { "s3:prefix" = "loans/bank_name=FirstBank/*" } },
      ]
      ReadFolder = [
        ["s3:GetObject", "s3:GetObjectVersion"],
        "arn:aws:s3:::bank-loans-data/loans/bank_name=FirstBank/*", null,
      ]
      DecryptFiles = [
        "kms:Decrypt", "arn:aws:kms:eu-west-1:123456789012:key/data",
        { StringEquals = { "kms:ViaService" = "s3.eu-west-1.amazonaws.com" } },
      ]
      ReadSecret = [
        "secretsmanager:GetSecretValue",
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:aws/transfer/first-AbCdEf", null,
      ]
      WriteLogs = [
        ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
        "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/transfer/c-*", null,
      ]
      DecryptSecret = [
        "kms:Decrypt", "arn:aws:kms:eu-west-1:123456789012:key/secret",
        { StringEquals = { "kms:ViaService" = "secretsmanager.eu-west-1.amazonaws.com" } },
      ]
    }
    error_message = "The role of the connector has exactly the rights in this list."
  }
  assert {
    condition = jsondecode(aws_iam_role.push["first-bank"].assume_role_policy).Statement == [{
      Effect    = "Allow"
      Principal = { Service = "transfer.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = "123456789012" }
        ArnLike      = { "aws:SourceArn" = "arn:aws:transfer:eu-west-1:123456789012:connector/*" }
      }
    }]
    error_message = "Only connectors in this account and region can assume the role."
  }
  assert {
    condition = {
      for s in jsondecode(aws_iam_role_policy.send["first-bank"].policy).Statement :
      s.Sid => [s.Action, s.Resource] if s.Sid != "WriteLogs"
      } == {
      ListFolder       = ["s3:ListBucket", "arn:aws:s3:::bank-loans-data"]
      ReadManifests    = ["s3:GetObject", "arn:aws:s3:::bank-loans-data/loans/_manifests/*.json"]
      DecryptManifests = ["kms:Decrypt", var.kms_key_arn]
      StartTransfer = [
        ["transfer:ListFileTransferResults", "transfer:StartFileTransfer"],
        "arn:aws:transfer:eu-west-1:123456789012:connector/c-0123456789abcdef0",
      ]
    }
    error_message = "The state machine may list files, read manifests and start its connector."
  }
  assert {
    condition = (
      jsondecode(aws_iam_role_policy.published["this"].policy).Statement == [{
        Sid      = "StartDispatch"
        Effect   = "Allow"
        Action   = "states:StartExecution"
        Resource = "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans_push"
      }]
      && jsondecode(aws_iam_role_policy.dispatch["this"].policy).Statement[0] == {
        Sid      = "StartPush"
        Effect   = "Allow"
        Action   = "states:StartExecution"
        Resource = "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans_push_*"
      }
    )
    error_message = "EventBridge can start one state machine, which starts all others."
  }
  assert {
    condition = {
      for role in concat(
        values(aws_iam_role.push), values(aws_iam_role.send), values(aws_iam_role.dispatch),
        values(aws_iam_role.published),
      ) : role.name => jsondecode(role.assume_role_policy).Statement[0].Principal.Service
      } == {
      "bank-loans_push_first-bank-eu-west-1" = "transfer.amazonaws.com"
      "bank-loans_send_first-bank-eu-west-1" = "states.amazonaws.com"
      "bank-loans-dispatch-eu-west-1"        = "states.amazonaws.com"
      "bank-loans-published-eu-west-1"       = "events.amazonaws.com"
    }
    error_message = "Role names contain the region."
  }
}

run "failed_transfers_are_events_for_the_alerts" {
  command = plan

  assert {
    condition = {
      for kind in ["events", "recoveries"] :
      kind => { for key, event in output.delivery[kind] : key => jsondecode(event) }
      } == {
      for kind, status in {
        events     = ["ABORTED", "FAILED", "TIMED_OUT"]
        recoveries = ["SUCCEEDED"]
        } : kind => {
        push = {
          source      = ["aws.states"]
          detail-type = ["Step Functions Execution Status Change"]
          detail = {
            stateMachineArn = [
              { prefix = "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans_push" },
            ]
            status = status
          }
        }
      }
    }
    error_message = "delivery.events matches failures, and delivery.recoveries matches successes."
  }
  assert {
    condition = (
      output.delivery.push_arn_prefix
      == "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans_push"
    )
    error_message = "push_arn_prefix identifies the state machines that send files."
  }
  assert {
    condition = (
      length(aws_dynamodb_table.receipts) == 0
      && length(aws_sfn_state_machine.receipts) == 0
      && output.receipts_table_name == null
    )
    error_message = "In mode \"connector\", there are no receipts."
  }
  assert {
    condition = (
      aws_cloudwatch_log_group.connector["first-bank"].name == "/aws/transfer/c-0123456789abcdef0"
      && aws_cloudwatch_log_group.connector["first-bank"].retention_in_days == 365
      && aws_cloudwatch_log_group.connector["first-bank"].kms_key_id == var.kms_key_arn
    )
    error_message = "Logs are encrypted, and CloudWatch Logs keeps them for a year."
  }
}

run "undeliverable_events_go_to_the_dead_letter_queue" {
  command = plan
  variables {
    dead_letter_queue = {
      arn         = "arn:aws:sqs:eu-west-1:123456789012:letters"
      kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/letters"
    }
  }

  assert {
    condition = (
      alltrue([
        for target in aws_cloudwatch_event_target.dispatch :
        one(target.dead_letter_config).arn == var.dead_letter_queue.arn
      ])
      && output.delivery.rule_arns
      == ["arn:aws:events:eu-west-1:123456789012:rule/bank-loans-published"]
    )
    error_message = "If EventBridge cannot deliver an event, the event goes to the queue."
  }
}
