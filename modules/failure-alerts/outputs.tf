################################################################################
# Alerts
################################################################################

output "alarm_arns" {
  description = "Alarms that tell when the alerts themselves fail; add actions of your own by them."
  value       = { dead-letters = aws_cloudwatch_metric_alarm.dead_letters.arn }
}

output "dead_letter_queue" {
  description = "What `sftp-transfer` takes, so that what it cannot hand over is told too."
  value = {
    arn         = aws_sqs_queue.dead_letters.arn
    kms_key_arn = local.kms_key_arn
  }
}

output "dead_letter_queue_url" {
  description = "Queue to look into when a failure sent no mail."
  value       = aws_sqs_queue.dead_letters.url
}

output "incidents_table_name" {
  description = "Table to look into for failures that were told and are not over."
  value       = aws_dynamodb_table.incidents.name
}

output "missing_state_machine_arn" {
  description = <<-EOT
    Daily check, to make by hand: input `{}`, or a `time` such as 2026-11-02T06:00:00Z.
  EOT
  value       = one(values(aws_sfn_state_machine.missing)[*].arn)
}

output "pending_subscriptions" {
  description = <<-EOT
    Keys of `subscriptions` that hear nothing yet: nobody confirmed, when Terraform last looked.
  EOT
  value = sort([
    for key, subscription in aws_sns_topic_subscription.this : key
    if subscription.pending_confirmation
  ])
}

output "rule_arns" {
  description = "Per key of the events given: the rule that hears it."
  value       = { for key, rule in aws_cloudwatch_event_rule.failure : key => rule.arn }
}

output "state_machine_arn" {
  description = "State machine to start with an event of your own, to see the mail it makes."
  value       = aws_sfn_state_machine.this.arn
}

output "test_message" {
  description = <<-EOT
    How to send a mail that says it is a test: `command` for a shell, the rest for a program.
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
  description = "Topic to subscribe to by other means than `subscriptions`."
  value       = aws_sns_topic.this.arn
}
