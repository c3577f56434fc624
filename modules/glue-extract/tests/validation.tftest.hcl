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

variables {
  name             = "bank-loans"
  kms_key_arn      = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  script_path      = "tests/etl.py"
  tables           = ["Loans", "Bank"]
  recipient_column = "bank_name"

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
    writer_policy_json = "{}"
  }
}

run "name_with_uppercase_letters_is_refused" {
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

run "name_of_41_characters_is_refused" {
  command = plan
  variables {
    name = "a234567890123456789012345678901234567890b"
  }
  expect_failures = [var.name]
}

run "kms_key_alias_is_refused" {
  command = plan
  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:alias/data"
  }
  expect_failures = [var.kms_key_arn]
}

run "unlimited_log_retention_is_refused" {
  command = plan
  variables {
    log_retention_days = 0
  }
  expect_failures = [var.log_retention_days]
}

run "artifacts_prefix_with_a_trailing_slash_is_refused" {
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

run "target_prefix_with_a_leading_slash_is_refused" {
  command = plan
  variables {
    target = { bucket = "b", prefix = "/loans", writer_policy_json = "{}" }
  }
  expect_failures = [var.target]
}

run "target_prefix_with_a_wildcard_is_refused" {
  command = plan
  variables {
    target = { bucket = "b", prefix = "*", writer_policy_json = "{}" }
  }
  expect_failures = [var.target]
}

run "region_name_as_availability_zone_is_refused" {
  command = plan
  variables {
    network = { vpc_id = "v", subnet_id = "s", availability_zone = "Ireland" }
  }
  expect_failures = [var.network]
}

run "missing_script_is_refused" {
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

run "recipient_column_with_a_space_is_refused" {
  command = plan
  variables {
    recipient_column = "bank name"
  }
  expect_failures = [var.recipient_column]
}

run "untested_glue_version_is_refused" {
  command = plan
  variables {
    job = { glue_version = "4.0" }
  }
  expect_failures = [var.job]
}

run "worker_type_standard_is_refused" {
  command = plan
  variables {
    job = { worker_type = "Standard" }
  }
  expect_failures = [var.job]
}

run "single_worker_is_refused" {
  command = plan
  variables {
    job = { number_of_workers = 1 }
  }
  expect_failures = [var.job]
}

run "timeout_over_seven_days_is_refused" {
  command = plan
  variables {
    job = { timeout_minutes = 10081 }
  }
  expect_failures = [var.job]
}

run "flat_recipient_without_letters_is_refused" {
  command = plan
  variables {
    flat_recipients = ["!!"]
  }
  expect_failures = [var.flat_recipients]
}

run "star_with_other_flat_recipients_is_refused" {
  command = plan
  variables {
    flat_recipients = ["*", "Beta"]
  }
  expect_failures = [var.flat_recipients]
}

run "eleven_flat_recipients_are_refused" {
  command = plan
  variables {
    flat_recipients = [for number in range(11) : "Bank ${number}"]
  }
  expect_failures = [var.flat_recipients]
}

run "recipient_name_without_letters_is_refused" {
  command = plan
  variables {
    recipients = { a = "!!" }
  }
  expect_failures = [var.recipients]
}

run "recipients_with_the_same_prefix_are_refused" {
  command = plan
  variables {
    recipients = { a = "First Bank", b = "First-Bank" }
  }
  expect_failures = [var.recipients]
}

run "schedule_with_five_fields_is_refused" {
  command = plan
  variables {
    schedule = "cron(1 0 1 * ?)"
  }
  expect_failures = [var.schedule]
}

run "rate_expression_as_schedule_is_refused" {
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

run "target_prefix_with_two_dots_is_refused" {
  command = plan
  variables {
    target = { bucket = "b", prefix = "loans/../more", writer_policy_json = "{}" }
  }
  expect_failures = [var.target]
}

run "artifacts_prefix_with_an_empty_part_is_refused" {
  command = plan
  variables {
    artifacts = { bucket = "a", prefix = "artifacts//more" }
  }
  expect_failures = [var.artifacts]
}

run "target_within_the_artifacts_is_refused" {
  command = plan
  variables {
    artifacts = { bucket = "a" }
    target    = { bucket = "a", prefix = "artifacts/loans", writer_policy_json = "{}" }
  }
  expect_failures = [var.target]
}

run "hourly_schedules_are_refused" {
  command = plan
  variables {
    catch_up_schedule = "cron(0 * 2-10 * ? *)"
    schedule          = "cron(0 0/6 1 * ? *)"
  }
  expect_failures = [var.catch_up_schedule, var.schedule]
}

run "schedules_with_day_and_weekday_or_a_lowercase_month_are_refused" {
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

run "driver_without_a_crawler_and_flex_on_a_large_worker_are_refused" {
  command = plan
  variables {
    crawler = { driver_jar_path = "tests/driver.jar", enabled = false }
    job     = { execution_class = "FLEX", worker_type = "G.4X" }
  }
  expect_failures = [var.crawler, var.job]
}

run "argument_without_hyphens_and_delay_after_the_timeout_are_refused" {
  command = plan
  variables {
    extra_arguments = { auto = "true" }
    job             = { delay_notification_minutes = 60 }
  }
  expect_failures = [var.extra_arguments, var.job]
}

run "extra_argument_that_the_module_sets_is_refused" {
  command = plan
  variables {
    extra_arguments = { "--connection" = "2026-10" }
  }
  expect_failures = [var.extra_arguments]
}

run "extra_argument_that_belongs_to_one_run_is_refused" {
  command = plan
  variables {
    extra_arguments = { "--period" = "2026-10" }
  }
  expect_failures = [var.extra_arguments]
}

run "extra_argument_that_glue_sets_is_refused" {
  command = plan
  variables {
    extra_arguments = { "--JOB_NAME" = "2026-10" }
  }
  expect_failures = [var.extra_arguments]
}

run "extra_argument_without_effect_is_refused" {
  command = plan
  variables {
    extra_arguments = { "--continuous-log-logGroup" = "2026-10" }
  }
  expect_failures = [var.extra_arguments]
}

run "endpoints_without_route_tables_are_refused" {
  command = plan
  variables {
    endpoints = { route_table_ids = [] }
  }
  expect_failures = [var.endpoints]
}

run "endpoint_service_in_uppercase_is_refused" {
  command = plan
  variables {
    endpoints = { route_table_ids = ["rtb-1"], services = ["KMS"] }
  }
  expect_failures = [var.endpoints]
}

run "endpoint_client_with_the_reserved_key_is_refused" {
  command = plan
  variables {
    endpoints = { route_table_ids = ["rtb-1"], client_security_group_ids = { extract = "sg-1" } }
  }
  expect_failures = [var.endpoints]
}

run "offset_as_time_zone_is_refused" {
  command = plan
  variables {
    time_zone = "GMT+2"
  }
  expect_failures = [var.time_zone]
}

run "abbreviation_as_time_zone_is_refused" {
  command = plan
  variables {
    time_zone = "CET"
  }
  expect_failures = [var.time_zone]
}

run "queue_url_as_arn_is_refused" {
  command = plan
  variables {
    dead_letter_queue = {
      arn         = "https://sqs.eu-west-1.amazonaws.com/123456789012/alerts"
      kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/alerts"
    }
  }
  expect_failures = [var.dead_letter_queue]
}
