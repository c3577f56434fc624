################################################################################
# Required
################################################################################

variable "artifacts" {
  description = <<-EOT
    Where the script and the engine are uploaded to, apart from what is delivered.
    - `bucket` - name of a bucket that is encrypted with `kms_key_arn`.
    - `prefix` - (Optional) folder in it; without leading or trailing slash.
  EOT
  type = object({
    bucket = string
    prefix = optional(string, "artifacts")
  })
  nullable = false

  validation {
    condition = alltrue([
      for part in split("/", var.artifacts.prefix) : !contains(["", ".", ".."], part)
    ])
    error_message = (
      "artifacts: a prefix has no empty part and none that is \".\" or \"..\", e.g. \"artifacts\"."
    )
  }

  validation {
    condition     = can(regex("^[^/*?$]([^*?$]*[^/*?$])?$", var.artifacts.prefix))
    error_message = "artifacts: a prefix has no slash at either end and no \"*\", \"?\" or \"$\"."
  }
}

variable "database" {
  description = <<-EOT
    The PostgreSQL store that is read.
    - `host`               - name that its certificate bears.
    - `name`               - database in it.
    - `ca_certificate`     - (Optional) PEM text of the authority that signed its certificate.
                             Without it the connection is encrypted, but nobody checks the host.
    - `port`               - (Optional) where it listens.
    - `resource_id`        - (Optional) the cluster's resource id, "cluster-ABC...", for `auth =
                             "iam"`.
    - `schema`             - (Optional) schema that holds `tables`.
    - `secret_arn`         - (Optional) secret with JSON that has `username` and `password`. Without
                             it `secret` makes one.
    - `secret_kms_key_arn` - (Optional) key of the secret, where it is not the account's own.
    - `user_name`          - (Optional) login for `auth = "iam"`, else the extract's name and
                             `_reader`.
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
  })
  nullable = false

  validation {
    condition = can(regex("^[A-Za-z0-9._-]+$", var.database.host))
    error_message = (
      "database: the host is a bare name, e.g. \"db.internal\", without scheme, port or path."
    )
  }

  validation {
    condition = can(regex("^[^/?&%\\s]+$", var.database.name))
    error_message = (
      "database: a name with blanks or any of / ? & % would change the connection's address."
    )
  }

  validation {
    condition     = can(regex("^[^/%]+$", var.database.schema))
    error_message = "database: in a schema, \"/\" and \"%\" would make the crawler look elsewhere."
  }

  validation {
    condition = (
      var.database.port >= 1 && var.database.port <= 65535
      && floor(var.database.port) == var.database.port
    )
    error_message = "database: the port is a whole number from 1 to 65535."
  }

  validation {
    condition = var.database.secret_arn == null || can(regex(
      "^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:", var.database.secret_arn
    ))
    error_message = (
      "database: secret_arn is a full ARN, arn:...:secret:...: roles are scoped to it."
    )
  }

  validation {
    condition = (
      var.database.ca_certificate == null
      || can(regex("-----BEGIN CERTIFICATE-----", var.database.ca_certificate))
    )
    error_message = (
      "database: ca_certificate is the PEM text itself, e.g. file(\"rds-ca.pem\"), not a path."
    )
  }

  validation {
    condition = (
      var.database.resource_id == null
      || can(regex("^(cluster|db)-[A-Z0-9]+$", var.database.resource_id))
    )
    error_message = (
      "database: resource_id is what RDS calls so, \"cluster-ABC...\", not the cluster's name."
    )
  }

  validation {
    condition = (
      var.database.user_name == null
      || can(regex("^[a-z_][a-z0-9_]{0,62}$", var.database.user_name))
    )
    error_message = (
      "database: a user_name of small letters, digits and underscores needs no quotes, 63 at most."
    )
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts logs and everything else that the module stores."
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
  description = "Name prefix of all resources."
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

variable "network" {
  description = <<-EOT
    Network settings of the job and the crawler.
    - `availability_zone`           - Zone of the subnet.
    - `subnet_id`                   - Private subnet with NAT or endpoints.
    - `vpc_id`                      - VPC of the subnet.
    - `database_security_group_ids` - (Optional) Security groups of the source, keyed by a name of
                                      your choice, so that an id may be unknown at plan time. Each
                                      gets a rule that lets the extract in.
  EOT
  type = object({
    availability_zone           = string
    subnet_id                   = string
    vpc_id                      = string
    database_security_group_ids = optional(map(string), {})
  })
  nullable = false

  validation {
    # A connection without a zone is accepted, and then every crawl fails.
    condition = can(regex(
      "^[a-z]{2}(-[a-z]+)+-[0-9][a-z0-9-]*$", var.network.availability_zone
    ))
    error_message = "network: availability_zone is the zone of the subnet, e.g. \"eu-west-1a\"."
  }
}

variable "output" {
  description = <<-EOT
    Where the files are published.
    - `bucket`             - name of the bucket.
    - `prefix`             - folder in it; without leading or trailing slash.
    - `writer_policy_json` - policy that lets the job publish there, as `kms-bucket` makes it.
  EOT
  type = object({
    bucket             = string
    prefix             = string
    writer_policy_json = string
  })
  nullable = false

  validation {
    condition = alltrue([
      for part in split("/", var.output.prefix) : !contains(["", ".", ".."], part)
    ])
    error_message = (
      "output: a prefix has no empty part and none that is \".\" or \"..\", e.g. \"group/loans\"."
    )
  }

  validation {
    condition = can(regex("^[^/*?$]([^*?$]*[^/*?$])?$", var.output.prefix))
    error_message = (
      "output: a prefix has no slash at either end and no \"*\", \"?\" or \"$\", e.g. \"loans\"."
    )
  }

  validation {
    condition = var.artifacts.bucket != var.output.bucket || !anytrue([
      startswith("${var.artifacts.prefix}/", "${var.output.prefix}/"),
      startswith("${var.output.prefix}/", "${var.artifacts.prefix}/"),
    ])
    error_message = join(" ", [
      "output: in one bucket, neither of the artifacts' folder and the files' may lie in the",
      "other.",
    ])
  }
}

variable "recipient_label" {
  description = <<-EOT
    The recipient's label in the spec, e.g. `bank_name`, as it stands in
    `loans/bank_name=FirstBank/`.
  EOT
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z_][a-z0-9_]*$", var.recipient_label))
    error_message = "recipient_label: small letters, digits and underscores, e.g. \"bank_name\"."
  }
}

variable "script_path" {
  description = "The spec on this machine, e.g. `Glue/etl.py`. An edit of it redeploys the job."
  type        = string
  nullable    = false

  validation {
    condition     = fileexists(var.script_path) && endswith(var.script_path, ".py")
    error_message = "script_path: there is no such Python file."
  }
}

variable "tables" {
  description = "Tables of the spec, as the store spells them; the crawler catalogues no others."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.tables) > 0
    error_message = "tables: name at least the table of the spec's entity."
  }

  validation {
    condition = alltrue([for t in var.tables : can(regex("^[^/%]+$", t))])
    error_message = (
      "tables: \"%\" and \"/\" would make the crawler read more than the tables named."
    )
  }
}

################################################################################
# Optional
################################################################################

variable "auth" {
  description = <<-EOT
    How the job logs in at the store. "secret": with name and password out of a secret. "iam": by
    its role, with a token that lasts a quarter of an hour, so that no password is kept anywhere;
    for that the store has IAM authentication on and `database.resource_id` names it.
  EOT
  type        = string
  default     = "secret"
  nullable    = false

  validation {
    condition     = contains(["iam", "secret"], var.auth)
    error_message = "auth: \"secret\" or \"iam\"."
  }

  validation {
    condition = var.auth == "iam" || (var.secret == null) != (var.database.secret_arn == null)
    error_message = (
      "auth: with \"secret\" either database.secret_arn names a secret or secret = {} makes one."
    )
  }

  validation {
    condition = var.auth != "iam" || !var.crawler.enabled
    error_message = (
      "auth: Glue's crawler knows passwords only, so with \"iam\" crawler = { enabled = false }."
    )
  }

  validation {
    condition     = (var.auth == "iam") == (var.database.resource_id != null)
    error_message = "auth: database.resource_id says whose token it is, with \"iam\" and only then."
  }

  validation {
    condition = var.auth == "iam" || var.database.user_name == null
    error_message = (
      "auth: database.user_name is for \"iam\"; a secret has its own, see secret.user_name."
    )
  }

  validation {
    condition = var.auth != "iam" || alltrue([
      for given in [
        var.database.secret_arn, var.database.secret_kms_key_arn, var.rotation, var.secret,
      ] : given == null
    ])
    error_message = (
      "auth: with \"iam\" there is no password, so neither a secret nor its key nor rotation."
    )
  }
}

variable "catch_up_schedule" {
  description = <<-EOT
    When EventBridge Scheduler starts the job again, as a cron expression in `time_zone`, for
    example `cron(0 6 2-10 * ? *)`: at 6:00 on the nine days after the first. A run writes nothing
    if the period is published and unchanged, publishes it if it is missing, and fails if the source
    has changed since. If null, the job is not started again.
  EOT
  type        = string
  default     = null

  validation {
    condition = var.catch_up_schedule == null || can(regex(
      "^cron\\([0-5]?[0-9] ([01]?[0-9]|2[0-3]) ${local.cron_dates}\\)$", var.catch_up_schedule
    ))
    error_message = join(" ", [
      "catch_up_schedule: minute hour day month weekday year, once a day at most, e.g.",
      "\"cron(0 6 2-10 * ? *)\".",
    ])
  }

  validation {
    condition = (
      var.catch_up_schedule == null
      || try(length(regexall("\\?", var.catch_up_schedule)), 1) == 1
    )
    error_message = (
      "catch_up_schedule: exactly one of day and weekday is \"?\", e.g. \"cron(0 6 2-10 * ? *)\"."
    )
  }
}

variable "crawler" {
  description = <<-EOT
    Crawler that enters `tables` in the Data Catalog before each run. The catalog is for people: the
    job does not read it, and it starts when the crawl has ended, whatever its end.
    - `catalog_kms_key_arn` - (Optional) ARN of the customer managed KMS key that encrypts the
                              account's Data Catalog, if there is one.
    - `driver_class`        - (Optional) Class of the driver in `driver_jar_path`.
    - `driver_jar_path`     - (Optional) Local path of a PostgreSQL JDBC driver, 42.2.0 or later,
                              if the crawler's own driver cannot log in to a source that requires
                              SCRAM, as Aurora PostgreSQL 14 and later do. The crawler then runs a
                              Glue job, so its role may create, start and delete Glue jobs.
    - `enabled`             - (Optional) Create a crawler. If false, the workflow is the job alone.
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
    error_message = "crawler: there is no such jar at driver_jar_path."
  }

  validation {
    condition     = var.crawler.enabled || var.crawler.driver_jar_path == null
    error_message = "crawler: a driver is for the crawler alone, and there is none."
  }

  validation {
    condition = var.crawler.catalog_kms_key_arn == null || can(regex(
      "^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.crawler.catalog_kms_key_arn
    ))
    error_message = "crawler: catalog_kms_key_arn must be the ARN of a key, arn:...:key/..."
  }

  validation {
    condition     = var.crawler.enabled || var.crawler.catalog_kms_key_arn == null
    error_message = "crawler: catalog_kms_key_arn is for the crawler alone, and there is none."
  }
}

variable "dead_letter_queue" {
  description = <<-EOT
    Queue that keeps a start that EventBridge Scheduler could not deliver, as the output
    `dead_letter_queue` of `failure-alerts`. If null, such a start is lost.
    - `arn`         - ARN of the queue.
    - `kms_key_arn` - ARN of the KMS key of the queue.
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
    error_message = "dead_letter_queue: arn must be that of an SQS queue, \"arn:aws:sqs:...\"."
  }
}

variable "endpoints" {
  description = <<-EOT
    Ways to AWS's services within the VPC, for a subnet without NAT; where the store's group is
    given too, nothing leaves the VPC then. Null makes none. From then on the whole VPC finds those
    services here, so one extract of a VPC makes them, and lets in whoever else uses them.
    - `route_table_ids`           - route tables of the subnet, for the way to S3.
    - `client_security_group_ids` - (Optional) groups of others that call here, keyed by a name of
                                    your choice.
    - `services`                  - (Optional) services that get an endpoint; by default what a run
                                    calls. There may be none in the VPC yet.
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
    error_message = "endpoints: without a route table nothing finds the way to S3."
  }

  validation {
    condition = alltrue([
      for service in try(var.endpoints.services, []) :
      can(regex("^[a-z][a-z0-9.-]+$", service)) && service != "s3"
    ])
    error_message = (
      "endpoints: services as AWS calls them, e.g. \"kms\"; S3 has its way in any case."
    )
  }

  validation {
    condition     = !contains(keys(try(var.endpoints.client_security_group_ids, {})), "extract")
    error_message = "endpoints: among the clients, \"extract\" is the extract itself."
  }
}

variable "extra_arguments" {
  description = <<-EOT
    Arguments that the job is to have beside those of this module, e.g. `--enable-auto-scaling`.
  EOT
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for name in keys(var.extra_arguments) : can(regex("^--[A-Za-z]", name))
    ])
    error_message = (
      "extra_arguments: a name begins with two hyphens, e.g. \"--enable-auto-scaling\"."
    )
  }

  validation {
    condition = length(setintersection(keys(var.extra_arguments), [
      "--ca-certificate", "--conf", "--connection", "--custom-logGroup-prefix", "--enable-metrics",
      "--enable-observability-metrics", "--extra-py-files", "--iam-user", "--jdbc-url",
      "--job-language", "--output",
    ])) == 0
    error_message = join(" ", [
      "extra_arguments: --conf, --connection, --output and the other arguments of this module are",
      "its own.",
    ])
  }

  validation {
    condition = length(setintersection(keys(var.extra_arguments), [
      "--allow-incomplete", "--database-url", "--dry-run", "--from", "--period", "--reason",
      "--restate", "--to",
    ])) == 0
    error_message = join(" ", [
      "extra_arguments: --period and the like are for one run; kept here, they would be for every",
      "run.",
    ])
  }

  validation {
    condition = length(setintersection(keys(var.extra_arguments), [
      "--JOB_ID", "--JOB_NAME", "--JOB_RUN_ID", "--WORKFLOW_NAME", "--WORKFLOW_RUN_ID", "--debug",
      "--endpoint", "--mode",
    ])) == 0
    error_message = join(" ", [
      "extra_arguments: --JOB_NAME, --WORKFLOW_NAME, --debug, --mode and --endpoint are set by",
      "Glue itself.",
    ])
  }

  validation {
    condition = alltrue([
      for name in keys(var.extra_arguments) :
      !startswith(name, "--continuous-log-") && !startswith(name, "--enable-continuous-")
    ])
    error_message = "extra_arguments: since Glue 5.0 the --continuous-log-* arguments do nothing."
  }
}

variable "job" {
  description = <<-EOT
    How the job runs.
    - `delay_notification_minutes` - (Optional) after how many minutes it is told that a run takes
                                     long.
    - `execution_class`            - (Optional) "STANDARD", or "FLEX": cheaper, starts when there is
                                     room and fails when there is none.
    - `glue_version`               - (Optional) "6.0" (Spark 4.1) or "5.1" (Spark 3.5).
    - `max_retries`                - (Optional) how often Glue tries again by itself.
    - `number_of_workers`          - (Optional) the driver is one of them.
    - `queuing`                    - (Optional) wait for room in the account instead of failing.
    - `timeout_minutes`            - (Optional) when a run is ended; Glue's own default is eight
                                     hours.
    - `worker_type`                - (Optional) size of a worker.
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
    error_message = "job: the engine is tested on glue_version \"6.0\" and \"5.1\"."
  }

  validation {
    condition     = can(regex("^(G\\.(1|2|4|8|12|16)X|R\\.(1|2|4|8)X)$", var.job.worker_type))
    error_message = "job: worker_type is G.1X, G.2X, G.4X, G.8X, G.12X, G.16X or R.1X to R.8X."
  }

  validation {
    condition     = var.job.number_of_workers >= 2
    error_message = "job: a Spark job has at least 2 workers."
  }

  validation {
    condition     = var.job.timeout_minutes >= 1 && var.job.timeout_minutes <= 10080
    error_message = "job: timeout_minutes is 1 to 10080 (seven days)."
  }

  validation {
    condition     = var.job.max_retries >= 0 && var.job.max_retries <= 10
    error_message = "job: max_retries is 0 to 10."
  }

  validation {
    condition     = contains(["FLEX", "STANDARD"], var.job.execution_class)
    error_message = "job: execution_class is \"STANDARD\" or \"FLEX\"."
  }

  validation {
    condition = (
      var.job.execution_class != "FLEX" || contains(["G.1X", "G.2X"], var.job.worker_type)
    )
    error_message = "job: Glue runs FLEX on G.1X and G.2X alone."
  }

  validation {
    condition = (
      var.job.delay_notification_minutes == null
      || try(var.job.delay_notification_minutes >= 1
      && var.job.delay_notification_minutes < var.job.timeout_minutes, false)
    )
    error_message = join(" ", [
      "job: delay_notification_minutes is 1 or more and less than timeout_minutes, when the run is",
      "ended.",
    ])
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

variable "permissions_boundary_arn" {
  description = "ARN of the policy that bounds every role made here."
  type        = string
  default     = null
}

variable "recipients" {
  description = "Recipients' names as the source spells them, keyed by names of your choice."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([for r in var.recipients : can(regex("[\\p{L}\\p{N}]", r))])
    error_message = (
      "recipients: a folder is called by the letters and digits of a name, so it has at least one."
    )
  }

  validation {
    condition = length(var.recipients) == length(distinct([
      for recipient in var.recipients : replace(recipient, "/[^\\p{L}\\p{N}]/", "")
    ]))
    error_message = (
      "recipients: names that differ in blanks and punctuation alone would share one folder."
    )
  }
}

variable "rotation" {
  description = <<-EOT
    Rotation of the secret's password. If null, the password is not rotated. A secret in
    `database.secret_arn` must hold the JSON that AWS's rotation functions read; the secret of this
    module does.
    - `application_version`          - (Optional) Version of AWS's rotation function in the
                                       Serverless Application Repository. It is created in the
                                       extract's subnet and security group. Required without
                                       `function_arn`.
    - `days`                         - (Optional) Days between two rotations.
    - `function_arn`                 - (Optional) ARN of a rotation function of your own, which
                                       Secrets Manager may invoke.
    - `host`                         - (Optional) Host of the writer, where the function changes
                                       the password. Required if `secret` is set and
                                       `database.host` is a reader endpoint (`.cluster-ro-`).
    - `superuser_secret_arn`         - (Optional) ARN of the secret of a superuser, with which
                                       AWS's function alternates between two logins, so that no
                                       run is cut off.
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
    error_message = "rotation: either application_version or function_arn, one of them."
  }

  validation {
    condition = var.rotation == null || try(
      var.rotation.days >= 1
      && var.rotation.days <= 1000
      && floor(var.rotation.days) == var.rotation.days,
      false
    )
    error_message = "rotation: whole days, 1 to 1000."
  }

  validation {
    condition = try(var.rotation.function_arn, null) == null || can(regex(
      "^arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:function:", var.rotation.function_arn
    ))
    error_message = (
      "rotation: function_arn is the ARN of a function, arn:...:lambda:...:function:..."
    )
  }

  validation {
    condition = try(var.rotation.application_version, null) == null || can(regex(
      "^[0-9]+\\.[0-9]+\\.[0-9]+$", var.rotation.application_version
    ))
    error_message = "rotation: application_version has three numbers, e.g. \"1.1.618\"."
  }

  validation {
    condition = (
      try(var.rotation.superuser_secret_arn, null) == null
      || try(var.rotation.application_version, null) != null
    )
    error_message = "rotation: superuser_secret_arn is for AWS's function; yours has its own."
  }

  validation {
    condition = (
      try(var.rotation.superuser_secret_kms_key_arn, null) == null
      || try(var.rotation.superuser_secret_arn, null) != null
    )
    error_message = "rotation: superuser_secret_kms_key_arn requires superuser_secret_arn."
  }

  validation {
    condition = (
      try(var.rotation.superuser_secret_kms_key_arn, null) == null
      || can(regex(
        "^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.rotation.superuser_secret_kms_key_arn
      ))
    )
    error_message = (
      "rotation: superuser_secret_kms_key_arn must be the ARN of a key, arn:...:key/..."
    )
  }

  validation {
    condition = (
      try(var.rotation.host, null) == null || can(regex("^[A-Za-z0-9._-]+$", var.rotation.host))
    )
    error_message = (
      "rotation: host must be a bare name, e.g. \"db.internal\", without scheme, port or path."
    )
  }

  validation {
    condition = try(var.rotation.host, null) == null || var.secret != null
    error_message = (
      "rotation: host goes into the secret of this module; a secret of your own has its own host."
    )
  }

  validation {
    # An Aurora reader refuses ALTER USER, so every rotation would fail.
    condition = (
      var.rotation == null || var.secret == null || !strcontains(
        coalesce(try(var.rotation.host, null), var.database.host), ".cluster-ro-"
      )
    )
    error_message = (
      "rotation: a reader endpoint (.cluster-ro-) refuses a new password; set host to the writer."
    )
  }
}

variable "schedule" {
  description = <<-EOT
    When EventBridge Scheduler starts the workflow, as a cron expression in `time_zone`. The default
    is one minute past midnight on the first day of the month. A start in the hour that daylight
    saving time skips is skipped too: between 22:00 and 4:00, also set `catch_up_schedule`. The
    first two hours of the first day of a month are never skipped.
  EOT
  type        = string
  default     = "cron(1 0 1 * ? *)"
  nullable    = false

  validation {
    condition     = can(regex("^cron\\(\\S+ \\S+ \\S+ \\S+ \\S+ \\S+\\)$", var.schedule))
    error_message = "schedule: minute hour day month weekday year, e.g. \"cron(1 0 1 * ? *)\"."
  }

  validation {
    condition     = length(regexall("\\?", var.schedule)) == 1
    error_message = "schedule: exactly one of day and weekday is \"?\", e.g. \"cron(1 0 1 * ? *)\"."
  }

  validation {
    condition = can(regex("^cron\\([0-5]?[0-9] ([01]?[0-9]|2[0-3]) ", var.schedule))
    error_message = (
      "schedule: it starts once a day at most, so minute and hour are one number each."
    )
  }

  validation {
    condition = can(regex("^cron\\(\\S+ \\S+ ${local.cron_dates}\\)$", var.schedule))
    error_message = join(" ", [
      "schedule: day is 1 to 31, month 1 to 12 or JAN to DEC, weekday 1 to 7 or SUN to SAT, year",
      "2000 to 2099, or the signs of cron, e.g. \"cron(1 0 1 * ? *)\".",
    ])
  }
}

variable "secret" {
  description = <<-EOT
    Creates a secret for the login at the source, `secret = {}`, with a generated password that is
    in no plan and no state. If null, `database.secret_arn` names a secret. The login itself is
    created by hand, see the README. The role that plans must be able to read this secret.
    - `password_version`     - (Optional) Increment it for a new password. Host, port and superuser
                               in the secret are written with it.
    - `recovery_window_days` - (Optional) Days in which a deleted secret can be restored, 7 to 30,
                               or 0 for none.
    - `user_name`            - (Optional) Name of the login. Defaults to the extract's name and
                               `_reader`.
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
      "secret: a user_name of small letters, digits and underscores needs no quotes, 63 at most."
    )
  }

  validation {
    condition = var.secret == null || try(
      var.secret.recovery_window_days == 0
      || var.secret.recovery_window_days >= 7 && var.secret.recovery_window_days <= 30, false
    )
    error_message = "secret: recovery_window_days is 7 to 30, or 0 for none."
  }

  validation {
    condition = var.secret == null || try(
      var.secret.password_version >= 1
      && floor(var.secret.password_version) == var.secret.password_version,
      false
    )
    error_message = "secret: password_version is a whole number, 1 or more."
  }
}

variable "tags" {
  description = "Tags of every resource that can bear them."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "time_zone" {
  description = <<-EOT
    IANA time zone of `schedule` and `catch_up_schedule`, for example `Europe/Zurich`. It must equal
    the `time_zone` of the spec, else a run at the start of a period reports the wrong period.
  EOT
  type        = string
  default     = "Etc/GMT"
  nullable    = false

  validation {
    condition = can(regex(
      "^(UTC|[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+)+)$", var.time_zone
    ))
    error_message = (
      "time_zone: must be an IANA name, for example \"Europe/Zurich\", \"Etc/GMT\" or \"UTC\"."
    )
  }
}
