################################################################################
# Required
################################################################################

variable "name" {
  description = "Name of what is made: every resource bears it or begins with it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "name: 3 to 63 small letters, digits and hyphens; a dot would break TLS."
  }
}

################################################################################
# Optional
################################################################################

variable "access_logs" {
  description = <<-EOT
    Where S3 logs every request for the bucket. Null logs none.
    - `bucket` - name of a bucket of this region that lets `logging.s3.amazonaws.com` write.
                 Encrypted with S3's own key: with a KMS key for its default S3 delivers nothing
                 there.
    - `prefix` - (Optional) folder in it, without slash at either end; else the bucket's name.
  EOT
  type = object({
    bucket = string
    prefix = optional(string)
  })
  default = null

  validation {
    condition     = try(var.access_logs.bucket, null) != var.name
    error_message = "access_logs: a bucket that logs into itself logs its own logs, without end."
  }

  validation {
    condition = (
      try(var.access_logs.prefix, null) == null
      || can(regex("^[^/*?$]([^*?$]*[^/*?$])?$", var.access_logs.prefix))
    )
    error_message = "access_logs: a prefix has no slash at either end and no \"*\", \"?\" or \"$\"."
  }
}

variable "additional_bucket_policy_json" {
  description = <<-EOT
    Policy whose statements are added to the bucket's own; those that deny cannot be undone by it.
  EOT
  type        = string
  default     = null

  validation {
    condition = (
      var.additional_bucket_policy_json == null
      || can(jsondecode(var.additional_bucket_policy_json).Statement)
    )
    error_message = "additional_bucket_policy_json: the JSON of a policy, with its Statement."
  }
}

variable "additional_key_policy_json" {
  description = "Policy whose statements are added to that of the module's own key."
  type        = string
  default     = null

  validation {
    condition = (
      var.additional_key_policy_json == null
      || can(jsondecode(var.additional_key_policy_json).Statement)
    )
    error_message = "additional_key_policy_json: the JSON of a policy, with its Statement."
  }

  validation {
    condition     = var.additional_key_policy_json == null || var.kms_key == null
    error_message = "additional_key_policy_json: a key that is given keeps the policy it has."
  }
}

variable "eventbridge_notifications" {
  description = "Tell EventBridge of every object that comes or goes."
  type        = bool
  default     = false
  nullable    = false
}

variable "force_destroy" {
  description = <<-EOT
    When the bucket is destroyed, delete everything in it first, old versions too. Not in
    production.
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
      "force_destroy: the tags say that this is production, where files are deleted by no plan."
    )
  }
}

variable "key_administrators" {
  description = <<-EOT
    ARNs of roles and users that may manage the module's own key by its policy alone, not use it.
  EOT
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for arn in var.key_administrators :
      can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/[^*]+$", arn))
    ])
    error_message = (
      "key_administrators: ARNs of roles or users, arn:...:iam::...:role/..., no \"*\"."
    )
  }

  validation {
    condition     = length(var.key_administrators) == 0 || var.kms_key == null
    error_message = "key_administrators: a key that is given keeps the policy it has."
  }
}

variable "key_alias" {
  description = "Alias of the module's own key, without `alias/`. Null takes the bucket's name."
  type        = string
  default     = null

  validation {
    condition     = var.key_alias == null || can(regex("^[0-9A-Za-z_/-]{1,250}$", var.key_alias))
    error_message = "key_alias: letters, digits and any of _ / -, e.g. \"bank-loans\"."
  }

  validation {
    condition     = !can(regex("^(alias|aws)/", var.key_alias))
    error_message = "key_alias: \"alias/\" is put before it, and \"aws/\" belongs to AWS."
  }

  validation {
    condition     = var.key_alias == null || var.kms_key == null
    error_message = "key_alias: a key that is given keeps the aliases it has."
  }
}

variable "key_deletion_window_days" {
  description = "Days in which the deletion of the module's own key can still be called off."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.key_deletion_window_days >= 7 && var.key_deletion_window_days <= 30
    error_message = "key_deletion_window_days: KMS allows 7 to 30 days."
  }
}

variable "key_rotation_days" {
  description = "Days after which the module's own key gets new material; old files stay readable."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition = (
      var.key_rotation_days >= 90 && var.key_rotation_days <= 2560
      && floor(var.key_rotation_days) == var.key_rotation_days
    )
    error_message = "key_rotation_days: KMS allows 90 to 2560 days."
  }
}

variable "key_services" {
  description = <<-EOT
    Services that may use the module's own key in their own name, beside CloudWatch Logs, which
    always may: `glue` and `transfer` for what they encrypt themselves, `sns-from-cloudwatch` for
    alarms and `sns-from-eventbridge` for rules whose topics or queues are under this key. Those two
    are not narrowed, for EventBridge then drops its events; better give topics their own key. What
    works by a role needs none.
  EOT
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for service in var.key_services :
      contains(["glue", "sns-from-cloudwatch", "sns-from-eventbridge", "transfer"], service)
    ])
    error_message = join(" ", [
      "key_services: any of \"glue\", \"sns-from-cloudwatch\", \"sns-from-eventbridge\" and",
      "\"transfer\".",
    ])
  }

  validation {
    condition     = length(var.key_services) == 0 || var.kms_key == null
    error_message = "key_services: a key that is given keeps the policy it has."
  }
}

variable "key_users" {
  description = <<-EOT
    ARNs of roles and users that may use the module's own key by its policy alone, not manage it.
  EOT
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for arn in var.key_users : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/[^*]+$", arn))
    ])
    error_message = "key_users: ARNs of roles or users, arn:...:iam::...:role/..., no \"*\"."
  }

  validation {
    condition     = length(var.key_users) == 0 || var.kms_key == null
    error_message = "key_users: a key that is given keeps the policy it has."
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

variable "noncurrent_version_days" {
  description = "Days after which a replaced or deleted version of an object is gone for good."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition = (
      var.noncurrent_version_days >= 1
      && floor(var.noncurrent_version_days) == var.noncurrent_version_days
    )
    error_message = "noncurrent_version_days: a whole number of days, 1 or more."
  }
}

variable "object_lock" {
  description = <<-EOT
    For how long no version of a file can be deleted or changed. Decided once: a bucket gets it when
    it is made. A restated month is a new version and goes through. Null locks nothing.
    - `mode`  - `GOVERNANCE` (who has the right to bypass it can) or `COMPLIANCE` (nobody can).
    - `days`  - (Optional) either days
    - `years` - (Optional) or years.
  EOT
  type = object({
    mode  = string
    days  = optional(number)
    years = optional(number)
  })
  default = null

  validation {
    condition     = contains(["GOVERNANCE", "COMPLIANCE"], try(var.object_lock.mode, "COMPLIANCE"))
    error_message = "object_lock: the mode is GOVERNANCE or COMPLIANCE."
  }

  validation {
    condition = var.object_lock == null || length([
      for number in try([var.object_lock.days, var.object_lock.years], []) :
      number if number != null
    ]) == 1
    error_message = "object_lock: either days or years, one of them."
  }

  validation {
    condition = alltrue([
      for number in try([var.object_lock.days, var.object_lock.years], []) :
      try(number >= 1 && number <= 36500 && floor(number) == number, number == null)
    ])
    error_message = (
      "object_lock: a whole number of days or years, 1 or more, a hundred years at most."
    )
  }

  validation {
    condition = !(try(var.object_lock.mode, null) == "COMPLIANCE" && var.force_destroy)
    error_message = (
      "object_lock: nobody can delete in mode COMPLIANCE, so force_destroy would fail."
    )
  }
}

variable "permissions_boundary_arn" {
  description = "ARN of the policy that bounds every role made here."
  type        = string
  default     = null
}

variable "prefixes" {
  description = <<-EOT
    Folders to make `writer_policies` and `reader_policies` for, keyed by names of your choice.
  EOT
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for prefix in var.prefixes : can(regex("^[^/*?$]([^*?$]*[^/*?$])?$", prefix))
    ])
    error_message = (
      "prefixes: a prefix has no slash at either end and no \"*\", \"?\" or \"$\", e.g. \"loans\"."
    )
  }
}

variable "readers" {
  description = <<-EOT
    Who may list and read in a folder by the bucket's own policy, and use the module's own key for
    it, keyed by names of your choice. In another account its own policy has to allow the same.
    - `prefix`        - folder in the bucket; without leading or trailing slash.
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
      "readers: a prefix has no slash at either end and no \"*\", \"?\" or \"$\", e.g. \"loans\"."
    )
  }

  validation {
    condition = alltrue([
      for grant in var.readers :
      can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/[^*]+$", grant.principal_arn))
    ])
    error_message = (
      "readers: principal_arn is a role's or a user's, arn:...:iam::...:role/..., no \"*\"."
    )
  }

  validation {
    condition = length(var.readers) == length(distinct([
      for key in keys(var.readers) :
      replace(title(replace(key, "/[^0-9A-Za-z]+/", " ")), " ", "")
    ]))
    error_message = (
      "readers: two keys are the same but for punctuation, so their statements would be too."
    )
  }
}

variable "replication" {
  description = <<-EOT
    Where every new file is copied to as well, say into another region. Null copies nothing.
    - `bucket_arn`    - bucket there, versioned; with `object_lock` here it has a lock too.
    - `kms_key_arn`   - key there that encrypts the copies.
    - `account_id`    - (Optional) account of that bucket, when it is another one: the copies are
                        then its own.
    - `prefix`        - (Optional) folder that is copied; without slash at either end. Null: all.
    - `storage_class` - (Optional) how the copies are stored.
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
    error_message = "replication: bucket_arn is the ARN of another bucket, arn:...:s3:::..."
  }

  validation {
    condition = var.replication == null || can(regex(
      "^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.replication.kms_key_arn
    ))
    error_message = (
      "replication: kms_key_arn is the ARN of a key in the copies' region, arn:...:key/..."
    )
  }

  validation {
    condition = (
      try(var.replication.account_id, null) == null
      || can(regex("^[0-9]{12}$", var.replication.account_id))
    )
    error_message = "replication: account_id has twelve digits."
  }

  validation {
    condition = (
      try(var.replication.prefix, null) == null
      || can(regex("^[^/*?$]([^*?$]*[^/*?$])?$", var.replication.prefix))
    )
    error_message = join(" ", [
      "replication: a prefix has no slash at either end and no \"*\", \"?\" or \"$\", e.g.",
      "\"loans\".",
    ])
  }

  validation {
    condition = contains([
      "STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER",
      "DEEP_ARCHIVE",
    ], try(var.replication.storage_class, "STANDARD"))
    error_message = "replication: a storage_class that S3 copies objects to, e.g. \"STANDARD_IA\"."
  }
}

variable "tags" {
  description = "Tags of every resource that can bear them."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "transitions" {
  description = <<-EOT
    Cheaper storage for what is old, keyed by names of your choice.
    - `storage_class`   - `STANDARD_IA`, `ONEZONE_IA`, `INTELLIGENT_TIERING`, `GLACIER_IR`,
                          `GLACIER` or `DEEP_ARCHIVE`; the last two for replaced versions only.
    - `days`            - (Optional) after how many days a file moves there.
    - `noncurrent_days` - (Optional) after how many days a replaced version moves there.
    - `prefix`          - (Optional) folder that it is for; without slash at either end. Null: all.
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
      for t in var.transitions : contains([
        "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE",
      ], t.storage_class)
    ])
    error_message = "transitions: a storage_class that S3 moves objects to, e.g. \"STANDARD_IA\"."
  }

  validation {
    condition = alltrue([
      for t in var.transitions : t.days != null || t.noncurrent_days != null
    ])
    error_message = "transitions: at least one of days and noncurrent_days."
  }

  validation {
    condition = alltrue([
      for t in var.transitions :
      t.days == null || !contains(["GLACIER", "DEEP_ARCHIVE"], t.storage_class)
    ])
    error_message = join(" ", [
      "transitions: a file in GLACIER or DEEP_ARCHIVE can be neither collected nor compared;",
      "GLACIER_IR can.",
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
      "transitions: whole days, at least 1, and at least 30 for STANDARD_IA and ONEZONE_IA."
    )
  }

  validation {
    condition = alltrue([
      for t in var.transitions :
      try(t.noncurrent_days < var.noncurrent_version_days, t.noncurrent_days == null)
    ])
    error_message = join(" ", [
      "transitions: noncurrent_days is less than noncurrent_version_days, when the version goes",
      "for good.",
    ])
  }

  validation {
    condition = alltrue([
      for t in var.transitions :
      t.prefix == null || can(regex("^[^/*?$]([^*?$]*[^/*?$])?$", t.prefix))
    ])
    error_message = join(" ", [
      "transitions: a prefix has no slash at either end and no \"*\", \"?\" or \"$\", e.g.",
      "\"loans\".",
    ])
  }
}

variable "writers" {
  description = <<-EOT
    Who may list, read and write in a folder by the bucket's own policy, and use the module's own
    key for it, keyed by names of your choice. In another account its own policy has to allow the
    same.
    - `prefix`        - folder in the bucket; without leading or trailing slash.
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
      "writers: a prefix has no slash at either end and no \"*\", \"?\" or \"$\", e.g. \"loans\"."
    )
  }

  validation {
    condition = alltrue([
      for grant in var.writers :
      can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/[^*]+$", grant.principal_arn))
    ])
    error_message = (
      "writers: principal_arn is a role's or a user's, arn:...:iam::...:role/..., no \"*\"."
    )
  }

  validation {
    condition = length(var.writers) == length(distinct([
      for key in keys(var.writers) :
      replace(title(replace(key, "/[^0-9A-Za-z]+/", " ")), " ", "")
    ]))
    error_message = (
      "writers: two keys are the same but for punctuation, so their statements would be too."
    )
  }
}
