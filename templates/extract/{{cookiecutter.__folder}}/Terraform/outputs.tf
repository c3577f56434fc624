{%- import 'answers.jinja' as answers with context -%}
output "alert_emails_pending" {
  description = "Addresses that hear of nothing yet: each has to follow the link in AWS's mail."
  value       = module.alerts.pending_subscriptions
}

output "alert_test" {
  description = "How to send a test mail: `extracts doctor --test-mail` uses it."
  value       = module.alerts.test_message
}

output "alert_topic_arn" {
  description = "Topic of the failure mails; subscribe more than people to it."
  value       = module.alerts.topic_arn
}

output "bucket" {
  description = "Bucket with the delivered files."
  value       = module.bucket.name
}

output "crawler_name" {
  description = "Crawler that the workflow starts before the job."
  value       = module.extract.crawler_name
}

{% if answers.sftp == 'none' -%}
output "files" {
  description = "Folder of the files, to be told to whoever is in `readers`."
  value       = "s3://${module.bucket.name}/${local.prefix}/"
}

{% endif -%}
output "job_name" {
  description = "Job to start by hand for a back-fill or a restatement."
  value       = module.extract.job_name
}

output "log_groups" {
  description = "Log groups of the job's runs."
  value       = module.extract.log_groups
}

{% if answers.sftp == 'connector' -%}
output "sftp_connectors" {
  description = "Connector of each recipient, to try with `aws transfer test-connection`."
  value       = module.sftp.connectors
}

{% elif answers.sftp == 'server' -%}
output "sftp_endpoint" {
  description = "Host name that recipients connect to."
  value       = module.sftp.endpoint
}

output "sftp_server_id" {
  description = "Transfer server, for the console and the CLI."
  value       = module.sftp.server_id
}

output "sftp_users" {
  description = "User name and folder of each recipient, to be told to them."
  value       = module.sftp.users
}

{% endif -%}
output "workflow_name" {
  description = "Workflow to start for a run of the last complete month."
  value       = module.extract.workflow_name
}
