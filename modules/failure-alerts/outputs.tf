################################################################################
# Alerts
################################################################################

output "alarm_arns" {
  description = "ARNs of the alarms about the alerts themselves, to add actions of your own."
  value       = { dead-letters = aws_cloudwatch_metric_alarm.dead_letters.arn }
}

output "dead_letter_queue" {
  description = "Queue of events that could not be delivered, which other modules use, too."
  value = {
    arn         = aws_sqs_queue.dead_letters.arn
    kms_key_arn = local.kms_key_arn
  }
}

output "dead_letter_queue_url" {
  description = "URL of the queue of events that could not be delivered."
  value       = aws_sqs_queue.dead_letters.url
}

output "incidents_table_name" {
  description = "Name of the table of the failures that were reported and are not over."
  value       = aws_dynamodb_table.incidents.name
}

output "missing_state_machine_arn" {
  description = <<-EOT
    ARN of the state machine of the daily check, to start it by hand: input `{}`, or a `time` such
    as 2026-11-02T06:00:00Z. Null without `expected_output`.
  EOT
  value       = one(values(aws_sfn_state_machine.missing)[*].arn)
}

output "pending_subscriptions" {
  description = "Keys of `subscriptions` that were not confirmed when Terraform last looked."
  value = sort([
    for key, subscription in aws_sns_topic_subscription.this : key
    if subscription.pending_confirmation
  ])
}

output "rule_arns" {
  description = "ARNs of the rules of the failures, keyed as the events."
  value       = { for key, rule in aws_cloudwatch_event_rule.failure : key => rule.arn }
}

output "state_machine_arn" {
  description = "ARN of the state machine that writes a mail about the event it is started with."
  value       = aws_sfn_state_machine.this.arn
}

output "test_message" {
  description = <<-EOT
    How to send a test mail: `command` for a shell; `input` and `state_machine_arn` for a program.
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
  description = "ARN of the topic, to subscribe to it by other means than `subscriptions`."
  value       = aws_sns_topic.this.arn
}
