output "alert_emails_pending" {
  description = <<-EOT
    Mail addresses that get no alerts yet, because nobody has confirmed their
    subscriptions.
  EOT
  value       = module.alerts.pending_subscriptions
}

output "alert_test" {
  description = <<-EOT
    How to request a test mail. `extracts doctor --test-mail` uses this output.
  EOT
  value       = module.alerts.test_message
}

output "alert_topic_arn" {
  description = "ARN of the SNS topic for alerts, to which you can add subscriptions."
  value       = module.alerts.topic_arn
}

output "bucket" {
  description = "Bucket with the published files."
  value       = module.bucket.name
}

output "crawler_name" {
  description = "Name of the crawler that the workflow starts before the job."
  value       = module.extract.crawler_name
}

output "job_name" {
  description = "Name of the Glue job, for a backfill or a restatement."
  value       = module.extract.job_name
}

output "log_groups" {
  description = "Log groups of the job."
  value       = module.extract.log_groups
}

output "manifests" {
  description = "URL of the manifests, for `extracts history`."
  value       = "s3://${module.bucket.name}/${local.prefix}/_manifests/"
}

output "sftp_endpoint" {
  description = "Host name that recipients connect to."
  value       = module.sftp.endpoint
}

output "sftp_receipts_table" {
  description = "Name of the table that records downloads, for `extracts history`."
  value       = module.sftp.receipts_table_name
}

output "sftp_server_id" {
  description = "ID of the Transfer Family server."
  value       = module.sftp.server_id
}

output "sftp_users" {
  description = "SFTP user name and folder of each recipient."
  value       = module.sftp.users
}

output "workflow_name" {
  description = "Name of the workflow that publishes the last complete month."
  value       = module.extract.workflow_name
}
