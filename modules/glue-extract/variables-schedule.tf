variable "catch_up_schedule" {
  description = <<-EOT
    Times at which EventBridge Scheduler starts the job again, as a cron expression in `time_zone`.
    For example, `cron(0 6 2-10 * ? *)` starts the job at 6:00 on each day from the 2nd to the 10th.
    A run publishes the period if it is missing, writes nothing if the period is published and the
    source has not changed, and fails if the source has changed. If null, EventBridge Scheduler does
    not start the job again.
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
    `failure-alerts`. If null, these starts are lost.
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
    Time at which EventBridge Scheduler starts the workflow, as a cron expression in `time_zone`.
    The default is one minute past midnight on the first day of the month. If a start is in the hour
    that daylight saving time skips, the workflow does not start. This cannot happen in the first
    two hours of the first day of a month. For another time between 22:00 and 4:00, also set
    `catch_up_schedule`.
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
    IANA time zone of `schedule` and `catch_up_schedule`, for example `Europe/Zurich`. It must equal
    the `time_zone` of the spec, otherwise a run at the start of a period reports the wrong period.
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
  # One value, a range or a step of each field; "*" with or without a step.
  _cron_parts = {
    for field, value in local._cron_values :
    field => "(\\*|${value}(-${value})?)(/[0-9]{1,2})?"
  }
  _cron_parts_and_signs = merge(local._cron_parts, {
    day     = "(\\?|LW?|${local._cron_values.day}W|${local._cron_parts.day})"
    weekday = "(\\?|L|${local._cron_values.weekday}(L|#[1-5])|${local._cron_parts.weekday})"
  })
  # Day, month, weekday and year as in
  # https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
  _cron_dates = join(" ", [
    for field in ["day", "month", "weekday", "year"] : join("", [
      local._cron_parts_and_signs[field], "(,", local._cron_parts_and_signs[field], ")*",
    ])
  ])

  # One number as minute and as hour, so that there is at most one start a day.
  cron_once_a_day = "^cron\\([0-5]?[0-9] ([01]?[0-9]|2[0-3]) ${local._cron_dates}\\)$"
}
