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
    kms_key = { arn = "arn:aws:kms:eu-west-1:123456789012:alias/data" }
  }
  expect_failures = [var.kms_key]
}

run "bare_id_for_a_key_is_refused" {
  command = plan
  variables {
    kms_key = { arn = "00000000-0000-0000-0000-000000000000" }
  }
  expect_failures = [var.kms_key]
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

run "settings_of_a_key_that_is_given_are_refused" {
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

run "text_for_a_policy_is_refused" {
  command = plan
  variables {
    additional_bucket_policy_json = "allow all"
    additional_key_policy_json    = "{}"
  }
  expect_failures = [var.additional_bucket_policy_json, var.additional_key_policy_json]
}

run "whole_accounts_and_everybody_are_refused" {
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

run "whole_bucket_for_a_folder_is_refused" {
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

run "grants_that_differ_in_punctuation_are_refused" {
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

run "words_that_aws_does_not_know_are_refused" {
  command = plan
  variables {
    key_alias    = "bank loans"
    key_services = ["s3"]
    object_lock  = { mode = "governance", days = 1 }
    transitions  = { a = { storage_class = "REDUCED_REDUNDANCY", days = 30 } }
  }
  expect_failures = [
    var.key_alias,
    var.key_services,
    var.object_lock,
    var.transitions,
  ]
}

run "log_of_a_log_and_alias_of_aws_are_refused" {
  command = plan
  variables {
    access_logs = { bucket = "bank-loans" }
    key_alias   = "aws/s3"
  }
  expect_failures = [var.access_logs, var.key_alias]
}

run "what_rotates_monthly_or_moves_at_no_time_is_refused" {
  command = plan
  variables {
    key_rotation_days = 30
    object_lock       = { mode = "GOVERNANCE" }
    transitions       = { a = { storage_class = "GLACIER_IR" } }
  }
  expect_failures = [
    var.key_rotation_days,
    var.object_lock,
    var.transitions,
  ]
}

run "key_that_rotates_after_eight_years_and_lock_of_days_and_years_are_refused" {
  command = plan
  variables {
    key_rotation_days = 2920
    object_lock       = { mode = "GOVERNANCE", days = 1, years = 1 }
  }
  expect_failures = [var.key_rotation_days, var.object_lock]
}

run "lock_for_no_day_and_archive_of_current_files_are_refused" {
  command = plan
  variables {
    object_lock = { mode = "GOVERNANCE", days = 0 }
    transitions = { a = { storage_class = "DEEP_ARCHIVE", days = 90 } }
  }
  expect_failures = [var.object_lock, var.transitions]
}

run "destruction_of_what_nobody_can_delete_is_refused" {
  command = plan
  variables {
    force_destroy = true
    object_lock   = { mode = "COMPLIANCE", days = 1 }
  }
  expect_failures = [var.object_lock]
}

run "transition_before_s3_allows_it_is_refused" {
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

run "transition_of_versions_that_are_gone_is_refused" {
  command = plan
  variables {
    transitions = { a = { storage_class = "GLACIER", noncurrent_days = 365 } }
  }
  expect_failures = [var.transitions]
}

run "emptying_a_bucket_of_production_is_refused" {
  command = plan
  variables {
    force_destroy = true
    tags          = { Environment = "Prod" }
  }
  expect_failures = [var.force_destroy]
}

run "copy_into_the_bucket_itself_is_refused" {
  command = plan
  variables {
    replication = {
      bucket_arn  = "arn:aws:s3:::bank-loans"
      kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/copies"
    }
  }
  expect_failures = [var.replication]
}

run "copies_under_an_alias_are_refused" {
  command = plan
  variables {
    replication = {
      bucket_arn  = "arn:aws:s3:::bank-loans-copies"
      kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:alias/copies"
    }
  }
  expect_failures = [var.replication]
}

run "copies_for_an_account_by_name_are_refused" {
  command = plan
  variables {
    replication = {
      account_id  = "backup"
      bucket_arn  = "arn:aws:s3:::bank-loans-copies"
      kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/copies"
    }
  }
  expect_failures = [var.replication]
}

run "copies_of_a_folder_with_a_slash_are_refused" {
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

run "copies_of_an_unknown_class_are_refused" {
  command = plan
  variables {
    replication = {
      bucket_arn    = "arn:aws:s3:::bank-loans-copies"
      kms_key_arn   = "arn:aws:kms:eu-central-1:123456789012:key/copies"
      storage_class = "CHEAP"
    }
  }
  expect_failures = [var.replication]
}

run "two_folders_that_a_policy_cannot_tell_apart_are_refused" {
  command = plan
  variables {
    prefixes = { first = "loans/bank_name=Łódź" }
    readers = {
      second = {
        prefix        = "loans/bank_name=Łódż/year=2026"
        principal_arn = "arn:aws:iam::210987654321:role/second"
      }
    }
  }
  expect_failures = [aws_s3_bucket_policy.this]
}

run "folder_that_the_question_mark_of_another_lets_in_is_refused" {
  command = plan
  variables {
    prefixes = { first = "loans/bank_name=Łódź", second = "loans/bank_name=Lódz" }
  }
  expect_failures = [aws_s3_bucket_policy.this]
}

run "folder_in_another_that_a_policy_cannot_tell_apart_is_refused" {
  command = plan
  variables {
    prefixes = { first = "loans/bank_name=Łódź/year=2026", second = "loans/bank_name=Łódż" }
  }
  expect_failures = [aws_s3_bucket_policy.this]
}

run "folders_that_a_policy_can_tell_apart_are_planned" {
  command = plan
  variables {
    prefixes = {
      all    = "loans"
      first  = "loans/bank_name=Łódź"
      second = "loans/bank_name=Łódź Wschód"
      third  = "loans/bank_name=Żyrardów (SA) + [1]"
      within = "loans/bank_name=Łódź/year=2026"
    }
  }
}

run "folder_with_an_emoji_is_refused" {
  command = plan
  variables {
    prefixes = { first = "loans/bank_name=First😀" }
  }
  expect_failures = [aws_s3_bucket_policy.this]
}

run "bucket_policy_of_more_than_20_kb_is_refused" {
  command = plan
  variables {
    readers = {
      for n in range(60) : "reader-${n}" => {
        prefix        = "loans/bank_name=Bank${n}"
        principal_arn = "arn:aws:iam::210987654321:role/collector-${n}"
      }
    }
  }
  expect_failures = [aws_s3_bucket_policy.this]
}

run "key_policy_of_more_than_32_kb_is_refused" {
  command = plan
  variables {
    key_users = [for n in range(800) : "arn:aws:iam::210987654321:role/collector-${n}"]
  }
  expect_failures = [aws_kms_key.this]
}
