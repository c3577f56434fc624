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

run "name_with_uppercase_letters_is_refused" {
  command = plan
  variables {
    name = "BankLoans"
  }
  expect_failures = [var.name]
}

run "kms_key_alias_is_refused" {
  command = plan
  variables {
    kms_key = { arn = "arn:aws:kms:eu-west-1:123456789012:alias/data" }
  }
  expect_failures = [var.kms_key]
}

run "unlimited_log_retention_is_refused" {
  command = plan
  variables {
    log_retention_days = 0
  }
  expect_failures = [var.log_retention_days]
}

run "empty_map_of_events_is_refused" {
  command = plan
  variables {
    failure_events = {
      name          = "bank-loans"
      events        = {}
      job_name      = "j"
      log_group     = "l"
      workflow_name = "w"
    }
  }
  expect_failures = [var.failure_events]
}

run "event_pattern_with_a_source_that_is_not_a_list_is_refused" {
  command = plan
  variables {
    failure_events = {
      name          = "bank-loans"
      events        = { job = jsonencode({ source = "aws.glue" }) }
      job_name      = "j"
      log_group     = "l"
      workflow_name = "w"
    }
  }
  expect_failures = [var.failure_events]
}

run "event_pattern_that_is_not_json_is_refused" {
  command = plan
  variables {
    failure_events = {
      name          = "bank-loans"
      events        = { job = "source" }
      job_name      = "j"
      log_group     = "l"
      workflow_name = "w"
    }
  }
  expect_failures = [var.failure_events]
}

run "event_pattern_without_a_source_is_refused" {
  command = plan
  variables {
    failure_events = {
      name          = "bank-loans"
      events        = { job = "{}" }
      job_name      = "j"
      log_group     = "l"
      workflow_name = "w"
    }
  }
  expect_failures = [var.failure_events]
}

run "event_pattern_with_another_source_is_refused" {
  command = plan
  variables {
    failure_events = {
      name          = "bank-loans"
      events        = { job = "{\"source\":[\"aws.glue\",\"my.application\"]}" }
      job_name      = "j"
      log_group     = "l"
      workflow_name = "w"
    }
  }
  expect_failures = [var.failure_events]
}

run "event_key_with_spaces_is_refused" {
  command = plan
  variables {
    failure_events = {
      name          = "bank-loans"
      events        = { "the job failed" = "{\"source\":[\"aws.glue\"]}" }
      job_name      = "j"
      log_group     = "l"
      workflow_name = "w"
    }
  }
  expect_failures = [var.failure_events]
}

run "extract_name_with_non_ascii_characters_is_refused" {
  command = plan
  variables {
    failure_events = {
      name          = "żółw"
      events        = { job = "{\"source\":[\"aws.glue\"]}" }
      job_name      = "j"
      log_group     = "l"
      workflow_name = "w"
    }
  }
  expect_failures = [var.failure_events]
}

run "unknown_protocol_is_refused" {
  command = plan
  variables {
    subscriptions = { a = { protocol = "pigeon", endpoint = "a@example.com" } }
  }
  expect_failures = [var.subscriptions]
}

run "two_addresses_in_one_subscription_are_refused" {
  command = plan
  variables {
    subscriptions = { a = { endpoint = "a@example.com b@example.com" } }
  }
  expect_failures = [var.subscriptions]
}

run "webhook_without_tls_is_refused" {
  command = plan
  variables {
    subscriptions = { a = { protocol = "https", endpoint = "http://example.com" } }
  }
  expect_failures = [var.subscriptions]
}

run "queue_url_as_endpoint_is_refused" {
  command = plan
  variables {
    subscriptions = {
      a = { protocol = "sqs", endpoint = "https://sqs.eu-west-1.amazonaws.com/123456789012/q" }
    }
  }
  expect_failures = [var.subscriptions]
}

run "same_endpoint_under_two_keys_is_refused" {
  command = plan
  variables {
    subscriptions = { a = { endpoint = "a@example.com" }, b = { endpoint = "a@example.com" } }
  }
  expect_failures = [var.subscriptions]
}

run "deadline_day_after_28_is_refused" {
  command = plan
  variables {
    deadline = { day = 29 }
  }
  expect_failures = [var.deadline]
}

run "deadline_hour_with_a_fraction_is_refused" {
  command = plan
  variables {
    deadline = { hour = 24 }
  }
  expect_failures = [var.deadline]
}

run "manifest_prefix_with_a_slash_is_refused" {
  command = plan
  variables {
    target = { bucket = "b", manifest_prefix = "loans/_manifests/" }
  }
  expect_failures = [var.target]
}

run "delivery_event_key_with_spaces_is_refused" {
  command = plan
  variables {
    delivery = { events = { "not sent" = "{\"source\":[\"aws.states\"]}" } }
  }
  expect_failures = [var.delivery]
}

run "delivery_event_key_that_failure_events_also_use_is_refused" {
  command = plan
  variables {
    delivery = { events = { job = "{\"source\":[\"aws.states\"]}" } }
  }
  expect_failures = [var.delivery]
}

run "runbook_url_without_tls_is_refused" {
  command = plan
  variables {
    runbook_url = "http://wiki.example.com"
  }
  expect_failures = [var.runbook_url]
}

run "recovery_rule_name_of_65_characters_is_refused" {
  command = plan
  variables {
    name = "loans-of-forty-characters-for-this-limit"
    failure_events = {
      name          = "bank-loans"
      events        = { job = "{\"source\":[\"aws.glue\"]}" }
      recoveries    = { fourteen-chars = "{\"source\":[\"aws.glue\"]}" }
      job_name      = "j"
      log_group     = "l"
      workflow_name = "w"
    }
  }
  expect_failures = [var.failure_events]
}

run "offset_as_time_zone_is_refused" {
  command = plan
  variables {
    failure_events = {
      name          = "bank-loans"
      events        = { job = "{\"source\":[\"aws.glue\"]}" }
      job_name      = "j"
      log_group     = "l"
      time_zone     = "+02:00"
      workflow_name = "w"
    }
  }
  expect_failures = [var.failure_events]
}

run "delivery_rule_name_of_65_characters_is_refused" {
  command = plan
  variables {
    name     = "loans-of-forty-characters-for-this-limit"
    delivery = { recoveries = { fourteen-chars = "{\"source\":[\"aws.states\"]}" } }
  }
  expect_failures = [var.delivery]
}

run "delivery_event_of_another_source_is_refused" {
  command = plan
  variables {
    delivery = { events = { collection = "{\"source\":[\"my.application\"]}" } }
  }
  expect_failures = [var.delivery]
}

run "recipient_folder_that_is_not_a_url_is_refused" {
  command = plan
  variables {
    delivery = { recipients = { first-bank = "loans/bank_name=FirstBank" } }
  }
  expect_failures = [var.delivery]
}

run "push_arn_prefix_of_another_service_is_refused" {
  command = plan
  variables {
    delivery = { push_arn_prefix = "arn:aws:sqs:eu-west-1:123456789012:bank-loans_push" }
  }
  expect_failures = [var.delivery]
}
