################################################################################
# Alerts that cannot alert
################################################################################

locals {
  alarms = merge(
    {
      dead-letters = {
        description = join(" ", [
          "A failure of ${var.failure_events.name}, or its daily check, could not be handed over,",
          "so no mail told of it. It waits for two weeks in the queue ${var.name}-dead-letters:",
          "read it there, look at the extract, put right what its ERROR_MESSAGE names, then delete it.",
        ])
        dimensions  = { QueueName = aws_sqs_queue.dead_letters.name }
        metric_name = "ApproximateNumberOfMessagesVisible"
        namespace   = "AWS/SQS"
        statistic   = "Maximum"
      }
      mail-failed = {
        description = join(" ", [
          "The state machine ${local.state_machine_name} could not send the mail of a failure of",
          "${var.failure_events.name}. Look at its last execution, and at the extract's last run:",
          local.links.workflow,
        ])
        dimensions  = { StateMachineArn = local.state_machine_arn }
        metric_name = "ExecutionsFailed"
        namespace   = "AWS/States"
        statistic   = "Sum"
      }
    },
    {
      for key in keys(local._checks) : "check-failed" => {
        description = join(" ", [
          "The daily check of ${var.failure_events.name} failed and could send no mail.",
          "A month may be missing. Look at its last execution: ${local.links.missing}",
        ])
        dimensions  = { StateMachineArn = local.missing_arn }
        metric_name = "ExecutionsFailed"
        namespace   = "AWS/States"
        statistic   = "Sum"
      }
    },
  )
  _alarm_arns = [
    for key in keys(local.alarms) : "${local._arn.cloudwatch}:alarm:${var.name}-${key}"
  ]
}

# To the topic and not through a state machine, because that is what may have failed.
resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_actions       = [aws_sns_topic.this.arn]
  alarm_description   = each.value.description
  comparison_operator = "GreaterThanThreshold"
  dimensions          = each.value.dimensions
  evaluation_periods  = 1
  metric_name         = each.value.metric_name
  namespace           = each.value.namespace
  period              = 300
  statistic           = each.value.statistic
  threshold           = 0
  treat_missing_data  = "notBreaching"

  tags = var.tags
}
