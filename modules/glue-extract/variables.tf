################################################################################
# Required
################################################################################

variable "artifacts" {
  description = <<-EOT
    Bucket to which the module uploads the spec, the engine and the crawler's files.
    - `bucket` - Name of the bucket. It must be encrypted with the key in `kms_key_arn`.
    - `prefix` - (Optional) Bucket prefix, without leading or trailing slash.
  EOT
  type = object({
    bucket = string
    prefix = optional(string, "artifacts")
  })
  nullable = false

  validation {
    condition = (
      can(regex("^[^/*?$]+(/[^/*?$]+)*$", var.artifacts.prefix))
      && !can(regex("(^|/)[.]{1,2}(/|$)", var.artifacts.prefix))
    )
    error_message = join(" ", [
      "artifacts: prefix must not start or end with a slash and must not contain \"//\", \"*\",",
      "\"?\", \"$\", or a folder \".\" or \"..\", for example \"artifacts\".",
    ])
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts logs and everything else that the module stores."
  type        = string
  nullable    = false

  validation {
    condition = can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = (
      "kms_key_arn must be the ARN of a key (arn:...:key/...), not an alias and not a bare ID."
    )
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

variable "network" {
  description = <<-EOT
    Network settings of the job and the crawler.
    - `availability_zone`           - Availability zone of the subnet.
    - `subnet_id`                   - ID of a private subnet with NAT or VPC endpoints.
    - `vpc_id`                      - ID of the VPC of the subnet.
    - `database_security_group_ids` - (Optional) IDs of the source's security groups, keyed by a
                                      name of your choice, so that an ID may be unknown at plan
                                      time. In each of these groups, the module adds a rule that
                                      admits the job and the crawler.
  EOT
  type = object({
    availability_zone           = string
    subnet_id                   = string
    vpc_id                      = string
    database_security_group_ids = optional(map(string), {})
  })
  nullable = false

  validation {
    # Glue accepts a connection without an availability zone, but then every crawl fails.
    condition = can(regex(
      "^[a-z]{2}(-[a-z]+)+-[0-9][a-z0-9-]*$", var.network.availability_zone
    ))
    error_message = (
      "network: availability_zone must be the zone of the subnet, for example \"eu-west-1a\"."
    )
  }
}

variable "recipient_column" {
  description = <<-EOT
    Name of the recipient column in the spec, for example `bank_name`. It is part of the prefix of
    each recipient, for example `loans/bank_name=FirstBank/`.
  EOT
  type        = string
  nullable    = false

  validation {
    condition = can(regex("^[a-z_][a-z0-9_]*$", var.recipient_column))
    error_message = (
      "recipient_column must have lowercase letters, digits and \"_\" only: \"bank_name\"."
    )
  }
}

variable "script_path" {
  description = "Local path of the spec, for example `Glue/etl.py`. A change updates the job."
  type        = string
  nullable    = false

  validation {
    condition     = fileexists(var.script_path) && endswith(var.script_path, ".py")
    error_message = "script_path must be the path of an existing Python file."
  }
}

variable "target" {
  description = <<-EOT
    Bucket and prefix to which the extract publishes files.
    - `bucket`             - Name of the bucket.
    - `prefix`             - Bucket prefix, without leading or trailing slash.
    - `writer_policy_json` - IAM policy in JSON that lets the job write to the prefix, from the
                             output `writer_policies` of `kms-bucket`.
  EOT
  type = object({
    bucket             = string
    prefix             = string
    writer_policy_json = string
  })
  nullable = false

  validation {
    condition = (
      can(regex("^[^/*?$]+(/[^/*?$]+)*$", var.target.prefix))
      && !can(regex("(^|/)[.]{1,2}(/|$)", var.target.prefix))
    )
    error_message = join(" ", [
      "target: prefix must not start or end with a slash and must not contain \"//\", \"*\",",
      "\"?\", \"$\", or a folder \".\" or \"..\", for example \"group/loans\".",
    ])
  }

  validation {
    # A role that may read the target must not be able to read the artifacts, and the reverse. So if
    # both are in the same bucket, no prefix may contain the other.
    condition = var.artifacts.bucket != var.target.bucket || !anytrue([
      startswith("${var.artifacts.prefix}/", "${var.target.prefix}/"),
      startswith("${var.target.prefix}/", "${var.artifacts.prefix}/"),
    ])
    error_message = join(" ", [
      "target: in the same bucket, the prefixes of target and artifacts must not contain each",
      "other.",
    ])
  }
}

################################################################################
# Optional
################################################################################

variable "endpoints" {
  description = <<-EOT
    VPC endpoints of AWS services, for a subnet without NAT. All clients in the VPC use them, so
    create them in only one extract of a VPC. If null, no endpoint is created.
    - `route_table_ids`           - IDs of the subnet's route tables, for the endpoint of S3.
    - `client_security_group_ids` - (Optional) IDs of other security groups that may use the
                                    endpoints, keyed by a name of your choice.
    - `services`                  - (Optional) Services that get an interface endpoint, by default
                                    the services that a run calls. The VPC must not yet have
                                    endpoints for these services.
  EOT
  type = object({
    route_table_ids           = set(string)
    client_security_group_ids = optional(map(string), {})
    services = optional(set(string), [
      "glue", "kms", "logs", "monitoring", "secretsmanager"
    ])
  })
  default = null

  validation {
    condition     = var.endpoints == null || try(length(var.endpoints.route_table_ids), 1) > 0
    error_message = "endpoints: route_table_ids must not be empty, or a run cannot connect to S3."
  }

  validation {
    condition = alltrue([
      for service in try(var.endpoints.services, []) :
      can(regex("^[a-z][a-z0-9.-]+$", service)) && service != "s3"
    ])
    error_message = (
      "endpoints: services must be names such as \"kms\"; S3 always gets an endpoint."
    )
  }

  validation {
    condition     = !contains(keys(try(var.endpoints.client_security_group_ids, {})), "extract")
    error_message = "endpoints: the key \"extract\" is reserved in client_security_group_ids."
  }
}

variable "extra_arguments" {
  description = <<-EOT
    Additional arguments of the Glue job, keyed by name, for example `--enable-auto-scaling`.
  EOT
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for name in keys(var.extra_arguments) : can(regex("^--[A-Za-z]", name))
    ])
    error_message = (
      "extra_arguments: a name must begin with \"--\", for example \"--enable-auto-scaling\"."
    )
  }

  validation {
    condition = !anytrue([
      for name in keys(var.extra_arguments) :
      can(regex("^--(continuous-log-|enable-continuous-)", name)) || contains([
        "--JOB_ID", "--JOB_NAME", "--JOB_RUN_ID", "--TempDir", "--WORKFLOW_NAME",
        "--WORKFLOW_RUN_ID", "--allow-incomplete", "--ca-certificate", "--conf", "--connection",
        "--custom-logGroup-prefix", "--database-url", "--debug", "--dry-run", "--enable-metrics",
        "--enable-observability-metrics", "--enable-spark-ui", "--endpoint", "--extra-py-files",
        "--fixed-arguments", "--from", "--iam-user", "--jdbc-url", "--job-language",
        "--job-security-configuration", "--mode", "--output", "--period", "--pgp-keys",
        "--pgp-keys-sha256", "--reason", "--restate", "--scriptLocation", "--spark-event-logs-path",
        "--to", "--write-shuffle-files-to-s3", "--write-shuffle-spills-to-s3",
      ], name)
    ])
    error_message = join(" ", [
      "extra_arguments must not contain arguments that the module or Glue sets (for example",
      "--conf, --output, --JOB_NAME), that belong to a single run (for example --period), or that",
      "have no effect since Glue 5.0 (--continuous-log-*).",
    ])
  }
}

variable "flat_recipients" {
  description = <<-EOT
    Names, as in the source, of the recipients with a flat folder (`flat=True` in the spec). The job
    may write files into these folders without `year=2026/month=10`. Up to 10 names, or `["*"]` if
    all recipients have a flat folder.
  EOT
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.flat_recipients) <= 10
    error_message = "flat_recipients must have at most 10 names; use \"*\" for all recipients."
  }

  validation {
    condition     = length(var.flat_recipients) == 1 || !contains(var.flat_recipients, "*")
    error_message = "flat_recipients: with \"*\", no other name is allowed."
  }

  validation {
    condition = alltrue([
      for name in var.flat_recipients : name == "*" || can(regex("[\\p{L}\\p{N}]", name))
    ])
    error_message = "flat_recipients: each name must contain a letter or a digit."
  }
}

variable "job" {
  description = <<-EOT
    Settings of the Glue job.
    - `delay_notification_minutes` - (Optional) Minutes after which Glue reports that a run takes
                                     too long.
    - `execution_class`            - (Optional) "STANDARD" or "FLEX". "FLEX" costs less, but a run
                                     fails if AWS has no spare capacity.
    - `glue_version`               - (Optional) "6.0" (Spark 4.1) or "5.1" (Spark 3.5).
    - `max_retries`                - (Optional) How many times Glue restarts a failed run.
    - `number_of_workers`          - (Optional) Number of workers, including the driver.
    - `queuing`                    - (Optional) Whether a run waits if the account has no free
                                     capacity, instead of failing.
    - `timeout_minutes`            - (Optional) Minutes after which Glue stops a run.
    - `worker_type`                - (Optional) Size of a worker.
  EOT
  type = object({
    delay_notification_minutes = optional(number)
    execution_class            = optional(string, "STANDARD")
    glue_version               = optional(string, "6.0")
    max_retries                = optional(number, 0)
    number_of_workers          = optional(number, 2)
    queuing                    = optional(bool, false)
    timeout_minutes            = optional(number, 60)
    worker_type                = optional(string, "G.1X")
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(["5.1", "6.0"], var.job.glue_version)
    error_message = "job: glue_version must be \"6.0\" or \"5.1\", the versions that tests cover."
  }

  validation {
    condition     = can(regex("^(G\\.(1|2|4|8|12|16)X|R\\.(1|2|4|8)X)$", var.job.worker_type))
    error_message = "job: worker_type must be G.1X, G.2X, G.4X, G.8X, G.12X, G.16X or R.1X to R.8X."
  }

  validation {
    condition     = var.job.number_of_workers >= 2
    error_message = "job: number_of_workers must be at least 2: a driver and an executor."
  }

  validation {
    condition     = var.job.timeout_minutes <= 10080
    error_message = "job: timeout_minutes must be at most 10080, which is seven days."
  }

  validation {
    condition = (
      var.job.execution_class != "FLEX" || contains(["G.1X", "G.2X"], var.job.worker_type)
    )
    error_message = "job: execution_class \"FLEX\" needs worker_type G.1X or G.2X."
  }

  validation {
    condition = try(
      var.job.delay_notification_minutes < var.job.timeout_minutes,
      var.job.delay_notification_minutes == null
    )
    error_message = join(" ", [
      "job: delay_notification_minutes must be less than timeout_minutes, after which Glue",
      "stops the run.",
    ])
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

variable "recipients" {
  description = "Names of the recipients, spelled as in the source, keyed by names of your choice."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([for r in var.recipients : can(regex("[\\p{L}\\p{N}]", r))])
    error_message = (
      "recipients: a name must have a letter or digit, because these form its prefix."
    )
  }

  validation {
    condition = length(var.recipients) == length(distinct([
      for recipient in var.recipients : replace(recipient, "/[^\\p{L}\\p{N}]/", "")
    ]))
    error_message = join(" ", [
      "recipients: two names must differ by more than spaces and punctuation, else they have the",
      "same prefix.",
    ])
  }
}

variable "tags" {
  description = "Tags of all resources that support tags."
  type        = map(string)
  default     = {}
  nullable    = false
}
