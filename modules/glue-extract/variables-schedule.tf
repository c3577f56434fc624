variable "catch_up_schedule" {
  description = <<-EOT
    Cron expression in `time_zone` for the times at which EventBridge Scheduler starts the job
    again, for example `cron(0 6 2-10 * ? *)`: at 6:00 from the 2nd to the 10th day of the month. If
    the period is missing, the run publishes it. If the period is published and the source has not
    changed, the run writes nothing. If the source has changed, the run fails. If null, the job is
    not started again.
  EOT
  type        = string
  default     = null

  validation {
    condition = var.catch_up_schedule == null || try(
      can(regex(local.cron_once_a_day, var.catch_up_schedule))
      && length(regexall("\\?", var.catch_up_schedule)) == 1,
      false
    )
    error_message = join(" ", [
      "catch_up_schedule must be \"cron(minute hour day month weekday year)\" with one minute, one",
      "hour and \"?\" as day or weekday, for example \"cron(0 6 2-10 * ? *)\".",
    ])
  }
}

variable "dead_letter_queue" {
  description = <<-EOT
    Queue for starts that EventBridge Scheduler cannot deliver: the output `dead_letter_queue` of
    `failure-alerts`. If null, such a start is lost.
    - `arn`         - ARN of the queue.
    - `kms_key_arn` - ARN of the KMS key of the queue.
  EOT
  type = object({
    arn         = string
    kms_key_arn = string
  })
  default = null

  validation {
    condition = (
      var.dead_letter_queue == null
      || can(regex("^arn:[a-z-]+:sqs:", var.dead_letter_queue.arn))
    )
    error_message = "dead_letter_queue: arn must be the ARN of a queue, \"arn:aws:sqs:...\"."
  }
}

variable "schedule" {
  description = <<-EOT
    Cron expression in `time_zone` for the times at which EventBridge Scheduler starts the workflow.
    The default is one minute past midnight on the first day of the month. If daylight saving time
    skips the hour of a start, there is no start. No time zone skips a time from 4:00 to 22:00. On
    the first day of a month, no time zone skips a time from 0:00 to 2:00. For any other time, also
    set `catch_up_schedule`.
  EOT
  type        = string
  default     = "cron(1 0 1 * ? *)"
  nullable    = false

  validation {
    condition = (
      can(regex(local.cron_once_a_day, var.schedule))
      && length(regexall("\\?", var.schedule)) == 1
    )
    error_message = join(" ", [
      "schedule must be \"cron(minute hour day month weekday year)\" with one minute, one hour and",
      "\"?\" as day or weekday, for example \"cron(1 0 1 * ? *)\".",
    ])
  }
}

variable "time_zone" {
  description = <<-EOT
    IANA time zone of `schedule` and `catch_up_schedule`, for example `Europe/Zurich`. The
    `time_zone` of the spec must be the same. Otherwise a run at the start of a period publishes the
    wrong period.
  EOT
  type        = string
  default     = "Etc/GMT"
  nullable    = false

  validation {
    condition = can(regex(
      "^(UTC|[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+)+)$", var.time_zone
    ))
    error_message = (
      "time_zone must be an IANA name, for example \"Europe/Zurich\", \"Etc/GMT\" or \"UTC\"."
    )
  }
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
  # A part of a field: "*", one value or a range, with or without a step.
  _cron_parts = {
    for field, value in local._cron_values :
    field => "(\\*|${value}(-${value})?)(/[0-9]{1,2})?"
  }
  _cron_parts_and_signs = merge(local._cron_parts, {
    day     = "(\\?|LW?|${local._cron_values.day}W|${local._cron_parts.day})"
    weekday = "(\\?|L|${local._cron_values.weekday}(L|#[1-5])|${local._cron_parts.weekday})"
  })
  # The fields day, month, weekday and year, in the syntax of
  # https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
  _cron_dates = join(" ", [
    for field in ["day", "month", "weekday", "year"] : join("", [
      local._cron_parts_and_signs[field], "(,", local._cron_parts_and_signs[field], ")*",
    ])
  ])

  # Minute and hour must each be one number, so that there is at most one start a day.
  cron_once_a_day = "^cron\\([0-5]?[0-9] ([01]?[0-9]|2[0-3]) ${local._cron_dates}\\)$"
}
