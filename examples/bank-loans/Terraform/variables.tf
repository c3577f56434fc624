################################################################################
# Required
################################################################################

variable "database" {
  description = <<-EOT
    PostgreSQL source.
    - `host`                - Host name. With a reader endpoint, the job adds no load to the writer.
    - `name`                - Database name.
    - `secret_arn`          - ARN of the secret with `username` and `password` of a read-only role.
    - `ca_certificate_file` - (Optional) PEM file in this folder with the certificate authorities
                              that may sign the source's certificate. Required unless
                              `verify_server = false`.
    - `port`                - (Optional) Port.
    - `schema`              - (Optional) Schema of the tables, the same as in Glue/etl.py.
    - `secret_kms_key_arn`  - (Optional) ARN of the secret's KMS key, if it is customer managed.
    - `security_group_id`   - (Optional) Security group of the source. A rule that admits the job
                              is added to the group.
    - `verify_server`       - (Optional) Verify the certificate and the host name of the source.
  EOT
  type = object({
    host                = string
    name                = string
    secret_arn          = string
    ca_certificate_file = optional(string)
    port                = optional(number, 5432)
    schema              = optional(string, "public")
    secret_kms_key_arn  = optional(string)
    security_group_id   = optional(string)
    verify_server       = optional(bool, true)
  })
  nullable = false

  validation {
    condition = (
      var.database.verify_server == (var.database.ca_certificate_file != null)
      && (!var.database.verify_server || try(fileexists(var.database.ca_certificate_file), false))
    )
    error_message = join(" ", [
      "database: set ca_certificate_file to a PEM file in the folder Terraform with the source's",
      "certificate authorities, for RDS \"global-bundle.pem\" from",
      "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem, or verify_server = false",
      "without ca_certificate_file.",
    ])
  }
}

variable "recipients" {
  description = <<-EOT
    Recipients that may download files, keyed by SFTP user name.
    - `name`        - Recipient, exactly as in `Bank.Name`.
    - `public_keys` - (Optional) OpenSSH public keys, keyed by device name. Without a key the user
                      cannot log in.
  EOT
  type = map(object({
    name        = string
    public_keys = optional(map(string), {})
  }))
  nullable = false
}

variable "subnet_id" {
  description = "Private subnet of the job and the SFTP server, with routes to the source and AWS."
  type        = string
  nullable    = false
}

################################################################################
# Optional
################################################################################

variable "alert_emails" {
  description = <<-EOT
    Mail addresses that get the alerts. The owner of each address must confirm the subscription.
  EOT
  type        = set(string)
  default     = ["data-support@mybigbank.co.za"]
  nullable    = false
}

variable "deadline" {
  description = <<-EOT
    Day and hour, in GMT, by which the previous month must be published. A daily check starts then
    and sends a mail while the month is missing.
    - `day`  - (Optional) Day of the month. It must be after the day in `schedule`.
    - `hour` - (Optional) Hour of the daily check.
  EOT
  type = object({
    day  = optional(number, 2)
    hour = optional(number, 6)
  })
  default  = {}
  nullable = false
}

variable "force_destroy" {
  description = "Whether `terraform destroy` also deletes buckets that contain files."
  type        = bool
  default     = false
  nullable    = false
}

variable "region" {
  description = "AWS region of all resources."
  type        = string
  default     = "eu-west-1"
  nullable    = false
}

variable "schedule" {
  description = "Cron expression of the schedule, in the extract's time zone."
  type        = string
  default     = "cron(1 0 1 * ? *)"
  nullable    = false
}

variable "sftp" {
  description = <<-EOT
    Clients that can connect to the SFTP server.
    - `type`          - (Optional) `VPC`, or `PUBLIC` for an endpoint on the internet.
    - `allowed_cidrs` - (Optional) CIDR ranges that may connect to a VPC endpoint, keyed by a name
                        of your choice.
  EOT
  type = object({
    type          = optional(string, "VPC")
    allowed_cidrs = optional(map(string), {})
  })
  default  = {}
  nullable = false
}

variable "tags" {
  description = "Tags of all resources."
  type        = map(string)
  default     = {}
  nullable    = false
}
