# These tests plan with the real AWS provider, without a network, to check complete policies.

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

override_data {
  target = data.aws_caller_identity.current
  values = { account_id = "123456789012" }
}

override_resource {
  target          = aws_security_group.this
  override_during = plan
  values          = { id = "sg-extract" }
}

variables {
  name             = "bank-loans"
  kms_key_arn      = "arn:aws:kms:eu-west-1:123456789012:key/data"
  script_path      = "tests/etl.py"
  tables           = ["Loans", "Bank"]
  recipient_column = "bank_name"
  recipients       = { first = "First Bank, Inc.", zolw = "Żółw & Söhne 2" }

  artifacts = { bucket = "bank-loans-artifacts" }
  database = {
    host          = "db.internal"
    name          = "bank"
    secret_arn    = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
    verify_server = false
  }
  network = {
    vpc_id            = "vpc-1"
    subnet_id         = "subnet-1"
    availability_zone = "eu-west-1a"
  }
  target = {
    bucket             = "bank-loans-data"
    prefix             = "loans"
    writer_policy_json = "{\"Statement\":[],\"Version\":\"2012-10-17\"}"
  }
}

run "crawler_reads_only_the_tables_of_the_spec" {
  command = plan

  assert {
    condition = toset([for t in aws_glue_crawler.this[0].jdbc_target : t.path]) == toset([
      "bank/public/Loans", "bank/public/Bank",
    ])
    error_message = "The crawler has exactly one target for each table."
  }
}

run "crawler_reads_a_table_of_another_schema" {
  command = plan
  variables {
    tables = ["Loans", "hr.Employee"]
  }

  assert {
    condition = toset([for t in aws_glue_crawler.this[0].jdbc_target : t.path]) == toset([
      "bank/public/Loans", "bank/hr/Employee",
    ])
    error_message = "A schema in the name of a table replaces the default schema."
  }
}

run "crawler_without_certificate_and_driver_cannot_read_a_bucket" {
  command = plan

  assert {
    condition = toset([
      for s in jsondecode(aws_iam_role_policy.crawler[0].policy).Statement : s.Sid
      ]) == toset([
      "CreateInterface", "DeleteInterface", "DescribeKey", "EncryptLogs", "PassRole",
      "ReadConnection", "ReadSecret", "SeeNetwork", "SeeVpc", "TagInterface", "WriteCatalog",
      "WriteLogs",
    ])
    error_message = "If there is no certificate and no driver, the crawler has no rights in S3."
  }
  assert {
    condition = [
      for s in jsondecode(aws_iam_role_policy.crawler[0].policy).Statement :
      [s.Action, s.Resource, s.Condition] if s.Sid == "PassRole"
      ] == [[
        "iam:PassRole",
        "arn:aws:iam::123456789012:role/bank-loans-crawler-eu-west-1",
        { StringEquals = { "iam:PassedToService" = "glue.amazonaws.com" } },
    ]]
    error_message = "The crawler's role may pass itself to Glue, as Glue's guide requires."
  }
  assert {
    condition = [
      for s in jsondecode(aws_iam_role_policy.crawler[0].policy).Statement :
      [s.Resource, s.Condition] if s.Sid == "EncryptLogs"
      ] == [[
        var.kms_key_arn,
        {
          StringEquals = {
            "kms:EncryptionContext:aws:logs:arn" = [join("", [
              "arn:aws:logs:eu-west-1:123456789012:log-group:",
              "/aws-glue/crawlers-role/bank-loans-crawler-eu-west-1-bank-loans",
            ])]
          }
        },
    ]]
    error_message = "The crawler may use the key only for its own log group."
  }
  assert {
    condition = one([
      for s in jsondecode(aws_iam_role_policy.crawler[0].policy).Statement : s.Resource
      if s.Sid == "WriteCatalog"
      ]) == [
      "arn:aws:glue:eu-west-1:123456789012:catalog",
      "arn:aws:glue:eu-west-1:123456789012:database/bank_loans",
      "arn:aws:glue:eu-west-1:123456789012:table/bank_loans/*",
    ]
    error_message = "The crawler writes only to its own catalog database."
  }
}

run "crawler_with_a_driver_has_the_right_to_run_the_driver_in_a_glue_job" {
  command = plan
  variables {
    crawler = { driver_jar_path = "tests/driver.jar" }
  }

  assert {
    condition = (
      aws_glue_connection.this.connection_properties["JDBC_DRIVER_CLASS_NAME"]
      == "org.postgresql.Driver"
      && aws_glue_connection.this.connection_properties["JDBC_DRIVER_JAR_URI"]
      == "s3://bank-loans-artifacts/${aws_s3_object.driver[0].key}"
      && aws_s3_object.driver[0].source_hash == filemd5("tests/driver.jar")
    )
    error_message = "The connection has the URL of the driver. A changed driver is uploaded."
  }
  assert {
    condition = [
      for s in jsondecode(aws_iam_role_policy.crawler[0].policy).Statement :
      [s.Sid, s.Action, s.Resource] if contains(["ReadFiles", "DecryptArtifacts"], s.Sid)
      ] == [
      ["ReadFiles", "s3:GetObject", [join("", [
        "arn:aws:s3:::bank-loans-artifacts/artifacts/bank-loans/",
        "crawler/driver/database-driver.jar",
      ])]],
      ["DecryptArtifacts", "kms:Decrypt", "arn:aws:kms:eu-west-1:123456789012:key/data"],
    ]
    error_message = "The crawler can read the driver and no other object."
  }
  assert {
    condition = {
      for s in jsondecode(aws_iam_role_policy.crawler[0].policy).Statement :
      s.Sid => [flatten([s.Action]), flatten([s.Resource]), try(s.Condition, null)]
      if contains(
        ["EncryptFiles", "ExchangeFiles", "ListArtifacts", "LocateArtifacts", "RunDriver"], s.Sid
      )
      } == {
      RunDriver = [
        ["glue:CreateJob", "glue:DeleteJob", "glue:GetJob", "glue:GetJobRun", "glue:StartJobRun"],
        ["arn:aws:glue:eu-west-1:123456789012:job/*"],
        null,
      ]
      ExchangeFiles = [
        ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
        [
          for folder in [
            "_crawler", "_glue_job_crawler", "crawler/driver/_crawler",
            "crawler/driver/_glue_job_crawler",
          ] : "arn:aws:s3:::bank-loans-artifacts/artifacts/bank-loans/${folder}/*"
        ],
        null,
      ]
      EncryptFiles = [
        ["kms:GenerateDataKey"],
        ["arn:aws:kms:eu-west-1:123456789012:key/data"],
        { StringEquals = { "kms:ViaService" = "s3.eu-west-1.amazonaws.com" } },
      ]
      ListArtifacts = [
        ["s3:ListBucket"],
        ["arn:aws:s3:::bank-loans-artifacts"],
        { StringLike = { "s3:prefix" = ["artifacts/bank-loans", "artifacts/bank-loans/*"] } },
      ]
      LocateArtifacts = [
        ["s3:GetBucketLocation"], ["arn:aws:s3:::bank-loans-artifacts"], null,
      ]
    }
    error_message = "With a driver, the crawler's role also has the rights to use a Glue job."
  }
}

run "crawler_has_the_right_to_use_the_key_of_the_catalog" {
  command = plan
  variables {
    crawler = { catalog_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/catalog" }
  }

  assert {
    condition = {
      for s in jsondecode(aws_iam_role_policy.crawler[0].policy).Statement :
      s.Sid => [flatten([s.Action]), try(s.Condition, null)]
      if s.Resource == var.crawler.catalog_kms_key_arn
      } == {
      UseCatalogKey = [
        ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"],
        { StringEquals = { "kms:EncryptionContext:glue_catalog_id" = "123456789012" } },
      ]
      DescribeCatalogKey = [["kms:DescribeKey"], null]
      GrantCatalogKey = [
        ["kms:CreateGrant"],
        {
          Bool = { "kms:GrantIsForAWSResource" = "true" }
          StringEquals = {
            "kms:CallerAccount"                     = "123456789012"
            "kms:EncryptionContext:glue_catalog_id" = "123456789012"
          }
        },
      ]
    }
    error_message = "The crawler may use the key only for this account's catalog."
  }
}

run "workflow_without_a_crawler_has_only_the_job" {
  command = plan
  variables {
    crawler = { enabled = false }
  }

  assert {
    condition = (
      aws_glue_trigger.start.actions[0].job_name == "bank-loans"
      && aws_glue_trigger.start.actions[0].crawler_name == null
      && aws_glue_trigger.start.workflow_name == "bank-loans"
    )
    error_message = "Without a crawler, the start trigger starts the job."
  }
  assert {
    condition = 0 == length(concat(
      aws_glue_crawler.this,
      aws_glue_catalog_database.this,
      aws_glue_trigger.crawled,
      aws_iam_role.crawler,
      aws_iam_role_policy.crawler,
      aws_cloudwatch_log_group.crawler,
    ))
    error_message = "Without a crawler, none of its resources is created."
  }
  assert {
    condition = (
      output.crawler_name == null
      && output.catalog_database_name == null
      && keys(output.failure_events.events) == ["job"]
      && keys(output.failure_events.recoveries) == ["job"]
    )
    error_message = "Without a crawler, no failure event and no output refers to a crawler."
  }
}
