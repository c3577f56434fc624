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
# Role
################################################################################

resource "aws_iam_role" "crawler" {
  count = var.crawler.enabled ? 1 : 0

  name                 = local.role_names["crawler"]
  assume_role_policy   = local._assume_role_policy
  description          = "Crawler of the extract ${var.name}."
  permissions_boundary = var.permissions_boundary_arn

  tags = var.tags
}

locals {
  # What the crawler fetches before it connects; without it, it reads no bucket at all.
  _crawler_files = concat(
    var.database.ca_certificate == null ? [] : [local.certificate_key],
    var.crawler.driver_jar_path == null ? [] : [local.driver_key],
  )
}

resource "aws_iam_role_policy" "crawler" {
  count = var.crawler.enabled ? 1 : 0

  name = "crawler"
  role = aws_iam_role.crawler[0].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      local._connect,
      local._network,
      [
        {
          Sid    = "WriteCatalog"
          Effect = "Allow"
          Action = [
            "glue:CreateTable",
            "glue:GetDatabase",
            "glue:GetTable",
            "glue:GetTables",
            "glue:UpdateTable",
          ]
          Resource = [
            "${local._arn.glue}:catalog",
            "${local._arn.glue}:database/${local.catalog_database_name}",
            "${local._arn.glue}:table/${local.catalog_database_name}/*",
          ]
        },
        {
          Sid    = "WriteLogs"
          Effect = "Allow"
          Action = local._log_actions
          Resource = [
            "${local._arn.logs}:${local.crawler_log_group}",
            "${local._arn.logs}:${local.crawler_log_group}:*",
          ]
        },
      ],
      [
        for statement in [
          {
            Sid      = "ReadFiles"
            Effect   = "Allow"
            Action   = "s3:GetObject"
            Resource = [for key in local._crawler_files : "${local._artifacts_arn}/${key}"]
          },
          local._read_artifacts_key,
        ] : statement if length(local._crawler_files) > 0
      ],
    )
  })
}
