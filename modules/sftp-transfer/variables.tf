################################################################################
# Required
################################################################################

variable "bucket" {
  description = "Name of the bucket with the published files."
  type        = string
  nullable    = false
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

################################################################################
# Optional
################################################################################

variable "banner" {
  description = "Text that clients show before the login."
  type        = string
  default     = null

  validation {
    condition = (
      var.banner == null
      || try(length(var.banner) <= 4096, false) && can(regex("^[\\t\\r\\n -~]+$", var.banner))
    )
    error_message = "banner must have at most 4,096 ASCII characters."
  }

  validation {
    condition     = var.banner == null || var.server == null
    error_message = "banner: the existing server has its own banner; remove banner or server."
  }
}

variable "connector_security_policy_name" {
  description = "Name of the connectors' security policy, which sets ciphers and key exchanges."
  type        = string
  default     = "TransferSFTPConnectorSecurityPolicy-2024-03"
  nullable    = false

  validation {
    condition = can(regex(
      "^TransferSFTPConnectorSecurityPolicy-([A-Za-z0-9]+-)*20(2[4-9]|[3-9][0-9])-[0-9]{2}$",
      var.connector_security_policy_name,
    ))
    error_message = "connector_security_policy_name must be a connector policy from 2024 or later."
  }
}

variable "dead_letter_queue" {
  description = <<-EOT
    Queue for events that EventBridge cannot deliver: the output `dead_letter_queue` of
    `failure-alerts`. If null, such an event is lost.
    - `arn`         - ARN of the queue.
    - `kms_key_arn` - ARN of the KMS key of the queue.
  EOT
  type = object({
    arn         = string
    kms_key_arn = string
  })
  default = null
}

variable "endpoint" {
  description = <<-EOT
    Network endpoint of the server or the instance. Required if the module creates one of them.
    - `allowed_cidrs`  - (Optional) IPv4 ranges that may connect to a VPC endpoint, keyed by a name
                         of your choice.
    - `elastic_ip_ids` - (Optional) Allocation IDs of Elastic IP addresses, one per subnet, which
                         make the server reachable from the internet.
    - `subnet_ids`     - (Optional) Subnets of a VPC endpoint, exactly one in mode "instance".
    - `type`           - (Optional) "VPC" or "PUBLIC". Every address can reach a "PUBLIC" endpoint.
    - `vpc_id`         - (Optional) VPC of the subnets.
  EOT
  type = object({
    allowed_cidrs  = optional(map(string), {})
    elastic_ip_ids = optional(set(string), [])
    subnet_ids     = optional(set(string), [])
    type           = optional(string, "VPC")
    vpc_id         = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(["PUBLIC", "VPC"], var.endpoint.type)
    error_message = "endpoint: type must be \"VPC\" or \"PUBLIC\"."
  }

  validation {
    condition = (
      var.mode != "server" || var.server != null || var.endpoint.type != "VPC"
      || (var.endpoint.vpc_id != null && length(var.endpoint.subnet_ids) > 0)
    )
    error_message = join(" ", [
      "endpoint: a VPC endpoint needs vpc_id and subnet_ids. To let the whole internet connect,",
      "set type = \"PUBLIC\".",
    ])
  }

  validation {
    condition = var.mode != "instance" || (
      var.endpoint.type == "VPC" && var.endpoint.vpc_id != null
      && length(var.endpoint.subnet_ids) == 1
    )
    error_message = join(" ", [
      "endpoint: mode \"instance\" needs vpc_id, one ID in subnet_ids, and type = \"VPC\".",
      "To let clients connect from the internet, set elastic_ip_ids and allowed_cidrs.",
    ])
  }

  validation {
    condition     = alltrue([for cidr in var.endpoint.allowed_cidrs : can(cidrnetmask(cidr))])
    error_message = "endpoint: allowed_cidrs must be IPv4 ranges, for example \"203.0.113.7/32\"."
  }

  validation {
    # Without this rule, two ranges with the prefix length /1 could allow the whole internet.
    condition = alltrue([
      for cidr in var.endpoint.allowed_cidrs : try(tonumber(split("/", cidr)[1]) >= 8, true)
    ])
    error_message = join(" ", [
      "endpoint: a range in allowed_cidrs must not be wider than /8. To let every address",
      "connect, set type = \"PUBLIC\".",
    ])
  }

  validation {
    condition = var.endpoint.type != "PUBLIC" || length(var.endpoint.allowed_cidrs) == 0
    error_message = join(" ", [
      "endpoint: AWS cannot restrict a PUBLIC endpoint to allowed_cidrs; set type = \"VPC\", or",
      "remove allowed_cidrs.",
    ])
  }

  validation {
    condition = (
      length(var.endpoint.elastic_ip_ids) == 0
      || length(var.endpoint.elastic_ip_ids) == length(var.endpoint.subnet_ids)
    )
    error_message = "endpoint: elastic_ip_ids must have one allocation ID per subnet, or none."
  }

  validation {
    condition = alltrue([for id in var.endpoint.elastic_ip_ids : startswith(id, "eipalloc-")])
    error_message = join(" ", [
      "endpoint: elastic_ip_ids must be allocation IDs, for example",
      "\"eipalloc-0123456789abcdef0\", not addresses.",
    ])
  }

  validation {
    condition = (
      var.server == null
      || (var.endpoint.vpc_id == null && length(var.endpoint.allowed_cidrs) == 0)
    )
    error_message = "endpoint: an existing server has its own endpoint; remove endpoint or server."
  }
}

variable "host_name" {
  description = <<-EOT
    Custom host name, which stays when the server is replaced. If null, clients use the host name
    that AWS assigns to the server, or in mode "instance" an IP address.
    - `hosted_zone_id` - ID of the hosted zone in Route 53 in which the DNS record is created.
    - `name`           - Host name, for example "sftp.example.com".
  EOT
  type = object({
    hosted_zone_id = string
    name           = string
  })
  default = null

  validation {
    condition = (
      var.host_name == null
      || can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63}$", var.host_name.name))
    )
    error_message = join(" ", [
      "host_name: name must be a host name in lower case without a final dot, for example",
      "\"sftp.example.com\".",
    ])
  }

  validation {
    condition = (
      var.host_name == null
      || can(regex("^Z[A-Z0-9]+$", var.host_name.hosted_zone_id))
    )
    error_message = join(" ", [
      "host_name: hosted_zone_id must be the ID only, for example \"Z0123456789ABCDEFGHIJ\".",
    ])
  }

  validation {
    condition     = var.host_name == null || var.server == null
    error_message = "host_name: an existing server has its own name; remove host_name or server."
  }
}

variable "instance" {
  description = <<-EOT
    Settings of the EC2 instance in mode "instance".
    - `type`        - (Optional) Instance type with a Graviton processor. The default is enough for
                      about eight recipients.
    - `update_day`  - (Optional) Weekday on which security updates are installed: Mon to Sun.
    - `update_hour` - (Optional) Full hour of the updates, in GMT. If an update requires a restart,
                      the instance restarts.
  EOT
  type = object({
    type        = optional(string, "t4g.nano")
    update_day  = optional(string, "Sun")
    update_hour = optional(number, 3)
  })
  default  = {}
  nullable = false

  validation {
    condition     = can(regex("^[a-z]+[0-9]+g[a-z]*\\.[a-z0-9-]+$", var.instance.type))
    error_message = "instance: type must have a Graviton processor, for example \"t4g.nano\"."
  }

  validation {
    condition = contains(
      ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], var.instance.update_day,
    )
    error_message = "instance: update_day must be Mon, Tue, Wed, Thu, Fri, Sat or Sun."
  }

  validation {
    condition     = contains(range(0, 24), var.instance.update_hour)
    error_message = "instance: update_hour must be 0 to 23, in GMT."
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

variable "manifest_prefix" {
  description = <<-EOT
    Bucket prefix of the manifests. In mode "connector", a new manifest starts the transfer of its
    period. With `receipts.due_day`, the manifest of the month names the files that are due.
  EOT
  type        = string
  default     = null

  validation {
    condition = var.manifest_prefix != null || (
      var.mode != "connector" && var.receipts.due_day == null
    )
    error_message = join(" ", [
      "manifest_prefix is required in mode \"connector\", which sends files when a manifest",
      "appears, and with receipts.due_day.",
    ])
  }
}

variable "mode" {
  description = <<-EOT
    How files are delivered. "server": recipients download their files from AWS Transfer Family.
    "instance": recipients download their files from OpenSSH on an EC2 instance. "connector": the
    module sends files to the recipients' servers.
  EOT
  type        = string
  default     = "server"
  nullable    = false

  validation {
    condition     = contains(["connector", "instance", "server"], var.mode)
    error_message = "mode must be \"connector\", \"instance\" or \"server\"."
  }
}

variable "permissions_boundary_arn" {
  description = "ARN of the IAM policy that all IAM roles have as their permissions boundary."
  type        = string
  default     = null
}

variable "receipts" {
  description = <<-EOT
    Receipts of the files that recipients download, kept for `log_retention_days`. If `due_day` is
    set, an event reports each recipient that has not downloaded last month's file, and
    `failure-alerts` sends a mail.
    - `due_day`  - (Optional) Day of the month by which recipients must download last month's file.
                   If null, nothing is reported.
    - `due_hour` - (Optional) Full hour of the daily check, in GMT.
  EOT
  type = object({
    due_day  = optional(number)
    due_hour = optional(number, 7)
  })
  default  = {}
  nullable = false

  validation {
    condition = (
      var.receipts.due_day == null || try(contains(range(1, 29), var.receipts.due_day), false)
    )
    error_message = "receipts: due_day must be 1 to 28, a day that every month has."
  }

  validation {
    condition     = contains(range(0, 24), var.receipts.due_hour)
    error_message = "receipts: due_hour must be 0 to 23, in GMT."
  }

  validation {
    condition = var.receipts.due_day == null || var.mode != "connector"
    error_message = join(" ", [
      "receipts: due_day needs mode \"server\" or \"instance\", in which recipients download",
      "files.",
    ])
  }
}

variable "security_policy_name" {
  description = "Name of the server's security policy, which sets ciphers and key exchanges."
  type        = string
  default     = "TransferSecurityPolicy-2025-03"
  nullable    = false

  validation {
    condition = can(regex(
      "^TransferSecurityPolicy-([A-Za-z0-9]+-)*20(2[4-9]|[3-9][0-9])-[0-9]{2}$",
      var.security_policy_name,
    ))
    error_message = (
      "security_policy_name must be from 2024 or later, e.g. \"TransferSecurityPolicy-2025-03\"."
    )
  }
}

variable "server" {
  description = <<-EOT
    Existing server that this module shares: the output `server` of the module that created the
    server. If null, a server is created.
    - `endpoint`             - Host name of the server.
    - `host_key_fingerprint` - Fingerprint of the server's host key.
    - `id`                   - ID of the server.
  EOT
  type = object({
    endpoint             = string
    host_key_fingerprint = string
    id                   = string
  })
  default = null

  validation {
    condition     = var.server == null || can(regex("^s-[0-9a-f]{17}$", var.server.id))
    error_message = "server: id must be a server's ID, for example \"s-0123456789abcdef0\"."
  }

  validation {
    condition     = var.server == null || var.mode != "instance"
    error_message = "server: mode \"instance\" cannot share a server; remove server or mode."
  }
}

variable "tags" {
  description = "Tags of all resources that support tags."
  type        = map(string)
  default     = {}
  nullable    = false
}
