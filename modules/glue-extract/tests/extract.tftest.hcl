# Plans only, with the real provider and no network: policies can be read as they will be.

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
  name            = "bank-loans"
  kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/data"
  script_path     = "tests/etl.py"
  tables          = ["Loans", "Bank"]
  recipient_label = "bank_name"
  recipients      = { first = "First Bank, Inc.", zolw = "Żółw & Söhne 2" }

  artifacts = { bucket = "bank-loans-artifacts" }
  database = {
    host       = "db.internal"
    name       = "bank"
    secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
  }
  network = {
    vpc_id            = "vpc-1"
    subnet_id         = "subnet-1"
    availability_zone = "eu-west-1a"
  }
  output = {
    bucket             = "bank-loans-data"
    prefix             = "loans"
    writer_policy_json = "{\"Statement\":[],\"Version\":\"2012-10-17\"}"
  }
}

run "schedule_starts_the_crawler_and_the_crawler_the_job" {
  command = plan

  assert {
    condition = (
      aws_glue_trigger.schedule.type == "SCHEDULED"
      && aws_glue_trigger.schedule.schedule == "cron(1 0 1 * ? *)"
      && aws_glue_trigger.schedule.actions[0].crawler_name == "bank-loans-crawler"
      && aws_glue_trigger.schedule.workflow_name == "bank-loans"
    )
    error_message = "One minute past midnight on the first the workflow starts with the crawler."
  }
  assert {
    condition = (
      aws_glue_trigger.crawled[0].type == "CONDITIONAL"
      && aws_glue_trigger.crawled[0].workflow_name == "bank-loans"
      && aws_glue_trigger.crawled[0].actions[0].job_name == "bank-loans"
      && aws_glue_trigger.crawled[0].predicate[0].logical == "AND"
      && one(aws_glue_trigger.crawled[0].predicate[0].conditions).crawl_state == "SUCCEEDED"
      && one(aws_glue_trigger.crawled[0].predicate[0].conditions).crawler_name
      == "bank-loans-crawler"
    )
    error_message = "The job waits for the crawler's success, in the same workflow."
  }
}

run "job_is_told_what_the_engine_reads_and_nothing_dead" {
  command = plan

  assert {
    condition = {
      for k, v in aws_glue_job.this.default_arguments : k => v if k != "--extra-py-files"
      } == {
      "--conf"                         = "spark.hadoop.fs.s3a.endpoint.region=eu-west-1"
      "--connection"                   = "bank-loans"
      "--custom-logGroup-prefix"       = "/aws-glue/jobs/bank-loans"
      "--enable-metrics"               = "true"
      "--enable-observability-metrics" = "true"
      "--job-language"                 = "python"
      "--output"                       = "s3://bank-loans-data/loans"
    }
    error_message = "The job has exactly these arguments."
  }
  assert {
    condition = (
      toset(split(",", aws_glue_job.this.default_arguments["--extra-py-files"]))
      == toset([
        for file in fileset("runtime", "*.py") :
        "s3://bank-loans-artifacts/artifacts/bank-loans/runtime/${file}"
      ])
    )
    error_message = "Every module of the engine is on the job's path."
  }
  assert {
    condition = (
      aws_glue_job.this.command[0].script_location
      == "s3://bank-loans-artifacts/artifacts/bank-loans/etl.py"
      && aws_s3_object.script.source_hash == filemd5("tests/etl.py")
    )
    error_message = "The job runs the spec, and an edit of it is uploaded."
  }
  assert {
    condition = (
      aws_glue_job.this.glue_version == "6.0"
      && aws_glue_job.this.worker_type == "G.1X"
      && aws_glue_job.this.number_of_workers == 2
      && aws_glue_job.this.timeout == 60
      && aws_glue_job.this.max_retries == 0
      && aws_glue_job.this.execution_property[0].max_concurrent_runs == 1
    )
    error_message = "The job is small, ends within the hour and never runs twice at once."
  }
}

run "connection_names_a_secret_and_a_zone" {
  command = plan

  assert {
    condition = aws_glue_connection.this.connection_properties == tomap({
      JDBC_CONNECTION_URL = "jdbc:postgresql://db.internal:5432/bank"
      JDBC_ENFORCE_SSL    = "true"
      SECRET_ID           = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
    })
    error_message = "The connection holds no credentials and insists on TLS."
  }
  assert {
    condition = (
      aws_glue_connection.this.physical_connection_requirements[0].availability_zone == "eu-west-1a"
    )
    error_message = "Without a zone every crawl fails."
  }
}

run "crawler_reads_the_tables_of_the_spec" {
  command = plan

  assert {
    condition = toset([for t in aws_glue_crawler.this[0].jdbc_target : t.path]) == toset([
      "bank/public/Loans", "bank/public/Bank",
    ])
    error_message = "Other tables of the store are not catalogued."
  }
}

run "logs_are_where_glue_writes_them" {
  command = plan

  assert {
    condition = toset([
      for g in concat(values(aws_cloudwatch_log_group.job), aws_cloudwatch_log_group.crawler) :
      "${g.name} ${g.retention_in_days} ${g.kms_key_id}"
      ]) == toset([
      "/aws-glue/jobs/bank-loans/bank-loans-role/bank-loans-job/error 365 ${var.kms_key_arn}",
      "/aws-glue/jobs/bank-loans/bank-loans-role/bank-loans-job/output 365 ${var.kms_key_arn}",
      "/aws-glue/crawlers-role/bank-loans-crawler-bank-loans 365 ${var.kms_key_arn}",
    ])
    error_message = "Log groups are there before Glue makes its own, without key and without end."
  }
  assert {
    condition = (
      one(one(aws_glue_security_configuration.this.encryption_configuration).cloudwatch_encryption)
      .cloudwatch_encryption_mode == "SSE-KMS"
      && one(
        one(aws_glue_security_configuration.this.encryption_configuration).job_bookmarks_encryption
      )
      .job_bookmarks_encryption_mode == "CSE-KMS"
      && one(one(aws_glue_security_configuration.this.encryption_configuration).s3_encryption)
      .s3_encryption_mode == "SSE-KMS"
    )
    error_message = "Logs, bookmarks and files are encrypted."
  }
}

run "job_has_these_rights" {
  command = plan

  assert {
    condition = {
      for s in jsondecode(aws_iam_role_policy.job.policy).Statement :
      s.Sid => [flatten([s.Action]), flatten([s.Resource])]
      } == {
      ReadConnection = [["glue:GetConnection"], [
        "arn:aws:glue:eu-west-1:123456789012:catalog",
        "arn:aws:glue:eu-west-1:123456789012:connection/bank-loans",
      ]]
      ReadSecret = [["secretsmanager:GetSecretValue"], [
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf",
      ]]
      CreateInterface = [["ec2:CreateNetworkInterface"], [
        "arn:aws:ec2:eu-west-1:123456789012:network-interface/*",
        "arn:aws:ec2:eu-west-1:123456789012:security-group/sg-extract",
        "arn:aws:ec2:eu-west-1:123456789012:subnet/subnet-1",
      ]]
      DeleteInterface = [["ec2:DeleteNetworkInterface"], [
        "arn:aws:ec2:eu-west-1:123456789012:network-interface/*",
      ]]
      TagInterface = [["ec2:CreateTags", "ec2:DeleteTags"], [
        "arn:aws:ec2:eu-west-1:123456789012:network-interface/*",
      ]]
      SeeNetwork = [[
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeRouteTables",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcEndpoints",
      ], ["*"]]
      SeeVpc = [
        ["ec2:DescribeVpcAttribute"], ["arn:aws:ec2:eu-west-1:123456789012:vpc/vpc-1"],
      ]
      ReadArtifacts = [
        ["s3:GetObject"], ["arn:aws:s3:::bank-loans-artifacts/artifacts/bank-loans/*"],
      ]
      DecryptArtifacts = [["kms:Decrypt"], [
        "arn:aws:kms:eu-west-1:123456789012:key/data",
      ]]
      WithdrawOutput = [["s3:DeleteObject"], ["arn:aws:s3:::bank-loans-data/loans/*"]]
      WriteLogs = [[
        "logs:AssociateKmsKey",
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        ], flatten([
          for kind in ["error", "output"] : [
            for suffix in ["", ":*"] : join("", [
              "arn:aws:logs:eu-west-1:123456789012:log-group:",
              "/aws-glue/jobs/bank-loans/bank-loans-role/bank-loans-job/${kind}${suffix}",
            ])
          ]
      ])]
      WriteMetrics = [["cloudwatch:PutMetricData"], ["*"]]
    }
    error_message = "The job's role has exactly these rights beside those of its output."
  }
  assert {
    condition = {
      for s in jsondecode(aws_iam_role_policy.job.policy).Statement : s.Sid => s.Condition
      if contains(keys(s), "Condition")
      } == {
      DeleteInterface = {
        ArnEquals = { "ec2:Subnet" = "arn:aws:ec2:eu-west-1:123456789012:subnet/subnet-1" }
      }
      TagInterface = {
        "ForAllValues:StringEquals" = { "aws:TagKeys" = ["aws-glue-service-resource"] }
      }
      DecryptArtifacts = { StringEquals = { "kms:ViaService" = "s3.eu-west-1.amazonaws.com" } }
      WriteMetrics     = { StringEquals = { "cloudwatch:namespace" = "Glue" } }
    }
    error_message = "Rights that name no single resource are bound by a condition."
  }
  assert {
    condition = (
      jsondecode(aws_iam_role_policy.output.policy)
      == jsondecode(var.output.writer_policy_json)
    )
    error_message = "What may be done to the output is for the bucket to say."
  }
}

run "crawler_touches_no_data" {
  command = plan

  assert {
    condition = alltrue([
      for s in jsondecode(aws_iam_role_policy.crawler[0].policy).Statement :
      alltrue([for a in flatten([s.Action]) : !startswith(a, "s3:") && !startswith(a, "kms:")])
    ])
    error_message = "The crawler reads no bucket and uses no key."
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
    error_message = "The crawler writes to its own database of the catalog."
  }
}

run "certificate_and_key_of_the_store_open_just_these_two" {
  command = plan
  variables {
    database = {
      host               = "db.internal"
      name               = "bank"
      secret_arn         = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
      secret_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/secret"
      ca_certificate     = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    }
  }

  assert {
    condition = (
      aws_glue_connection.this.connection_properties["CUSTOM_JDBC_CERT"]
      == "s3://bank-loans-artifacts/${aws_s3_object.certificate[0].key}"
    )
    error_message = "The connection finds the certificate."
  }
  assert {
    condition = alltrue([
      for policy in [aws_iam_role_policy.job.policy, aws_iam_role_policy.crawler[0].policy] :
      contains(
        jsondecode(policy).Statement, {
          Sid      = "DecryptSecret"
          Effect   = "Allow"
          Action   = "kms:Decrypt"
          Resource = "arn:aws:kms:eu-west-1:123456789012:key/secret"
          Condition = {
            StringEquals = { "kms:ViaService" = "secretsmanager.eu-west-1.amazonaws.com" }
          }
        }
      )
    ])
    error_message = "Both roles can decrypt the secret, by way of Secrets Manager only."
  }
  assert {
    condition = [
      for s in jsondecode(aws_iam_role_policy.crawler[0].policy).Statement : s.Resource
      if s.Sid == "ReadFiles"
    ] == [["arn:aws:s3:::bank-loans-artifacts/artifacts/bank-loans/database-ca.pem"]]
    error_message = "The crawler can read the certificate, and no other object."
  }
}

run "network_is_open_to_the_store_and_to_aws" {
  command = plan
  variables {
    network = {
      vpc_id                     = "vpc-1"
      subnet_id                  = "subnet-1"
      availability_zone          = "eu-west-1a"
      database_security_group_id = "sg-store"
    }
  }

  assert {
    condition = (
      aws_vpc_security_group_egress_rule.database.referenced_security_group_id == "sg-store"
      && aws_vpc_security_group_egress_rule.database.cidr_ipv4 == null
      && aws_vpc_security_group_ingress_rule.database[0].security_group_id == "sg-store"
      && aws_vpc_security_group_ingress_rule.database[0].referenced_security_group_id
      == "sg-extract"
      && aws_vpc_security_group_ingress_rule.database[0].from_port == 5432
    )
    error_message = "Given the store's group, both sides name each other and no address."
  }
  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.workers.referenced_security_group_id
      == "sg-extract"
    )
    error_message = "Glue refuses a group that does not let its own members in."
  }
}

run "other_modules_get_what_they_take" {
  command = plan

  assert {
    condition = output.recipients == {
      first = { name = "FirstBankInc", prefix = "loans/bank_name=FirstBankInc" }
      zolw  = { name = "ŻółwSöhne2", prefix = "loans/bank_name=ŻółwSöhne2" }
    }
    error_message = "A folder bears the letters and digits of a name, of any script."
  }
  assert {
    condition = output.expected_output == {
      name            = "bank-loans"
      bucket          = "bank-loans-data"
      prefix          = "loans"
      manifest_prefix = "loans/_manifests"
    }
    error_message = "The manifest is expected where the engine writes it."
  }
  assert {
    condition = { for key, event in output.failure_events.events : key => jsondecode(event) } == {
      crawler = {
        source      = ["aws.glue"]
        detail-type = ["Glue Crawler State Change"]
        detail      = { crawlerName = ["bank-loans-crawler"], state = ["Failed"] }
      }
      job = {
        source      = ["aws.glue"]
        detail-type = ["Glue Job State Change"]
        detail = {
          jobName = ["bank-loans"]
          state   = ["ERROR", "FAILED", "STOPPED", "TIMEOUT"]
        }
      }
    }
    error_message = "Every end that is no success is a failure."
  }
  assert {
    condition = {
      for key, event in output.failure_events.recoveries : key => jsondecode(event)
      } == {
      job = {
        source      = ["aws.glue"]
        detail-type = ["Glue Job State Change"]
        detail      = { jobName = ["bank-loans"], state = ["SUCCEEDED"] }
      }
    }
    error_message = "A success puts a failure right."
  }
  assert {
    condition     = output.failure_events.log_group == output.log_groups["output"]
    error_message = "A mail points to the log that the engine writes to."
  }
}

run "without_a_crawler_the_schedule_starts_the_job" {
  command = plan
  variables {
    crawler = { enabled = false }
  }

  assert {
    condition = (
      aws_glue_trigger.schedule.actions[0].job_name == "bank-loans"
      && aws_glue_trigger.schedule.actions[0].crawler_name == null
      && aws_glue_trigger.schedule.workflow_name == "bank-loans"
    )
    error_message = "The workflow is the job alone."
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
    error_message = "Nothing of a crawler is made."
  }
  assert {
    condition = (
      output.crawler_name == null
      && output.catalog_database_name == null
      && keys(output.failure_events.events) == ["job"]
    )
    error_message = "Nobody is told of a crawler that is not there."
  }
}

run "crawler_gets_a_driver_that_speaks_scram" {
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
    error_message = "The connection finds the driver, and a new one is uploaded."
  }
  assert {
    condition = [
      for s in jsondecode(aws_iam_role_policy.crawler[0].policy).Statement :
      [s.Sid, s.Action, s.Resource] if contains(["ReadFiles", "DecryptArtifacts"], s.Sid)
      ] == [
      ["ReadFiles", "s3:GetObject", [
        "arn:aws:s3:::bank-loans-artifacts/artifacts/bank-loans/database-driver.jar",
      ]],
      ["DecryptArtifacts", "kms:Decrypt", "arn:aws:kms:eu-west-1:123456789012:key/data"],
    ]
    error_message = "The crawler can read the driver, and no other object."
  }
}

run "job_runs_as_it_is_told" {
  command = plan
  variables {
    catch_up_schedule = "cron(0 6 2-10 * ? *)"
    extra_arguments   = { "--enable-auto-scaling" = "true" }
    job = {
      delay_notification_minutes = 10
      execution_class            = "FLEX"
      glue_version               = "5.1"
      maintenance_window         = "Sun:10"
      max_retries                = 1
      queuing                    = true
    }
  }

  assert {
    condition = (
      aws_glue_trigger.catch_up[0].schedule == "cron(0 6 2-10 * ? *)"
      && aws_glue_trigger.catch_up[0].actions[0].job_name == "bank-loans"
      && aws_glue_trigger.catch_up[0].workflow_name == null
    )
    error_message = "A workflow has one start, so catching up starts the job beside it."
  }
  assert {
    condition = (
      aws_glue_job.this.default_arguments["--enable-auto-scaling"] == "true"
      && aws_glue_job.this.default_arguments["--output"] == "s3://bank-loans-data/loans"
    )
    error_message = "Arguments are added to the module's own."
  }
  assert {
    condition = (
      aws_glue_job.this.execution_class == "FLEX"
      && aws_glue_job.this.job_run_queuing_enabled
      && aws_glue_job.this.glue_version == "5.1"
      && aws_glue_job.this.maintenance_window == "Sun:10"
      && aws_glue_job.this.max_retries == 1
      && aws_glue_job.this.notification_property[0].notify_delay_after == 10
    )
    error_message = "The job waits for room, tries again, and tells when it takes long."
  }
  assert {
    condition = jsondecode(output.failure_events.events["slow"]) == {
      source      = ["aws.glue"]
      detail-type = ["Glue Job Run Status"]
      detail      = { jobName = ["bank-loans"] }
    }
    error_message = "A run that takes long is told."
  }
}

run "nothing_is_started_twice_unless_asked_for" {
  command = plan

  assert {
    condition = (
      length(aws_glue_trigger.catch_up) == 0
      && !aws_glue_job.this.job_run_queuing_enabled
      && !contains(keys(output.failure_events.events), "slow")
    )
    error_message = "One start a month, and no waiting."
  }
  assert {
    condition = output.log_links["output"] == join("", [
      "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1",
      "#logsV2:log-groups/log-group/",
      "$252Faws-glue$252Fjobs$252Fbank-loans$252Fbank-loans-role$252Fbank-loans-job$252Foutput",
    ])
    error_message = "A link opens the group that the engine writes to."
  }
  assert {
    condition     = keys(output.log_links) == ["crawler", "error", "output"]
    error_message = "There is a link for each log."
  }
}

run "secret_is_rotated_by_a_function_that_is_named" {
  command = plan
  variables {
    rotation = { days = 7, function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:rotate" }
  }

  assert {
    condition = (
      aws_secretsmanager_secret_rotation.this[0].secret_id == var.database.secret_arn
      && aws_secretsmanager_secret_rotation.this[0].rotation_lambda_arn == var.rotation.function_arn
      && aws_secretsmanager_secret_rotation.this[0].rotation_rules[0].automatically_after_days == 7
      && !aws_secretsmanager_secret_rotation.this[0].rotate_immediately
      && length(aws_serverlessapplicationrepository_cloudformation_stack.rotation) == 0
    )
    error_message = "The function is called every week, and not before the first is over."
  }
  assert {
    condition = [
      for event in [output.failure_events.events, output.failure_events.recoveries] :
      jsondecode(event["rotation"]).detail
      ] == [
      for end in ["Failed", "Succeeded"] : {
        eventName           = ["Rotation${end}"]
        additionalEventData = { SecretId = [var.database.secret_arn] }
      }
    ]
    error_message = (
      "A rotation of this login that fails is told, and one that succeeds puts it right."
    )
  }
}

run "secret_is_rotated_by_the_function_of_aws_with_two_logins_in_turns" {
  command = plan
  variables {
    database = {
      host               = "db.internal"
      name               = "bank"
      secret_arn         = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
      secret_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/secret"
    }
    rotation = {
      application_version  = "1.1.618"
      superuser_secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:master-AbCdEf"
    }
  }

  assert {
    condition = (
      aws_serverlessapplicationrepository_cloudformation_stack.rotation[0].application_id
      == join("", [
        "arn:aws:serverlessrepo:us-east-1:297356227824:applications/",
        "SecretsManagerRDSPostgreSQLRotationMultiUser",
      ])
      && aws_serverlessapplicationrepository_cloudformation_stack.rotation[0].semantic_version
      == "1.1.618"
    )
    error_message = (
      "With a superuser's secret it is the application for two logins, of that version."
    )
  }
  assert {
    condition = one(
      aws_serverlessapplicationrepository_cloudformation_stack.rotation[*].parameters
      ) == tomap({
        endpoint            = "https://secretsmanager.eu-west-1.amazonaws.com"
        excludePunctuation  = "true"
        functionName        = "bank-loans-rotation"
        kmsKeyArn           = "arn:aws:kms:eu-west-1:123456789012:key/secret"
        superuserSecretArn  = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:master-AbCdEf"
        vpcSecurityGroupIds = "sg-extract"
        vpcSubnetIds        = "subnet-1"
    })
    error_message = "It stands where the job stands, and makes passwords that no URL stumbles over."
  }
}

run "secret_is_left_alone_unless_asked_for" {
  command = plan

  assert {
    condition = (
      length(aws_secretsmanager_secret.this) == 0
      && length(aws_secretsmanager_secret_version.this) == 0
      && length(aws_secretsmanager_secret_rotation.this) == 0
      && output.secret_arn == var.database.secret_arn
      && output.user_name == null
    )
    error_message = "A secret that is given is read, and no more."
  }
}

run "with_a_token_no_password_is_kept_anywhere" {
  command = plan
  variables {
    auth    = "iam"
    crawler = { enabled = false }
    database = {
      host           = "db.internal"
      name           = "bank"
      port           = 5433
      resource_id    = "cluster-ABC123"
      ca_certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    }
  }

  assert {
    condition = {
      for k, v in aws_glue_job.this.default_arguments : k => v
      if contains(["--ca-certificate", "--connection", "--iam-user", "--jdbc-url"], k)
      } == {
      "--ca-certificate" = "s3://bank-loans-artifacts/artifacts/bank-loans/database-ca.pem"
      "--iam-user"       = "bank_loans_reader"
      "--jdbc-url"       = "jdbc:postgresql://db.internal:5433/bank"
    }
    error_message = "The engine is told where to ask for what, and no connection to read."
  }
  assert {
    condition = {
      for s in jsondecode(aws_iam_role_policy.job.policy).Statement :
      s.Sid => [s.Action, s.Resource] if contains(["LogIn", "ReadSecret", "DecryptSecret"], s.Sid)
      } == {
      LogIn = [
        "rds-db:connect",
        "arn:aws:rds-db:eu-west-1:123456789012:dbuser:cluster-ABC123/bank_loans_reader",
      ]
    }
    error_message = (
      "The job's role logs in as this one user of this one store, and reads no secret."
    )
  }
  assert {
    condition = (
      aws_glue_connection.this.connection_type == "NETWORK"
      && aws_glue_connection.this.connection_properties == null
      && contains(aws_glue_job.this.connections, "bank-loans")
    )
    error_message = "The connection brings the job into the network and holds nothing."
  }
  assert {
    condition = (
      output.secret_arn == null
      && output.user_name == "bank_loans_reader"
      && length(aws_secretsmanager_secret.this) == 0
    )
    error_message = "There is no secret, and the caller learns which login to make."
  }
}

run "token_is_for_the_login_that_is_named" {
  command = plan
  variables {
    auth     = "iam"
    crawler  = { enabled = false }
    database = { host = "db", name = "bank", resource_id = "cluster-ABC123", user_name = "reader" }
  }

  assert {
    condition = (
      aws_glue_job.this.default_arguments["--iam-user"] == "reader"
      && !contains(keys(aws_glue_job.this.default_arguments), "--ca-certificate")
      && output.user_name == "reader"
    )
    error_message = "A name of the caller's is taken."
  }
}

run "with_endpoints_nothing_leaves_the_vpc" {
  command = plan
  override_resource {
    target          = aws_security_group.endpoints
    override_during = plan
    values          = { id = "sg-endpoints" }
  }
  override_resource {
    target          = aws_vpc_endpoint.s3
    override_during = plan
    values          = { prefix_list_id = "pl-s3" }
  }
  variables {
    endpoints = {
      route_table_ids           = ["rtb-1"]
      client_security_group_ids = { second = "sg-second" }
    }
    network = {
      vpc_id                     = "vpc-1"
      subnet_id                  = "subnet-1"
      availability_zone          = "eu-west-1a"
      database_security_group_id = "sg-store"
    }
  }

  assert {
    condition = (
      { for service, endpoint in aws_vpc_endpoint.this : service => endpoint.service_name } == {
        for service in ["glue", "kms", "logs", "monitoring", "secretsmanager"] :
        service => "com.amazonaws.eu-west-1.${service}"
      }
      && alltrue([
        for endpoint in aws_vpc_endpoint.this : endpoint.private_dns_enabled
        && endpoint.subnet_ids == toset(["subnet-1"])
        && endpoint.security_group_ids == toset(["sg-endpoints"])
      ])
      && aws_vpc_endpoint.s3[0].service_name == "com.amazonaws.eu-west-1.s3"
      && aws_vpc_endpoint.s3[0].vpc_endpoint_type == "Gateway"
      && aws_vpc_endpoint.s3[0].route_table_ids == toset(["rtb-1"])
    )
    error_message = "What a run calls is found in its own subnet, S3 by the route table."
  }
  assert {
    condition = (
      aws_vpc_security_group_egress_rule.aws.cidr_ipv4 == null
      && aws_vpc_security_group_egress_rule.aws.referenced_security_group_id == "sg-endpoints"
      && aws_vpc_security_group_egress_rule.database.cidr_ipv4 == null
      && aws_vpc_security_group_egress_rule.database.referenced_security_group_id == "sg-store"
      && aws_vpc_security_group_egress_rule.s3[0].prefix_list_id == "pl-s3"
    )
    error_message = "The run reaches the endpoints, S3 and the store, and no other address."
  }
  assert {
    condition = {
      for client, rule in aws_vpc_security_group_ingress_rule.endpoints :
      client => join(" ", [
        rule.referenced_security_group_id, "${rule.from_port}-${rule.to_port}", rule.ip_protocol,
      ])
    } == { extract = "sg-extract 443-443 tcp", second = "sg-second 443-443 tcp" }
    error_message = "The endpoints let in those who are named, by HTTPS."
  }
  assert {
    condition = alltrue([
      for endpoint in aws_vpc_endpoint.this :
      jsondecode(endpoint.policy).Statement[0].Condition
      == { StringEquals = { "aws:PrincipalAccount" = "123456789012" } }
    ])
    error_message = "Nobody's credentials of another account work here."
  }
  assert {
    condition = [
      for statement in jsondecode(aws_vpc_endpoint.s3[0].policy).Statement :
      [statement.Sid, statement.Action, try(statement.Condition, null)]
      ] == [
      ["OwnAccount", "*", { StringEquals = { "aws:PrincipalAccount" = "123456789012" } }],
      ["ReadElsewhere", ["s3:GetObject", "s3:ListBucket"], null],
    ]
    error_message = "By S3's endpoint nothing is written with credentials of another account."
  }
}

run "with_a_token_there_is_no_endpoint_for_secrets" {
  command = plan
  variables {
    auth      = "iam"
    crawler   = { enabled = false }
    database  = { host = "db.internal", name = "bank", resource_id = "cluster-ABC123" }
    endpoints = { route_table_ids = ["rtb-1"], services = ["kms", "secretsmanager"] }
  }

  assert {
    condition     = keys(aws_vpc_endpoint.this) == ["kms"]
    error_message = "An endpoint that nobody calls is not paid for."
  }
}

run "without_endpoints_none_is_made_and_nat_leads_everywhere" {
  command = plan

  assert {
    condition = (
      length(aws_vpc_endpoint.s3) + length(aws_vpc_endpoint.this) == 0
      && length(aws_security_group.endpoints) + length(aws_vpc_security_group_egress_rule.s3) == 0
      && aws_vpc_security_group_egress_rule.aws.cidr_ipv4 == "0.0.0.0/0"
      && output.endpoint_security_group_id == null
    )
    error_message = "Endpoints cost money by the hour, so they are asked for by name."
  }
}

run "catching_up_on_the_first_is_for_after_the_run_and_its_retries" {
  command = plan
  variables {
    catch_up_schedule = "cron(1 2 * * ? *)"
    job               = { max_retries = 1 }
  }

  assert {
    condition     = aws_glue_trigger.catch_up[0].enabled
    error_message = "Two hours after the schedule, one run and one retry of an hour each are over."
  }
}
