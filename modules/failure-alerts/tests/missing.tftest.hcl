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
  target          = aws_kms_key.this
  override_during = plan
  values          = { arn = "arn:aws:kms:eu-west-1:123456789012:key/own" }
}

override_resource {
  target          = aws_dynamodb_table.incidents
  override_during = plan
  values          = { arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/bank-loans-incidents" }
}

override_resource {
  target          = aws_sns_topic.this
  override_during = plan
  values          = { arn = "arn:aws:sns:eu-west-1:123456789012:bank-loans-failures" }
}

override_resource {
  target          = aws_sqs_queue.dead_letters
  override_during = plan
  values          = { arn = "arn:aws:sqs:eu-west-1:123456789012:bank-loans-dead-letters" }
}

override_resource {
  target          = aws_sfn_state_machine.missing
  override_during = plan
  values = {
    arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans-missing"
  }
}

override_resource {
  target          = aws_sfn_state_machine.this
  override_during = plan
  values = {
    arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans-failures"
  }
}

run "daily_check_runs_at_the_deadline_hour" {
  command = plan

  assert {
    condition = (
      aws_scheduler_schedule.missing["this"].schedule_expression == "cron(0 6 * * ? *)"
      && aws_scheduler_schedule.missing["this"].schedule_expression_timezone == "Etc/GMT"
      && aws_scheduler_schedule.missing["this"].state == "ENABLED"
      && aws_scheduler_schedule.missing["this"].kms_key_arn == null
      && aws_scheduler_schedule.missing["this"].flexible_time_window[0].mode == "OFF"
    )
    error_message = "The check runs every day at 6:00 GMT, independently of the extract's schedule."
  }
  assert {
    condition = (
      aws_scheduler_schedule.missing["this"].target[0].arn
      == aws_sfn_state_machine.missing["this"].arn
      && aws_scheduler_schedule.missing["this"].target[0].input
      == "{\"time\":\"<aws.scheduler.scheduled-time>\"}"
      && aws_scheduler_schedule.missing["this"].target[0].dead_letter_config[0].arn
      == aws_sqs_queue.dead_letters.arn
    )
    error_message = "The input of the check has the scheduled time. The queue gets failed starts."
  }
  assert {
    condition = jsondecode(
      aws_sfn_state_machine.missing["this"].definition
      ).States.Look.Arguments == {
      Bucket  = "{% $config.bucket %}"
      MaxKeys = 1
      Prefix  = "{% $due.key %}"
    }
    error_message = "The check requests at most one key that begins with the key of the manifest."
  }
  assert {
    condition = alltrue([
      for text in values(
        jsondecode(aws_sfn_state_machine.missing["this"].definition).States.Unknown.Arguments
      ) :
      !strcontains(text, "{%")
    ])
    error_message = "The mail about a failed check has fixed text, because expressions could fail."
  }
}

run "daily_check_can_only_list_manifests" {
  command = plan

  assert {
    condition = [
      for s in jsondecode(aws_iam_role_policy.missing["this"].policy).Statement :
      s if s.Sid != "WriteLogs"
      ] == [
      {
        Sid       = "SeeManifests"
        Effect    = "Allow"
        Action    = "s3:ListBucket"
        Resource  = "arn:aws:s3:::bank-loans-data"
        Condition = { StringLike = { "s3:prefix" = "loans/_manifests/*" } }
      },
      {
        Sid      = "RememberIncidents"
        Effect   = "Allow"
        Action   = ["dynamodb:DeleteItem", "dynamodb:PutItem"]
        Resource = "arn:aws:dynamodb:eu-west-1:123456789012:table/bank-loans-incidents"
      },
      {
        Sid    = "EncryptMemory"
        Effect = "Allow"
        Action = [
          "kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt",
          "kms:GenerateDataKey*", "kms:ReEncrypt*",
        ]
        Resource  = "arn:aws:kms:eu-west-1:123456789012:key/own"
        Condition = { StringEquals = { "kms:ViaService" = "dynamodb.eu-west-1.amazonaws.com" } }
      },
      {
        Sid      = "PublishMail"
        Effect   = "Allow"
        Action   = "sns:Publish"
        Resource = "arn:aws:sns:eu-west-1:123456789012:bank-loans-failures"
      },
      {
        Sid       = "EncryptMail"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "arn:aws:kms:eu-west-1:123456789012:key/own"
        Condition = { StringEquals = { "kms:ViaService" = "sns.eu-west-1.amazonaws.com" } }
      },
    ]
    error_message = "The check can only list manifests, write incidents and send mails."
  }
  assert {
    condition = jsondecode(aws_iam_role.missing["this"].assume_role_policy).Statement == [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = "123456789012" }
        ArnEquals = {
          "aws:SourceArn" = "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans-missing"
        }
      }
    }]
    error_message = "Only the state machine of the check can assume the role of the check."
  }
  assert {
    condition = jsondecode(aws_iam_role_policy.scheduler["this"].policy).Statement == [
      {
        Sid      = "StartCheck"
        Effect   = "Allow"
        Action   = "states:StartExecution"
        Resource = "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans-missing"
      },
      {
        Sid      = "KeepDeadLetters"
        Effect   = "Allow"
        Action   = "sqs:SendMessage"
        Resource = "arn:aws:sqs:eu-west-1:123456789012:bank-loans-dead-letters"
      },
      {
        Sid       = "EncryptDeadLetters"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "arn:aws:kms:eu-west-1:123456789012:key/own"
        Condition = { StringEquals = { "kms:ViaService" = "sqs.eu-west-1.amazonaws.com" } }
      },
    ]
    error_message = "EventBridge Scheduler can start the check and send failed starts to the queue."
  }
  assert {
    condition = jsondecode(
      aws_iam_role.scheduler["this"].assume_role_policy
      ).Statement[0].Condition == {
      StringEquals = {
        "aws:SourceAccount" = "123456789012"
        "aws:SourceArn" = join("", [
          "arn:aws:scheduler:eu-west-1:123456789012:schedule-group/bank-loans-missing",
        ])
      }
    }
    error_message = "Only schedules of the module's schedule group can assume the schedule's role."
  }
}

run "deadline_sets_hour_and_day_of_the_check" {
  command = plan
  variables {
    deadline = { day = 5, hour = 18 }
  }

  assert {
    condition = (
      aws_scheduler_schedule.missing["this"].schedule_expression == "cron(0 18 * * ? *)"
      && jsondecode(
        aws_sfn_state_machine.missing["this"].definition
      ).States.Begin.Assign.config.deadline == "-05T18:00:00Z"
    )
    error_message = "The schedule has deadline.hour. The state machine has deadline.day and hour."
  }
}

run "daily_check_is_not_created_without_a_target" {
  command = plan
  variables {
    target = null
  }

  assert {
    condition = (
      length(aws_scheduler_schedule.missing) == 0
      && length(aws_sfn_state_machine.missing) == 0
      && length(aws_iam_role.missing) == 0
      && jsondecode(aws_cloudwatch_event_rule.unwritten.event_pattern).detail.stateMachineArn
      == ["arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans-failures"]
      && output.missing_state_machine_arn == null
    )
    error_message = "If target is null, the module creates no resource of the daily check."
  }
}
