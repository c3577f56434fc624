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
  target          = aws_sfn_state_machine.receipts
  override_during = plan
  values = {
    arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans-receipts"
  }
}

override_resource {
  target          = aws_sfn_state_machine.uncollected
  override_during = plan
  values = {
    arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans-uncollected"
  }
}

variables {
  name        = "bank-loans"
  bucket      = "bank-loans-data"
  kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/data"
  endpoint = {
    vpc_id        = "vpc-1"
    subnet_ids    = ["subnet-1"]
    allowed_cidrs = { office = "203.0.113.7/32" }
  }
  recipients = {
    first-bank = {
      prefix      = "loans/bank_name=FirstBank"
      public_keys = { laptop = "ssh-ed25519 AAAA laptop", office = "ssh-rsa BBBB=\n" }
    }
    beta = { prefix = "loans/bank_name=Beta" }
  }
}

run "receipts_record_downloads" {
  command = plan

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.collected["this"].event_pattern) == {
      source      = ["aws.transfer"]
      detail-type = ["SFTP Server File Download Completed"]
      detail      = { server-id = ["s-0123456789abcdef0"] }
    }
    error_message = "The length of the event pattern does not depend on the number of users."
  }
  assert {
    condition = jsondecode(
      aws_sfn_state_machine.receipts["this"].definition
      ).States.Begin.Assign.config == {
      bucket  = "bank-loans-data"
      days    = 365
      extract = "bank-loans"
      prefixes = {
        beta       = "loans/bank_name=Beta"
        first-bank = "loans/bank_name=FirstBank"
      }
      source = "sftp-transfer"
      table  = "bank-loans-receipts"
    }
    error_message = "Only users of this module get receipts, and only for files in their prefixes."
  }
  assert {
    condition = (
      aws_dynamodb_table.receipts["this"].hash_key == "recipient"
      && aws_dynamodb_table.receipts["this"].server_side_encryption[0].kms_key_arn
      == var.kms_key_arn
      && aws_dynamodb_table.receipts["this"].point_in_time_recovery[0].enabled
      && output.receipts_table_name == "bank-loans-receipts"
    )
    error_message = "The table is encrypted and has point-in-time recovery."
  }
  assert {
    condition = {
      for s in jsondecode(aws_iam_role_policy.receipts["this"].policy).Statement :
      s.Sid => [s.Action, s.Resource, try(s.Condition, null)] if s.Sid != "WriteLogs"
      } == {
      KeepReceipts = [
        "dynamodb:PutItem",
        "arn:aws:dynamodb:eu-west-1:123456789012:table/bank-loans-receipts",
        null,
      ]
      TellOutcome = [
        "events:PutEvents", "arn:aws:events:eu-west-1:123456789012:event-bus/default",
        { StringEquals = { "events:source" = "sftp-transfer" } },
      ]
      EncryptReceipts = [
        [
          "kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt",
          "kms:GenerateDataKey*", "kms:ReEncrypt*",
        ],
        var.kms_key_arn,
        { StringEquals = { "kms:ViaService" = "dynamodb.eu-west-1.amazonaws.com" } },
      ]
    }
    error_message = "The role can write receipts. It cannot read, change or delete them."
  }
  assert {
    condition = (
      length(aws_scheduler_schedule.uncollected) == 0
      && length(aws_sfn_state_machine.uncollected) == 0
      && keys(output.delivery.events) == ["receipts"]
      && length(output.delivery.recipients) == 0
    )
    error_message = "Without due_day there is no daily check."
  }
}

run "daily_check_reports_missing_downloads" {
  command = plan
  variables {
    receipts        = { due_day = 10, due_hour = 9 }
    manifest_prefix = "loans/_manifests"
  }

  assert {
    condition = (
      aws_scheduler_schedule.uncollected["this"].schedule_expression == "cron(0 9 * * ? *)"
      && aws_scheduler_schedule.uncollected["this"].schedule_expression_timezone == "Etc/GMT"
      && aws_scheduler_schedule.uncollected["this"].target[0].input
      == "{\"time\":\"<aws.scheduler.scheduled-time>\"}"
      && jsondecode(
        aws_sfn_state_machine.uncollected["this"].definition
      ).States.Begin.Assign.config.due == "-10T09:00:00Z"
    )
    error_message = "The check runs daily at due_hour, and its definition contains due_day."
  }
  assert {
    condition = {
      for s in jsondecode(aws_iam_role_policy.uncollected["this"].policy).Statement :
      s.Sid => [s.Action, s.Resource, try(s.Condition, null)]
      if contains(["SeeFiles", "AskReceipts", "ReadManifests", "DecryptManifests"], s.Sid)
      } == {
      ReadManifests = [
        "s3:GetObject", "arn:aws:s3:::bank-loans-data/loans/_manifests/*.json", null,
      ]
      DecryptManifests = [
        "kms:Decrypt", var.kms_key_arn,
        { StringEquals = { "kms:ViaService" = "s3.eu-west-1.amazonaws.com" } },
      ]
      SeeFiles = [
        "s3:ListBucket", "arn:aws:s3:::bank-loans-data",
        {
          StringLike = {
            "s3:prefix" = [
              "loans/_manifests/*", "loans/bank_name=Beta/*", "loans/bank_name=FirstBank/*",
            ]
          }
        },
      ]
      AskReceipts = [
        "dynamodb:Query", "arn:aws:dynamodb:eu-west-1:123456789012:table/bank-loans-receipts", null,
      ]
    }
    error_message = "The daily check can list names of files. It can read no file."
  }
  assert {
    condition = (
      { for key, event in output.delivery.events : key => jsondecode(event).detail-type } == {
        collection = ["File Not Collected"]
        receipts   = ["Step Functions Execution Status Change"]
      }
      && jsondecode(output.delivery.events["receipts"]).detail.stateMachineArn == [
        "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans-receipts",
        "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans-uncollected",
      ]
      && jsondecode(output.delivery.recoveries["collection"]) == {
        source      = ["sftp-transfer"]
        detail-type = ["File Collected"]
        detail      = { extract = ["bank-loans"] }
      }
      && output.delivery.recipients == {
        beta       = "s3://bank-loans-data/loans/bank_name=Beta"
        first-bank = "s3://bank-loans-data/loans/bank_name=FirstBank"
      }
    )
    error_message = "The alerts get events about missing downloads, downloads and failed checks."
  }
  assert {
    condition = jsondecode(aws_iam_role_policy.due["this"].policy).Statement[0] == {
      Sid      = "StartLook"
      Effect   = "Allow"
      Action   = "states:StartExecution"
      Resource = "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans-uncollected"
    }
    error_message = "EventBridge Scheduler can start only the daily check."
  }
}

run "prefixes_that_exceed_the_size_of_one_policy_are_refused" {
  command = plan
  variables {
    receipts        = { due_day = 10 }
    manifest_prefix = "loans/_manifests"
    recipients = {
      for number in range(100, 200) :
      "recipient-${number}" => {
        prefix = "loans/${join("", [for x in range(100) : "x"])}${number}"
      }
    }
  }

  expect_failures = [aws_iam_role_policy.uncollected["this"]]
}

run "undeliverable_events_of_receipts_go_to_the_dead_letter_queue" {
  command = plan
  variables {
    dead_letter_queue = {
      arn         = "arn:aws:sqs:eu-west-1:123456789012:letters"
      kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/letters"
    }
    receipts        = { due_day = 10 }
    manifest_prefix = "loans/_manifests"
  }

  assert {
    condition = (
      one(aws_cloudwatch_event_target.receipt["this"].dead_letter_config).arn
      == var.dead_letter_queue.arn
      && one(aws_scheduler_schedule.uncollected["this"].target[0].dead_letter_config).arn
      == var.dead_letter_queue.arn
      && output.delivery.rule_arns
      == ["arn:aws:events:eu-west-1:123456789012:rule/bank-loans-receipts"]
    )
    error_message = "The rule and the schedule use the queue. delivery.rule_arns contains the rule."
  }
  assert {
    condition = {
      for s in jsondecode(aws_iam_role_policy.due["this"].policy).Statement :
      s.Sid => [s.Action, s.Resource, try(s.Condition, null)]
      if endswith(s.Sid, "DeadLetters")
      } == {
      KeepDeadLetters = ["sqs:SendMessage", "arn:aws:sqs:eu-west-1:123456789012:letters", null]
      EncryptDeadLetters = [
        ["kms:Decrypt", "kms:GenerateDataKey*"],
        "arn:aws:kms:eu-west-1:123456789012:key/letters",
        { StringEquals = { "kms:ViaService" = "sqs.eu-west-1.amazonaws.com" } },
      ]
    }
    error_message = "The role of the schedule can send messages to the dead-letter queue."
  }
}
