################################################################################
# Schedules
################################################################################

locals {
  # What each schedule starts: a universal target is the name of an API operation, and its input the
  # operation's parameters.
  # https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
  _targets     = "arn:${local.partition}:scheduler:::aws-sdk"
  _dead_letter = var.dead_letter_queue == null ? {} : { this = var.dead_letter_queue }

  # When runs start, in minutes of a month. A day that is not said by number may be any.
  _starts = {
    for kind, cron in { again = var.catch_up_schedule, first = var.schedule } : kind => [
      for day in flatten([
        for part in split(",", split(" ", cron)[2]) : try(
          [tonumber(part)],
          range(split("-", part)[0], split("-", part)[1] + 1),
          range(1, 32),
        )
      ]) : day * 1440 + split(" ", cron)[1] * 60 + trimprefix(split(" ", cron)[0], "cron(")
    ] if cron != null
  }
  longest_minutes = (1 + var.job.max_retries) * var.job.timeout_minutes
}

# A group of its own, because a role's trust can be restricted to a group, not to a schedule.
resource "aws_scheduler_schedule_group" "this" {
  name = var.name

  tags = var.tags
}

resource "aws_scheduler_schedule" "start" {
  #checkov:skip=CKV_AWS_297: the input is a name; a role that reads the plan needs no right to a key
  name                         = "${var.name}-start"
  description                  = "Starts the workflow of the extract ${var.name}."
  group_name                   = aws_scheduler_schedule_group.this.name
  schedule_expression          = var.schedule
  schedule_expression_timezone = var.time_zone
  state                        = "ENABLED"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "${local._targets}:glue:startWorkflowRun"
    input    = jsonencode({ Name = aws_glue_workflow.this.name })
    role_arn = aws_iam_role.schedule.arn

    dynamic "dead_letter_config" {
      for_each = local._dead_letter

      content {
        arn = dead_letter_config.value.arn
      }
    }

    retry_policy {
      maximum_event_age_in_seconds = 43200
      maximum_retry_attempts       = 185
    }
  }

  depends_on = [aws_glue_trigger.crawled, aws_glue_trigger.start, aws_iam_role_policy.schedule]
}

# Starts the job beside the workflow, without the crawler: the catalog is up to date.
resource "aws_scheduler_schedule" "catch_up" {
  #checkov:skip=CKV_AWS_297: the input is a name; a role that reads the plan needs no right to a key
  count = var.catch_up_schedule == null ? 0 : 1

  name                         = "${var.name}-catch-up"
  description                  = "Starts the job of the extract ${var.name} again."
  group_name                   = aws_scheduler_schedule_group.this.name
  schedule_expression          = var.catch_up_schedule
  schedule_expression_timezone = var.time_zone
  state                        = "ENABLED"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "${local._targets}:glue:startJobRun"
    input    = jsonencode({ JobName = aws_glue_job.this.name })
    role_arn = aws_iam_role.schedule.arn

    dynamic "dead_letter_config" {
      for_each = local._dead_letter

      content {
        arn = dead_letter_config.value.arn
      }
    }

    retry_policy {
      maximum_event_age_in_seconds = 43200
      maximum_retry_attempts       = 185
    }
  }

  lifecycle {
    # Glue refuses a second run at the same time, and the alerts would report a failure. A first run
    # at the end of a month may last into the next month, which begins after 28 to 31 days.
    precondition {
      condition = alltrue(flatten([
        for again in local._starts.again : [
          for first in local._starts.first : [
            for minutes in concat(
              [abs(again - first)],
              [
                for days in range(28, 32) : again + days * 1440 - first
                if days >= floor(first / 1440)
              ],
            ) : minutes >= local.longest_minutes
          ]
        ]
      ]))
      error_message = join(" ", [
        "catch_up_schedule: a run that schedule starts may last ${local.longest_minutes} minutes",
        "with its retries; start again later than that, or on other days.",
      ])
    }
    precondition {
      condition = local.longest_minutes <= 1440
      error_message = join(" ", [
        "catch_up_schedule: a run may last ${local.longest_minutes} minutes with its retries, into",
        "the next day's start; 1440 at most.",
      ])
    }
  }

  depends_on = [aws_iam_role_policy.schedule]
}

################################################################################
# Role
################################################################################

resource "aws_iam_role" "schedule" {
  name                 = local.role_names["schedule"]
  description          = "Lets EventBridge Scheduler start the extract ${var.name}."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      # Scheduler names the group as the source, never the schedule.
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = local.account_id
          "aws:SourceArn"     = "${local._arn.scheduler}:schedule-group/${var.name}"
        }
      }
    }]
  })

  tags = var.tags
}

resource "aws_iam_role_policy" "schedule" {
  name = "start"
  role = aws_iam_role.schedule.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "StartWorkflow"
          Effect   = "Allow"
          Action   = "glue:StartWorkflowRun"
          Resource = "${local._arn.glue}:workflow/${local.workflow_name}"
        },
      ],
      var.catch_up_schedule == null ? [] : [
        {
          Sid      = "StartJob"
          Effect   = "Allow"
          Action   = "glue:StartJobRun"
          Resource = "${local._arn.glue}:job/${local.job_name}"
        },
      ],
      flatten([
        for queue in values(local._dead_letter) : [
          {
            # Unlike a rule, a schedule sends dead letters with its own role.
            Sid      = "KeepDeadLetters"
            Effect   = "Allow"
            Action   = "sqs:SendMessage"
            Resource = queue.arn
          },
          {
            Sid       = "EncryptDeadLetters"
            Effect    = "Allow"
            Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
            Resource  = queue.kms_key_arn
            Condition = local._via["sqs"]
          },
        ]
      ]),
    )
  })
}

################################################################################
# Cron expressions
################################################################################

locals {
  _cron_names = {
    months   = "JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC"
    weekdays = "SUN|MON|TUE|WED|THU|FRI|SAT"
  }
  _cron_values = {
    day     = "(0?[1-9]|[12][0-9]|3[01])"
    month   = "(0?[1-9]|1[0-2]|${local._cron_names.months})"
    weekday = "([1-7]|${local._cron_names.weekdays})"
    year    = "(20[0-9]{2})"
  }
  # One value, a range or a step of each field; "*" with or without a step.
  _cron_parts = {
    for field, value in local._cron_values :
    field => "(\\*|${value}(-${value})?)(/[0-9]{1,2})?"
  }
  _cron_parts_and_signs = merge(local._cron_parts, {
    day     = "(\\?|LW?|${local._cron_values.day}W|${local._cron_parts.day})"
    weekday = "(\\?|L|${local._cron_values.weekday}(L|#[1-5])|${local._cron_parts.weekday})"
  })
  # Day, month, weekday and year as EventBridge Scheduler takes them:
  # https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
  cron_dates = join(" ", [
    for field in ["day", "month", "weekday", "year"] : join("", [
      local._cron_parts_and_signs[field], "(,", local._cron_parts_and_signs[field], ")*",
    ])
  ])
}
