################################################################################
# Alerts
################################################################################

output "alarm_arns" {
  description = "ARNs of the alarms that report undeliverable events, for actions of your own."
  value       = { dead-letters = aws_cloudwatch_metric_alarm.dead_letters.arn }
}

output "dead_letter_queue" {
  description = <<-EOT
    Queue for undeliverable events, for the input `dead_letter_queue` of other modules.
  EOT
  value = {
    arn         = aws_sqs_queue.dead_letters.arn
    kms_key_arn = local.kms_key_arn
  }
}

output "dead_letter_queue_url" {
  description = "URL of the queue for undeliverable events."
  value       = aws_sqs_queue.dead_letters.url
}

output "incidents_table_name" {
  description = "Name of the DynamoDB table of open failures."
  value       = aws_dynamodb_table.incidents.name
}

output "missing_state_machine_arn" {
  description = <<-EOT
    ARN of the state machine of the daily check. To start it by hand, use the input `{}`, or a time
    such as `{"time":"2026-11-02T06:00:00Z"}`. Null if `target` is null.
  EOT
  value       = one(values(aws_sfn_state_machine.missing)[*].arn)
}

output "pending_subscriptions" {
  description = <<-EOT
    Keys of `subscriptions` that nobody had confirmed when Terraform last refreshed the state.
  EOT
  value = sort([
    for key, subscription in aws_sns_topic_subscription.this : key
    if subscription.pending_confirmation
  ])
}

output "rule_arns" {
  description = "ARNs of the EventBridge rules for failures, keyed like the events."
  value       = { for key, rule in aws_cloudwatch_event_rule.failure : key => rule.arn }
}

output "state_machine_arn" {
  description = "ARN of the state machine that sends a mail about the event in its input."
  value       = aws_sfn_state_machine.this.arn
}

output "test_message" {
  description = <<-EOT
    How to request a test mail: `command` for a shell, or `state_machine_arn` and `input` for a
    program.
  EOT
  value = {
    command = join(" ", [
      "aws stepfunctions start-execution --region ${local.region}",
      "--state-machine-arn ${local.state_machine_arn} --input '${jsonencode({ test = true })}'",
    ])
    input             = jsonencode({ test = true })
    state_machine_arn = aws_sfn_state_machine.this.arn
  }
}

output "topic_arn" {
  description = "ARN of the topic of the mails, for subscriptions outside this module."
  value       = aws_sns_topic.this.arn
}
