################################################################################
# Required
################################################################################

variable "failure_events" {
  description = <<-EOT
    Events that report failures of the extract: the output `failure_events` of `glue-extract`.
    - `events`            - EventBridge patterns in JSON for failures, by key.
    - `job_name`          - Name of the Glue job. The mails contain a command that reruns a period
                            with this job.
    - `log_group`         - Log group of the job.
    - `name`              - Name of the extract. The mails contain this name.
    - `workflow_name`     - Name of the Glue workflow that starts the crawler and the job.
    - `catch_up_schedule` - (Optional) Cron expression of the runs that repeat a failed run, in
                            `time_zone`.
    - `recoveries`        - (Optional) EventBridge patterns in JSON for successes, by key.
    - `time_zone`         - (Optional) IANA name of the time zone of the extract's schedules.
  EOT
  type = object({
    events            = map(string)
    job_name          = string
    log_group         = string
    name              = string
    workflow_name     = string
    catch_up_schedule = optional(string)
    recoveries        = optional(map(string), {})
    time_zone         = optional(string, "Etc/GMT")
  })
  nullable = false

  validation {
    condition = (
      length(var.failure_events.events) > 0
      && alltrue([
        for e in concat(
          values(var.failure_events.events), values(var.failure_events.recoveries),
        ) : can(tolist(jsondecode(e).source))
      ])
    )
    error_message = (
      "failure_events: every event must be an EventBridge pattern in JSON with a list of sources."
    )
  }

  # The state machine reads the kind of an event from its source. It ignores events of unknown
  # sources.
  validation {
    condition = alltrue([
      for e in concat(
        values(var.failure_events.events), values(var.failure_events.recoveries),
      ) : try(length(setsubtract(jsondecode(e).source, local._extract_sources)) == 0, true)
    ])
    error_message = (
      "failure_events: a source must be one of ${join(", ", local._extract_sources)}."
    )
  }

  validation {
    condition = alltrue([
      for key in concat(keys(var.failure_events.events), keys(var.failure_events.recoveries)) :
      can(regex("^[a-z][a-z0-9-]{0,15}$", key))
    ])
    error_message = join(" ", [
      "failure_events: a key of events and recoveries must have 1 to 16 lowercase letters, digits",
      "and hyphens and begin with a letter.",
    ])
  }

  validation {
    condition = alltrue(concat(
      [for key in keys(var.failure_events.events) : length("${var.name}-${key}-failed") <= 64],
      [
        for key in keys(var.failure_events.recoveries) :
        length("${var.name}-${key}-recovered") <= 64
      ],
    ))
    error_message = join(" ", [
      "failure_events: the EventBridge rules are named NAME-KEY-failed and NAME-KEY-recovered, and",
      "a rule's name has at most 64 characters; shorten name or the key.",
    ])
  }

  validation {
    condition = can(regex("^[ -~]{1,50}$", var.failure_events.name))
    error_message = join(" ", [
      "failure_events: name must have 1 to 50 ASCII characters, because it is part of the mails'",
      "subjects.",
    ])
  }

  validation {
    condition = can(regex(
      "^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$", var.failure_events.time_zone
    ))
    error_message = "failure_events: time_zone must be an IANA name, for example \"Europe/Warsaw\"."
  }
}

variable "name" {
  description = "Name prefix of all resources."
  type        = string
  nullable    = false

  validation {
    condition = can(regex("^[a-z][a-z0-9-]{0,38}[a-z0-9]$", var.name))
    error_message = join(" ", [
      "name must have 2 to 40 lowercase letters, digits and hyphens and begin with a letter, for",
      "example \"bank-loans\".",
    ])
  }
}

################################################################################
# Optional
################################################################################

variable "deadline" {
  description = <<-EOT
    Day and hour, in GMT, by which the previous month must be published. A check runs every day at
    this hour. Before this day of the month, the check does not yet expect the previous month.
    - `day`  - (Optional) Day of the month. It must be after the last run of the extract and its
               retries.
    - `hour` - (Optional) Hour of the daily check.
  EOT
  type = object({
    day  = optional(number, 2)
    hour = optional(number, 6)
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(range(1, 29), var.deadline.day)
    error_message = "deadline: day must be 1 to 28, because not every month has a later day."
  }

  validation {
    condition     = contains(range(0, 24), var.deadline.hour)
    error_message = "deadline: hour must be a whole number from 0 to 23, in GMT."
  }
}

variable "delivery" {
  description = <<-EOT
    Events that report failures of the delivery: the output `delivery` of `sftp-transfer`.
    - `events`          - (Optional) EventBridge patterns in JSON for failures, by key.
    - `push_arn_prefix` - (Optional) Common beginning of the ARNs of the state machines that send
                          files. State machines with other ARNs write receipts.
    - `recipients`      - (Optional) URLs of the recipients' folders, keyed by recipient. Events of
                          other recipients are ignored.
    - `recoveries`      - (Optional) EventBridge patterns in JSON for successes, by key.
    - `rule_arns`       - (Optional) ARNs of the EventBridge rules that use `dead_letter_queue`.
  EOT
  type = object({
    events          = optional(map(string), {})
    push_arn_prefix = optional(string)
    recipients      = optional(map(string), {})
    recoveries      = optional(map(string), {})
    rule_arns       = optional(list(string), [])
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for key in concat(keys(var.delivery.events), keys(var.delivery.recoveries)) :
      can(regex("^[a-z][a-z0-9-]{0,15}$", key))
    ])
    error_message = join(" ", [
      "delivery: a key of events and recoveries must have 1 to 16 lowercase letters, digits and",
      "hyphens and begin with a letter.",
    ])
  }

  validation {
    condition = alltrue(concat(
      [for key in keys(var.delivery.events) : length("${var.name}-${key}-failed") <= 64],
      [for key in keys(var.delivery.recoveries) : length("${var.name}-${key}-recovered") <= 64],
    ))
    error_message = join(" ", [
      "delivery: the EventBridge rules are named NAME-KEY-failed and NAME-KEY-recovered, and a",
      "rule's name has at most 64 characters; shorten name or the key.",
    ])
  }

  validation {
    condition = !anytrue(concat(
      [for key in keys(var.delivery.events) : contains(keys(var.failure_events.events), key)],
      [
        for key in keys(var.delivery.recoveries) :
        contains(keys(var.failure_events.recoveries), key)
      ],
    ))
    error_message = (
      "delivery: a key of events or recoveries is used in failure_events too; rename one of them."
    )
  }

  validation {
    condition = alltrue([
      for e in concat(values(var.delivery.events), values(var.delivery.recoveries)) :
      try(length(setsubtract(jsondecode(e).source, local._delivery_sources)) == 0, false)
    ])
    error_message = join(" ", [
      "delivery: every event must be an EventBridge pattern in JSON whose sources are among",
      "${join(", ", local._delivery_sources)}.",
    ])
  }

  validation {
    condition = alltrue([
      for folder in values(var.delivery.recipients) : can(regex("^s3://[^/]+/.*[^/]$", folder))
    ])
    error_message = join(" ", [
      "delivery: a folder in recipients must be a URL without a closing slash, for example",
      "\"s3://bucket/loans/bank_name=FirstBank\".",
    ])
  }

  validation {
    condition = (
      var.delivery.push_arn_prefix == null
      || can(regex(
        "^arn:[a-z-]+:states:[a-z0-9-]+:[0-9]{12}:stateMachine:.", var.delivery.push_arn_prefix
      ))
    )
    error_message = join(" ", [
      "delivery: push_arn_prefix must begin like the ARN of a state machine,",
      "arn:...:stateMachine:NAME_push.",
    ])
  }
}

variable "kms_key" {
  description = <<-EOT
    KMS key that encrypts everything in this module. If null, a key is created.
    - `arn` - ARN of the key; it may be unknown at plan time.
  EOT
  type = object({
    arn = string
  })
  default = null

  validation {
    condition = (
      var.kms_key == null
      || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key.arn))
    )
    error_message = (
      "kms_key: arn must be the ARN of a key (arn:...:key/...), not an alias and not a bare ID."
    )
  }
}

variable "log_retention_days" {
  description = "Days for which CloudWatch Logs keeps logs."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = var.log_retention_days != 0
    error_message = "log_retention_days must not be 0, because logs would be kept forever."
  }
}

variable "permissions_boundary_arn" {
  description = "ARN of the IAM policy that all IAM roles have as their permissions boundary."
  type        = string
  default     = null
}

variable "runbook_url" {
  description = <<-EOT
    URL of your own runbook. If set, mails about failures and missing months contain it.
  EOT
  type        = string
  default     = null

  validation {
    condition     = var.runbook_url == null || can(regex("^https://[!-~]+$", var.runbook_url))
    error_message = "runbook_url: must begin with https:// and contain no spaces."
  }
}

variable "subscriptions" {
  description = <<-EOT
    Subscribers that get the mails, keyed by a name of your choice. For an email subscription, AWS
    first sends a mail with a link. A person must confirm the subscription with the token in this
    link; see the README. A queue or a function must allow the topic to send messages to it.
    - `endpoint` - Mail address, URL or ARN, depending on `protocol`.
    - `protocol` - (Optional) "email", "https", "lambda" or "sqs".
  EOT
  type = map(object({
    endpoint = string
    protocol = optional(string, "email")
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for s in var.subscriptions : contains(["email", "https", "lambda", "sqs"], s.protocol)
    ])
    error_message = "subscriptions: protocol must be \"email\", \"https\", \"lambda\" or \"sqs\"."
  }

  validation {
    condition = alltrue([
      for s in var.subscriptions :
      s.protocol != "email" || can(regex("^[^@\\s]+@[^@\\s]+$", s.endpoint))
    ])
    error_message = join(" ", [
      "subscriptions: the endpoint of protocol \"email\" must be one address, for example",
      "\"data-team@example.com\".",
    ])
  }

  validation {
    condition = alltrue([
      for s in var.subscriptions : s.protocol != "https" || startswith(s.endpoint, "https://")
    ])
    error_message = (
      "subscriptions: the endpoint of protocol \"https\" must begin with https://."
    )
  }

  validation {
    condition = alltrue([
      for s in var.subscriptions : can(regex("^arn:[a-z-]+:${s.protocol}:", s.endpoint))
      if contains(["lambda", "sqs"], s.protocol)
    ])
    error_message = join(" ", [
      "subscriptions: the endpoint of protocol \"lambda\" or \"sqs\" must be an ARN, for example",
      "\"arn:aws:sqs:...\".",
    ])
  }

  validation {
    condition = length(var.subscriptions) == length(distinct([
      for s in var.subscriptions : "${s.protocol} ${s.endpoint}"
    ]))
    error_message = (
      "subscriptions: the same endpoint is given under two keys; it would get every mail twice."
    )
  }
}

variable "tags" {
  description = "Tags of all resources that support tags."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "target" {
  description = <<-EOT
    Where the extract publishes files: the output `target` of `glue-extract`. If null, the module
    does not check whether a period is published.
    - `bucket`          - Name of the bucket with the published files.
    - `manifest_prefix` - Bucket prefix of the manifests, without a trailing slash. A manifest below
                          it is named like `2026-10.json`.
  EOT
  type = object({
    bucket          = string
    manifest_prefix = string
  })
  default = null

  validation {
    condition = (
      var.target == null
      || can(regex("^[^/*?$]([^*?$]*[^/*?$])?$", var.target.manifest_prefix))
    )
    error_message = join(" ", [
      "target: manifest_prefix must not begin or end with a slash, nor contain \"*\", \"?\" or",
      "\"$\".",
    ])
  }
}

################################################################################
# Sources of events
################################################################################

locals {
  # Event sources that facts.jsonata accepts in the variables `delivery` and `failure_events`.
  _delivery_sources = ["aws.states", "sftp-transfer"]
  _extract_sources  = ["aws.glue", "aws.secretsmanager"]
}
