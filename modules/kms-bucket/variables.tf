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

variable "force_destroy" {
  description = "When the bucket is destroyed, delete everything in it first, old versions too."
  type        = bool
  default     = false
  nullable    = false
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

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts what is kept here. Null, where allowed, makes a key of its own."
  type        = string
  default     = null

  validation {
    condition = (
      var.kms_key_arn == null
      || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    )
    error_message = "kms_key_arn: the ARN of a key, arn:...:key/..., neither an alias nor a bare id."
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

variable "prefixes" {
  description = "Folders to make `writer_policies` and `reader_policies` for, keyed by names of your choice."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for prefix in var.prefixes : can(regex("^[^/*?$]([^*?$]*[^/*?$])?$", prefix))
    ])
    error_message = "prefixes: a prefix has no slash at either end and no \"*\", \"?\" or \"$\", e.g. \"loans\"."
  }
}

variable "tags" {
  description = "Tags of every resource that can bear them."
  type        = map(string)
  default     = {}
  nullable    = false
}
