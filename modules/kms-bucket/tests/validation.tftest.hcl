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
  name = "bank-loans"
}

run "name_with_uppercase_letters_is_refused" {
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

run "name_of_two_characters_is_refused" {
  command = plan
  variables {
    name = "bl"
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

run "kms_key_id_is_refused" {
  command = plan
  variables {
    kms_key = { arn = "00000000-0000-0000-0000-000000000000" }
  }
  expect_failures = [var.kms_key]
}

run "empty_prefix_is_refused" {
  command = plan
  variables {
    prefixes = { loans = "" }
  }
  expect_failures = [var.prefixes]
}

run "prefix_with_a_leading_slash_is_refused" {
  command = plan
  variables {
    prefixes = { loans = "/loans" }
  }
  expect_failures = [var.prefixes]
}

run "prefix_with_a_trailing_slash_is_refused" {
  command = plan
  variables {
    prefixes = { loans = "loans/" }
  }
  expect_failures = [var.prefixes]
}

run "prefix_with_a_wildcard_is_refused" {
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

run "key_settings_with_an_existing_key_are_refused" {
  command = plan
  variables {
    additional_key_policy_json = "{\"Statement\": []}"
    key_administrators         = ["arn:aws:iam::123456789012:role/r"]
    key_alias                  = "loans"
    key_services               = ["glue"]
    key_users                  = ["arn:aws:iam::123456789012:role/r"]
    kms_key                    = { arn = "arn:aws:kms:eu-west-1:123456789012:key/given" }
  }
  expect_failures = [
    var.additional_key_policy_json,
    var.key_administrators,
    var.key_alias,
    var.key_services,
    var.key_users,
  ]
}

run "policies_that_are_not_json_policies_are_refused" {
  command = plan
  variables {
    additional_bucket_policy_json = "allow all"
    additional_key_policy_json    = "{}"
  }
  expect_failures = [var.additional_bucket_policy_json, var.additional_key_policy_json]
}

run "accounts_and_wildcards_as_principals_are_refused" {
  command = plan
  variables {
    key_administrators = ["arn:aws:iam::123456789012:root"]
    key_users          = ["arn:aws:iam::123456789012:role/*"]
    readers            = { a = { prefix = "loans", principal_arn = "*" } }
    writers = {
      a = { prefix = "loans", principal_arn = "arn:aws:iam::123456789012:root" }
    }
  }
  expect_failures = [
    var.key_administrators,
    var.key_users,
    var.readers,
    var.writers,
  ]
}

run "whole_bucket_as_prefix_is_refused" {
  command = plan
  variables {
    access_logs = { bucket = "logs", prefix = "" }
    readers     = { a = { prefix = "*", principal_arn = "arn:aws:iam::123456789012:role/r" } }
    transitions = { a = { storage_class = "GLACIER_IR", days = 90, prefix = "/" } }
    writers     = { a = { prefix = "/", principal_arn = "arn:aws:iam::123456789012:role/r" } }
  }
  expect_failures = [
    var.access_logs,
    var.readers,
    var.transitions,
    var.writers,
  ]
}

run "grant_keys_that_differ_only_in_punctuation_are_refused" {
  command = plan
  variables {
    readers = {
      a-b = { prefix = "loans", principal_arn = "arn:aws:iam::123456789012:role/r" }
      a_b = { prefix = "loans", principal_arn = "arn:aws:iam::123456789012:role/r" }
    }
    writers = {
      a-b = { prefix = "loans", principal_arn = "arn:aws:iam::123456789012:role/r" }
      a_b = { prefix = "loans", principal_arn = "arn:aws:iam::123456789012:role/r" }
    }
  }
  expect_failures = [var.readers, var.writers]
}

run "unknown_key_service_is_refused" {
  command = plan
  variables {
    key_services = ["s3"]
  }
  expect_failures = [var.key_services]
}

run "access_logs_in_the_same_bucket_and_doubled_alias_prefix_are_refused" {
  command = plan
  variables {
    access_logs = { bucket = "bank-loans" }
    key_alias   = "alias/loans"
  }
  expect_failures = [var.access_logs, var.key_alias]
}

run "lock_and_transition_without_days_are_refused" {
  command = plan
  variables {
    object_lock = { mode = "GOVERNANCE" }
    transitions = { a = { storage_class = "GLACIER_IR" } }
  }
  expect_failures = [
    var.object_lock,
    var.transitions,
  ]
}

run "lock_for_zero_days_and_archive_of_current_files_are_refused" {
  command = plan
  variables {
    object_lock = { mode = "GOVERNANCE", days = 0 }
    transitions = { a = { storage_class = "DEEP_ARCHIVE", days = 90 } }
  }
  expect_failures = [var.object_lock, var.transitions]
}

run "force_destroy_with_compliance_lock_is_refused" {
  command = plan
  variables {
    force_destroy = true
    object_lock   = { mode = "COMPLIANCE", days = 1 }
  }
  expect_failures = [var.object_lock]
}

run "transition_to_standard_ia_before_30_days_is_refused" {
  command = plan
  variables {
    transitions = { a = { storage_class = "STANDARD_IA", days = 29 } }
  }
  expect_failures = [var.transitions]
}

run "transition_after_half_a_day_is_refused" {
  command = plan
  variables {
    transitions = { a = { storage_class = "GLACIER_IR", noncurrent_days = 1.5 } }
  }
  expect_failures = [var.transitions]
}

run "transition_of_deleted_versions_is_refused" {
  command = plan
  variables {
    transitions = { a = { storage_class = "GLACIER", noncurrent_days = 365 } }
  }
  expect_failures = [var.transitions]
}

run "force_destroy_in_production_is_refused" {
  command = plan
  variables {
    force_destroy = true
    tags          = { Environment = "Prod" }
  }
  expect_failures = [var.force_destroy]
}

run "replication_to_the_same_bucket_is_refused" {
  command = plan
  variables {
    replication = {
      bucket_arn  = "arn:aws:s3:::bank-loans"
      kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/copies"
    }
  }
  expect_failures = [var.replication]
}

run "replication_with_a_key_alias_is_refused" {
  command = plan
  variables {
    replication = {
      bucket_arn  = "arn:aws:s3:::bank-loans-copies"
      kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:alias/copies"
    }
  }
  expect_failures = [var.replication]
}

run "replication_prefix_with_a_slash_is_refused" {
  command = plan
  variables {
    replication = {
      bucket_arn  = "arn:aws:s3:::bank-loans-copies"
      kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/copies"
      prefix      = "loans/"
    }
  }
  expect_failures = [var.replication]
}
