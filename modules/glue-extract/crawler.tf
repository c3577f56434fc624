################################################################################
# Catalog
################################################################################

resource "aws_glue_catalog_database" "this" {
  count = var.crawler.enabled ? 1 : 0

  name        = local.catalog_database_name
  description = "Tables of the extract ${var.name}."

  tags = var.tags
}

resource "aws_glue_crawler" "this" {
  count = var.crawler.enabled ? 1 : 0

  name                   = local.crawler_name
  database_name          = aws_glue_catalog_database.this[0].name
  description            = "Writes the tables of the extract ${var.name} into the Data Catalog."
  role                   = aws_iam_role.crawler[0].arn
  security_configuration = aws_glue_security_configuration.this.name

  dynamic "jdbc_target" {
    for_each = var.tables

    content {
      connection_name = aws_glue_connection.this.name
      # The name of a table in another schema includes the schema: "production.Product".
      path = join("/", concat([var.database.name], (
        length(split(".", jdbc_target.value)) == 2
        ? split(".", jdbc_target.value) : [var.database.schema, jdbc_target.value]
      )))
    }
  }

  recrawl_policy {
    recrawl_behavior = "CRAWL_EVERYTHING"
  }

  schema_change_policy {
    # A table that no longer exists in the source stays in the catalog until a person deletes it.
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
  # The crawler downloads these files before it connects to the source.
  _crawler_files = concat(
    var.database.verify_server ? [local.certificate_key] : [],
    var.crawler.driver_jar_path == null ? [] : [local.driver_key],
  )

  _write_catalog = {
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
  }

  # https://docs.aws.amazon.com/glue/latest/dg/encrypt-glue-data-catalog.html
  _use_catalog_key = flatten([
    for key in [var.crawler.catalog_kms_key_arn] : [
      {
        Sid      = "UseCatalogKey"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
        Resource = key
        Condition = {
          StringEquals = { "kms:EncryptionContext:glue_catalog_id" = local.account_id }
        }
      },
      {
        Sid      = "DescribeCatalogKey"
        Effect   = "Allow"
        Action   = "kms:DescribeKey"
        Resource = key
      },
      {
        # Glue encrypts the search index of the catalog in the background. Glue needs this right for
        # the index.
        Sid      = "GrantCatalogKey"
        Effect   = "Allow"
        Action   = "kms:CreateGrant"
        Resource = key
        Condition = {
          Bool = { "kms:GrantIsForAWSResource" = "true" }
          StringEquals = {
            "kms:CallerAccount"                     = local.account_id
            "kms:EncryptionContext:glue_catalog_id" = local.account_id
          }
        }
      },
    ] if key != null
  ])

  # Glue's guide requires that the crawler's role may pass itself to Glue. This right has no effect
  # unless the role may create jobs.
  # https://docs.aws.amazon.com/glue/latest/dg/crawler-prereqs.html
  _pass_role = {
    Sid       = "PassRole"
    Effect    = "Allow"
    Action    = "iam:PassRole"
    Resource  = local._crawler_role_arn
    Condition = { StringEquals = { "iam:PassedToService" = "glue.amazonaws.com" } }
  }
  _crawler_role_arn = join("", [
    "arn:${local.partition}:iam::${local.account_id}:role/${local.role_names["crawler"]}",
  ])

  # With a custom driver, the crawler runs a Glue job with the crawler's role, and exchanges files
  # with this job. AWS does not document the name of the job. The guides of AWS contradict each
  # other about the prefix of the files: next to the jar, or two levels above the jar.
  # https://docs.aws.amazon.com/glue/latest/dg/define-crawler-configure-security-settings.html
  # https://docs.aws.amazon.com/glue/latest/dg/console-connections-jdbc-drivers.html
  _run_driver = concat(
    [
      {
        Sid    = "RunDriver"
        Effect = "Allow"
        Action = [
          "glue:CreateJob",
          "glue:DeleteJob",
          "glue:GetJob",
          "glue:GetJobRun",
          "glue:StartJobRun",
        ]
        Resource = "${local._arn.glue}:job/*"
      },
      {
        Sid    = "ExchangeFiles"
        Effect = "Allow"
        Action = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
        Resource = flatten([
          for parent in [local._artifacts, local.driver_folder] : [
            for folder in ["_crawler", "_glue_job_crawler"] :
            "${local._artifacts_arn}/${parent}/${folder}/*"
          ]
        ])
      },
      {
        Sid       = "EncryptFiles"
        Effect    = "Allow"
        Action    = "kms:GenerateDataKey"
        Resource  = var.kms_key_arn
        Condition = local._via["s3"]
      },
    ],
    local._list_artifacts,
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
      local._log_key["crawler"],
      local._use_catalog_key,
      [
        local._pass_role,
        local._write_catalog,
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
      [for statement in local._run_driver : statement if var.crawler.driver_jar_path != null],
    )
  })
}
