################################################################################
# Schedules
################################################################################

locals {
  # A universal target is the name of an API operation. Its input contains the parameters of the
  # operation.
  # https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
  _targets     = "arn:${local.partition}:scheduler:::aws-sdk"
  _dead_letter = var.dead_letter_queue == null ? {} : { this = var.dead_letter_queue }

  # Times at which runs start, in minutes from the start of the month. If the day is not a number
  # ("L", "?"), the list has a time for each day from 1 to 31.
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

# The schedule has its own group, because a role's trust policy can name a group, but no schedule.
resource "aws_scheduler_schedule_group" "this" {
  name = var.name

  tags = var.tags
}

resource "aws_scheduler_schedule" "start" {
  #checkov:skip=CKV_AWS_297: the input is a name; with a key, the plan role would need a right to it
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

# This schedule starts only the job, because the crawler has updated the catalog in the first run.
resource "aws_scheduler_schedule" "catch_up" {
  #checkov:skip=CKV_AWS_297: the input is a name; with a key, the plan role would need a right to it
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
    # While a run lasts, Glue refuses a second run, and the alerts would report a failure. A run
    # that starts at the end of a month can last into the next month, which begins after 28 to 31
    # days.
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
        "catch_up_schedule: the scheduled run can last ${local.longest_minutes} minutes, including",
        "retries; start the job after that time, or on other days.",
      ])
    }
    precondition {
      condition = local.longest_minutes <= 1440
      error_message = join(" ", [
        "catch_up_schedule: a run with its retries can last ${local.longest_minutes} minutes and",
        "overlap the next day's run; reduce job.timeout_minutes or job.max_retries to at most 1440",
        "minutes in total.",
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
      # EventBridge Scheduler sends the ARN of the schedule's group as the source of a request.
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
            # A schedule uses its role to send dead letters. An EventBridge rule needs no role to
            # send dead letters.
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
