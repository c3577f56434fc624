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
    for service in ["cloudwatch", "events", "logs", "scheduler", "states"] : service => join(":", [
      "arn", local.partition, service, local.region, local.account_id,
    ])
  }
}

################################################################################
# Events
################################################################################

resource "aws_cloudwatch_event_rule" "failure" {
  for_each = var.failure_events.events

  name          = local.rule_names[each.key]
  description   = "A failure of the extract ${var.failure_events.name}: ${each.key}."
  event_pattern = each.value
  state         = "ENABLED"

  tags = var.tags
}

locals {
  # Put together, so that the queue's policy can name the rules before they are there.
  rule_names = { for key in keys(var.failure_events.events) : key => "${var.name}-${key}-failed" }
  _rule_arns = [for rule in values(local.rule_names) : "${local._arn.events}:rule/${rule}"]
}

resource "aws_cloudwatch_event_target" "mail" {
  for_each = var.failure_events.events

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

################################################################################
# Dead letters
################################################################################

# A failure that nobody was told of: EventBridge could not start the state machine for a day.
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
      Condition = { ArnEquals = { "aws:SourceArn" = local._rule_arns } }
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
        Sid       = "AlarmsPublish"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.this.arn
        Condition = {
          StringEquals = { "aws:SourceAccount" = local.account_id }
          ArnEquals    = { "aws:SourceArn" = local._alarm_arns }
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
