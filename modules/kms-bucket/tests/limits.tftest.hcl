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

run "prefixes_that_look_the_same_in_policies_are_refused" {
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

run "prefix_that_matches_the_pattern_of_another_is_refused" {
  command = plan
  variables {
    prefixes = { first = "loans/bank_name=Łódź", second = "loans/bank_name=Lódz" }
  }
  expect_failures = [aws_s3_bucket_policy.this]
}

run "prefix_below_a_prefix_that_looks_the_same_in_policies_is_refused" {
  command = plan
  variables {
    prefixes = { first = "loans/bank_name=Łódź/year=2026", second = "loans/bank_name=Łódż" }
  }
  expect_failures = [aws_s3_bucket_policy.this]
}

run "prefixes_that_policies_can_distinguish_are_accepted" {
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

run "prefix_with_an_emoji_is_refused" {
  command = plan
  variables {
    prefixes = { first = "loans/bank_name=First😀" }
  }
  expect_failures = [aws_s3_bucket_policy.this]
}

run "bucket_policy_over_20_kb_is_refused" {
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

run "key_policy_over_32_kb_is_refused" {
  command = plan
  variables {
    key_users = [for n in range(800) : "arn:aws:iam::210987654321:role/collector-${n}"]
  }
  expect_failures = [aws_kms_key.this]
}
