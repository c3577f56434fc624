################################################################################
# Alerts that cannot alert
################################################################################

locals {
  _alarm_arn = "${local._arn.cloudwatch}:alarm:${var.name}-dead-letters"
}

# To the topic and not through a state machine, because that is what could not be started.
resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  alarm_name    = "${var.name}-dead-letters"
  alarm_actions = [aws_sns_topic.this.arn]
  alarm_description = join(" ", [
    "A failure of ${var.failure_events.name}, a month to be sent, a receipt or a daily check could",
    "not be handed over, so no mail told of it. It waits for two weeks in the queue",
    "${var.name}-dead-letters:",
    "read it there, look at the extract, put right what its ERROR_MESSAGE names, then delete it.",
  ])
  comparison_operator = "GreaterThanThreshold"
  dimensions          = { QueueName = aws_sqs_queue.dead_letters.name }
  evaluation_periods  = 1
  metric_name         = "ApproximateNumberOfMessagesVisible"
  namespace           = "AWS/SQS"
  period              = 300
  statistic           = "Maximum"
  threshold           = 0
  treat_missing_data  = "notBreaching"

  tags = var.tags
}
