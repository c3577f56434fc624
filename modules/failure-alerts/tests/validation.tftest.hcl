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
  name = "bank-loans"
  failure_events = {
    name          = "bank-loans"
    events        = { job = "{\"source\":[\"aws.glue\"]}" }
    job_name      = "bank-loans"
    log_group     = "/aws-glue/jobs/bank-loans/output"
    workflow_name = "bank-loans"
  }
}

run "name_in_capitals_is_refused" {
  command = plan
  variables {
    name = "BankLoans"
  }
  expect_failures = [var.name]
}

run "alias_for_a_key_is_refused" {
  command = plan
  variables {
    kms_key = { arn = "arn:aws:kms:eu-west-1:123456789012:alias/data" }
  }
  expect_failures = [var.kms_key]
}

run "log_retention_that_aws_does_not_know_is_refused" {
  command = plan
  variables {
    log_retention_days = 100
  }
  expect_failures = [var.log_retention_days]
}

run "no_event_is_refused" {
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

run "event_whose_source_is_no_list_is_refused" {
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

run "event_that_is_no_json_is_refused" {
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

run "event_of_any_source_is_refused" {
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

run "event_called_by_a_sentence_is_refused" {
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

run "name_that_no_subject_can_hold_is_refused" {
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

run "two_addresses_in_one_are_refused" {
  command = plan
  variables {
    subscriptions = { a = { endpoint = "a@example.com b@example.com" } }
  }
  expect_failures = [var.subscriptions]
}

run "web_hook_without_tls_is_refused" {
  command = plan
  variables {
    subscriptions = { a = { protocol = "https", endpoint = "http://example.com" } }
  }
  expect_failures = [var.subscriptions]
}

run "queue_by_its_url_is_refused" {
  command = plan
  variables {
    subscriptions = {
      a = { protocol = "sqs", endpoint = "https://sqs.eu-west-1.amazonaws.com/123456789012/q" }
    }
  }
  expect_failures = [var.subscriptions]
}

run "same_address_under_two_names_is_refused" {
  command = plan
  variables {
    subscriptions = { a = { endpoint = "a@example.com" }, b = { endpoint = "a@example.com" } }
  }
  expect_failures = [var.subscriptions]
}

run "deadline_on_a_day_that_not_every_month_has_is_refused" {
  command = plan
  variables {
    deadline = { day = 29 }
  }
  expect_failures = [var.deadline]
}

run "deadline_at_no_full_hour_is_refused" {
  command = plan
  variables {
    deadline = { hour = 24 }
  }
  expect_failures = [var.deadline]
}

run "manifest_prefix_with_a_slash_is_refused" {
  command = plan
  variables {
    expected_output = { bucket = "b", manifest_prefix = "loans/_manifests/" }
  }
  expect_failures = [var.expected_output]
}

run "delivery_event_called_by_a_sentence_is_refused" {
  command = plan
  variables {
    delivery = { events = { "not sent" = "{\"source\":[\"aws.states\"]}" } }
  }
  expect_failures = [var.delivery]
}

run "delivery_event_under_a_name_that_is_taken_is_refused" {
  command = plan
  variables {
    delivery = { events = { job = "{\"source\":[\"aws.states\"]}" } }
  }
  expect_failures = [var.delivery]
}

run "runbook_without_tls_is_refused" {
  command = plan
  variables {
    runbook_url = "http://wiki.example.com"
  }
  expect_failures = [var.runbook_url]
}

run "recovery_rule_with_a_name_of_65_characters_is_refused" {
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

run "rule_with_a_name_of_64_characters_is_planned" {
  command = plan
  variables {
    name = "loans-of-forty-characters-for-this-limit"
    failure_events = {
      name          = "bank-loans"
      events        = { sixteen-letters- = "{\"source\":[\"aws.glue\"]}" }
      recoveries    = { thirteen-char = "{\"source\":[\"aws.glue\"]}" }
      job_name      = "j"
      log_group     = "l"
      workflow_name = "w"
    }
  }

  assert {
    condition = (
      length(aws_cloudwatch_event_rule.failure["sixteen-letters-"].name) == 64
      && length(aws_cloudwatch_event_rule.recovery["thirteen-char"].name) == 64
    )
    error_message = "EventBridge takes 64 characters."
  }
}

run "offset_for_a_time_zone_is_refused" {
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

run "delivery_rule_with_a_name_of_65_characters_is_refused" {
  command = plan
  variables {
    name     = "loans-of-forty-characters-for-this-limit"
    delivery = { recoveries = { fourteen-chars = "{\"source\":[\"aws.states\"]}" } }
  }
  expect_failures = [var.delivery]
}

run "arn_of_another_service_for_what_sends_is_refused" {
  command = plan
  variables {
    delivery = { push_arn_prefix = "arn:aws:sqs:eu-west-1:123456789012:bank-loans_push" }
  }
  expect_failures = [var.delivery]
}

run "trust_policy_of_more_than_2048_characters_is_refused" {
  command = plan
  variables {
    delivery = {
      events = {
        for n in range(40) : "event-${n}" => "{\"source\":[\"aws.states\"]}"
      }
    }
  }
  expect_failures = [aws_iam_role.events]
}
