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

override_resource {
  target          = aws_kms_key.this
  override_during = plan
  values          = { arn = "arn:aws:kms:eu-west-1:123456789012:key/own" }
}

override_resource {
  target          = aws_dynamodb_table.incidents
  override_during = plan
  values          = { arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/bank-loans-incidents" }
}

override_resource {
  target          = aws_sns_topic.this
  override_during = plan
  values          = { arn = "arn:aws:sns:eu-west-1:123456789012:bank-loans-failures" }
}

override_resource {
  target          = aws_sfn_state_machine.missing
  override_during = plan
  values = {
    arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans-missing"
  }
}

override_resource {
  target          = aws_sfn_state_machine.this
  override_during = plan
  values = {
    arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans-failures"
  }
}

run "default_time_zone_is_gmt" {
  command = plan

  assert {
    condition = (
      jsondecode(aws_sfn_state_machine.this.definition).States.Begin.Assign.config.hours_ahead == 0
      && jsondecode(aws_sfn_state_machine.this.definition).States.Begin.Assign.config.time_zone
      == "Etc/GMT"
    )
    error_message = "If time_zone is not set, it is Etc/GMT, and hours_ahead is 0."
  }
}

run "longest_names_are_within_all_limits" {
  command = plan
  variables {
    name = "loans-of-forty-characters-for-this-limit"
    failure_events = {
      name = "Loans of fifty characters for all of these limits."
      events = {
        for n in range(5) : "sixteen-letter-${n}" => "{\"source\":[\"aws.glue\"]}"
      }
      recoveries = {
        for n in range(5) : "thirteen-ch-${n}" => "{\"source\":[\"aws.glue\"]}"
      }
      job_name      = "loans-of-forty-characters-for-this-limit"
      log_group     = "/aws-glue/jobs/loans-of-forty-characters-for-this-limit/output"
      workflow_name = "loans-of-forty-characters-for-this-limit"
    }
  }

  assert {
    condition = (
      length(var.name) == 40 && length(var.failure_events.name) == 50
      && length(aws_cloudwatch_metric_alarm.dead_letters.alarm_description) <= 1024
      && length(jsondecode(
        aws_sfn_state_machine.missing["this"].definition
      ).States.Unknown.Arguments.Subject) < 100
    )
    error_message = "Mail subjects have up to 99 characters, and alarm descriptions up to 1,024."
  }
  assert {
    condition = alltrue([
      for role in [
        aws_iam_role.events, aws_iam_role.missing["this"], aws_iam_role.scheduler["this"],
        aws_iam_role.states,
      ] : length(role.name) == 64 && can(regex("^loans-of-forty.*-[0-9a-f]{8}$", role.name))
    ])
    error_message = "A role name over 64 characters is cut to 55, plus a hyphen and 8 SHA-1 digits."
  }
}

run "role_names_end_with_the_region" {
  command = plan

  assert {
    condition = [
      aws_iam_role.events.name, aws_iam_role.missing["this"].name,
      aws_iam_role.scheduler["this"].name, aws_iam_role.states.name,
      ] == [
      "bank-loans-failures-events-eu-west-1", "bank-loans-missing-states-eu-west-1",
      "bank-loans-missing-schedule-eu-west-1", "bank-loans-failures-states-eu-west-1",
    ]
    error_message = "Role names end with the region."
  }
}

run "characters_above_u_00ff_become_question_marks_only_in_policies" {
  command = plan
  variables {
    target = { bucket = "bank-loans-data", manifest_prefix = "Pożyczki & öre/_manifests" }
  }

  assert {
    condition = one([
      for s in jsondecode(aws_iam_role_policy.missing["this"].policy).Statement :
      s.Condition.StringLike["s3:prefix"] if s.Sid == "SeeManifests"
    ]) == "Po?yczki & öre/_manifests/*"
    error_message = "In IAM policies, \"?\" replaces each character above U+00FF."
  }
  assert {
    condition = jsondecode(
      aws_sfn_state_machine.missing["this"].definition
    ).States.Begin.Assign.config.manifest_prefix == "Pożyczki & öre/_manifests"
    error_message = "The state machine's manifest_prefix keeps the characters above U+00FF."
  }
}

run "links_use_the_console_of_the_partition" {
  command = plan

  override_data {
    target = data.aws_partition.current
    values = { partition = "aws-eusc", dns_suffix = "amazonaws.eu" }
  }
  override_data {
    target = data.aws_region.current
    values = { endpoint = "ec2.eusc-de-east-1.amazonaws.eu" }
  }

  assert {
    condition = (
      startswith(
        jsondecode(aws_sfn_state_machine.this.definition).States.Begin.Assign.config.links.run,
        "https://eusc-de-east-1.console.amazonaws-eusc.eu/gluestudio/",
      )
      && jsondecode(aws_sfn_state_machine.this.definition).States.Send.Resource
      == "arn:aws-eusc:states:::sns:publish"
    )
    error_message = "Links in mails have the console host of the AWS partition."
  }
}

run "console_of_an_unknown_partition_uses_the_dns_suffix_of_the_partition" {
  command = plan

  override_data {
    target = data.aws_partition.current
    values = { partition = "aws-iso-f", dns_suffix = "csp.hci.ic.gov" }
  }
  override_data {
    target = data.aws_region.current
    values = { endpoint = "ec2.us-isof-south-1.csp.hci.ic.gov" }
  }

  assert {
    condition = startswith(
      local.links.workflow, "https://us-isof-south-1.console.csp.hci.ic.gov/glue/"
    )
    error_message = "For an unknown partition, the console host is console.SUFFIX."
  }
}

run "hours_ahead_is_the_largest_value_in_the_area_of_the_time_zone" {
  command = plan
  variables {
    failure_events = {
      name          = "bank-loans"
      events        = { job = "{\"source\":[\"aws.glue\"]}" }
      job_name      = "bank-loans"
      log_group     = "/aws-glue/jobs/bank-loans/output"
      time_zone     = "Africa/Johannesburg"
      workflow_name = "bank-loans"
    }
  }

  assert {
    condition = jsondecode(
      aws_sfn_state_machine.this.definition
    ).States.Begin.Assign.config.hours_ahead == 3
    error_message = "Time zones in Africa are at most three hours ahead of GMT."
  }
}
