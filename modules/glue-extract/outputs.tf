################################################################################
# Names
################################################################################

output "catalog_database_name" {
  description = "Where to look at the tables that the crawler found; null without a crawler."
  value       = one(aws_glue_catalog_database.this[*].name)
}

output "connection_name" {
  description = "Connection to use for other jobs on the same store."
  value       = aws_glue_connection.this.name
}

output "crawler_arn" {
  description = "Crawler to name in policies of your own. Null without one."
  value       = one(aws_glue_crawler.this[*].arn)
}

output "crawler_name" {
  description = "Crawler to look at; started by hand it starts no job. Null without one."
  value       = one(aws_glue_crawler.this[*].name)
}

output "crawler_role_arn" {
  description = "Role to name in the policies of what the crawler shall reach. Null without one."
  value       = one(aws_iam_role.crawler[*].arn)
}

output "endpoint_security_group_id" {
  description = "Group of the endpoints made here; null without them."
  value       = one(aws_security_group.endpoints[*].id)
}

output "job_arn" {
  description = "Job to name in the policy of who may start it."
  value       = aws_glue_job.this.arn
}

output "job_name" {
  description = <<-EOT
    Job to start for one month: `start-job-run --job-name NAME --arguments=--period=2026-10`.
  EOT
  value       = aws_glue_job.this.name
}

output "job_role_arn" {
  description = "Role to name in the policies of what the job shall reach."
  value       = aws_iam_role.job.arn
}

output "log_groups" {
  description = "Where to read a run: `output` has what the engine prints, `error` what Spark says."
  value       = { for kind, group in aws_cloudwatch_log_group.job : kind => group.name }
}

locals {
  # Host names of the console, by partition.
  _consoles = {
    aws-cn     = "console.amazonaws.cn"
    aws-eusc   = "console.amazonaws-eusc.eu"
    aws-us-gov = "console.amazonaws-us-gov.com"
  }
  _console = lookup(local._consoles, local.partition, "console.aws.amazon.com")
}

output "log_links" {
  description = "Where to open the same in a browser; `crawler` too, where there is one."
  value = {
    for kind, group in merge(
      local.job_log_groups,
      var.crawler.enabled ? { crawler = local.crawler_log_group } : {},
      ) : kind => join("", [
        "https://${local.region}.${local._console}/cloudwatch/home?region=${local.region}",
        "#logsV2:log-groups/log-group/${replace(group, "/", "$252F")}",
    ])
  }
}

output "security_group_id" {
  description = "Group to let into the store, unless this module was given the store's group."
  value       = aws_security_group.this.id
}

output "secret_arn" {
  description = <<-EOT
    Secret with the store's login, the given one or the one made here; null with `auth = "iam"`.
  EOT
  value       = local.secret_arn
}

output "user_name" {
  description = "Name under which to make the login at the store; null where the secret was given."
  value       = local.user_name
}

output "workflow_arn" {
  description = "Workflow to name in the policy of who may start it."
  value       = aws_glue_workflow.this.arn
}

output "workflow_name" {
  description = "Workflow to start for the month just over: `start-workflow-run --name NAME`."
  value       = aws_glue_workflow.this.name
}

################################################################################
# For the other modules
################################################################################

output "expected_output" {
  description = "What is there once a month is published: a manifest under `manifest_prefix`."
  value = {
    name            = var.name
    bucket          = var.output.bucket
    prefix          = var.output.prefix
    manifest_prefix = "${var.output.prefix}/_manifests"
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
  description = "What `failure-alerts` takes: every end that is no success, and where to look then."
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
        # Through CloudTrail, so a trail has to be on in the region.
        rotation = jsonencode({
          source      = ["aws.secretsmanager"]
          detail-type = ["AWS Service Event via CloudTrail"]
          detail = {
            # All of "Log entries for rotation" in the user guide that are no success.
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
    Per key of `recipients`: `name` as in file names, and `prefix`, the folder to open.
  EOT
  value = {
    for key, name in local.recipient_names : key => {
      name   = name
      prefix = "${var.output.prefix}/${var.recipient_label}=${name}"
    }
  }
}
