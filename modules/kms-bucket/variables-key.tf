variable "additional_key_policy_json" {
  description = "Policy in JSON whose statements are added to the policy of the created key."
  type        = string
  default     = null

  validation {
    condition = (
      var.additional_key_policy_json == null
      || can(jsondecode(var.additional_key_policy_json).Statement)
    )
    error_message = "additional_key_policy_json must be a policy in JSON with a Statement."
  }

  validation {
    condition = var.additional_key_policy_json == null || var.kms_key == null
    error_message = (
      "additional_key_policy_json must be null when kms_key is set: that key keeps its own policy."
    )
  }
}

variable "key_administrators" {
  description = <<-EOT
    ARNs of IAM roles and users that may manage the created key, but not use it.
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
      "key_administrators must be ARNs of roles or users (arn:...:role/...) without \"*\"."
    )
  }

  validation {
    condition = length(var.key_administrators) == 0 || var.kms_key == null
    error_message = (
      "key_administrators must be empty when kms_key is set: that key keeps its own policy."
    )
  }
}

variable "key_alias" {
  description = <<-EOT
    Alias of the created key, without `alias/`. If null, the alias is the bucket's name.
  EOT
  type        = string
  default     = null

  validation {
    condition     = !can(regex("^alias/", var.key_alias))
    error_message = "key_alias must not begin with alias/; the module adds this prefix."
  }

  validation {
    condition     = var.key_alias == null || var.kms_key == null
    error_message = "key_alias must be null when kms_key is set: an existing key keeps its aliases."
  }
}

variable "key_deletion_window_days" {
  description = "Days in which the deletion of the created key can be canceled."
  type        = number
  default     = 30
  nullable    = false
}

variable "key_rotation_days" {
  description = "Days between two rotations of the created key. Old files stay readable."
  type        = number
  default     = 365
  nullable    = false
}

variable "key_services" {
  description = <<-EOT
    AWS services, besides CloudWatch Logs, that may use the created key without a role: `glue` and
    `transfer`. With `sns-from-cloudwatch`, alarms may send to topics that this key encrypts. With
    `sns-from-eventbridge`, rules may send to topics and queues that this key encrypts. The
    statements for `sns-from-cloudwatch` and `sns-from-eventbridge` have no condition, because with
    a condition EventBridge would drop events. If possible, use another key for topics.
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
      "key_services may contain only \"glue\", \"sns-from-cloudwatch\", \"sns-from-eventbridge\"",
      "and \"transfer\".",
    ])
  }

  validation {
    condition     = length(var.key_services) == 0 || var.kms_key == null
    error_message = "key_services must be empty when kms_key is set: that key keeps its policy."
  }
}

variable "key_users" {
  description = <<-EOT
    ARNs of IAM roles and users that may use the created key, but not manage it.
  EOT
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for arn in var.key_users : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/[^*]+$", arn))
    ])
    error_message = "key_users must be ARNs of roles or users (arn:...:role/...) without \"*\"."
  }

  validation {
    condition     = length(var.key_users) == 0 || var.kms_key == null
    error_message = "key_users must be empty when kms_key is set: an existing key keeps its policy."
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
