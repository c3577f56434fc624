data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  dns_suffix = data.aws_partition.current.dns_suffix
  partition  = data.aws_partition.current.partition
  # In version 5 of the provider, the attribute `name` has the region's name. In version 6, the
  # attribute `region` has the name. The attribute `endpoint` exists in both versions.
  region = split(".", data.aws_region.current.endpoint)[1]

  _arn = {
    for service in ["cloudwatch", "events", "glue", "logs", "scheduler", "sqs", "states"] :
    service => join(":", ["arn", local.partition, service, local.region, local.account_id])
  }
}

################################################################################
# Events
################################################################################

locals {
  # Failures and successes start the same state machine, because a success must end the failure
  # that the state machine has stored in its table.
  _events     = merge(var.failure_events.events, var.delivery.events)
  _recoveries = merge(var.failure_events.recoveries, var.delivery.recoveries)

  # These names are not read from the rules, because the policy of the queue must contain the ARNs
  # of the rules before the rules exist.
  rule_names     = { for key in keys(local._events) : key => "${var.name}-${key}-failed" }
  recovery_names = { for key in keys(local._recoveries) : key => "${var.name}-${key}-recovered" }
  unwritten_name = "${var.name}-mail-unwritten"
  _rule_arns = [
    for rule in concat(values(local.rule_names), values(local.recovery_names)) :
    "${local._arn.events}:rule/${rule}"
  ]
  _unwritten_arn = "${local._arn.events}:rule/${local.unwritten_name}"
}

resource "aws_cloudwatch_event_rule" "failure" {
  for_each = local._events

  name          = local.rule_names[each.key]
  description   = "Failures of the extract ${var.failure_events.name}: ${each.key}."
  event_pattern = each.value
  state         = "ENABLED"

  tags = var.tags
}

resource "aws_cloudwatch_event_target" "mail" {
  for_each = local._events

  arn       = aws_sfn_state_machine.this.arn
  role_arn  = aws_iam_role.events.arn
  rule      = aws_cloudwatch_event_rule.failure[each.key].name
  target_id = "mail"

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }

  retry_policy {
    maximum_event_age_in_seconds = 86400
    maximum_retry_attempts       = 185
  }

  depends_on = [aws_iam_role_policy.events]
}

resource "aws_cloudwatch_event_rule" "recovery" {
  for_each = local._recoveries

  name          = local.recovery_names[each.key]
  description   = "Successes of the extract ${var.failure_events.name}: ${each.key}."
  event_pattern = each.value
  state         = "ENABLED"

  tags = var.tags
}

resource "aws_cloudwatch_event_target" "recovery" {
  for_each = local._recoveries

  arn       = aws_sfn_state_machine.this.arn
  role_arn  = aws_iam_role.events.arn
  rule      = aws_cloudwatch_event_rule.recovery[each.key].name
  target_id = "mail"

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }

  retry_policy {
    maximum_event_age_in_seconds = 86400
    maximum_retry_attempts       = 185
  }

  depends_on = [aws_iam_role_policy.events]
}

################################################################################
# Failed state machines of the alerts
################################################################################

# The rule publishes directly to the topic. A failed state machine cannot send a mail. The message
# from EventBridge has no subject, and each of its lines is in quotation marks.
resource "aws_cloudwatch_event_rule" "unwritten" {
  name        = local.unwritten_name
  description = "Failed state machines of the alerts ${var.name}. They could not send a mail."
  state       = "ENABLED"

  event_pattern = jsonencode({
    source      = ["aws.states"]
    detail-type = ["Step Functions Execution Status Change"]
    detail = {
      stateMachineArn = concat(
        [local.state_machine_arn], [for key in keys(local._checks) : local.missing_arn],
      )
      status = ["ABORTED", "FAILED", "TIMED_OUT"]
    }
  })

  tags = var.tags
}

resource "aws_cloudwatch_event_target" "unwritten" {
  arn       = aws_sns_topic.this.arn
  rule      = aws_cloudwatch_event_rule.unwritten.name
  target_id = "mail"

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }

  input_transformer {
    input_paths = {
      execution = "$.detail.executionArn"
      status    = "$.detail.status"
    }
    # EventBridge requires one JSON string per line. The strings are written without jsonencode,
    # because jsonencode writes angle brackets as \u003c.
    input_template = join("\n", [
      for line in [
        "[FAILED] ${var.failure_events.name}: a mail about a failure could not be written.",
        "",
        "What:    the execution below ended with status <status>",
        "",
        "Where to look",
        "Run:     ${local.links.execution}<execution>",
        "Glue:    ${local.links.workflow}",
        "Log:     ${local.links.log}",
        "",
        "What to do",
        "Check the last run of the extract first. Then open the execution above.",
        "Its input is the event that was not reported. Its error is the reason.",
      ] : "\"${line}\""
    ])
  }

  depends_on = [aws_sns_topic_policy.this]
}

################################################################################
# Dead letters
################################################################################

locals {
  _queue_name = "${var.name}-dead-letters"
}

# The queue gets events whose target EventBridge or Scheduler could not start, even after retries
# for hours. No mail was sent about these events.
resource "aws_sqs_queue" "dead_letters" {
  name                      = local._queue_name
  kms_master_key_id         = local.kms_key_arn
  message_retention_seconds = 1209600

  # This argument sets the policy of the queue. With the resource aws_sqs_queue_policy, the provider
  # would wait half a minute.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "RulesSendEvents"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = "${local._arn.sqs}:${local._queue_name}"
      Condition = {
        ArnEquals = {
          "aws:SourceArn" = concat(local._rule_arns, [local._unwritten_arn], var.delivery.rule_arns)
        }
      }
    }]
  })

  tags = var.tags
}

# In earlier versions, the policy of the queue was a separate resource. Destroying that resource
# could remove the policy from the queue.
removed {
  from = aws_sqs_queue_policy.dead_letters

  lifecycle {
    destroy = false
  }
}

################################################################################
# Topic
################################################################################

resource "aws_sns_topic" "this" {
  name              = "${var.name}-failures"
  display_name      = var.failure_events.name
  kms_master_key_id = local.kms_key_arn

  tags = var.tags
}

resource "aws_sns_topic_policy" "this" {
  arn = aws_sns_topic.this.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "StateMachinesPublish"
        Effect    = "Allow"
        Principal = { AWS = concat([aws_iam_role.states.arn], values(aws_iam_role.missing)[*].arn) }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.this.arn
      },
      {
        Sid       = "LastResortPublishes"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.this.arn
        Condition = { ArnEquals = { "aws:SourceArn" = local._unwritten_arn } }
      },
      {
        Sid       = "AlarmsPublish"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.this.arn
        Condition = {
          StringEquals = { "aws:SourceAccount" = local.account_id }
          ArnEquals    = { "aws:SourceArn" = local._alarm_arn }
        }
      },
      {
        Sid       = "DenyWithoutTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.this.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "this" {
  for_each = var.subscriptions

  endpoint  = each.value.endpoint
  protocol  = each.value.protocol
  topic_arn = aws_sns_topic.this.arn
}
