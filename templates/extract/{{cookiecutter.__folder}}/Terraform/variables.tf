{%- import 'answers.jinja' as answers with context -%}
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
    schema             = optional(string, "{{ answers.schema }}")
    secret_kms_key_arn = optional(string)
    ca_certificate     = optional(string)
    security_group_id  = optional(string)
  })
  nullable = false
}

{% if answers.sftp == 'server' -%}
variable "recipients" {
  description = <<-EOT
    Who may collect files, keyed by the SFTP user's name.
    - `name`        - the recipient exactly as `{{ answers.recipient.source }}` spells it.
    - `public_keys` - (Optional) OpenSSH keys, one per device; an empty set locks the user out.
  EOT
  type = map(object({
    name        = string
    public_keys = optional(set(string), [])
  }))
  nullable = false
}

{% elif answers.sftp == 'connector' -%}
variable "recipients" {
  description = <<-EOT
    Who is sent files, keyed by a short name of your choice.
    - `name`   - the recipient exactly as `{{ answers.recipient.source }}` spells it.
    - `server` - where and how the files are sent:
      - `url`                - the recipient's server, e.g. sftp://sftp.example.com:22.
      - `folder`             - the folder there.
      - `secret_arn`         - secret with `Username` and `PrivateKey` for that server.
      - `trusted_host_keys`  - keys of that server, in OpenSSH's form.
      - `secret_kms_key_arn` - (Optional) the secret's key, where it has one of its own.
  EOT
  type = map(object({
    name = string
    server = object({
      url                = string
      folder             = string
      secret_arn         = string
      trusted_host_keys  = set(string)
      secret_kms_key_arn = optional(string)
    })
  }))
  nullable = false
}

{% endif -%}
variable "subnet_id" {
  description = "Private subnet of the job{{ ' and the SFTP server' if answers.sftp == 'server' }}, with ways to the store and to AWS."
  type        = string
  nullable    = false
}

################################################################################
# Optional
################################################################################

variable "alert_emails" {
  description = "Who gets a mail when a run fails or is missing; each address has to confirm it."
  type        = set(string)
  default     = ["{{ answers.alert_email }}"]
  nullable    = false
}

variable "deadline" {
  description = <<-EOT
    From when on a mail tells every day that the month before is not published, in GMT.
    - `day`  - (Optional) day of the month, later than `schedule`.
    - `hour` - (Optional) full hour.
  EOT
  type = object({
    day  = optional(number, {{ answers.day + 1 }})
    hour = optional(number, 6)
  })
  default  = {}
  nullable = false
}

{% if not answers.locked_for_good -%}
variable "force_destroy" {
  description = "Let `terraform destroy` delete buckets that still hold files."
  type        = bool
  default     = false
  nullable    = false
}

{% endif -%}
{% if answers.sftp == 'none' -%}
variable "readers" {
  description = "ARNs of roles and users that may read the files, keyed by names of your choice."
  type        = map(string)
  default     = {}
  nullable    = false
}

{% endif -%}
variable "region" {
  description = "AWS region of everything here."
  type        = string
  default     = "{{ answers.region }}"
  nullable    = false
}

variable "schedule" {
  description = "When the workflow starts, in UTC; it reports the month before."
  type        = string
  default     = "{{ answers.cron }}"
  nullable    = false
}

{% if answers.sftp == 'server' -%}
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

{% endif -%}
variable "tags" {
  description = "Tags on everything that can bear them."
  type        = map(string)
  default     = {}
  nullable    = false
}
