################################################################################
# Names
################################################################################

output "catalog_database_name" {
  description = "Name of the catalog database. Null without a crawler."
  value       = one(aws_glue_catalog_database.this[*].name)
}

output "connection_name" {
  description = "Name of the Glue connection, for other jobs with the same source."
  value       = aws_glue_connection.this.name
}

output "crawler_arn" {
  description = "ARN of the crawler. Null without a crawler."
  value       = one(aws_glue_crawler.this[*].arn)
}

output "crawler_name" {
  description = <<-EOT
    Name of the crawler. Null without a crawler. If you start only the crawler, the job does not
    start.
  EOT
  value       = one(aws_glue_crawler.this[*].name)
}

output "crawler_role_arn" {
  description = "ARN of the crawler's role, for policies. Null without a crawler."
  value       = one(aws_iam_role.crawler[*].arn)
}

output "endpoint_security_group_id" {
  description = "ID of the security group of the VPC endpoints. Null without `endpoints`."
  value       = one(aws_security_group.endpoints[*].id)
}

output "job_arn" {
  description = "ARN of the job, for policies."
  value       = aws_glue_job.this.arn
}

output "job_name" {
  description = <<-EOT
    Name of the job. To run one period: `aws glue start-job-run --job-name NAME
    --arguments=--period=2026-10`.
  EOT
  value       = aws_glue_job.this.name
}

output "job_role_arn" {
  description = "ARN of the job's role, for policies."
  value       = aws_iam_role.job.arn
}

output "log_groups" {
  description = "Names of the job's log groups: `output` of the engine, `error` of Spark and Glue."
  value       = { for kind, group in aws_cloudwatch_log_group.job : kind => group.name }
}

locals {
  # AWS documents the console hosts of only these partitions. In any other partition, the host is
  # "console." followed by the DNS suffix of the partition.
  _console_hosts = {
    aws        = "console.aws.amazon.com"
    aws-cn     = "console.amazonaws.cn"
    aws-eusc   = "console.amazonaws-eusc.eu"
    aws-iso    = "console.c2shome.ic.gov"
    aws-iso-b  = "console.sc2shome.sgov.gov"
    aws-us-gov = "console.amazonaws-us-gov.com"
  }
  _console_host = lookup(local._console_hosts, local.partition, "console.${local.dns_suffix}")
  _console      = "https://${local.region}.${local._console_host}"
}

output "log_links" {
  description = "Console URLs of the log groups: `output`, `error` and, with a crawler, `crawler`."
  value = {
    for kind, group in merge(
      local.job_log_groups,
      var.crawler.enabled ? { crawler = local.crawler_log_group } : {},
      ) : kind => join("", [
        "${local._console}/cloudwatch/home?region=${local.region}",
        "#logsV2:log-groups/log-group/${replace(group, "/", "$252F")}",
    ])
  }
}

output "security_group_id" {
  description = <<-EOT
    ID of the security group of the job and the crawler. The source must admit this group. If
    `network.database_security_group_ids` is set, the module adds the necessary rules.
  EOT
  value       = aws_security_group.this.id
}

output "secret_arn" {
  description = <<-EOT
    ARN of the secret with the login to the source, whether existing or created by the module. Null
    with `auth = "iam"`.
  EOT
  value       = local.secret_arn
}

output "user_name" {
  description = "Name of the login that you create at the source. Null with `database.secret_arn`."
  value       = local.user_name
}

output "workflow_arn" {
  description = "ARN of the workflow, for policies."
  value       = aws_glue_workflow.this.arn
}

output "workflow_name" {
  description = <<-EOT
    Name of the workflow. To run the previous period: `aws glue start-workflow-run --name NAME`.
  EOT
  value       = aws_glue_workflow.this.name
}

################################################################################
# Values for the other modules
################################################################################

output "target" {
  description = "Where the extract publishes files, for `failure-alerts` and `sftp-transfer`."
  value = {
    name            = var.name
    bucket          = var.target.bucket
    prefix          = var.target.prefix
    manifest_prefix = "${var.target.prefix}/_manifests"
  }
}

locals {
  _events_wanted = {
    crawler  = var.crawler.enabled
    job      = true
    rotation = var.rotation != null
    slow     = var.job.delay_notification_minutes != null
  }
}

output "failure_events" {
  description = <<-EOT
    Events that report failures of the extract, and details for the mails, for `failure-alerts`.
  EOT
  value = {
    name = var.name
    events = {
      for what, event in {
        crawler = jsonencode({
          source      = ["aws.glue"]
          detail-type = ["Glue Crawler State Change"]
          detail      = { crawlerName = [local.crawler_name], state = ["Failed"] }
        })
        job = jsonencode({
          source      = ["aws.glue"]
          detail-type = ["Glue Job State Change"]
          detail = {
            jobName = [local.job_name]
            state   = ["ERROR", "FAILED", "STOPPED", "TIMEOUT"]
          }
        })
        # CloudTrail sends the events of rotations only if the region has a trail.
        rotation = jsonencode({
          source      = ["aws.secretsmanager"]
          detail-type = ["AWS Service Event via CloudTrail"]
          detail = {
            # The list contains every failure event in the section "Log entries for rotation" of the
            # Secrets Manager user guide.
            eventName           = ["RotationAbandoned", "RotationFailed", "TestRotationFailed"]
            additionalEventData = { SecretId = [local.secret_arn] }
          }
        })
        slow = jsonencode({
          source      = ["aws.glue"]
          detail-type = ["Glue Job Run Status"]
          detail      = { jobName = [local.job_name] }
        })
      } : what => event if local._events_wanted[what]
    }
    recoveries = {
      for what, event in {
        crawler = jsonencode({
          source      = ["aws.glue"]
          detail-type = ["Glue Crawler State Change"]
          detail      = { crawlerName = [local.crawler_name], state = ["Succeeded"] }
        })
        job = jsonencode({
          source      = ["aws.glue"]
          detail-type = ["Glue Job State Change"]
          detail      = { jobName = [local.job_name], state = ["SUCCEEDED"] }
        })
        rotation = jsonencode({
          source      = ["aws.secretsmanager"]
          detail-type = ["AWS Service Event via CloudTrail"]
          detail = {
            eventName           = ["RotationSucceeded", "TestRotationSucceeded"]
            additionalEventData = { SecretId = [local.secret_arn] }
          }
        })
      } : what => event if local._events_wanted[what]
    }
    catch_up_schedule = var.catch_up_schedule
    log_group         = local.job_log_groups.output
    job_name          = local.job_name
    time_zone         = var.time_zone
    workflow_name     = local.workflow_name
  }
}

output "recipients" {
  description = <<-EOT
    Recipients, keyed like the variable `recipients`: `name` is the name in file names, and `prefix`
    the bucket prefix.
  EOT
  value = {
    for key, name in local.recipient_names : key => {
      name   = name
      prefix = "${var.target.prefix}/${var.recipient_column}=${name}"
    }
  }
}
