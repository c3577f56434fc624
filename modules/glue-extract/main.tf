data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  dns_suffix = data.aws_partition.current.dns_suffix
  partition  = data.aws_partition.current.partition
  # In version 5 of the provider, the attribute `name` has the region's name. In version 6, the
  # attribute `region` has the name. The attribute `endpoint` exists in both versions.
  region = split(".", data.aws_region.current.endpoint)[1]

  # These names are not read from resources, so that a plan shows complete policies and patterns.
  catalog_database_name = replace(var.name, "-", "_")
  connection_name       = var.name
  crawler_name          = "${var.name}-crawler"
  database_url = format(
    "jdbc:postgresql://%s:%s/%s", var.database.host, var.database.port, var.database.name
  )
  job_name      = var.name
  target_url    = "s3://${var.target.bucket}/${var.target.prefix}"
  workflow_name = var.name

  # Keep only the letters and digits of a recipient's name, also those of other scripts. The engine
  # does the same.
  recipient_names = {
    for key, recipient in var.recipients : key => replace(recipient, "/[^\\p{L}\\p{N}]/", "")
  }
}

################################################################################
# Connection
################################################################################

resource "aws_glue_connection" "this" {
  name = local.connection_name
  # A JDBC connection supports only passwords. With auth = "iam", the connection only connects the
  # job to its network, and the engine logs in with a token.
  connection_type = var.auth == "iam" ? "NETWORK" : "JDBC"
  description     = "Source of the extract ${var.name}."

  # A plan hides these properties, although none of them is secret: the password is in Secrets
  # Manager.
  connection_properties = {
    for key, value in {
      CUSTOM_JDBC_CERT       = local.certificate_url
      JDBC_CONNECTION_URL    = local.database_url
      JDBC_DRIVER_CLASS_NAME = local.driver_url == null ? null : var.crawler.driver_class
      JDBC_DRIVER_JAR_URI    = local.driver_url
      JDBC_ENFORCE_SSL       = "true"
      SECRET_ID              = local.secret_arn
      # Glue can validate only one RSA certificate. With any other file, the validation makes the
      # crawl and the job fail. For example, the RDS bundle contains ECC certificates. So the
      # validation by Glue is off, but the driver still verifies the certificate and the host name.
      # https://docs.aws.amazon.com/glue/latest/dg/connection-properties.html
      SKIP_CUSTOM_JDBC_CERT_VALIDATION = local.certificate_url == null ? null : "true"
    } : key => value if var.auth == "secret" && value != null
  }

  physical_connection_requirements {
    availability_zone      = var.network.availability_zone
    security_group_id_list = [aws_security_group.this.id]
    subnet_id              = var.network.subnet_id
  }

  tags = var.tags
}

################################################################################
# Job
################################################################################

locals {
  # Arguments from which the engine gets the address and the login of the source.
  _login_arguments = var.auth == "secret" ? { "--connection" = local.connection_name } : merge(
    {
      "--iam-user" = local.user_name
      "--jdbc-url" = local.database_url
    },
    local.certificate_url == null ? {} : { "--ca-certificate" = local.certificate_url },
  )

  # Before the engine starts, Glue installs or loads the files that these arguments name. So a run
  # must not set these arguments. The values here load no code: an empty wheel, for which pip needs
  # no index, and an empty jar.
  _no_code_arguments = {
    "--additional-python-modules" = local._empty_url["wheel"]
    "--extra-files"               = local._empty_url["wheel"]
    "--extra-jars"                = local._empty_url["jar"]
    "--python-modules-installer-option" = (
      length(local._extra_modules) > 0 ? "--disable-pip-version-check" : "--no-index"
    )
    "--user-jars-first" = "false"
  }
  _empty_url = {
    for kind, file in aws_s3_object.empty : kind => "${local.artifacts_url}/${file.key}"
  }
  # Arguments that a run may override. extra_arguments sets only their default values.
  _run_arguments = ["--lock-timeout", "--statement-timeout"]
  _script_url    = "${local.artifacts_url}/${aws_s3_object.script.key}"
  _unused_url    = "${local.artifacts_url}/${local._artifacts}/unused/"
}

resource "aws_glue_job" "this" {
  name            = local.job_name
  connections     = [aws_glue_connection.this.name]
  description     = "Publishes one file per recipient and period under ${local.target_url}."
  execution_class = var.job.execution_class
  glue_version    = var.job.glue_version
  # If the account has no free capacity, a run waits for up to 15 minutes instead of failing.
  job_run_queuing_enabled = var.job.queuing
  max_retries             = var.job.max_retries
  number_of_workers       = var.job.number_of_workers
  role_arn                = aws_iam_role.job.arn
  security_configuration  = aws_glue_security_configuration.this.name
  timeout                 = var.job.timeout_minutes
  worker_type             = var.job.worker_type

  command {
    name            = "glueetl"
    python_version  = "3"
    script_location = local._script_url
  }

  default_arguments = {
    for name, value in var.extra_arguments : name => value if contains(local._run_arguments, name)
  }

  # A run cannot override these arguments, because Glue ignores the values that a run passes. So no
  # run can publish to another target or load other code:
  # https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-etl-glue-arguments.html
  # The names in _no_code_arguments may also be in extra_arguments. A validation refuses all other
  # names that this module sets.
  non_overridable_arguments = merge(
    local._no_code_arguments,
    {
      for name, value in var.extra_arguments : name => value
      if !contains(local._run_arguments, name)
    },
    local._login_arguments,
    local._pgp_arguments,
    { "--additional-python-modules" = join(",", local.python_modules) },
    {
      "--output" = local.target_url

      # Since Glue 5.0, S3A calls us-east-2 by default. A job in a VPC then waits until it times
      # out.
      "--conf" = "spark.hadoop.fs.s3a.endpoint.region=${local.region}"
      # The --continuous-log-* arguments have no effect since Glue 5.0.
      "--custom-logGroup-prefix"       = local._job_log_prefix
      "--enable-metrics"               = "true"
      "--enable-observability-metrics" = "true"
      # A Spark UI, and shuffle files in S3, would store rows of all recipients in one folder, so
      # both are off. Glue requires a folder for them anyway, so the arguments name a folder to
      # which the job cannot write.
      "--enable-spark-ui"            = "false"
      "--spark-event-logs-path"      = local._unused_url
      "--TempDir"                    = local._unused_url
      "--write-shuffle-files-to-s3"  = "false"
      "--write-shuffle-spills-to-s3" = "false"
      # The engine refuses an argument that loads code, unless the argument is in this list.
      "--fixed-arguments" = join(",", [
        for name in concat(
          ["--output"], keys(local._pgp_arguments),
          sort(setsubtract(
            keys(merge(local._no_code_arguments, var.extra_arguments)), local._run_arguments
          )),
        ) : trimprefix(name, "--")
      ])
      "--extra-py-files" = join(",", [
        for file in sort(keys(aws_s3_object.runtime)) :
        "${local.artifacts_url}/${aws_s3_object.runtime[file].key}"
      ])
      "--job-language" = "python"
      # A run can be started with another security configuration. The engine compares that
      # configuration with this argument, and refuses the run if they differ.
      "--job-security-configuration" = local.security_configuration_name
      # Without this entry, a run could set this argument, and Glue would run another script instead
      # of the script in `command`.
      "--scriptLocation" = local._script_url
    },
  )

  # Only one run may be active at a time, because two runs could publish the same period.
  execution_property {
    max_concurrent_runs = 1
  }

  dynamic "notification_property" {
    for_each = [for minutes in [var.job.delay_notification_minutes] : minutes if minutes != null]

    content {
      notify_delay_after = notification_property.value
    }
  }

  tags = var.tags

  depends_on = [
    aws_cloudwatch_log_group.job,
    aws_iam_role_policy.job,
    aws_iam_role_policy.target,
    aws_s3_object.certificate,
  ]
}

################################################################################
# Workflow
################################################################################

# Always start the workflow, not the crawler: a crawler that is started by hand does not fire the
# trigger of the job. https://docs.aws.amazon.com/glue/latest/dg/about-triggers.html
resource "aws_glue_workflow" "this" {
  name = local.workflow_name
  description = join(" ", [
    var.crawler.enabled ? "Crawler, then job," : "Job",
    "of the extract ${var.name}.",
  ])
  max_concurrent_runs = 1

  tags = var.tags
}

resource "aws_glue_trigger" "start" {
  name        = "${var.name}-start"
  description = "Starts the extract ${var.name} when its workflow is started."
  # The provider fires an enabled ON_DEMAND trigger as soon as the trigger exists, so this trigger
  # is disabled. A disabled trigger still fires when the workflow starts:
  # https://github.com/hashicorp/terraform-provider-aws/issues/38222
  enabled       = false
  type          = "ON_DEMAND"
  workflow_name = aws_glue_workflow.this.name

  actions {
    crawler_name = one(aws_glue_crawler.this[*].name)
    job_name     = var.crawler.enabled ? null : aws_glue_job.this.name
  }

  tags = var.tags
}

resource "aws_glue_trigger" "crawled" {
  count = var.crawler.enabled ? 1 : 0

  name              = "${var.name}-crawled"
  description       = "Starts the job of the extract ${var.name} after the crawl."
  enabled           = true
  start_on_creation = true
  type              = "CONDITIONAL"
  workflow_name     = aws_glue_workflow.this.name

  actions {
    job_name = aws_glue_job.this.name
  }

  predicate {
    logical = "ANY"

    # The job does not depend on the catalog, so the job starts even if the crawl has failed. A
    # trigger can wait only for these states of a crawl:
    # https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-jobs-trigger.html
    dynamic "conditions" {
      for_each = ["CANCELLED", "FAILED", "SUCCEEDED"]

      content {
        crawl_state      = conditions.value
        crawler_name     = aws_glue_crawler.this[0].name
        logical_operator = "EQUALS"
      }
    }
  }

  tags = var.tags
}
