################################################################################
# Required
################################################################################

variable "name" {
  description = "Name of the bucket, and name prefix of all other resources."
  type        = string
  nullable    = false

  validation {
    # S3 allows dots in the name of a bucket, but then TLS fails.
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "name must have 3 to 63 lowercase letters, digits and hyphens."
  }
}

################################################################################
# Optional
################################################################################

variable "access_logs" {
  description = <<-EOT
    Bucket to which S3 logs every request. If null, requests are not logged.
    - `bucket` - Name of another bucket in this region. It must allow `logging.s3.amazonaws.com` to
                 write, and must be encrypted with SSE-S3: S3 delivers no logs to a bucket with a
                 KMS key.
    - `prefix` - (Optional) Bucket prefix of the logs, without leading or trailing slash. If null,
                 the prefix is the name of the logged bucket.
  EOT
  type = object({
    bucket = string
    prefix = optional(string)
  })
  default = null

  validation {
    condition     = try(var.access_logs.bucket, null) != var.name
    error_message = "access_logs: bucket must be another bucket, or each log would cause a new log."
  }

  validation {
    condition = (
      try(var.access_logs.prefix, null) == null
      || can(regex("^[^/*?$]([^*?$]*[^/*?$])?$", var.access_logs.prefix))
    )
    error_message = (
      "access_logs: prefix must not begin or end with a slash, nor contain \"*\", \"?\" or \"$\"."
    )
  }
}

variable "additional_bucket_policy_json" {
  description = <<-EOT
    Policy in JSON whose statements are added to the bucket's policy. The module's Deny statements
    stay in force.
  EOT
  type        = string
  default     = null

  validation {
    condition = (
      var.additional_bucket_policy_json == null
      || can(jsondecode(var.additional_bucket_policy_json).Statement)
    )
    error_message = "additional_bucket_policy_json must be a policy in JSON with a Statement."
  }
}

variable "eventbridge_notifications" {
  description = "Whether S3 sends events to EventBridge when objects are created or deleted."
  type        = bool
  default     = false
  nullable    = false
}

variable "force_destroy" {
  description = <<-EOT
    Whether destroying the bucket first deletes all files in it, including old versions. Must be
    false if the tags name a production environment.
  EOT
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition = !var.force_destroy || !anytrue([
      for key, value in var.tags :
      contains(["env", "environment", "stage"], lower(key))
      && contains(["prod", "production"], lower(value))
    ])
    error_message = (
      "force_destroy must be false, because the tags name a production environment."
    )
  }
}

variable "noncurrent_version_days" {
  description = "Days after which a replaced or deleted version is deleted permanently."
  type        = number
  default     = 365
  nullable    = false
}

variable "object_lock" {
  description = <<-EOT
    Retention period in which no version of a file can be deleted or changed. It can only be set
    when the bucket is created. A restatement is still possible, because it adds versions. If null,
    no file is locked.
    - `mode`  - `GOVERNANCE` or `COMPLIANCE`. With `GOVERNANCE`, principals with a special right can
                delete locked versions. With `COMPLIANCE`, nobody can delete locked versions.
    - `days`  - (Optional) Retention in days. Set either `days` or `years`.
    - `years` - (Optional) Retention in years.
  EOT
  type = object({
    mode  = string
    days  = optional(number)
    years = optional(number)
  })
  default = null

  validation {
    condition = (
      var.object_lock == null
      || try(var.object_lock.days, null) != null || try(var.object_lock.years, null) != null
    )
    error_message = "object_lock: days or years must be set."
  }

  validation {
    condition = alltrue([
      for number in try([var.object_lock.days, var.object_lock.years], []) :
      try(number >= 1 && number <= 36500 && floor(number) == number, number == null)
    ])
    error_message = (
      "object_lock: days or years must be a whole number of at least 1, at most 100 years."
    )
  }

  validation {
    condition = !(try(var.object_lock.mode, null) == "COMPLIANCE" && var.force_destroy)
    error_message = (
      "object_lock: in mode COMPLIANCE nobody can delete files, so force_destroy must be false."
    )
  }
}

variable "permissions_boundary_arn" {
  description = "ARN of the IAM policy that all IAM roles have as their permissions boundary."
  type        = string
  default     = null
}

variable "prefixes" {
  description = "Bucket prefixes for which the module outputs reader and writer policies, by key."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for prefix in var.prefixes : can(regex("^[^/*?$]([^*?$]*[^/*?$])?$", prefix))
    ])
    error_message = (
      "prefixes: a prefix must not begin or end with a slash, nor contain \"*\", \"?\" or \"$\"."
    )
  }
}

variable "readers" {
  description = <<-EOT
    Principals that may list and read a prefix, keyed by a name of your choice. The bucket policy
    and the policy of the created key allow this. A principal of another account also needs an IAM
    policy.
    - `prefix`        - Bucket prefix, without leading or trailing slash.
    - `principal_arn` - ARN of a role or user.
  EOT
  type = map(object({
    prefix        = string
    principal_arn = string
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for grant in var.readers : can(regex("^[^/*?$]([^*?$]*[^/*?$])?$", grant.prefix))
    ])
    error_message = (
      "readers: prefix must not begin or end with a slash, nor contain \"*\", \"?\" or \"$\"."
    )
  }

  validation {
    condition = alltrue([
      for grant in var.readers :
      can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/[^*]+$", grant.principal_arn))
    ])
    error_message = (
      "readers: principal_arn must be the ARN of a role or user (arn:...:role/...) without \"*\"."
    )
  }

  validation {
    condition = length(var.readers) == length(distinct([
      for key in keys(var.readers) :
      replace(title(replace(key, "/[^0-9A-Za-z]+/", " ")), " ", "")
    ]))
    error_message = (
      "readers: two keys differ in punctuation only, so their statements would have the same ID."
    )
  }
}

variable "replication" {
  description = <<-EOT
    Second bucket to which every new file is copied. If null, nothing is copied.
    - `bucket_arn`    - ARN of a versioned bucket. If `object_lock` is set, Object Lock must be
                        enabled there, too.
    - `kms_key_arn`   - ARN of the KMS key that encrypts the copies, in the region of the second
                        bucket.
    - `account_id`    - (Optional) ID of the account of the second bucket, if it is another account.
                        That account then owns the copies.
    - `prefix`        - (Optional) Bucket prefix that is copied, without leading or trailing slash.
                        If null, everything is copied.
    - `storage_class` - (Optional) Storage class of the copies.
  EOT
  type = object({
    bucket_arn    = string
    kms_key_arn   = string
    account_id    = optional(string)
    prefix        = optional(string)
    storage_class = optional(string, "STANDARD")
  })
  default = null

  validation {
    condition = var.replication == null || (
      can(regex("^arn:[a-z-]+:s3:::[a-z0-9.-]+$", var.replication.bucket_arn))
      && !endswith(try(var.replication.bucket_arn, ""), ":::${var.name}")
    )
    error_message = "replication: bucket_arn must be the ARN of another bucket, arn:...:s3:::..."
  }

  validation {
    condition = var.replication == null || can(regex(
      "^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.replication.kms_key_arn
    ))
    error_message = (
      "replication: kms_key_arn must be the ARN of a key in the copies' region, arn:...:key/..."
    )
  }

  validation {
    condition = (
      try(var.replication.prefix, null) == null
      || can(regex("^[^/*?$]([^*?$]*[^/*?$])?$", var.replication.prefix))
    )
    error_message = (
      "replication: prefix must not begin or end with a slash, nor contain \"*\", \"?\" or \"$\"."
    )
  }
}

variable "tags" {
  description = "Tags of all resources that support tags."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "transitions" {
  description = <<-EOT
    Rules that move old files to cheaper storage, keyed by a name of your choice.
    - `storage_class`   - `STANDARD_IA`, `ONEZONE_IA`, `INTELLIGENT_TIERING`, `GLACIER_IR`,
                          `GLACIER` or `DEEP_ARCHIVE`; the last two for replaced versions only.
    - `days`            - (Optional) Days after which a file moves to `storage_class`.
    - `noncurrent_days` - (Optional) Days after which a replaced version moves to `storage_class`.
    - `prefix`          - (Optional) Bucket prefix of the files, without leading or trailing
                          slash. If null, all files.
  EOT
  type = map(object({
    storage_class   = string
    days            = optional(number)
    noncurrent_days = optional(number)
    prefix          = optional(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for t in var.transitions : t.days != null || t.noncurrent_days != null
    ])
    error_message = "transitions: at least one of days and noncurrent_days must be set."
  }

  validation {
    condition = alltrue([
      for t in var.transitions :
      t.days == null || !contains(["GLACIER", "DEEP_ARCHIVE"], t.storage_class)
    ])
    error_message = join(" ", [
      "transitions: days must not be set with GLACIER or DEEP_ARCHIVE, because files there cannot",
      "be read at once; use GLACIER_IR.",
    ])
  }

  validation {
    condition = alltrue(flatten([
      for t in var.transitions : [
        for days in [t.days, t.noncurrent_days] : try(floor(days) == days && days >= (
          contains(["STANDARD_IA", "ONEZONE_IA"], t.storage_class) ? 30 : 1
        ), days == null)
      ]
    ]))
    error_message = (
      "transitions: days must be whole numbers of at least 1, or 30 for STANDARD_IA and ONEZONE_IA."
    )
  }

  validation {
    condition = alltrue([
      for t in var.transitions :
      try(t.noncurrent_days < var.noncurrent_version_days, t.noncurrent_days == null)
    ])
    error_message = join(" ", [
      "transitions: noncurrent_days must be less than noncurrent_version_days, after which",
      "noncurrent versions are deleted.",
    ])
  }

  validation {
    condition = alltrue([
      for t in var.transitions :
      t.prefix == null || can(regex("^[^/*?$]([^*?$]*[^/*?$])?$", t.prefix))
    ])
    error_message = (
      "transitions: prefix must not begin or end with a slash, nor contain \"*\", \"?\" or \"$\"."
    )
  }
}

variable "writers" {
  description = <<-EOT
    Principals that may list, read and write a prefix, keyed by a name of your choice. The bucket
    policy and the policy of the created key allow this. A principal of another account also needs
    an IAM policy.
    - `prefix`        - Bucket prefix, without leading or trailing slash.
    - `principal_arn` - ARN of a role or user.
  EOT
  type = map(object({
    prefix        = string
    principal_arn = string
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for grant in var.writers : can(regex("^[^/*?$]([^*?$]*[^/*?$])?$", grant.prefix))
    ])
    error_message = (
      "writers: prefix must not begin or end with a slash, nor contain \"*\", \"?\" or \"$\"."
    )
  }

  validation {
    condition = alltrue([
      for grant in var.writers :
      can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/[^*]+$", grant.principal_arn))
    ])
    error_message = (
      "writers: principal_arn must be the ARN of a role or user (arn:...:role/...) without \"*\"."
    )
  }

  validation {
    condition = length(var.writers) == length(distinct([
      for key in keys(var.writers) :
      replace(title(replace(key, "/[^0-9A-Za-z]+/", " ")), " ", "")
    ]))
    error_message = (
      "writers: two keys differ in punctuation only, so their statements would have the same ID."
    )
  }
}
