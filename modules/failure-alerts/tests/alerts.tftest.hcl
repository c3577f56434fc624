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

run "each_event_has_a_rule_that_starts_the_state_machine" {
  command = plan

  assert {
    condition = {
      for key, rule in aws_cloudwatch_event_rule.failure :
      rule.name => jsondecode(rule.event_pattern)
      } == {
      bank-loans-crawler-failed = {
        source      = ["aws.glue"]
        detail-type = ["Glue Crawler State Change"]
      }
      bank-loans-job-failed = {
        source      = ["aws.glue"]
        detail-type = ["Glue Job State Change"]
      }
    }
    error_message = "Each event in failure_events has a rule with the pattern of the event."
  }
  assert {
    condition = alltrue([
      for target in aws_cloudwatch_event_target.mail : (
        target.arn == aws_sfn_state_machine.this.arn
        && target.dead_letter_config[0].arn == aws_sqs_queue.dead_letters.arn
        && target.retry_policy[0].maximum_event_age_in_seconds == 86400
      )
    ])
    error_message = "An undeliverable event is retried for a day, then sent to the queue."
  }
}

run "roles_have_only_the_expected_rights" {
  command = plan

  assert {
    condition = jsondecode(aws_iam_role_policy.events.policy).Statement == [{
      Sid      = "StartMail"
      Effect   = "Allow"
      Action   = "states:StartExecution"
      Resource = "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans-failures"
    }]
    error_message = "EventBridge can start only this state machine."
  }
  assert {
    condition = [
      for s in jsondecode(aws_iam_role_policy.states.policy).Statement : s if s.Sid != "WriteLogs"
      ] == [
      {
        Sid      = "LookUpRun"
        Effect   = "Allow"
        Action   = ["glue:GetJob", "glue:GetJobRun"]
        Resource = "arn:aws:glue:eu-west-1:123456789012:job/bank-loans"
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
    error_message = "The state machine can read runs of this job, write incidents and send mails."
  }
  assert {
    condition = jsondecode(aws_iam_role.events.assume_role_policy).Statement[0].Condition == {
      StringEquals = { "aws:SourceAccount" = "123456789012" }
      ArnEquals = {
        "aws:SourceArn" = [
          "arn:aws:events:eu-west-1:123456789012:rule/bank-loans-crawler-failed",
          "arn:aws:events:eu-west-1:123456789012:rule/bank-loans-job-failed",
          "arn:aws:events:eu-west-1:123456789012:rule/bank-loans-job-recovered",
        ]
      }
    }
    error_message = "Only rules of this module can assume the role of EventBridge."
  }
}

run "failures_and_recoveries_start_the_same_state_machine" {
  command = plan
  variables {
    delivery = {
      events     = { push = "{\"source\":[\"aws.states\"]}" }
      recoveries = { push = "{\"source\":[\"aws.states\"],\"detail-type\":[\"x\"]}" }
      rule_arns  = ["arn:aws:events:eu-west-1:123456789012:rule/bank-loans-push-first-bank"]
    }
  }

  assert {
    condition = jsondecode(aws_sqs_queue.dead_letters.policy).Statement == [{
      Sid       = "RulesSendEvents"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = "arn:aws:sqs:eu-west-1:123456789012:bank-loans-dead-letters"
      Condition = {
        ArnEquals = {
          "aws:SourceArn" = [
            for rule in [
              "crawler-failed", "job-failed", "push-failed", "job-recovered", "push-recovered",
              "mail-unwritten", "push-first-bank",
            ] : "arn:aws:events:eu-west-1:123456789012:rule/bank-loans-${rule}"
          ]
        }
      }
    }]
    error_message = "Only rules of this module and of delivery.rule_arns can use the queue."
  }
  assert {
    condition = output.dead_letter_queue == {
      arn         = "arn:aws:sqs:eu-west-1:123456789012:bank-loans-dead-letters"
      kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/own"
    }
    error_message = "The output dead_letter_queue has the ARNs of the queue and of its KMS key."
  }

  assert {
    condition = (
      keys(aws_cloudwatch_event_rule.failure) == ["crawler", "job", "push"]
      && keys(aws_cloudwatch_event_rule.recovery) == ["job", "push"]
      && aws_cloudwatch_event_rule.recovery["push"].name == "bank-loans-push-recovered"
      && alltrue([
        for target in aws_cloudwatch_event_target.recovery : (
          target.arn == aws_sfn_state_machine.this.arn
          && target.dead_letter_config[0].arn == aws_sqs_queue.dead_letters.arn
        )
      ])
    )
    error_message = "The module creates a rule for each event in failure_events and in delivery."
  }
}

run "state_machine_reads_only_runs_of_its_own_job" {
  command = plan

  assert {
    condition = (
      jsondecode(aws_sfn_state_machine.this.definition).QueryLanguage == "JSONata"
      && jsondecode(aws_sfn_state_machine.this.definition).States.Run.Arguments.JobName
      == "{% $config.job_name %}"
      && jsondecode(aws_sfn_state_machine.this.definition).States.Job.Arguments.JobName
      == "{% $config.job_name %}"
      && jsondecode(aws_sfn_state_machine.this.definition).States.Begin.Assign.config.job_name
      == "bank-loans"
    )
    error_message = "The state machine reads the job name from its definition, not from the event."
  }
  assert {
    condition     = one(aws_sfn_state_machine.this.logging_configuration).level == "ERROR"
    error_message = "The state machine logs its failed executions."
  }
  assert {
    condition = output.test_message == {
      command = join(" ", [
        "aws stepfunctions start-execution --region eu-west-1 --state-machine-arn",
        "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans-failures",
        "--input '{\"test\":true}'",
      ])
      input             = "{\"test\":true}"
      state_machine_arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans-failures"
    }
    error_message = "The output test_message has the command, the input and the state machine."
  }
}
