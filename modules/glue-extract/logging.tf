################################################################################
# Encryption
################################################################################

resource "aws_glue_security_configuration" "this" {
  name = local.security_configuration_name

  encryption_configuration {
    cloudwatch_encryption {
      cloudwatch_encryption_mode = "SSE-KMS"
      kms_key_arn                = var.kms_key_arn
    }

    job_bookmarks_encryption {
      job_bookmarks_encryption_mode = "CSE-KMS"
      kms_key_arn                   = var.kms_key_arn
    }

    s3_encryption {
      kms_key_arn        = var.kms_key_arn
      s3_encryption_mode = "SSE-KMS"
    }
  }
}

################################################################################
# Logs
################################################################################

locals {
  security_configuration_name = var.name

  # With a security configuration, Glue puts the name of the configuration and the name of the role
  # into the names of its log groups. The groups are created here with exactly these names, else
  # Glue would create them without a retention period.
  _job_log_prefix = "/aws-glue/jobs/${var.name}"
  _job_logs = join("/", [
    local._job_log_prefix,
    "${local.security_configuration_name}-role",
    local.role_names["job"],
  ])

  crawler_log_group = join("", [
    "/aws-glue/crawlers-role/",
    "${local.role_names["crawler"]}-${local.security_configuration_name}",
  ])
  job_log_groups = {
    error  = "${local._job_logs}/error"  # Spark and Glue
    output = "${local._job_logs}/output" # engine
  }
}

resource "aws_cloudwatch_log_group" "job" {
  for_each = local.job_log_groups

  name              = each.value
  kms_key_id        = var.kms_key_arn
  retention_in_days = var.log_retention_days

  tags = var.tags
}

resource "aws_cloudwatch_log_group" "crawler" {
  count = var.crawler.enabled ? 1 : 0

  name              = local.crawler_log_group
  kms_key_id        = var.kms_key_arn
  retention_in_days = var.log_retention_days

  tags = var.tags
}
