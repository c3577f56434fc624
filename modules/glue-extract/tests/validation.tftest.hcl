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

variables {
  name            = "bank-loans"
  kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  script_path     = "tests/etl.py"
  tables          = ["Loans", "Bank"]
  recipient_label = "bank_name"

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
    writer_policy_json = "{}"
  }
}

run "name_in_capitals_is_refused" {
  command = plan
  variables {
    name = "BankLoans"
  }
  expect_failures = [var.name]
}

run "name_beginning_with_a_digit_is_refused" {
  command = plan
  variables {
    name = "1st-bank"
  }
  expect_failures = [var.name]
}

run "name_of_41_letters_is_refused" {
  command = plan
  variables {
    name = "a234567890123456789012345678901234567890b"
  }
  expect_failures = [var.name]
}

run "alias_for_a_key_is_refused" {
  command = plan
  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:alias/data"
  }
  expect_failures = [var.kms_key_arn]
}

run "log_retention_that_aws_does_not_know_is_refused" {
  command = plan
  variables {
    log_retention_days = 100
  }
  expect_failures = [var.log_retention_days]
}

run "artifacts_prefix_with_a_slash_is_refused" {
  command = plan
  variables {
    artifacts = { bucket = "b", prefix = "artifacts/" }
  }
  expect_failures = [var.artifacts]
}

run "empty_artifacts_prefix_is_refused" {
  command = plan
  variables {
    artifacts = { bucket = "b", prefix = "" }
  }
  expect_failures = [var.artifacts]
}

run "output_prefix_with_a_slash_is_refused" {
  command = plan
  variables {
    output = { bucket = "b", prefix = "/loans", writer_policy_json = "{}" }
  }
  expect_failures = [var.output]
}

run "output_prefix_with_a_star_is_refused" {
  command = plan
  variables {
    output = { bucket = "b", prefix = "*", writer_policy_json = "{}" }
  }
  expect_failures = [var.output]
}

run "url_for_a_host_is_refused" {
  command = plan
  variables {
    database = {
      host       = "jdbc:postgresql://db"
      name       = "bank"
      secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
    }
  }
  expect_failures = [var.database]
}

run "database_name_with_parameters_is_refused" {
  command = plan
  variables {
    database = {
      host       = "db.internal"
      name       = "bank?sslmode=disable"
      secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
    }
  }
  expect_failures = [var.database]
}

run "schema_with_a_wildcard_is_refused" {
  command = plan
  variables {
    database = {
      host       = "db.internal"
      name       = "bank"
      secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
      schema     = "pub%"
    }
  }
  expect_failures = [var.database]
}

run "port_zero_is_refused" {
  command = plan
  variables {
    database = {
      host       = "db.internal"
      name       = "bank"
      secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
      port       = 0
    }
  }
  expect_failures = [var.database]
}

run "secret_by_name_is_refused" {
  command = plan
  variables {
    database = {
      host       = "db.internal"
      name       = "bank"
      secret_arn = "bank"
    }
  }
  expect_failures = [var.database]
}

run "path_for_a_certificate_is_refused" {
  command = plan
  variables {
    database = {
      host           = "db.internal"
      name           = "bank"
      secret_arn     = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
      ca_certificate = "certs/ca.pem"
    }
  }
  expect_failures = [var.database]
}

run "region_for_a_zone_is_refused" {
  command = plan
  variables {
    network = { vpc_id = "v", subnet_id = "s", availability_zone = "Ireland" }
  }
  expect_failures = [var.network]
}

run "script_that_is_not_there_is_refused" {
  command = plan
  variables {
    script_path = "tests/missing.py"
  }
  expect_failures = [var.script_path]
}

run "script_that_is_not_python_is_refused" {
  command = plan
  variables {
    script_path = "main.tf"
  }
  expect_failures = [var.script_path]
}

run "no_table_is_refused" {
  command = plan
  variables {
    tables = []
  }
  expect_failures = [var.tables]
}

run "table_with_a_wildcard_is_refused" {
  command = plan
  variables {
    tables = ["Loan%"]
  }
  expect_failures = [var.tables]
}

run "label_with_blanks_is_refused" {
  command = plan
  variables {
    recipient_label = "bank name"
  }
  expect_failures = [var.recipient_label]
}

run "old_glue_is_refused" {
  command = plan
  variables {
    job = { glue_version = "4.0" }
  }
  expect_failures = [var.job]
}

run "unknown_worker_is_refused" {
  command = plan
  variables {
    job = { worker_type = "Standard" }
  }
  expect_failures = [var.job]
}

run "one_worker_is_refused" {
  command = plan
  variables {
    job = { number_of_workers = 1 }
  }
  expect_failures = [var.job]
}

run "job_without_end_is_refused" {
  command = plan
  variables {
    job = { timeout_minutes = 0 }
  }
  expect_failures = [var.job]
}

run "eleven_retries_are_refused" {
  command = plan
  variables {
    job = { max_retries = 11 }
  }
  expect_failures = [var.job]
}

run "recipient_of_punctuation_is_refused" {
  command = plan
  variables {
    recipients = { a = "!!" }
  }
  expect_failures = [var.recipients]
}

run "recipients_that_would_share_a_folder_are_refused" {
  command = plan
  variables {
    recipients = { a = "First Bank", b = "First-Bank" }
  }
  expect_failures = [var.recipients]
}

run "schedule_of_five_fields_is_refused" {
  command = plan
  variables {
    schedule = "cron(1 0 1 * ?)"
  }
  expect_failures = [var.schedule]
}

run "rate_for_a_schedule_is_refused" {
  command = plan
  variables {
    schedule = "rate(1 day)"
  }
  expect_failures = [var.schedule]
}

run "schedule_with_day_and_weekday_is_refused" {
  command = plan
  variables {
    schedule = "cron(1 0 1 * * *)"
  }
  expect_failures = [var.schedule]
}

run "output_prefix_that_leads_elsewhere_is_refused" {
  command = plan
  variables {
    output = { bucket = "b", prefix = "loans/../more", writer_policy_json = "{}" }
  }
  expect_failures = [var.output]
}

run "artifacts_prefix_with_an_empty_part_is_refused" {
  command = plan
  variables {
    artifacts = { bucket = "a", prefix = "artifacts//more" }
  }
  expect_failures = [var.artifacts]
}

run "files_within_the_artifacts_are_refused" {
  command = plan
  variables {
    artifacts = { bucket = "a" }
    output    = { bucket = "a", prefix = "artifacts/loans", writer_policy_json = "{}" }
  }
  expect_failures = [var.output]
}

run "starts_every_hour_are_refused" {
  command = plan
  variables {
    catch_up_schedule = "cron(0 * 2-10 * ? *)"
    schedule          = "cron(0 0/6 1 * ? *)"
  }
  expect_failures = [var.catch_up_schedule, var.schedule]
}

run "starts_with_day_and_weekday_or_a_small_name_are_refused" {
  command = plan
  variables {
    catch_up_schedule = "cron(0 6 2-10 * * *)"
    schedule          = "cron(1 0 1 jan ? *)"
  }
  expect_failures = [var.catch_up_schedule, var.schedule]
}

run "day_32_and_month_13_are_refused" {
  command = plan
  variables {
    catch_up_schedule = "cron(0 6 2-32 * ? *)"
    schedule          = "cron(1 0 1 13 ? *)"
  }
  expect_failures = [var.catch_up_schedule, var.schedule]
}

run "driver_that_is_not_there_and_unknown_class_are_refused" {
  command = plan
  variables {
    crawler = { driver_jar_path = "tests/missing.jar" }
    job     = { execution_class = "SPOT" }
  }
  expect_failures = [var.crawler, var.job]
}

run "driver_without_a_crawler_and_flex_on_a_large_worker_are_refused" {
  command = plan
  variables {
    crawler = { driver_jar_path = "tests/driver.jar", enabled = false }
    job     = { execution_class = "FLEX", worker_type = "G.4X" }
  }
  expect_failures = [var.crawler, var.job]
}

run "argument_without_hyphens_and_delay_after_the_end_are_refused" {
  command = plan
  variables {
    extra_arguments = { auto = "true" }
    job             = { delay_notification_minutes = 60 }
  }
  expect_failures = [var.extra_arguments, var.job]
}

run "argument_of_the_module_is_refused" {
  command = plan
  variables {
    extra_arguments = { "--connection" = "2026-10" }
  }
  expect_failures = [var.extra_arguments]
}

run "argument_of_one_run_is_refused" {
  command = plan
  variables {
    extra_arguments = { "--period" = "2026-10" }
  }
  expect_failures = [var.extra_arguments]
}

run "argument_of_glue_itself_is_refused" {
  command = plan
  variables {
    extra_arguments = { "--JOB_NAME" = "2026-10" }
  }
  expect_failures = [var.extra_arguments]
}

run "argument_that_does_nothing_is_refused" {
  command = plan
  variables {
    extra_arguments = { "--continuous-log-logGroup" = "2026-10" }
  }
  expect_failures = [var.extra_arguments]
}

run "neither_a_secret_nor_a_way_to_make_one_is_refused" {
  command = plan
  variables {
    database = { host = "db.internal", name = "bank" }
  }
  expect_failures = [var.auth]
}

run "secret_twice_is_refused" {
  command = plan
  variables {
    secret = {}
  }
  expect_failures = [var.auth]
}

run "rotation_by_nobody_is_refused" {
  command = plan
  variables {
    rotation = {}
  }
  expect_failures = [var.rotation]
}

run "rotation_at_no_time_is_refused" {
  command = plan
  variables {
    rotation = { days = 0, function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:r" }
  }
  expect_failures = [var.rotation]
}

run "user_name_that_needs_quotes_is_refused" {
  command = plan
  variables {
    database = { host = "db.internal", name = "bank" }
    secret   = { user_name = "Reader" }
  }
  expect_failures = [var.secret]
}

run "recovery_window_of_a_day_is_refused" {
  command = plan
  variables {
    database = { host = "db.internal", name = "bank" }
    secret   = { recovery_window_days = 1 }
  }
  expect_failures = [var.secret]
}

run "half_a_password_version_is_refused" {
  command = plan
  variables {
    database = { host = "db.internal", name = "bank" }
    secret   = { password_version = 0.5 }
  }
  expect_failures = [var.secret]
}

run "rotation_function_by_name_is_refused" {
  command = plan
  variables {
    rotation = { function_arn = "rotate" }
  }
  expect_failures = [var.rotation]
}

run "application_version_without_numbers_is_refused" {
  command = plan
  variables {
    rotation = { application_version = "latest" }
  }
  expect_failures = [var.rotation]
}

run "superuser_for_a_function_of_your_own_is_refused" {
  command = plan
  variables {
    rotation = {
      function_arn         = "arn:aws:lambda:eu-west-1:123456789012:function:r"
      superuser_secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:master-AbCdEf"
    }
  }
  expect_failures = [var.rotation]
}

run "key_of_a_superuser_without_the_superuser_is_refused" {
  command = plan
  variables {
    rotation = {
      application_version          = "1.1.618"
      superuser_secret_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/superuser"
    }
  }
  expect_failures = [var.rotation]
}

run "alias_for_the_key_of_a_superuser_is_refused" {
  command = plan
  variables {
    rotation = {
      application_version          = "1.1.618"
      superuser_secret_arn         = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s-AbCdE"
      superuser_secret_kms_key_arn = "alias/superuser"
    }
  }
  expect_failures = [var.rotation]
}

run "rotation_host_with_a_scheme_is_refused" {
  command = plan
  variables {
    database = { host = "db.internal", name = "bank" }
    secret   = {}
    rotation = { application_version = "1.1.618", host = "postgresql://db.internal" }
  }
  expect_failures = [var.rotation]
}

run "rotation_host_for_a_secret_of_your_own_is_refused" {
  command = plan
  variables {
    rotation = { application_version = "1.1.618", host = "db.internal" }
  }
  expect_failures = [var.rotation]
}

run "rotation_of_a_login_at_a_reader_endpoint_is_refused" {
  command = plan
  variables {
    database = { host = "bank.cluster-ro-abc.eu-west-1.rds.amazonaws.com", name = "bank" }
    secret   = {}
    rotation = { application_version = "1.1.618" }
  }
  expect_failures = [var.rotation]
}

run "login_by_a_third_way_is_refused" {
  command = plan
  variables {
    auth = "kerberos"
  }
  expect_failures = [var.auth]
}

run "crawler_without_a_password_is_refused" {
  command = plan
  variables {
    auth     = "iam"
    database = { host = "db.internal", name = "bank", resource_id = "cluster-ABC123" }
  }
  expect_failures = [var.auth]
}

run "token_for_no_store_is_refused" {
  command = plan
  variables {
    auth     = "iam"
    crawler  = { enabled = false }
    database = { host = "db.internal", name = "bank" }
  }
  expect_failures = [var.auth]
}

run "token_beside_a_secret_is_refused" {
  command = plan
  variables {
    auth    = "iam"
    crawler = { enabled = false }
    database = {
      host        = "db.internal"
      name        = "bank"
      resource_id = "cluster-ABC123"
      secret_arn  = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
    }
  }
  expect_failures = [var.auth]
}

run "rotation_of_a_token_is_refused" {
  command = plan
  variables {
    auth     = "iam"
    crawler  = { enabled = false }
    database = { host = "db.internal", name = "bank", resource_id = "cluster-ABC123" }
    rotation = { function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:r" }
  }
  expect_failures = [var.auth]
}

run "login_of_a_token_beside_a_secret_is_refused" {
  command = plan
  variables {
    database = {
      host       = "db.internal"
      name       = "bank"
      secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
      user_name  = "reader"
    }
  }
  expect_failures = [var.auth]
}

run "name_of_the_cluster_for_its_resource_id_is_refused" {
  command = plan
  variables {
    auth     = "iam"
    crawler  = { enabled = false }
    database = { host = "db.internal", name = "bank", resource_id = "bank-cluster" }
  }
  expect_failures = [var.database]
}

run "login_of_a_token_that_needs_quotes_is_refused" {
  command = plan
  variables {
    auth    = "iam"
    crawler = { enabled = false }
    database = {
      host        = "db.internal"
      name        = "bank"
      resource_id = "cluster-ABC123"
      user_name   = "*"
    }
  }
  expect_failures = [var.database]
}

run "catching_up_while_the_first_run_may_last_is_refused" {
  command = plan
  variables {
    catch_up_schedule = "cron(0 1 1-10 * ? *)"
    job               = { max_retries = 1 }
  }
  expect_failures = [aws_scheduler_schedule.catch_up]
}

run "catching_up_an_hour_after_a_start_at_the_end_of_a_month_is_refused" {
  command = plan
  variables {
    catch_up_schedule = "cron(0 0 1 * ? *)"
    schedule          = "cron(30 23 31 * ? *)"
  }
  expect_failures = [aws_scheduler_schedule.catch_up]
}

run "catching_up_every_day_with_runs_of_two_days_is_refused" {
  command = plan
  variables {
    catch_up_schedule = "cron(0 6 4-10 * ? *)"
    job               = { timeout_minutes = 2880 }
  }
  expect_failures = [aws_scheduler_schedule.catch_up]
}

run "endpoints_without_a_way_to_s3_are_refused" {
  command = plan
  variables {
    endpoints = { route_table_ids = [] }
  }
  expect_failures = [var.endpoints]
}

run "endpoint_by_its_full_name_is_refused" {
  command = plan
  variables {
    endpoints = { route_table_ids = ["rtb-1"], services = ["KMS"] }
  }
  expect_failures = [var.endpoints]
}

run "client_of_the_endpoints_with_the_extract_s_own_name_is_refused" {
  command = plan
  variables {
    endpoints = { route_table_ids = ["rtb-1"], client_security_group_ids = { extract = "sg-1" } }
  }
  expect_failures = [var.endpoints]
}

run "dead_letter_queue_by_its_url_is_refused" {
  command = plan
  variables {
    dead_letter_queue = {
      arn         = "https://sqs.eu-west-1.amazonaws.com/123456789012/alerts"
      kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/alerts"
    }
  }
  expect_failures = [var.dead_letter_queue]
}

run "alias_for_the_key_of_the_catalog_is_refused" {
  command = plan
  variables {
    crawler = { catalog_kms_key_arn = "alias/catalog" }
  }
  expect_failures = [var.crawler]
}

run "key_of_the_catalog_without_a_crawler_is_refused" {
  command = plan
  variables {
    crawler = {
      catalog_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/catalog"
      enabled             = false
    }
  }
  expect_failures = [var.crawler]
}

run "offset_for_a_time_zone_is_refused" {
  command = plan
  variables {
    time_zone = "GMT+2"
  }
  expect_failures = [var.time_zone]
}

run "abbreviation_for_a_time_zone_is_refused" {
  command = plan
  variables {
    time_zone = "CET"
  }
  expect_failures = [var.time_zone]
}
