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

run "job_has_only_the_arguments_of_the_engine" {
  command = plan

  assert {
    condition = alltrue([
      for role in [aws_iam_role.crawler[0], aws_iam_role.job] :
      jsondecode(role.assume_role_policy).Statement == [{
        Effect    = "Allow"
        Principal = { Service = "glue.amazonaws.com" }
        Action    = "sts:AssumeRole"
        Condition = { StringEqualsIfExists = { "aws:SourceAccount" = "123456789012" } }
      }]
    ])
    error_message = "Only Glue can assume the roles, and only for this account."
  }
  assert {
    condition = {
      for k, v in aws_glue_job.this.non_overridable_arguments : k => v if k != "--extra-py-files"
      } == {
      "--additional-python-modules" = join("", [
        "s3://bank-loans-artifacts/artifacts/bank-loans/packages/",
        "extract_without_packages-1.0-py3-none-any.whl",
      ])
      "--conf"                         = "spark.hadoop.fs.s3a.endpoint.region=eu-west-1"
      "--connection"                   = "bank-loans"
      "--custom-logGroup-prefix"       = "/aws-glue/jobs/bank-loans"
      "--enable-metrics"               = "true"
      "--enable-observability-metrics" = "true"
      "--enable-spark-ui"              = "false"
      "--extra-files" = join("", [
        "s3://bank-loans-artifacts/artifacts/bank-loans/packages/",
        "extract_without_packages-1.0-py3-none-any.whl",
      ])
      "--extra-jars" = "s3://bank-loans-artifacts/artifacts/bank-loans/packages/empty.jar"
      "--fixed-arguments" = join(",", [
        "output", "additional-python-modules", "extra-files", "extra-jars",
        "python-modules-installer-option", "user-jars-first",
      ])
      "--job-language"                    = "python"
      "--job-security-configuration"      = "bank-loans"
      "--output"                          = "s3://bank-loans-data/loans"
      "--python-modules-installer-option" = "--no-index"
      "--scriptLocation"                  = "s3://bank-loans-artifacts/artifacts/bank-loans/etl.py"
      "--spark-event-logs-path"           = "s3://bank-loans-artifacts/artifacts/bank-loans/unused/"
      "--TempDir"                         = "s3://bank-loans-artifacts/artifacts/bank-loans/unused/"
      "--user-jars-first"                 = "false"
      "--write-shuffle-files-to-s3"       = "false"
      "--write-shuffle-spills-to-s3"      = "false"
    }
    error_message = "The job has exactly the arguments in this list, and a run cannot change them."
  }
  assert {
    condition = (
      toset(split(",", aws_glue_job.this.non_overridable_arguments["--extra-py-files"]))
      == toset([
        for file in fileset("runtime", "*.py") :
        "s3://bank-loans-artifacts/artifacts/bank-loans/runtime/${file}"
      ])
    )
    error_message = "The argument --extra-py-files names every file of the engine."
  }
  assert {
    condition = (
      aws_glue_job.this.command[0].script_location
      == "s3://bank-loans-artifacts/artifacts/bank-loans/etl.py"
      && aws_s3_object.script.source_hash == filemd5("tests/etl.py")
    )
    error_message = "The job runs the spec. A changed spec is uploaded again."
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
    error_message = "By default, the job is small, ends within an hour, and has one run at a time."
  }
}

run "connection_has_a_secret_and_an_availability_zone" {
  command = plan

  assert {
    condition = aws_glue_connection.this.connection_properties == tomap({
      JDBC_CONNECTION_URL = "jdbc:postgresql://db.internal:5432/bank"
      JDBC_ENFORCE_SSL    = "true"
      SECRET_ID           = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
    })
    error_message = "The connection holds no credentials and requires TLS."
  }
  assert {
    condition = (
      aws_glue_connection.this.physical_connection_requirements[0].availability_zone == "eu-west-1a"
    )
    error_message = "The connection must have an availability zone, or every crawl fails."
  }
  assert {
    condition = (
      aws_glue_connection.this.physical_connection_requirements[0].subnet_id == "subnet-1"
      && aws_glue_connection.this.physical_connection_requirements[0].security_group_id_list
      == toset(["sg-extract"])
    )
    error_message = "The connection has the subnet and the module's security group."
  }
}

run "log_groups_have_the_names_that_glue_uses" {
  command = plan

  assert {
    condition = toset([
      for g in concat(values(aws_cloudwatch_log_group.job), aws_cloudwatch_log_group.crawler) :
      "${g.name} ${g.retention_in_days} ${g.kms_key_id}"
      ]) == toset([
      for group in [
        "jobs/bank-loans/bank-loans-role/bank-loans-job-eu-west-1/error",
        "jobs/bank-loans/bank-loans-role/bank-loans-job-eu-west-1/output",
        "crawlers-role/bank-loans-crawler-eu-west-1-bank-loans",
      ] : "/aws-glue/${group} 365 ${var.kms_key_arn}"
    ])
    error_message = "The module creates Glue's log groups, and each has the key and the retention."
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

run "outputs_have_the_values_that_other_modules_need" {
  command = plan

  assert {
    condition = output.recipients == {
      first = { name = "FirstBankInc", prefix = "loans/bank_name=FirstBankInc" }
      zolw  = { name = "ŻółwSöhne2", prefix = "loans/bank_name=ŻółwSöhne2" }
    }
    error_message = "The prefix keeps only letters and digits of the name, also letters such as Ż."
  }
  assert {
    condition = output.target == {
      name            = "bank-loans"
      bucket          = "bank-loans-data"
      prefix          = "loans"
      manifest_prefix = "loans/_manifests"
    }
    error_message = "The output manifest_prefix is the prefix to which the engine writes manifests."
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
    error_message = "A run or a crawl that ends without success causes a failure event."
  }
  assert {
    condition = {
      for key, event in output.failure_events.recoveries : key => jsondecode(event)
      } == {
      crawler = {
        source      = ["aws.glue"]
        detail-type = ["Glue Crawler State Change"]
        detail      = { crawlerName = ["bank-loans-crawler"], state = ["Succeeded"] }
      }
      job = {
        source      = ["aws.glue"]
        detail-type = ["Glue Job State Change"]
        detail      = { jobName = ["bank-loans"], state = ["SUCCEEDED"] }
      }
    }
    error_message = "A successful run or crawl causes a recovery event."
  }
  assert {
    condition     = output.failure_events.log_group == output.log_groups["output"]
    error_message = "The mails link to the log group of the engine."
  }
}

run "job_settings_are_passed_to_glue" {
  command = plan
  variables {
    extra_arguments = {
      "--additional-python-modules" = "pyarrow==21.0.0"
      "--enable-auto-scaling"       = "true"
      "--statement-timeout"         = "7200"
    }
    job = {
      delay_notification_minutes = 10
      execution_class            = "FLEX"
      glue_version               = "5.1"
      max_retries                = 1
      queuing                    = true
    }
  }

  assert {
    condition = (
      aws_glue_job.this.non_overridable_arguments["--enable-auto-scaling"] == "true"
      && aws_glue_job.this.non_overridable_arguments["--output"] == "s3://bank-loans-data/loans"
    )
    error_message = "The job has the arguments in extra_arguments and those of the module."
  }
  assert {
    condition = (
      aws_glue_job.this.non_overridable_arguments["--fixed-arguments"]
      == join(",", [
        "output", "additional-python-modules", "enable-auto-scaling", "extra-files", "extra-jars",
        "python-modules-installer-option", "user-jars-first",
      ])
    )
    error_message = "The argument --fixed-arguments lists the arguments that a run cannot set."
  }
  assert {
    condition = {
      for name in ["--additional-python-modules", "--python-modules-installer-option"] :
      name => aws_glue_job.this.non_overridable_arguments[name]
      } == {
      "--additional-python-modules"       = "pyarrow==21.0.0"
      "--python-modules-installer-option" = "--disable-pip-version-check"
    }
    error_message = "pip uses the index if extra_arguments has modules. No run can change this."
  }
  assert {
    condition     = aws_glue_job.this.default_arguments == tomap({ "--statement-timeout" = "7200" })
    error_message = "Of the given arguments, a run can override only --statement-timeout."
  }
  assert {
    condition = (
      aws_glue_job.this.execution_class == "FLEX"
      && aws_glue_job.this.job_run_queuing_enabled
      && aws_glue_job.this.glue_version == "5.1"
      && aws_glue_job.this.max_retries == 1
      && aws_glue_job.this.notification_property[0].notify_delay_after == 10
    )
    error_message = "The job has the execution class, queuing, retries and notification of var.job."
  }
  assert {
    condition = jsondecode(output.failure_events.events["slow"]) == {
      source      = ["aws.glue"]
      detail-type = ["Glue Job Run Status"]
      detail      = { jobName = ["bank-loans"] }
    }
    error_message = "A run that takes too long causes a failure event."
  }
}

run "catch_up_queuing_and_slow_event_are_off_by_default" {
  command = plan

  assert {
    condition = (
      length(aws_scheduler_schedule.catch_up) == 0
      && !aws_glue_job.this.job_run_queuing_enabled
      && !contains(keys(output.failure_events.events), "slow")
    )
    error_message = "By default there is one start a month, without queuing."
  }
  assert {
    condition = output.log_links["output"] == join("", [
      "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1",
      "#logsV2:log-groups/log-group/",
      "$252Faws-glue$252Fjobs$252Fbank-loans$252Fbank-loans-role",
      "$252Fbank-loans-job-eu-west-1$252Foutput",
    ])
    error_message = "The link to the logs opens the log group of the engine."
  }
  assert {
    condition     = keys(output.log_links) == ["crawler", "error", "output"]
    error_message = "The output has a link to each log group."
  }
}
