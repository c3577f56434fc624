# Plans only, with the real provider and no network: policies can be read as they will be.

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
  target          = aws_iam_role.states
  override_during = plan
  values          = { arn = "arn:aws:iam::123456789012:role/bank-loans-failures-states-eu-west-1" }
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
  target          = aws_iam_role.missing
  override_during = plan
  values          = { arn = "arn:aws:iam::123456789012:role/bank-loans-missing-states-eu-west-1" }
}

override_resource {
  target          = aws_iam_role.scheduler
  override_during = plan
  values          = { arn = "arn:aws:iam::123456789012:role/bank-loans-missing-schedule-eu-west-1" }
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

variables {
  name            = "bank-loans"
  expected_output = { bucket = "bank-loans-data", manifest_prefix = "loans/_manifests" }
  failure_events = {
    name = "bank-loans"
    events = {
      crawler = "{\"source\":[\"aws.glue\"],\"detail-type\":[\"Glue Crawler State Change\"]}"
      job     = "{\"source\":[\"aws.glue\"],\"detail-type\":[\"Glue Job State Change\"]}"
    }
    recoveries = {
      job = "{\"source\":[\"aws.glue\"],\"detail\":{\"state\":[\"SUCCEEDED\"]}}"
    }
    job_name      = "bank-loans"
    log_group     = "/aws-glue/jobs/bank-loans/output"
    workflow_name = "bank-loans"
  }
  subscriptions = { team = { endpoint = "data-team@example.com" } }
}

run "every_event_starts_the_state_machine" {
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
    error_message = "There is a rule per event, with the pattern as given."
  }
  assert {
    condition = alltrue([
      for target in aws_cloudwatch_event_target.mail : (
        target.arn == aws_sfn_state_machine.this.arn
        && target.dead_letter_config[0].arn == aws_sqs_queue.dead_letters.arn
        && target.retry_policy[0].maximum_event_age_in_seconds == 86400
      )
    ])
    error_message = (
      "An event that cannot be handed over is tried for a day, then kept as a dead letter."
    )
  }
}

run "roles_do_one_thing" {
  command = plan

  assert {
    condition = jsondecode(aws_iam_role_policy.events.policy).Statement == [{
      Sid      = "StartMail"
      Effect   = "Allow"
      Action   = "states:StartExecution"
      Resource = "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans-failures"
    }]
    error_message = "EventBridge may start this state machine, and no more."
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
    error_message = "The state machine looks up this job, remembers, publishes, and no more."
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
    error_message = "No other rule can borrow the role."
  }
}

run "topic_takes_messages_from_the_state_machines_and_the_alarms_alone" {
  command = plan

  assert {
    condition = [
      for s in jsondecode(aws_sns_topic_policy.this.policy).Statement : s if s.Effect == "Allow"
      ] == [
      {
        Sid    = "StateMachinesPublish"
        Effect = "Allow"
        Principal = {
          AWS = [
            "arn:aws:iam::123456789012:role/bank-loans-failures-states-eu-west-1",
            "arn:aws:iam::123456789012:role/bank-loans-missing-states-eu-west-1",
          ]
        }
        Action   = "sns:Publish"
        Resource = "arn:aws:sns:eu-west-1:123456789012:bank-loans-failures"
      },
      {
        Sid       = "LastResortPublishes"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = "arn:aws:sns:eu-west-1:123456789012:bank-loans-failures"
        Condition = {
          ArnEquals = {
            "aws:SourceArn" = "arn:aws:events:eu-west-1:123456789012:rule/bank-loans-mail-unwritten"
          }
        }
      },
      {
        Sid       = "AlarmsPublish"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = "arn:aws:sns:eu-west-1:123456789012:bank-loans-failures"
        Condition = {
          StringEquals = { "aws:SourceAccount" = "123456789012" }
          ArnEquals = {
            "aws:SourceArn" = join("", [
              "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:bank-loans-dead-letters",
            ])
          }
        }
      },
    ]
    error_message = "Nobody else can send mail in the extract's name."
  }
  assert {
    condition = (
      aws_sns_topic.this.kms_master_key_id
      == "arn:aws:kms:eu-west-1:123456789012:key/own"
    )
    error_message = "The topic is encrypted."
  }
  assert {
    condition = [
      for s in aws_sns_topic_subscription.this : "${s.protocol} ${s.endpoint}"
    ] == ["email data-team@example.com"]
    error_message = "A subscription is an e-mail unless it says otherwise."
  }
}

run "alerts_that_cannot_alert_show" {
  command = plan

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.dead_letters.namespace == "AWS/SQS"
      && aws_cloudwatch_metric_alarm.dead_letters.metric_name
      == "ApproximateNumberOfMessagesVisible"
      && aws_cloudwatch_metric_alarm.dead_letters.dimensions
      == tomap({ QueueName = "bank-loans-dead-letters" })
      && strcontains(
        aws_cloudwatch_metric_alarm.dead_letters.alarm_description, "a scheduled start"
      )
      && aws_cloudwatch_metric_alarm.dead_letters.threshold == 0
      && aws_cloudwatch_metric_alarm.dead_letters.comparison_operator == "GreaterThanThreshold"
      && aws_cloudwatch_metric_alarm.dead_letters.treat_missing_data == "notBreaching"
      && one(aws_cloudwatch_metric_alarm.dead_letters.alarm_actions) == aws_sns_topic.this.arn
      && length(aws_cloudwatch_metric_alarm.dead_letters.alarm_description) <= 1024
    )
    error_message = "One event that was not handed over is enough, and the topic is told directly."
  }
  assert {
    condition = (
      jsondecode(aws_cloudwatch_event_rule.unwritten.event_pattern).detail == {
        stateMachineArn = [
          "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans-failures",
          "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans-missing",
        ]
        status = ["ABORTED", "FAILED", "TIMED_OUT"]
      }
      && aws_cloudwatch_event_target.unwritten.arn == aws_sns_topic.this.arn
      && aws_cloudwatch_event_target.unwritten.dead_letter_config[0].arn
      == aws_sqs_queue.dead_letters.arn
    )
    error_message = (
      "A state machine that failed is told past it; what cannot be told so is a dead letter."
    )
  }
  assert {
    condition = alltrue([
      for line in split(
        "\n", aws_cloudwatch_event_target.unwritten.input_transformer[0].input_template
      ) :
      can(regex("^\"[^\"]*\"$", line))
    ])
    error_message = "EventBridge takes one string a line."
  }
  assert {
    condition = [
      for s in jsondecode(aws_kms_key.this[0].policy).Statement : s.Action
      if s.Principal == { Service = "cloudwatch.amazonaws.com" }
    ] == [["kms:Decrypt", "kms:GenerateDataKey*"]]
    error_message = "Without the key the alarm's message is dropped silently."
  }
}

run "key_lets_eventbridge_in_without_a_condition" {
  command = plan

  assert {
    condition = [
      for s in jsondecode(aws_kms_key.this[0].policy).Statement : s
      if s.Principal == { Service = "events.amazonaws.com" }
      ] == [{
        Sid       = "EventBridgeWritesDeadLetters"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
    }]
    error_message = "With a condition on its source EventBridge drops events silently."
  }
}

run "failures_and_what_puts_them_right_go_one_way" {
  command = plan
  variables {
    delivery = {
      events     = { push = "{\"source\":[\"aws.states\"]}" }
      recoveries = { push = "{\"source\":[\"aws.states\"],\"detail-type\":[\"x\"]}" }
      rule_arns  = ["arn:aws:events:eu-west-1:123456789012:rule/bank-loans-push-first-bank"]
    }
  }

  assert {
    condition = jsondecode(aws_sqs_queue_policy.dead_letters.policy).Statement == [{
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
    error_message = "Letters of the own rules and of those that are named, and of nobody else."
  }
  assert {
    condition = output.dead_letter_queue == {
      arn         = "arn:aws:sqs:eu-west-1:123456789012:bank-loans-dead-letters"
      kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/own"
    }
    error_message = "What delivers can keep its letters here too."
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
    error_message = "What sftp-transfer gives is heard like what glue-extract gives."
  }
}

run "memory_is_encrypted_and_forgets" {
  command = plan

  assert {
    condition = (
      aws_dynamodb_table.incidents.billing_mode == "PAY_PER_REQUEST"
      && aws_dynamodb_table.incidents.server_side_encryption[0].kms_key_arn
      == "arn:aws:kms:eu-west-1:123456789012:key/own"
      && aws_dynamodb_table.incidents.ttl[0].enabled
      && aws_dynamodb_table.incidents.point_in_time_recovery[0].enabled
      && output.incidents_table_name == "bank-loans-incidents"
    )
    error_message = "A table costs nothing while nothing fails, and is encrypted."
  }
}

run "state_machine_speaks_jsonata_and_looks_up_its_own_job" {
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
    error_message = "No event can have another job looked up."
  }
  assert {
    condition     = one(aws_sfn_state_machine.this.logging_configuration).level == "ERROR"
    error_message = "A mail that failed is in the log."
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
    error_message = "A test can be sent by a shell and by a program."
  }
}

run "more_than_people_are_told" {
  command = plan
  variables {
    subscriptions = {
      desk  = { protocol = "https", endpoint = "https://desk.example.com/hook" }
      queue = { protocol = "sqs", endpoint = "arn:aws:sqs:eu-west-1:123456789012:incidents" }
      team  = { endpoint = "data-team@example.com" }
    }
  }

  override_resource {
    target          = aws_sns_topic_subscription.this["team"]
    override_during = plan
    values          = { pending_confirmation = true }
  }
  override_resource {
    target          = aws_sns_topic_subscription.this["desk"]
    override_during = plan
    values          = { pending_confirmation = false }
  }
  override_resource {
    target          = aws_sns_topic_subscription.this["queue"]
    override_during = plan
    values          = { pending_confirmation = false }
  }

  assert {
    condition = [
      for s in aws_sns_topic_subscription.this : "${s.protocol} ${s.endpoint}"
      ] == [
      "https https://desk.example.com/hook",
      "sqs arn:aws:sqs:eu-west-1:123456789012:incidents",
      "email data-team@example.com",
    ]
    error_message = "There is a subscription per name."
  }
  assert {
    condition     = output.pending_subscriptions == tolist(["team"])
    error_message = "Whoever has not confirmed is named."
  }
}

run "given_key_is_used_and_none_is_made" {
  command = plan
  variables {
    kms_key = { arn = "arn:aws:kms:eu-west-1:123456789012:key/given" }
  }

  assert {
    condition = (
      length(aws_kms_key.this) == 0
      && aws_sns_topic.this.kms_master_key_id == var.kms_key.arn
      && aws_sqs_queue.dead_letters.kms_master_key_id == var.kms_key.arn
      && aws_cloudwatch_log_group.states.kms_key_id == var.kms_key.arn
    )
    error_message = "The given key encrypts topic, dead letters and logs."
  }
}

run "bucket_is_asked_every_day" {
  command = plan

  assert {
    condition = (
      aws_scheduler_schedule.missing["this"].schedule_expression == "cron(0 6 * * ? *)"
      && aws_scheduler_schedule.missing["this"].schedule_expression_timezone == "Etc/GMT"
      && aws_scheduler_schedule.missing["this"].state == "ENABLED"
      && aws_scheduler_schedule.missing["this"].kms_key_arn == null
      && aws_scheduler_schedule.missing["this"].flexible_time_window[0].mode == "OFF"
    )
    error_message = "The check is made at six o'clock every day, whatever Glue's schedule is."
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
    error_message = (
      "The check is told the time it was due at; what cannot be started is a dead letter."
    )
  }
  assert {
    condition = jsondecode(
      aws_sfn_state_machine.missing["this"].definition
      ).States.Look.Arguments == {
      Bucket  = "{% $config.bucket %}"
      MaxKeys = 1
      Prefix  = "{% $due.key %}"
    }
    error_message = "One name is asked for."
  }
  assert {
    condition = alltrue([
      for text in values(
        jsondecode(aws_sfn_state_machine.missing["this"].definition).States.Unknown.Arguments
      ) :
      !strcontains(text, "{%")
    ])
    error_message = "The mail of a check that failed has nothing in it that can fail."
  }
}

run "check_may_see_manifests_and_no_more" {
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
    error_message = "The check lists one folder, remembers, and reads no file."
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
    error_message = "No other state machine can borrow the check's role."
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
    error_message = "Scheduler starts the check, keeps what it cannot start, and no more."
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
    error_message = "No schedule of another group can borrow the role."
  }
}

run "month_begins_in_gmt_by_default" {
  command = plan

  assert {
    condition = (
      jsondecode(aws_sfn_state_machine.this.definition).States.Begin.Assign.config.hours_ahead == 0
      && jsondecode(aws_sfn_state_machine.this.definition).States.Begin.Assign.config.time_zone
      == "Etc/GMT"
    )
    error_message = "Without a time zone it is GMT."
  }
}

run "deadline_moves_the_check" {
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
    error_message = "The hour is when it is asked, the day from when on the last month counts."
  }
}

run "nothing_expected_is_not_looked_for" {
  command = plan
  variables {
    expected_output = null
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
    error_message = "Without an output to expect there is no check."
  }
}

run "longest_names_fit" {
  command = plan
  variables {
    name = "loans-of-forty-characters-for-this-limit"
    failure_events = {
      name = "Loans of fifty characters for all of these limits."
      events = {
        for n in range(5) : "sixteen-letter-${n}" => "{\"source\":[\"aws.glue\"]}"
      }
      recoveries = {
        for n in range(5) : "thirteen-ch-${n}" => "{\"source\":[\"aws.glue\"]}"
      }
      job_name      = "loans-of-forty-characters-for-this-limit"
      log_group     = "/aws-glue/jobs/loans-of-forty-characters-for-this-limit/output"
      workflow_name = "loans-of-forty-characters-for-this-limit"
    }
  }

  assert {
    condition = (
      length(var.name) == 40 && length(var.failure_events.name) == 50
      && length(aws_cloudwatch_metric_alarm.dead_letters.alarm_description) <= 1024
      && length(jsondecode(
        aws_sfn_state_machine.missing["this"].definition
      ).States.Unknown.Arguments.Subject) < 100
    )
    error_message = "SNS takes fewer than 100 characters, CloudWatch 1,024."
  }
  assert {
    condition = alltrue([
      for role in [
        aws_iam_role.events, aws_iam_role.missing["this"], aws_iam_role.scheduler["this"],
        aws_iam_role.states,
      ] : length(role.name) == 64 && can(regex("^loans-of-forty.*-[0-9a-f]{8}$", role.name))
    ])
    error_message = "A role's long name is cut and ends in the beginning of its SHA-1."
  }
}

run "roles_have_the_region_in_their_names" {
  command = plan

  assert {
    condition = [
      aws_iam_role.events.name, aws_iam_role.missing["this"].name,
      aws_iam_role.scheduler["this"].name, aws_iam_role.states.name,
      ] == [
      "bank-loans-failures-events-eu-west-1", "bank-loans-missing-states-eu-west-1",
      "bank-loans-missing-schedule-eu-west-1", "bank-loans-failures-states-eu-west-1",
    ]
    error_message = "Two regions of one account can have the same alerts."
  }
}

run "letters_that_iam_refuses_are_question_marks_in_the_policy_alone" {
  command = plan
  variables {
    expected_output = { bucket = "bank-loans-data", manifest_prefix = "Pożyczki & öre/_manifests" }
  }

  assert {
    condition = one([
      for s in jsondecode(aws_iam_role_policy.missing["this"].policy).Statement :
      s.Condition.StringLike["s3:prefix"] if s.Sid == "SeeManifests"
    ]) == "Po?yczki & öre/_manifests/*"
    error_message = "IAM takes letters up to U+00FF."
  }
  assert {
    condition = jsondecode(
      aws_sfn_state_machine.missing["this"].definition
    ).States.Begin.Assign.config.manifest_prefix == "Pożyczki & öre/_manifests"
    error_message = "Only policies have to do without these letters."
  }
}

run "console_of_the_partition_is_linked_to" {
  command = plan

  override_data {
    target = data.aws_partition.current
    values = { partition = "aws-eusc", dns_suffix = "amazonaws.eu" }
  }
  override_data {
    target = data.aws_region.current
    values = { endpoint = "ec2.eusc-de-east-1.amazonaws.eu" }
  }

  assert {
    condition = (
      startswith(
        jsondecode(aws_sfn_state_machine.this.definition).States.Begin.Assign.config.links.run,
        "https://eusc-de-east-1.console.amazonaws-eusc.eu/gluestudio/",
      )
      && jsondecode(aws_sfn_state_machine.this.definition).States.Send.Resource
      == "arn:aws-eusc:states:::sns:publish"
    )
    error_message = "Each partition has a console of its own."
  }
}

run "partition_without_a_known_console_is_planned" {
  command = plan

  override_data {
    target = data.aws_partition.current
    values = { partition = "aws-iso-f", dns_suffix = "csp.hci.ic.gov" }
  }
  override_data {
    target = data.aws_region.current
    values = { endpoint = "ec2.us-isof-south-1.csp.hci.ic.gov" }
  }

  assert {
    condition = startswith(
      local.links.workflow, "https://us-isof-south-1.console.csp.hci.ic.gov/glue/"
    )
    error_message = "A partition that is not in the map has a console under its own suffix."
  }
}

run "month_begins_where_the_extract_is" {
  command = plan
  variables {
    failure_events = {
      name          = "bank-loans"
      events        = { job = "{\"source\":[\"aws.glue\"]}" }
      job_name      = "bank-loans"
      log_group     = "/aws-glue/jobs/bank-loans/output"
      time_zone     = "Africa/Johannesburg"
      workflow_name = "bank-loans"
    }
  }

  assert {
    condition = jsondecode(
      aws_sfn_state_machine.this.definition
    ).States.Begin.Assign.config.hours_ahead == 3
    error_message = "No clock in Africa is more than three hours ahead of GMT."
  }
}
