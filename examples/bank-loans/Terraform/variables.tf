################################################################################
# Required
################################################################################

variable "database" {
  description = <<-EOT
    The PostgreSQL store that is read.
    - `host`               - its endpoint; a reader endpoint spares the writer.
    - `name`               - the database.
    - `secret_arn`         - secret with `username` and `password` of a role that may SELECT.
    - `port`               - (Optional) 5432.
    - `schema`             - (Optional) the schema of the tables, the one that Glue/etl.py reads.
    - `secret_kms_key_arn` - (Optional) the secret's key, where it has one of its own.
    - `ca_certificate`     - (Optional) PEM of the authority that signed the server's certificate.
    - `security_group_id`  - (Optional) the store's security group; the job is let in there.
  EOT
  type = object({
    host               = string
    name               = string
    secret_arn         = string
    port               = optional(number, 5432)
    schema             = optional(string, "public")
    secret_kms_key_arn = optional(string)
    ca_certificate     = optional(string)
    security_group_id  = optional(string)
  })
  nullable = false
}

variable "recipients" {
  description = <<-EOT
    Who may collect files, keyed by the SFTP user's name.
    - `name`        - the recipient exactly as `Bank.Name` spells it.
    - `public_keys` - (Optional) OpenSSH keys, one per device; an empty set locks the user out.
  EOT
  type = map(object({
    name        = string
    public_keys = optional(set(string), [])
  }))
  nullable = false
}

variable "subnet_id" {
  description = "Private subnet of the job and the SFTP server, with ways to the store and to AWS."
  type        = string
  nullable    = false
}

################################################################################
# Optional
################################################################################

variable "alert_emails" {
  description = "Who gets a mail when a run fails or is missing; each address has to confirm it."
  type        = set(string)
  default     = ["data-support@mybigbank.co.za"]
  nullable    = false
}

variable "deadline" {
  description = <<-EOT
    From when on a mail tells every day that the month before is not published, in GMT.
    - `day`  - (Optional) day of the month, later than `schedule`.
    - `hour` - (Optional) full hour.
  EOT
  type = object({
    day  = optional(number, 2)
    hour = optional(number, 6)
  })
  default  = {}
  nullable = false
}

variable "force_destroy" {
  description = "Let `terraform destroy` delete buckets that still hold files."
  type        = bool
  default     = false
  nullable    = false
}

variable "region" {
  description = "AWS region of everything here."
  type        = string
  default     = "eu-west-1"
  nullable    = false
}

variable "schedule" {
  description = "When the workflow starts, in UTC; it reports the month before."
  type        = string
  default     = "cron(1 0 1 * ? *)"
  nullable    = false
}

variable "sftp" {
  description = <<-EOT
    How recipients reach the SFTP server.
    - `type`          - (Optional) `VPC`; `PUBLIC` opens it to the internet.
    - `allowed_cidrs` - (Optional) the networks that may connect to it in the VPC.
  EOT
  type = object({
    type          = optional(string, "VPC")
    allowed_cidrs = optional(list(string), [])
  })
  default  = {}
  nullable = false
}

variable "tags" {
  description = "Tags on everything that can bear them."
  type        = map(string)
  default     = {}
  nullable    = false
}
