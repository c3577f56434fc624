################################################################################
# Required
################################################################################

variable "failure_events" {
  description = <<-EOT
    What counts as a failure and where to look then, as `glue-extract` gives it.
    - `events`            - EventBridge patterns as JSON, keyed by a name of your choice.
    - `job_name`          - job to start again.
    - `log_group`         - where the runs of the job are read.
    - `name`              - the extract, as the mail calls it.
    - `workflow_name`     - workflow that the job is part of.
    - `catch_up_schedule` - (Optional) when the job is started again by itself.
    - `recoveries`        - (Optional) patterns of what puts a failure right.
  EOT
  type = object({
    events            = map(string)
    job_name          = string
    log_group         = string
    name              = string
    workflow_name     = string
    catch_up_schedule = optional(string)
    recoveries        = optional(map(string), {})
  })
  nullable = false

  validation {
    condition = (
      length(var.failure_events.events) > 0
      && alltrue([
        for e in concat(
          values(var.failure_events.events), values(var.failure_events.recoveries),
        ) : can(jsondecode(e).source)
      ])
    )
    error_message = (
      "failure_events: every event is an EventBridge pattern in JSON that names its source."
    )
  }

  validation {
    condition = alltrue([
      for key in concat(keys(var.failure_events.events), keys(var.failure_events.recoveries)) :
      can(regex("^[a-z][a-z0-9-]{0,15}$", key))
    ])
    error_message = (
      "failure_events: an event is called by up to 16 small letters, digits and hyphens."
    )
  }

  validation {
    condition = can(regex("^[ -~]{1,50}$", var.failure_events.name))
    error_message = (
      "failure_events: the name goes into a mail's subject: up to 50 characters of ASCII."
    )
  }
}

variable "name" {
  description = "Name of what is made: every resource bears it or begins with it."
  type        = string
  nullable    = false

  validation {
    condition = can(regex("^[a-z][a-z0-9-]{0,38}[a-z0-9]$", var.name))
    error_message = join(" ", [
      "name: 2 to 40 small letters, digits and hyphens, beginning with a letter, e.g.",
      "\"bank-loans\".",
    ])
  }
}

################################################################################
# Optional
################################################################################

variable "deadline" {
  description = <<-EOT
    When the month before has to be published, in GMT; looked at every day from then on.
    - `day`  - (Optional) day of the month; later than the extract's schedule and its retries.
    - `hour` - (Optional) full hour of the daily look.
  EOT
  type = object({
    day  = optional(number, 2)
    hour = optional(number, 6)
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(range(1, 29), var.deadline.day)
    error_message = "deadline: day is 1 to 28, a day that every month has."
  }

  validation {
    condition     = contains(range(0, 24), var.deadline.hour)
    error_message = "deadline: hour is 0 to 23, in GMT."
  }
}

variable "delivery" {
  description = <<-EOT
    What `sftp-transfer` gives, so that what was not delivered or not collected is told too.
    - `events`     - (Optional) patterns of what went wrong, keyed by a name of your choice.
    - `push_arns`  - (Optional) state machines that send files; others keep track of who collects.
    - `recoveries` - (Optional) patterns of what puts it right.
    - `rule_arns`  - (Optional) rules that may keep dead letters here, by `dead_letter_queue`.
  EOT
  type = object({
    events     = optional(map(string), {})
    push_arns  = optional(list(string), [])
    recoveries = optional(map(string), {})
    rule_arns  = optional(list(string), [])
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for key in concat(keys(var.delivery.events), keys(var.delivery.recoveries)) :
      can(regex("^[a-z][a-z0-9-]{0,15}$", key))
    ])
    error_message = "delivery: an event is called by up to 16 small letters, digits and hyphens."
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
      "delivery: an event bears a name that failure_events has too; one would be lost."
    )
  }
}

variable "expected_output" {
  description = <<-EOT
    What is there once a month is published, as `glue-extract` gives it. Null looks for nothing.
    - `bucket`          - bucket of the files.
    - `manifest_prefix` - folder of the manifests; that of October 2026 is `2026-10.json` in it.
  EOT
  type = object({
    bucket          = string
    manifest_prefix = string
  })
  default = null

  validation {
    condition = (
      var.expected_output == null
      || can(regex("^[^/*?$]([^*?$]*[^/*?$])?$", var.expected_output.manifest_prefix))
    )
    error_message = (
      "expected_output: manifest_prefix has no slash at either end and no \"*\", \"?\" or \"$\"."
    )
  }
}

variable "kms_key_arn" {
  description = <<-EOT
    ARN of the KMS key that encrypts what is kept here. Null, where allowed, makes a key of its own.
  EOT
  type        = string
  default     = null

  validation {
    condition = (
      var.kms_key_arn == null
      || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    )
    error_message = (
      "kms_key_arn: the ARN of a key, arn:...:key/..., neither an alias nor a bare id."
    )
  }
}

variable "log_retention_days" {
  description = "Days for which logs are kept."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition = contains([
      1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365,
      400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
    ], var.log_retention_days)
    error_message = (
      "log_retention_days: a period that CloudWatch Logs knows, e.g. 30, 90, 365 or 731."
    )
  }
}

variable "permissions_boundary_arn" {
  description = "ARN of the policy that bounds every role made here."
  type        = string
  default     = null
}

variable "runbook_url" {
  description = "Page of your own on what to do, for the mails to name. Null names none."
  type        = string
  default     = null

  validation {
    condition     = var.runbook_url == null || can(regex("^https://[!-~]+$", var.runbook_url))
    error_message = "runbook_url: a page that begins with https:// and has no blanks."
  }
}

variable "subscriptions" {
  description = <<-EOT
    Who is told, keyed by a name of your choice. A person has to confirm a mail that AWS sends
    first; a queue or a function has to let the topic in.
    - `endpoint` - mail address, URL or ARN, as the protocol has it.
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
    error_message = "subscriptions: protocol is \"email\", \"https\", \"lambda\" or \"sqs\"."
  }

  validation {
    condition = alltrue([
      for s in var.subscriptions :
      s.protocol != "email" || can(regex("^[^@\\s]+@[^@\\s]+$", s.endpoint))
    ])
    error_message = (
      "subscriptions: an e-mail endpoint is one address, e.g. \"data-team@example.com\"."
    )
  }

  validation {
    condition = alltrue([
      for s in var.subscriptions : s.protocol != "https" || startswith(s.endpoint, "https://")
    ])
    error_message = "subscriptions: an HTTPS endpoint begins with https://."
  }

  validation {
    condition = alltrue([
      for s in var.subscriptions : can(regex("^arn:[a-z-]+:${s.protocol}:", s.endpoint))
      if contains(["lambda", "sqs"], s.protocol)
    ])
    error_message = (
      "subscriptions: a queue or a function is named by its ARN, e.g. \"arn:aws:sqs:...\"."
    )
  }

  validation {
    condition = length(var.subscriptions) == length(distinct([
      for s in var.subscriptions : "${s.protocol} ${s.endpoint}"
    ]))
    error_message = (
      "subscriptions: the same endpoint stands under two names and would be told twice."
    )
  }
}

variable "tags" {
  description = "Tags of every resource that can bear them."
  type        = map(string)
  default     = {}
  nullable    = false
}
