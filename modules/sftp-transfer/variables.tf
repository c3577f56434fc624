################################################################################
# Required
################################################################################

variable "bucket" {
  description = "Name of the bucket that the files are in."
  type        = string
  nullable    = false
}

variable "kms_key_arn" {
  description = <<-EOT
    ARN of the KMS key that encrypts what is kept here. Null, where allowed, makes a key of its own.
  EOT
  type        = string
  nullable    = false

  validation {
    condition = can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = (
      "kms_key_arn: the ARN of a key, arn:...:key/..., neither an alias nor a bare id."
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

variable "banner" {
  description = "What a client shows before it logs in, e.g. whose server it is and who may use it."
  type        = string
  default     = null

  validation {
    condition = (
      var.banner == null
      || try(length(var.banner) <= 4096, false) && can(regex("^[\\t\\r\\n -~]+$", var.banner))
    )
    error_message = "banner: up to 4096 characters of ASCII."
  }

  validation {
    condition     = var.banner == null || var.server == null
    error_message = "banner: a joined server has its own; leave it out with server."
  }
}

variable "connector_security_policy_name" {
  description = "Set of ciphers and key exchanges that a recipient's server has to speak."
  type        = string
  default     = "TransferSFTPConnectorSecurityPolicy-2024-03"
  nullable    = false

  validation {
    condition = can(regex(
      "^TransferSFTPConnectorSecurityPolicy-([A-Za-z0-9]+-)*20(2[4-9]|[3-9][0-9])-[0-9]{2}$",
      var.connector_security_policy_name,
    ))
    error_message = "connector_security_policy_name: a policy for connectors, of 2024 or later."
  }
}

variable "dead_letter_queue" {
  description = <<-EOT
    Where what cannot be handed over is kept, as `failure-alerts` gives it: its alarm tells that.
    Null keeps nothing.
    - `arn`         - queue, which lets in the rules that `delivery` names.
    - `kms_key_arn` - key of the queue.
  EOT
  type = object({
    arn         = string
    kms_key_arn = string
  })
  default = null

  validation {
    condition = (
      var.dead_letter_queue == null
      || can(regex("^arn:[a-z-]+:sqs:", var.dead_letter_queue.arn))
    )
    error_message = "dead_letter_queue: arn is that of a queue, e.g. \"arn:aws:sqs:...\"."
  }
}

variable "endpoint" {
  description = <<-EOT
    Where the server is reached. Required for a server that is made here.
    - `allowed_cidrs`  - (Optional) addresses that may connect to a VPC endpoint.
    - `elastic_ip_ids` - (Optional) allocations, one per subnet, by which the internet reaches it.
    - `subnet_ids`     - (Optional) subnets of a VPC endpoint.
    - `type`           - (Optional) "VPC", or "PUBLIC": open to every address.
    - `vpc_id`         - (Optional) VPC of a VPC endpoint.
  EOT
  type = object({
    allowed_cidrs  = optional(set(string), [])
    elastic_ip_ids = optional(set(string), [])
    subnet_ids     = optional(set(string), [])
    type           = optional(string, "VPC")
    vpc_id         = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(["PUBLIC", "VPC"], var.endpoint.type)
    error_message = "endpoint: type is \"VPC\" or \"PUBLIC\"."
  }

  validation {
    condition = (
      var.mode != "server" || var.server != null || var.endpoint.type != "VPC"
      || (var.endpoint.vpc_id != null && length(var.endpoint.subnet_ids) > 0)
    )
    error_message = join(" ", [
      "endpoint: \"VPC\" needs vpc_id and subnet_ids; for the whole internet say type =",
      "\"PUBLIC\".",
    ])
  }

  validation {
    condition     = alltrue([for c in var.endpoint.allowed_cidrs : can(cidrnetmask(c))])
    error_message = "endpoint: allowed_cidrs are IPv4 ranges, e.g. \"203.0.113.7/32\"."
  }

  validation {
    # Two halves of the internet are the internet.
    condition = alltrue([
      for c in var.endpoint.allowed_cidrs : try(tonumber(split("/", c)[1]) >= 8, true)
    ])
    error_message = (
      "endpoint: allowed_cidrs lets everybody in; if that is meant, say type = \"PUBLIC\"."
    )
  }

  validation {
    condition = var.endpoint.type != "PUBLIC" || length(var.endpoint.allowed_cidrs) == 0
    error_message = (
      "endpoint: AWS cannot hold a PUBLIC endpoint to allowed_cidrs; take type = \"VPC\"."
    )
  }

  validation {
    condition = (
      length(var.endpoint.elastic_ip_ids) == 0
      || length(var.endpoint.elastic_ip_ids) == length(var.endpoint.subnet_ids)
    )
    error_message = "endpoint: elastic_ip_ids has one allocation per subnet, or none."
  }

  validation {
    condition     = alltrue([for id in var.endpoint.elastic_ip_ids : startswith(id, "eipalloc-")])
    error_message = "endpoint: elastic_ip_ids are allocations, eipalloc-..., not addresses."
  }

  validation {
    condition = (
      var.server == null
      || (var.endpoint.vpc_id == null && length(var.endpoint.allowed_cidrs) == 0)
    )
    error_message = "endpoint: a joined server has its own; leave it out with server."
  }
}

variable "host_name" {
  description = <<-EOT
    A name for the server that stays when the server is replaced. Null gives out AWS's own.
    - `hosted_zone_id` - zone in Route 53 that the name is entered in.
    - `name`           - e.g. "sftp.example.com".
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
      "host_name: name is a host in small letters without a dot at its end, e.g.",
      "\"sftp.example.com\".",
    ])
  }

  validation {
    condition = (
      var.host_name == null
      || can(regex("^Z[A-Z0-9]+$", var.host_name.hosted_zone_id))
    )
    error_message = "host_name: hosted_zone_id is a zone's bare id, e.g. \"Z0123456789ABCDEFGHIJ\"."
  }

  validation {
    condition     = var.host_name == null || var.server == null
    error_message = "host_name: a joined server has its own; leave it out with server."
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

variable "manifest_prefix" {
  description = "Folder of the manifests: when one appears, connectors send that month's files."
  type        = string
  default     = null

  validation {
    condition = var.mode != "connector" || var.manifest_prefix != null
    error_message = (
      "manifest_prefix: mode \"connector\" sends when a manifest appears; say where they appear."
    )
  }
}

variable "mode" {
  description = <<-EOT
    "server": recipients collect their files. "connector": files are sent to their servers.
  EOT
  type        = string
  default     = "server"
  nullable    = false

  validation {
    condition     = contains(["connector", "server"], var.mode)
    error_message = "mode: \"connector\" or \"server\"."
  }
}

variable "permissions_boundary_arn" {
  description = "ARN of the policy that bounds every role made here."
  type        = string
  default     = null
}

variable "receipts" {
  description = <<-EOT
    Which file was collected when, and from where, is kept as long as logs are. With a day, it is
    told by an event too who has not collected the month before; `failure-alerts` mails that.
    - `due_day`  - (Optional) day of the month by which it has to be collected. Null tells nobody.
    - `due_hour` - (Optional) full hour of the daily look, in GMT.
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
    error_message = "receipts: due_day is 1 to 28, a day that every month has."
  }

  validation {
    condition     = contains(range(0, 24), var.receipts.due_hour)
    error_message = "receipts: due_hour is 0 to 23, in GMT."
  }

  validation {
    condition = var.receipts.due_day == null || var.mode == "server"
    error_message = (
      "receipts: due_day belongs to mode \"server\"; what is sent need not be collected."
    )
  }
}

variable "recipients" {
  description = <<-EOT
    Who gets files, keyed by user name.
    - `folder`             - folder on the recipient's server.
    - `prefix`             - folder in the bucket that the recipient sees as `/`.
    - `secret_arn`         - secret with `Username` and `PrivateKey` for the recipient's server.
    - `trusted_host_keys`  - keys of the recipient's server, in OpenSSH's form.
    - `url`                - the recipient's server, e.g. sftp://sftp.example.com:22.
    - `public_keys`        - (Optional) OpenSSH keys, one per device. An empty set locks the user
                             out.
    - `push`               - (Optional) for mode "connector": where and how files are sent.
    - `secret_kms_key_arn` - (Optional) the secret's key, where it has one of its own.
  EOT
  type = map(object({
    prefix      = string
    public_keys = optional(set(string), [])
    push = optional(object({
      folder             = string
      secret_arn         = string
      trusted_host_keys  = set(string)
      url                = string
      secret_kms_key_arn = optional(string)
    }))
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for user in keys(var.recipients) : can(regex("^[A-Za-z0-9_][A-Za-z0-9_@.-]{2,99}$", user))
    ])
    error_message = (
      "recipients: a user name has 3 to 100 of A-Z a-z 0-9 _ @ . - and does not begin with @ . -"
    )
  }

  validation {
    # IAM's limit for the name of the user's role.
    condition = alltrue([
      for user in keys(var.recipients) : length("${var.name}-sftp-${user}") <= 64
    ])
    error_message = (
      "recipients: a user name and the module's name have up to 58 characters together."
    )
  }

  validation {
    condition = alltrue([
      for r in var.recipients : can(regex("^[^/*?$]([^*?$]*[^/*?$])?$", r.prefix))
    ])
    error_message = "recipients: a prefix has no slash at either end and no \"*\", \"?\" or \"$\"."
  }

  validation {
    condition = alltrue(flatten([
      for r in var.recipients : [
        for key in r.public_keys : can(regex(
          "^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+={0,3}( [^\n]*)?$",
          trimspace(key),
        ))
      ]
    ]))
    error_message = (
      "recipients: a public key is one line of OpenSSH, e.g. \"ssh-ed25519 AAAA...\", and not DSA."
    )
  }

  validation {
    condition = alltrue([
      for r in var.recipients : (r.push != null) == (var.mode == "connector")
    ])
    error_message = (
      "recipients: push belongs to mode \"connector\", and there every recipient has it."
    )
  }

  validation {
    condition = var.mode != "connector" || alltrue([
      for key in keys(var.recipients) : can(regex("^[A-Za-z0-9_.-]+$", key))
    ])
    error_message = "recipients: what is made for a connector cannot bear an @ in its name."
  }

  validation {
    condition = alltrue([
      for r in var.recipients : can(regex("^sftp://[A-Za-z0-9.-]+(:[0-9]{1,5})?$", r.push.url))
      if r.push != null
    ])
    error_message = (
      "recipients: push.url is a host and perhaps a port, e.g. \"sftp://sftp.example.com:22\"."
    )
  }

  validation {
    condition = alltrue([
      for r in var.recipients : length(r.push.trusted_host_keys) > 0 && alltrue([
        for key in r.push.trusted_host_keys : can(regex(
          join(" ", [
            "^(ssh-ed25519|ssh-rsa|rsa-sha2-(256|512)|ecdsa-sha2-nistp(256|384|521))",
            "[A-Za-z0-9+/]+={0,3}( .*)?$",
          ]),
          key,
        ))
      ]) if r.push != null
    ])
    error_message = join(" ", [
      "recipients: push.trusted_host_keys has at least one key, type first, e.g.",
      "\"ssh-ed25519 AAAA...\".",
    ])
  }

  validation {
    condition = alltrue([
      for r in var.recipients : startswith(r.push.folder, "/") if r.push != null
    ])
    error_message = "recipients: push.folder is a path from the server's root, e.g. \"/incoming\"."
  }
}

variable "security_policy_name" {
  description = "Set of ciphers and key exchanges. Terraform's own default is that of 2018."
  type        = string
  default     = "TransferSecurityPolicy-2025-03"
  nullable    = false

  validation {
    condition = can(regex(
      "^TransferSecurityPolicy-([A-Za-z0-9]+-)*20(2[4-9]|[3-9][0-9])-[0-9]{2}$",
      var.security_policy_name,
    ))
    error_message = (
      "security_policy_name: a policy of 2024 or later, e.g. \"TransferSecurityPolicy-2025-03\"."
    )
  }
}

variable "server" {
  description = <<-EOT
    Server to join, so that many extracts share one and its price: the output `server` of whoever
    made it. Null makes one.
    - `endpoint`             - host name that recipients connect to.
    - `host_key_fingerprint` - fingerprint by which they know it.
    - `id`                   - the server.
  EOT
  type = object({
    endpoint             = string
    host_key_fingerprint = string
    id                   = string
  })
  default = null

  validation {
    condition     = var.server == null || can(regex("^s-[0-9a-f]{17}$", var.server.id))
    error_message = "server: id is that of a Transfer server, e.g. \"s-0123456789abcdef0\"."
  }
}

variable "tags" {
  description = "Tags of every resource that can bear them."
  type        = map(string)
  default     = {}
  nullable    = false
}
