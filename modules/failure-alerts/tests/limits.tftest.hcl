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

run "rule_name_of_64_characters_is_accepted" {
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
    error_message = "EventBridge accepts rule names of at most 64 characters."
  }
}

run "trust_policy_over_2048_characters_is_refused" {
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
