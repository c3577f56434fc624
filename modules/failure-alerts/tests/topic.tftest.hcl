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

run "only_state_machines_and_alarms_can_publish_to_the_topic" {
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
    error_message = "Only two state machines, one rule and one alarm can publish to the topic."
  }
  assert {
    condition = (
      aws_sns_topic.this.kms_master_key_id
      == "arn:aws:kms:eu-west-1:123456789012:key/own"
    )
    error_message = "The KMS key that the module creates encrypts the topic."
  }
  assert {
    condition = [
      for s in aws_sns_topic_subscription.this : "${s.protocol} ${s.endpoint}"
    ] == ["email data-team@example.com"]
    error_message = "The default protocol of a subscription is email."
  }
}

run "failed_alert_and_undeliverable_event_are_reported" {
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
    error_message = "One undeliverable event triggers the alarm, which publishes to the topic."
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
    error_message = "A rule sends failed executions of both state machines directly to the topic."
  }
  assert {
    condition = alltrue([
      for line in split(
        "\n", aws_cloudwatch_event_target.unwritten.input_transformer[0].input_template
      ) :
      can(regex("^\"[^\"]*\"$", line))
    ])
    error_message = "Each line of input_template is one JSON string, as EventBridge requires."
  }
  assert {
    condition = [
      for s in jsondecode(aws_kms_key.this[0].policy).Statement : s.Action
      if s.Principal == { Service = "cloudwatch.amazonaws.com" }
    ] == [["kms:Decrypt", "kms:GenerateDataKey*"]]
    error_message = "Without kms:Decrypt and kms:GenerateDataKey*, CloudWatch drops alarm messages."
  }
}

run "key_allows_eventbridge_without_a_condition" {
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
    error_message = "EventBridge drops events if the key policy has a condition on their source."
  }
}

run "incidents_table_is_encrypted_and_expires_items" {
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
    error_message = "The incidents table is encrypted, is billed on demand, and deletes old items."
  }
}

run "subscription_endpoint_can_be_a_url_a_queue_or_a_function" {
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
    error_message = "The module creates one subscription for each entry of subscriptions."
  }
  assert {
    condition     = output.pending_subscriptions == tolist(["team"])
    error_message = "The output pending_subscriptions lists the unconfirmed subscriptions."
  }
}

run "existing_key_is_used_and_no_key_is_created" {
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
    error_message = "The key in kms_key encrypts the topic, the queue and the logs."
  }
}
