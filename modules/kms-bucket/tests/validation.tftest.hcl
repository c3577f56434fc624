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
}

run "name_in_capitals_is_refused" {
  command = plan
  variables {
    name = "Bank-loans"
  }
  expect_failures = [var.name]
}

run "name_with_a_dot_is_refused" {
  command = plan
  variables {
    name = "bank.loans"
  }
  expect_failures = [var.name]
}

run "name_of_two_letters_is_refused" {
  command = plan
  variables {
    name = "bl"
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

run "bare_id_for_a_key_is_refused" {
  command = plan
  variables {
    kms_key_arn = "00000000-0000-0000-0000-000000000000"
  }
  expect_failures = [var.kms_key_arn]
}

run "deletion_of_the_key_in_six_days_is_refused" {
  command = plan
  variables {
    key_deletion_window_days = 6
  }
  expect_failures = [var.key_deletion_window_days]
}

run "deletion_of_the_key_in_a_month_and_a_day_is_refused" {
  command = plan
  variables {
    key_deletion_window_days = 31
  }
  expect_failures = [var.key_deletion_window_days]
}

run "versions_kept_for_no_day_are_refused" {
  command = plan
  variables {
    noncurrent_version_days = 0
  }
  expect_failures = [var.noncurrent_version_days]
}

run "versions_kept_for_half_a_day_are_refused" {
  command = plan
  variables {
    noncurrent_version_days = 1.5
  }
  expect_failures = [var.noncurrent_version_days]
}

run "empty_prefix_is_refused" {
  command = plan
  variables {
    prefixes = { loans = "" }
  }
  expect_failures = [var.prefixes]
}

run "prefix_beginning_with_a_slash_is_refused" {
  command = plan
  variables {
    prefixes = { loans = "/loans" }
  }
  expect_failures = [var.prefixes]
}

run "prefix_ending_with_a_slash_is_refused" {
  command = plan
  variables {
    prefixes = { loans = "loans/" }
  }
  expect_failures = [var.prefixes]
}

run "prefix_with_a_star_is_refused" {
  command = plan
  variables {
    prefixes = { loans = "lo*ns" }
  }
  expect_failures = [var.prefixes]
}

run "prefix_with_a_policy_variable_is_refused" {
  command = plan
  variables {
    prefixes = { loans = "lo$${aws:username}ns" }
  }
  expect_failures = [var.prefixes]
}
