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

# The override replaces the real resource, because the provider would ask AWS to validate its
# definition.
override_resource {
  target          = aws_sfn_state_machine.receipts
  override_during = plan
  values = {
    arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans-receipts"
  }
}

variables {
  name        = "bank-loans"
  bucket      = "bank-loans-data"
  kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  endpoint    = { vpc_id = "vpc-1", subnet_ids = ["subnet-1"] }
}

run "prefix_below_another_recipients_prefix_is_refused" {
  command = plan
  variables {
    recipients = { all = { prefix = "loans" }, first = { prefix = "loans/bank_name=FirstBank" } }
  }
  expect_failures = [
    aws_iam_role_policy.recipient["all"], aws_iam_role_policy.recipient["first"],
  ]
}

run "same_prefix_for_two_recipients_is_refused" {
  command = plan
  variables {
    recipients = { first = { prefix = "loans/a" }, second = { prefix = "loans/a" } }
  }
  expect_failures = [
    aws_iam_role_policy.recipient["first"], aws_iam_role_policy.recipient["second"],
  ]
}

run "prefix_that_begins_like_another_prefix_is_accepted" {
  command = plan
  variables {
    recipients = {
      first   = { prefix = "loans/bank_name=FirstBank" }
      namibia = { prefix = "loans/bank_name=FirstBankOfNamibia" }
    }
  }
}

run "prefix_whose_pattern_matches_another_prefix_is_refused" {
  command = plan
  variables {
    recipients = { lodz = { prefix = "loans/Łódź" }, plain = { prefix = "loans/Lódz" } }
  }
  expect_failures = [aws_iam_role_policy.recipient["lodz"]]
}

run "prefix_whose_pattern_matches_keys_below_another_prefix_is_refused" {
  command = plan
  variables {
    recipients = { lodz = { prefix = "aŁb" }, plain = { prefix = "a" } }
  }
  expect_failures = [aws_iam_role_policy.recipient["lodz"]]
}

run "prefix_whose_pattern_matches_no_other_prefix_is_accepted" {
  command = plan
  variables {
    recipients = {
      gdansk = { prefix = "loans/Gdańsk.B" }
      kielce = { prefix = "loans/Łelce+C" }
      lodz   = { prefix = "loans/Łódź" }
      longer = { prefix = "loans/Łódzk" }
    }
  }
}

run "connector_prefix_whose_pattern_matches_another_prefix_is_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    recipients = {
      for user, prefix in { lodz = "loans/Łódź", plain = "loans/Lódz" } : user => {
        prefix                   = prefix
        push = {
          folder            = "/in"
          secret_arn        = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s"
          trusted_host_keys = ["ssh-rsa AAAA"]
          url               = "sftp://sftp.example.com"
        }
      }
    }
  }
  expect_failures = [aws_iam_role_policy.push["lodz"]]
}
