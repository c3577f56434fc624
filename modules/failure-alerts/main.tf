data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  dns_suffix = data.aws_partition.current.dns_suffix
  partition  = data.aws_partition.current.partition
  # The region's own attribute is called `name` in provider 5 and `region` in 6; its endpoint is
  # there in both.
  region = split(".", data.aws_region.current.endpoint)[1]

  _arn = {
    for service in ["cloudwatch", "events", "glue", "logs", "scheduler", "states"] :
    service => join(":", ["arn", local.partition, service, local.region, local.account_id])
  }
}

################################################################################
# Events
################################################################################

locals {
  # What went wrong, and what puts it right; both go to one state machine, which remembers.
  _events     = merge(var.failure_events.events, var.delivery.events)
  _recoveries = merge(var.failure_events.recoveries, var.delivery.recoveries)

  # Put together, so that the queue's policy can name the rules before they are there.
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
  description   = "A failure of the extract ${var.failure_events.name}: ${each.key}."
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

  depends_on = [aws_iam_role_policy.events, aws_sqs_queue_policy.dead_letters]
}

resource "aws_cloudwatch_event_rule" "recovery" {
  for_each = local._recoveries

  name          = local.recovery_names[each.key]
  description   = "A failure of the extract ${var.failure_events.name} may be over: ${each.key}."
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

  depends_on = [aws_iam_role_policy.events, aws_sqs_queue_policy.dead_letters]
}

################################################################################
# A mail that could not be written
################################################################################

# Past the state machines, because it is they that failed. EventBridge can set no subject and keeps
# the quotes round each line; so this is the last resort and not the way.
resource "aws_cloudwatch_event_rule" "unwritten" {
  name        = local.unwritten_name
  description = "A state machine of the alerts ${var.name} failed, so a mail was not written."
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
    # A string a line, as EventBridge has it. Not by jsonencode, which would write the angle
    # brackets as \u003c.
    input_template = join("\n", [
      for line in [
        "[FAILED] ${var.failure_events.name}: something failed, and so did the mail that tells it.",
        "",
        "What:    the execution below ended as <status>",
        "",
        "Where to look",
        "Run:     ${local.links.execution}<execution>",
        "Chain:   ${local.links.workflow}",
        "Log:     ${local.links.log}",
        "",
        "What to do",
        "Look at the extract's last run first, then at the input and the error of the execution.",
      ] : "\"${line}\""
    ])
  }

  depends_on = [aws_sns_topic_policy.this, aws_sqs_queue_policy.dead_letters]
}

################################################################################
# Dead letters
################################################################################

# What nobody was told of: EventBridge could not start a state machine for a day.
resource "aws_sqs_queue" "dead_letters" {
  name                      = "${var.name}-dead-letters"
  kms_master_key_id         = local.kms_key_arn
  message_retention_seconds = 1209600

  tags = var.tags
}

resource "aws_sqs_queue_policy" "dead_letters" {
  queue_url = aws_sqs_queue.dead_letters.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "RulesSendEvents"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.dead_letters.arn
      Condition = {
        ArnEquals = {
          "aws:SourceArn" = concat(local._rule_arns, [local._unwritten_arn], var.delivery.rule_arns)
        }
      }
    }]
  })
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
