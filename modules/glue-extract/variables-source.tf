################################################################################
# Required
################################################################################

variable "database" {
  description = <<-EOT
    The PostgreSQL source.
    - `host`               - Host name of the source. With `verify_server`, the source's certificate
                             must be valid for this host name.
    - `name`               - Name of the database.
    - `ca_certificate`     - (Optional) PEM text of the certificate authorities that may sign the
                             source's certificate. Required unless `verify_server = false`. The
                             bundle of RDS is in
                             https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem
    - `port`               - (Optional) Port.
    - `resource_id`        - (Optional) Resource ID of the cluster, "cluster-ABC...". Required with
                             `auth = "iam"`.
    - `schema`             - (Optional) Schema of `tables`.
    - `secret_arn`         - (Optional) ARN of a secret in JSON with `username` and `password`. If
                             null, set `secret`.
    - `secret_kms_key_arn` - (Optional) ARN of the secret's KMS key, if it is a customer managed
                             key.
    - `user_name`          - (Optional) Name of the login with `auth = "iam"`. If null, the name of
                             the extract, with the suffix `_reader`.
    - `verify_server`      - (Optional) Verify the certificate and the host name of the source. If
                             false, the connection is only encrypted, and an attacker in the network
                             path can get the login.
  EOT
  type = object({
    host               = string
    name               = string
    ca_certificate     = optional(string)
    port               = optional(number, 5432)
    resource_id        = optional(string)
    schema             = optional(string, "public")
    secret_arn         = optional(string)
    secret_kms_key_arn = optional(string)
    user_name          = optional(string)
    verify_server      = optional(bool, true)
  })
  nullable = false

  validation {
    condition = can(regex("^[A-Za-z0-9._-]+$", var.database.host))
    error_message = (
      "database: host must be a host name without scheme, port or path: \"db.internal\"."
    )
  }

  validation {
    # The excluded characters would change the meaning of the JDBC URL.
    condition     = can(regex("^[^/?&%\\s]+$", var.database.name))
    error_message = "database: name must not contain spaces or any of / ? & %"
  }

  validation {
    condition = can(regex("^[^/%]+$", var.database.schema))
    error_message = (
      "database: schema must not contain \"/\" or \"%\", which are patterns of the crawler."
    )
  }

  validation {
    condition = (
      var.database.port >= 1 && var.database.port <= 65535
      && floor(var.database.port) == var.database.port
    )
    error_message = "database: port must be a whole number from 1 to 65535."
  }

  validation {
    condition = var.database.secret_arn == null || can(regex(
      "^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:", var.database.secret_arn
    ))
    error_message = "database: secret_arn must be a complete ARN, arn:...:secret:..."
  }

  validation {
    condition = (var.database.ca_certificate != null) == var.database.verify_server
    error_message = join(" ", [
      "database: set ca_certificate to the PEM text of the source's certificate authorities, for",
      "RDS file(\"global-bundle.pem\") from",
      "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem, or verify_server = false",
      "without ca_certificate.",
    ])
  }

  validation {
    condition = (
      var.database.ca_certificate == null
      || can(regex("-----BEGIN CERTIFICATE-----", var.database.ca_certificate))
    )
    error_message = (
      "database: ca_certificate must be PEM text, like file(\"global-bundle.pem\"), not a path."
    )
  }

  validation {
    condition = (
      var.database.resource_id == null
      || can(regex("^(cluster|db)-[A-Z0-9]+$", var.database.resource_id))
    )
    error_message = (
      "database: resource_id must be a resource ID (\"cluster-ABC...\"), not a cluster name."
    )
  }

  validation {
    condition = (
      var.database.user_name == null
      || can(regex("^[a-z_][a-z0-9_]{0,62}$", var.database.user_name))
    )
    error_message = (
      "database: user_name must have at most 63 lowercase letters, digits and underscores."
    )
  }
}

variable "tables" {
  description = <<-EOT
    Tables of the spec, spelled as in the source. The crawler reads no other tables. If a table is
    not in `database.schema`, write its schema first, for example `production.Product`.
  EOT
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.tables) > 0
    error_message = "tables must contain at least the entity of the spec."
  }

  validation {
    condition     = alltrue([for t in var.tables : can(regex("^[^/%]+$", t))])
    error_message = "tables: a name must not contain \"/\" or \"%\", which match several tables."
  }
}

################################################################################
# Optional
################################################################################

variable "auth" {
  description = <<-EOT
    How the job logs in to the source. "secret": with the user name and the password in a secret.
    "iam": with its IAM role and a token that is valid for 15 minutes, without a password. For
    "iam", IAM authentication must be enabled at the source, and `database.resource_id` is required.
  EOT
  type        = string
  default     = "secret"
  nullable    = false

  validation {
    condition     = contains(["iam", "secret"], var.auth)
    error_message = "auth must be \"secret\" or \"iam\"."
  }

  validation {
    condition = var.auth == "iam" || (var.secret == null) != (var.database.secret_arn == null)
    error_message = (
      "auth: with \"secret\", set database.secret_arn, or secret = {} to create a secret."
    )
  }

  validation {
    condition = var.auth != "iam" || !var.crawler.enabled
    error_message = join(" ", [
      "auth: with \"iam\", set crawler = { enabled = false }, because Glue's crawler supports only",
      "passwords.",
    ])
  }

  validation {
    condition = (var.auth == "iam") == (var.database.resource_id != null)
    error_message = (
      "auth: database.resource_id is required with \"iam\" and must be null otherwise."
    )
  }

  validation {
    condition     = var.auth == "iam" || var.database.user_name == null
    error_message = "auth: with \"secret\", set secret.user_name instead of database.user_name."
  }

  validation {
    condition = var.auth != "iam" || alltrue([
      for given in [
        var.database.secret_arn, var.database.secret_kms_key_arn, var.rotation, var.secret,
      ] : given == null
    ])
    error_message = join(" ", [
      "auth: with \"iam\", database.secret_arn, database.secret_kms_key_arn, secret and rotation",
      "must be null, because there is no password.",
    ])
  }
}

variable "crawler" {
  description = <<-EOT
    Crawler that adds `tables` to the Data Catalog before each run. The catalog is for people, and
    the job does not read it. The job starts when the crawl has ended, even if the crawl has failed.
    - `catalog_kms_key_arn` - (Optional) ARN of the customer managed KMS key that encrypts the
                              account's Data Catalog, if there is one.
    - `driver_class`        - (Optional) Class of the driver in `driver_jar_path`.
    - `driver_jar_path`     - (Optional) Local path of a PostgreSQL JDBC driver, 42.2.0 or later.
                              Set it if the crawler's own driver cannot log in to a source that
                              requires SCRAM, as Aurora PostgreSQL 14 and later do. With a driver,
                              the crawler runs a Glue job, so its role may create, start and delete
                              Glue jobs.
    - `enabled`             - (Optional) Create a crawler. If false, the workflow has only the job.
  EOT
  type = object({
    catalog_kms_key_arn = optional(string)
    driver_class        = optional(string, "org.postgresql.Driver")
    driver_jar_path     = optional(string)
    enabled             = optional(bool, true)
  })
  default  = {}
  nullable = false

  validation {
    condition = var.crawler.driver_jar_path == null || try(
      fileexists(var.crawler.driver_jar_path)
      && endswith(var.crawler.driver_jar_path, ".jar"), false
    )
    error_message = "crawler: driver_jar_path must be the path of an existing .jar file."
  }

  validation {
    condition = var.crawler.enabled || (
      var.crawler.catalog_kms_key_arn == null && var.crawler.driver_jar_path == null
    )
    error_message = join(" ", [
      "crawler: catalog_kms_key_arn and driver_jar_path must be null when enabled is false.",
    ])
  }

  validation {
    condition = var.crawler.catalog_kms_key_arn == null || can(regex(
      "^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.crawler.catalog_kms_key_arn
    ))
    error_message = "crawler: catalog_kms_key_arn must be the ARN of a key, arn:...:key/..."
  }
}

variable "rotation" {
  description = <<-EOT
    Rotation of the secret's password. If null, the password is not rotated. A secret in
    `database.secret_arn` must have the JSON format that the rotation functions of AWS read.
    - `application_version`          - (Optional) Version of AWS's rotation function in the
                                       Serverless Application Repository. The function gets the
                                       extract's subnet and security group. Required without
                                       `function_arn`.
    - `days`                         - (Optional) Days between two rotations.
    - `function_arn`                 - (Optional) ARN of a custom rotation function. Secrets Manager
                                       must be allowed to invoke the function.
    - `host`                         - (Optional) Host of the writer, where the function changes
                                       the password. Required if `secret` is set and
                                       `database.host` is a reader endpoint (`.cluster-ro-`).
    - `superuser_secret_arn`         - (Optional) ARN of the secret of a superuser. With this
                                       secret, AWS's function alternates between two logins, so
                                       that a rotation interrupts no run.
    - `superuser_secret_kms_key_arn` - (Optional) ARN of the KMS key of the superuser's secret,
                                       if it is a customer managed key.
  EOT
  type = object({
    application_version          = optional(string)
    days                         = optional(number, 30)
    function_arn                 = optional(string)
    host                         = optional(string)
    superuser_secret_arn         = optional(string)
    superuser_secret_kms_key_arn = optional(string)
  })
  default = null

  validation {
    condition = var.rotation == null || (
      (try(var.rotation.application_version, null) == null)
      != (try(var.rotation.function_arn, null) == null)
    )
    error_message = "rotation: set either application_version or function_arn."
  }

  validation {
    condition = try(var.rotation.application_version, null) == null || can(regex(
      "^[0-9]+\\.[0-9]+\\.[0-9]+$", var.rotation.application_version
    ))
    error_message = "rotation: application_version must have three numbers, such as \"1.1.618\"."
  }

  validation {
    condition = (
      try(var.rotation.superuser_secret_arn, null) == null
      || try(var.rotation.application_version, null) != null
    )
    error_message = "rotation: superuser_secret_arn requires application_version."
  }

  validation {
    condition = (
      try(var.rotation.superuser_secret_kms_key_arn, null) == null
      || try(var.rotation.superuser_secret_arn, null) != null && can(regex(
        "^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.rotation.superuser_secret_kms_key_arn
      ))
    )
    error_message = join(" ", [
      "rotation: superuser_secret_kms_key_arn must be the ARN of a key (arn:...:key/...), and",
      "requires superuser_secret_arn.",
    ])
  }

  validation {
    condition = (
      try(var.rotation.host, null) == null
      || var.secret != null && can(regex("^[A-Za-z0-9._-]+$", var.rotation.host))
    )
    error_message = join(" ", [
      "rotation: host must be a host name without scheme, port or path (\"db.internal\"), and",
      "requires secret, because it is written to the secret of this module.",
    ])
  }

  validation {
    # An Aurora reader endpoint refuses ALTER USER, so every rotation would fail.
    condition = (
      var.rotation == null || var.secret == null || !strcontains(
        coalesce(try(var.rotation.host, null), var.database.host), ".cluster-ro-"
      )
    )
    error_message = join(" ", [
      "rotation: the password cannot be changed at a reader endpoint (.cluster-ro-); set",
      "rotation.host to the writer.",
    ])
  }
}

variable "secret" {
  description = <<-EOT
    If set, for example to `{}`, the module creates a secret for the login at the source. No plan
    and no state contains the generated password. Create the login itself by hand; see the README.
    The role that runs a plan must be able to read this secret. If null, set `database.secret_arn`.
    - `password_version`     - (Optional) Number of the password. Increment it to generate a new
                               password. The secret then also gets the current database, host, port,
                               user name and superuser.
    - `recovery_window_days` - (Optional) Days in which a deleted secret can be restored, 7 to 30,
                               or 0 for none.
    - `user_name`            - (Optional) Name of the login. If null, the name of the extract, with
                               the suffix `_reader`.
  EOT
  type = object({
    password_version     = optional(number, 1)
    recovery_window_days = optional(number, 30)
    user_name            = optional(string)
  })
  default = null

  validation {
    condition = (
      try(var.secret.user_name, null) == null
      || can(regex("^[a-z_][a-z0-9_]{0,62}$", var.secret.user_name))
    )
    error_message = (
      "secret: user_name must have at most 63 lowercase letters, digits and underscores."
    )
  }

  validation {
    condition     = try(var.secret.password_version, 1) >= 1
    error_message = "secret: password_version must be at least 1."
  }
}
