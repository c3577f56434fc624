################################################################################
# Events that could not be delivered
################################################################################

locals {
  _alarm_arn = "${local._arn.cloudwatch}:alarm:${var.name}-dead-letters"
}

# The alarm publishes directly to the topic. It does not start the state machine of the mails,
# because EventBridge may have failed to start this state machine.
resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  alarm_name    = "${var.name}-dead-letters"
  alarm_actions = [aws_sns_topic.this.arn]
  alarm_description = join(" ", [
    "An event of ${var.failure_events.name} could not be delivered, so nothing was started and no",
    "mail was sent about it. The event can be a failure or a recovery, a scheduled start of the",
    "workflow or of the catch-up run, a file to send, a receipt to write, or the start of a daily",
    "check. A message with the event stays for 14 days in the queue ${var.name}-dead-letters. Read",
    "the ERROR_MESSAGE of the message, fix the cause, start the target of the event by hand, then",
    "delete the message.",
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
