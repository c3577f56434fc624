################################################################################
# Periods that are not published
################################################################################

# The daily check reads the bucket, not the schedule or the events of Glue. So it also finds a
# period that is missing because a schedule was disabled or an event was lost.

locals {
  _checks = var.target == null ? {} : { this = var.target }

  missing_name       = "${var.name}-missing"
  missing_arn        = "${local._arn.states}:stateMachine:${local.missing_name}"
  schedule_group_arn = "${local._arn.scheduler}:schedule-group/${local.missing_name}"
}

resource "aws_sfn_state_machine" "missing" {
  for_each = local._checks

  #checkov:skip=CKV_AWS_284: it only calls one bucket, so there is nothing to trace
  name     = local.missing_name
  role_arn = aws_iam_role.missing[each.key].arn
  type     = "STANDARD"

  definition = jsonencode(jsondecode(templatefile(
    "${path.module}/missing.asl.json.tftpl",
    merge(local._template, {
      config = jsonencode(merge(local._config, {
        bucket   = each.value.bucket
        deadline = format("-%02dT%02d:00:00Z", var.deadline.day, var.deadline.hour)
        links = {
          log       = local.links.log
          manifests = local.links.manifests[each.key]
          workflow  = local.links.workflow
        }
        manifest_prefix = each.value.manifest_prefix
        topic           = aws_sns_topic.this.arn
      }))
      topic = jsonencode(aws_sns_topic.this.arn)
      # SNS accepts subjects of fewer than 100 characters. This subject is short enough, because the
      # extract's name has at most 50 characters.
      unknown_subject = jsonencode(
        "[UNKNOWN] ${var.failure_events.name}: cannot check for missing months"
      )
      unknown_text = jsonencode(join("\n", [
        "The daily check of ${var.failure_events.name} cannot list its bucket.",
        "If a month is missing, you get no mail about it.",
        "",
        "Where to look",
        "Files:   ${local.links.manifests[each.key]}",
        "Check:   ${local.links.missing}",
        "",
        "What happens next",
        "The check runs again tomorrow.",
        "",
        "What to do",
        "Open the last execution of the check and fix the error that it shows. In most cases a",
        "policy of the bucket denies access to the role of the check.",
      ]))
    }),
  )))

  logging_configuration {
    include_execution_data = true
    level                  = "ERROR"
    log_destination        = "${aws_cloudwatch_log_group.states.arn}:*"
  }

  tags = var.tags

  # AWS checks the rights of the role when it creates the state machine.
  depends_on = [aws_iam_role_policy.missing]
}

################################################################################
# Daily schedule
################################################################################

# The schedule has its own group, because a role's trust policy can name a group, but no schedule.
resource "aws_scheduler_schedule_group" "missing" {
  for_each = local._checks

  name = local.missing_name

  tags = var.tags
}

resource "aws_scheduler_schedule" "missing" {
  for_each = local._checks

  #checkov:skip=CKV_AWS_297: the input is a time; with a key, the plan role would need a right to it
  name                         = local.missing_name
  description                  = "Checks whether ${var.failure_events.name} has published a period."
  group_name                   = aws_scheduler_schedule_group.missing[each.key].name
  schedule_expression          = "cron(0 ${var.deadline.hour} * * ? *)"
  schedule_expression_timezone = "Etc/GMT"
  state                        = "ENABLED"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn = aws_sfn_state_machine.missing[each.key].arn
    # The text is written without jsonencode, because jsonencode writes angle brackets as \u003c.
    # With \u003c, EventBridge Scheduler would not replace the keyword
    # <aws.scheduler.scheduled-time>.
    input    = "{\"time\":\"<aws.scheduler.scheduled-time>\"}"
    role_arn = aws_iam_role.scheduler[each.key].arn

    dead_letter_config {
      arn = aws_sqs_queue.dead_letters.arn
    }

    retry_policy {
      maximum_event_age_in_seconds = 43200
      maximum_retry_attempts       = 185
    }
  }

  depends_on = [aws_iam_role_policy.scheduler]
}
