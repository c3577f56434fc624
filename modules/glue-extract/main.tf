data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  dns_suffix = data.aws_partition.current.dns_suffix
  partition  = data.aws_partition.current.partition
  # "com.amazonaws", but for China.
  reverse_dns_prefix = data.aws_partition.current.reverse_dns_prefix
  # The region's own attribute is called `name` in provider 5 and `region` in 6; its endpoint is
  # there in both.
  region = split(".", data.aws_region.current.endpoint)[1]

  # Names are put together here and not read back, so that policies and patterns can be read in a
  # plan.
  catalog_database_name = replace(var.name, "-", "_")
  connection_name       = var.name
  crawler_name          = "${var.name}-crawler"
  database_url = format(
    "jdbc:postgresql://%s:%s/%s", var.database.host, var.database.port, var.database.name
  )
  job_name      = var.name
  output_url    = "s3://${var.output.bucket}/${var.output.prefix}"
  workflow_name = var.name

  # Letters and digits of any script stay, as in the engine.
  recipient_names = {
    for key, recipient in var.recipients : key => replace(recipient, "/[^\\p{L}\\p{N}]/", "")
  }
}

################################################################################
# Catalog
################################################################################

resource "aws_glue_catalog_database" "this" {
  count = var.crawler.enabled ? 1 : 0

  name        = local.catalog_database_name
  description = "Tables that the extract ${var.name} reads."

  tags = var.tags
}

resource "aws_glue_crawler" "this" {
  count = var.crawler.enabled ? 1 : 0

  name                   = local.crawler_name
  database_name          = aws_glue_catalog_database.this[0].name
  description            = "Catalogues the tables that the extract ${var.name} reads."
  role                   = aws_iam_role.crawler[0].arn
  security_configuration = aws_glue_security_configuration.this.name

  dynamic "jdbc_target" {
    for_each = var.tables

    content {
      connection_name = aws_glue_connection.this.name
      path            = "${var.database.name}/${var.database.schema}/${jdbc_target.value}"
    }
  }

  recrawl_policy {
    recrawl_behavior = "CRAWL_EVERYTHING"
  }

  schema_change_policy {
    # A table that is gone from the store is for a person to look at.
    delete_behavior = "LOG"
    update_behavior = "UPDATE_IN_DATABASE"
  }

  tags = var.tags

  depends_on = [
    aws_cloudwatch_log_group.crawler,
    aws_iam_role_policy.crawler,
    aws_s3_object.certificate,
    aws_s3_object.driver,
  ]
}

################################################################################
# Connection
################################################################################

resource "aws_glue_connection" "this" {
  name = local.connection_name
  # Glue logs in with a password or not at all, so with a token it brings the job into the network,
  # and the rest is the engine's.
  connection_type = var.auth == "iam" ? "NETWORK" : "JDBC"
  description     = "Store that the extract ${var.name} reads."

  # The provider calls all of it sensitive, so a change shows as one opaque line; nothing here is
  # secret.
  connection_properties = {
    for key, value in {
      CUSTOM_JDBC_CERT       = local.certificate_url
      JDBC_CONNECTION_URL    = local.database_url
      JDBC_DRIVER_CLASS_NAME = local.driver_url == null ? null : var.crawler.driver_class
      JDBC_DRIVER_JAR_URI    = local.driver_url
      JDBC_ENFORCE_SSL       = "true"
      SECRET_ID              = local.secret_arn
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
  # Where the engine finds the store and its login.
  _login_arguments = var.auth == "secret" ? { "--connection" = local.connection_name } : merge(
    {
      "--iam-user" = local.user_name
      "--jdbc-url" = local.database_url
    },
    local.certificate_url == null ? {} : { "--ca-certificate" = local.certificate_url },
  )
}

resource "aws_glue_job" "this" {
  name            = local.job_name
  connections     = [aws_glue_connection.this.name]
  description     = "Publishes one file per recipient and month under ${local.output_url}."
  execution_class = var.job.execution_class
  glue_version    = var.job.glue_version
  # A run that finds no room waits for some, up to a quarter of an hour, instead of failing.
  job_run_queuing_enabled = var.job.queuing
  maintenance_window      = var.job.maintenance_window
  max_retries             = var.job.max_retries
  number_of_workers       = var.job.number_of_workers
  role_arn                = aws_iam_role.job.arn
  security_configuration  = aws_glue_security_configuration.this.name
  timeout                 = var.job.timeout_minutes
  worker_type             = var.job.worker_type

  command {
    name            = "glueetl"
    python_version  = "3"
    script_location = "${local.artifacts_url}/${aws_s3_object.script.key}"
  }

  # Names that are given twice are refused, so the order of the two does not matter.
  default_arguments = merge(var.extra_arguments, local._login_arguments, {
    "--output" = local.output_url

    # Since Glue 5.0 S3A takes us-east-2 for granted, and a job in a VPC then waits until it times
    # out.
    "--conf" = "spark.hadoop.fs.s3a.endpoint.region=${local.region}"
    # Since Glue 5.0 the --continuous-log-* arguments do nothing.
    "--custom-logGroup-prefix"       = local._job_log_prefix
    "--enable-metrics"               = "true"
    "--enable-observability-metrics" = "true"
    "--extra-py-files" = join(",", [
      for file in sort(keys(aws_s3_object.runtime)) :
      "${local.artifacts_url}/${aws_s3_object.runtime[file].key}"
    ])
    "--job-language" = "python"
  })

  # Two runs at once would race for the same month.
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
    aws_iam_role_policy.output,
    aws_s3_object.certificate,
  ]
}

################################################################################
# Workflow
################################################################################

# Start the workflow, never the crawler: a crawler that somebody starts by hand does not fire the
# second trigger.
resource "aws_glue_workflow" "this" {
  name = local.workflow_name
  description = join(" ", [
    var.crawler.enabled ? "Crawler, then job," : "Job",
    "of the extract ${var.name}.",
  ])
  max_concurrent_runs = 1

  tags = var.tags
}

resource "aws_glue_trigger" "schedule" {
  name              = "${var.name}-schedule"
  description       = "Starts the extract ${var.name}."
  enabled           = true
  schedule          = var.schedule
  start_on_creation = true
  type              = "SCHEDULED"
  workflow_name     = aws_glue_workflow.this.name

  actions {
    crawler_name = one(aws_glue_crawler.this[*].name)
    job_name     = var.crawler.enabled ? null : aws_glue_job.this.name
  }

  tags = var.tags
}

resource "aws_glue_trigger" "crawled" {
  count = var.crawler.enabled ? 1 : 0

  name              = "${var.name}-crawled"
  description       = "Starts the job of the extract ${var.name} when its crawler is done."
  enabled           = true
  start_on_creation = true
  type              = "CONDITIONAL"
  workflow_name     = aws_glue_workflow.this.name

  actions {
    job_name = aws_glue_job.this.name
  }

  predicate {
    # Glue refuses a predicate without it, even for one condition.
    logical = "AND"

    conditions {
      crawl_state      = "SUCCEEDED"
      crawler_name     = aws_glue_crawler.this[0].name
      logical_operator = "EQUALS"
    }
  }

  tags = var.tags
}

locals {
  # When runs start, in minutes of a month. A day that is not said by number may be any.
  _starts = {
    for kind, cron in { again = var.catch_up_schedule, first = var.schedule } : kind => [
      for day in flatten([
        for part in split(",", split(" ", cron)[2]) : try(
          [tonumber(part)],
          range(split("-", part)[0], split("-", part)[1] + 1),
          range(1, 32),
        )
      ]) : day * 1440 + split(" ", cron)[1] * 60 + trimprefix(split(" ", cron)[0], "cron(")
    ] if cron != null
  }
  longest_minutes = (1 + var.job.max_retries) * var.job.timeout_minutes
}

# Outside of the workflow, which has one start only; and without the crawler, which has been.
resource "aws_glue_trigger" "catch_up" {
  count = var.catch_up_schedule == null ? 0 : 1

  name              = "${var.name}-catch-up"
  description       = <<-EOT
    Starts the job of the extract ${var.name} again: writes what is not there yet.
  EOT
  enabled           = true
  schedule          = var.catch_up_schedule
  start_on_creation = true
  type              = "SCHEDULED"

  actions {
    job_name = aws_glue_job.this.name
  }

  tags = var.tags

  lifecycle {
    # Glue refuses a second run at the same time, and that would be told as a failure.
    precondition {
      condition = alltrue(flatten([
        for again in local._starts.again : [
          for first in local._starts.first : abs(again - first) >= local.longest_minutes
        ]
      ]))
      error_message = join(" ", [
        "catch_up_schedule: a run that schedule starts may last ${local.longest_minutes} minutes",
        "with its retries; start again later than that, or on other days.",
      ])
    }
    precondition {
      condition = local.longest_minutes <= 1440
      error_message = join(" ", [
        "catch_up_schedule: a run may last ${local.longest_minutes} minutes with its retries, into",
        "the next day's start; 1440 at most.",
      ])
    }
  }
}
