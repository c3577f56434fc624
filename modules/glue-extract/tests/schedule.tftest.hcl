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
  target          = aws_security_group.this
  override_during = plan
  values          = { id = "sg-extract" }
}

variables {
  name             = "bank-loans"
  kms_key_arn      = "arn:aws:kms:eu-west-1:123456789012:key/data"
  script_path      = "tests/etl.py"
  tables           = ["Loans", "Bank"]
  recipient_column = "bank_name"
  recipients       = { first = "First Bank, Inc.", zolw = "Żółw & Söhne 2" }

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
    writer_policy_json = "{\"Statement\":[],\"Version\":\"2012-10-17\"}"
  }
}

run "schedule_has_the_given_time_zone_and_starts_the_workflow" {
  command = plan
  variables {
    time_zone = "America/Sao_Paulo"
  }

  assert {
    condition = (
      aws_scheduler_schedule.start.group_name == "bank-loans"
      && aws_scheduler_schedule.start.schedule_expression == "cron(1 0 1 * ? *)"
      && aws_scheduler_schedule.start.schedule_expression_timezone == "America/Sao_Paulo"
      && aws_scheduler_schedule.start.flexible_time_window[0].mode == "OFF"
      && aws_scheduler_schedule.start.state == "ENABLED"
    )
    error_message = "The workflow starts at 0:01 on the first day of the month, in time_zone."
  }
  assert {
    condition = (
      one(aws_scheduler_schedule.start.target).arn
      == "arn:aws:scheduler:::aws-sdk:glue:startWorkflowRun"
      && jsondecode(one(aws_scheduler_schedule.start.target).input) == { Name = "bank-loans" }
    )
    error_message = "The schedule calls StartWorkflowRun with the name of the workflow."
  }
  assert {
    condition = alltrue([
      for attribute in ["kms_key_arn"] : aws_scheduler_schedule.start[attribute] == null
    ])
    error_message = "The schedule has no customer managed key, so plans do not need kms:Decrypt."
  }
  assert {
    condition     = output.failure_events.time_zone == "America/Sao_Paulo"
    error_message = "failure_events has the extract's time zone."
  }
}

run "apply_does_not_start_the_workflow" {
  command = plan

  assert {
    condition = (
      aws_glue_trigger.start.type == "ON_DEMAND"
      && aws_glue_trigger.start.enabled == false
      && aws_glue_trigger.start.schedule == null
      && aws_glue_trigger.start.actions[0].crawler_name == "bank-loans-crawler"
      && aws_glue_trigger.start.workflow_name == "bank-loans"
    )
    error_message = "The trigger is disabled, so the provider does not fire it on creation."
  }
}

run "job_starts_after_a_crawl_with_any_end_state" {
  command = plan

  assert {
    condition = (
      aws_glue_trigger.crawled[0].type == "CONDITIONAL"
      && aws_glue_trigger.crawled[0].workflow_name == "bank-loans"
      && aws_glue_trigger.crawled[0].actions[0].job_name == "bank-loans"
      && aws_glue_trigger.crawled[0].predicate[0].logical == "ANY"
    )
    error_message = "When a crawl ends, the trigger starts the job in the same workflow."
  }
  assert {
    condition = toset([
      for c in aws_glue_trigger.crawled[0].predicate[0].conditions :
      "${c.crawler_name} ${c.logical_operator} ${c.crawl_state}"
      ]) == toset([
      for state in ["CANCELLED", "FAILED", "SUCCEEDED"] : "bank-loans-crawler EQUALS ${state}"
    ])
    error_message = "The trigger reacts to the crawl states CANCELLED, FAILED and SUCCEEDED."
  }
}

run "schedule_role_starts_only_this_workflow" {
  command = plan

  assert {
    condition = (
      aws_iam_role.schedule.name == "bank-loans-schedule-eu-west-1"
      && jsondecode(aws_iam_role.schedule.assume_role_policy).Statement == [{
        Effect    = "Allow"
        Principal = { Service = "scheduler.amazonaws.com" }
        Action    = "sts:AssumeRole"
        Condition = {
          StringEquals = {
            "aws:SourceAccount" = "123456789012"
            "aws:SourceArn" = (
              "arn:aws:scheduler:eu-west-1:123456789012:schedule-group/bank-loans"
            )
          }
        }
      }]
    )
    error_message = "Only schedules of this schedule group can assume the role."
  }
  assert {
    condition = jsondecode(aws_iam_role_policy.schedule.policy).Statement == [{
      Sid      = "StartWorkflow"
      Effect   = "Allow"
      Action   = "glue:StartWorkflowRun"
      Resource = "arn:aws:glue:eu-west-1:123456789012:workflow/bank-loans"
    }]
    error_message = "The role can start this workflow and nothing else."
  }
  assert {
    condition     = length(one(aws_scheduler_schedule.start.target).dead_letter_config) == 0
    error_message = "Without dead_letter_queue, the schedule has no dead-letter queue."
  }
}

run "undeliverable_starts_go_to_the_dead_letter_queue" {
  command = plan
  variables {
    catch_up_schedule = "cron(0 6 2-10 * ? *)"
    dead_letter_queue = {
      arn         = "arn:aws:sqs:eu-west-1:123456789012:alerts"
      kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/alerts"
    }
  }

  assert {
    condition = [
      for target in [
        one(aws_scheduler_schedule.start.target),
        one(aws_scheduler_schedule.catch_up[0].target),
        ] : [
        target.dead_letter_config[0].arn,
        target.retry_policy[0].maximum_event_age_in_seconds,
        target.retry_policy[0].maximum_retry_attempts,
      ]
    ] == [for _ in range(2) : [var.dead_letter_queue.arn, 43200, 185]]
    error_message = "A failed start is retried for 12 hours, then sent to the queue."
  }
  assert {
    condition = {
      for s in jsondecode(aws_iam_role_policy.schedule.policy).Statement :
      s.Sid => [flatten([s.Action]), s.Resource, try(s.Condition, null)]
      } == {
      StartWorkflow = [
        ["glue:StartWorkflowRun"],
        "arn:aws:glue:eu-west-1:123456789012:workflow/bank-loans",
        null,
      ]
      StartJob = [
        ["glue:StartJobRun"], "arn:aws:glue:eu-west-1:123456789012:job/bank-loans", null,
      ]
      KeepDeadLetters = [["sqs:SendMessage"], var.dead_letter_queue.arn, null]
      EncryptDeadLetters = [
        ["kms:Decrypt", "kms:GenerateDataKey"],
        var.dead_letter_queue.kms_key_arn,
        { StringEquals = { "kms:ViaService" = "sqs.eu-west-1.amazonaws.com" } },
      ]
    }
    error_message = "The role can start the workflow and the job, and write to the queue."
  }
}

run "catch_up_schedule_has_the_given_time_zone_and_starts_the_job" {
  command = plan
  variables {
    catch_up_schedule = "cron(0 6 2-10 * ? *)"
    time_zone         = "Europe/Zurich"
  }

  assert {
    condition = (
      aws_scheduler_schedule.catch_up[0].schedule_expression == "cron(0 6 2-10 * ? *)"
      && aws_scheduler_schedule.catch_up[0].schedule_expression_timezone == "Europe/Zurich"
      && one(aws_scheduler_schedule.catch_up[0].target).arn
      == "arn:aws:scheduler:::aws-sdk:glue:startJobRun"
      && jsondecode(one(aws_scheduler_schedule.catch_up[0].target).input)
      == { JobName = "bank-loans" }
    )
    error_message = "The catch-up schedule starts the job without the crawler."
  }
}

run "catch_up_schedule_after_the_end_of_the_longest_run_is_accepted" {
  command = plan
  variables {
    catch_up_schedule = "cron(1 2 * * ? *)"
    job               = { max_retries = 1 }
  }

  assert {
    condition     = aws_scheduler_schedule.catch_up[0].state == "ENABLED"
    error_message = "A catch-up at 2:01 is accepted: a run and its retry end within two hours."
  }
}

run "catch_up_schedule_during_the_longest_run_is_refused" {
  command = plan
  variables {
    catch_up_schedule = "cron(0 1 1-10 * ? *)"
    job               = { max_retries = 1 }
  }
  expect_failures = [aws_scheduler_schedule.catch_up]
}

run "catch_up_schedule_on_day_1_during_a_run_that_starts_on_day_31_is_refused" {
  command = plan
  variables {
    catch_up_schedule = "cron(0 0 1 * ? *)"
    schedule          = "cron(30 23 31 * ? *)"
  }
  expect_failures = [aws_scheduler_schedule.catch_up]
}

run "daily_catch_up_schedule_with_runs_of_two_days_is_refused" {
  command = plan
  variables {
    catch_up_schedule = "cron(0 6 4-10 * ? *)"
    job               = { timeout_minutes = 2880 }
  }
  expect_failures = [aws_scheduler_schedule.catch_up]
}
