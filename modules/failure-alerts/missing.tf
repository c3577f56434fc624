################################################################################
# Nothing happened at all
################################################################################

# Asks the bucket, and neither Glue's schedule nor its events: whatever kept a month from being
# published, also a trigger that is off or an event that was lost, is seen here.

locals {
  _checks = var.expected_output == null ? {} : { this = var.expected_output }

  missing_name       = "${var.name}-missing"
  missing_arn        = "${local._arn.states}:stateMachine:${local.missing_name}"
  schedule_group_arn = "${local._arn.scheduler}:schedule-group/${local.missing_name}"

  _deadline = format("-%02dT%02d:00:00Z", var.deadline.day, var.deadline.hour)

  # Which month has to be there. Until the deadline it is still the one before the last.
  _due = <<-EOT
    $given := $string($states.input.time) & "";
    $time := $contains($given, /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$/)
      ? $toMillis($given) : $millis();
    ${local._before}
    $month := $fromMillis($time, "[Y0001]-[M01]");
    $asked := $time >= $toMillis($month & "${local._deadline}") ? $month : $before($month);
  EOT

  _published_text = {
    for key, expected in local._checks : key => <<-EOT
      $join([
        "The extract " & ${jsonencode(var.failure_events.name)} & " is well again.",
        "",
        "What:    " & ${jsonencode("s3://${expected.bucket}/")} & $key & " is there",
        "Period:  " & $period,
        "Due:     " & $due,
        "When:    " & $now,
        "",
        "What to do",
        "Nothing. What the earlier mail told is over."
      ], "\n")
    EOT
  }

  _missing_text = {
    for key, expected in local._checks : key => <<-EOT
      (
        $manifest := ${jsonencode("s3://${expected.bucket}/")} & $key;
        $join([
          "The extract " & ${jsonencode(var.failure_events.name)} & " has not published " & $period
            & ".",
          "",
          "What:    " & $manifest & " is not there",
          "Period:  " & $period,
          "Due:     " & $due,
          "When:    " & $now,
          "",
          "Where to look",
          "Chain:   " & ${jsonencode(local.links.workflow)},
          "Log:     " & ${jsonencode(local.links.log)},
          "Files:   " & ${jsonencode(local.links.manifests[key])}%{if var.runbook_url != null},
          "Runbook: " & ${jsonencode(var.runbook_url)}%{endif},
          "",
          "What happens next",
          "This mail comes again every day until the month is published.",
          "Whoever waits for the manifest takes nothing until then.",
          "",
          "What to do",
          "If a mail said [FAILED], it says why; else look whether the chain was started.",
          "Then start the period:",
          "aws glue start-job-run --region ${local.region}"
            & " --job-name ${var.failure_events.job_name} --arguments=--period=" & $period,
          "What is published already is not published twice."
        ], "\n")
      )
    EOT
  }
}

resource "aws_sfn_state_machine" "missing" {
  for_each = local._checks

  #checkov:skip=CKV_AWS_284: one question to one bucket, so there is nothing to trace
  name     = local.missing_name
  role_arn = aws_iam_role.missing[each.key].arn
  type     = "STANDARD"

  definition = jsonencode({
    Comment       = "Mails while a month that is due of ${var.failure_events.name} is missing."
    QueryLanguage = "JSONata"
    StartAt       = "Due"
    States = {
      Due = {
        Type = "Pass"
        Assign = {
          seconds = "{% $floor($millis() / 1000) %}"
          period  = "{% (${local._due} $before($asked)) %}"
          key = join("", [
            "{% (${local._due} ",
            "${jsonencode("${each.value.manifest_prefix}/")} & $before($asked) & \".json\") %}",
          ])
          due = join("", [
            "{% (${local._due} ",
            "$asked & \"${format("-%02d %02d:00 GMT", var.deadline.day, var.deadline.hour)}\") %}",
          ])
          now = join("", [
            "{% (${local._due} ",
            "$fromMillis($time, \"[Y0001]-[M01]-[D01] [H01]:[m01]:[s01]\") & \" GMT\") %}",
          ])
        }
        Next = "Look"
      }
      # A list, because it needs no right to read: HeadObject would need that and the key, and
      # answers 403 where nothing is.
      Look = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::aws-sdk:s3:listObjectsV2"
        Arguments = {
          Bucket  = each.value.bucket
          MaxKeys = 1
          Prefix  = "{% $key %}"
        }
        Assign = { published = "{% $key in $states.result.Contents.Key %}" }
        Retry = concat(
          [{ ErrorEquals = ["S3.NoSuchBucketException"], MaxAttempts = 0 }],
          local._retry,
        )
        Catch = [{ ErrorEquals = ["States.ALL"], Next = "Unseen" }]
        Next  = "IsItThere"
      }
      IsItThere = {
        Type    = "Choice"
        Choices = [{ Condition = "{% $published %}", Next = "WasItMissing" }]
        Default = "Remember"
      }
      # Only for the sake of the mail that says it is over: that it is missing is told every day.
      Remember = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::dynamodb:putItem"
        Arguments = {
          TableName = aws_dynamodb_table.incidents.name
          Item = {
            incident = { S = "{% \"missing \" & $period %}" }
            told     = { S = "{% \"MISSING: due on \" & $due %}" }
            since    = { N = "{% $string($seconds) %}" }
            expires  = { N = "{% $string($seconds + ${local._incident_seconds}) %}" }
          }
        }
        Retry = local._retry
        Catch = [{ ErrorEquals = ["States.ALL"], Next = "Mail" }]
        Next  = "Mail"
      }
      Mail = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::sns:publish"
        Arguments = {
          TopicArn = aws_sns_topic.this.arn
          Subject = join("", [
            "{% ${jsonencode("[MISSING] ${var.failure_events.name} ")} & $period",
            " & \": not published, and it was due on \" & $substring($due, 0, 10) %}",
          ])
          Message = "{% ${trimspace(local._missing_text[each.key])} %}"
        }
        Retry = local._retry
        End   = true
      }

      # The run that published it mostly says so itself; this is for when its event was lost.
      WasItMissing = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::dynamodb:deleteItem"
        Arguments = {
          TableName    = aws_dynamodb_table.incidents.name
          Key          = { incident = { S = "{% \"missing \" & $period %}" } }
          ReturnValues = "ALL_OLD"
        }
        Assign = { was_missing = "{% $exists($states.result.Attributes) %}" }
        Retry  = local._retry
        Next   = "IsItNews"
      }
      IsItNews = {
        Type    = "Choice"
        Choices = [{ Condition = "{% $was_missing %}", Next = "Forget" }]
        Default = "Published"
      }
      Published = { Type = "Succeed" }
      Forget = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::dynamodb:deleteItem"
        Arguments = {
          TableName = aws_dynamodb_table.incidents.name
          Key       = { incident = { S = "{% $period %}" } }
        }
        Retry = local._retry
        Next  = "RecoveredMail"
      }
      RecoveredMail = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::sns:publish"
        Arguments = {
          TopicArn = aws_sns_topic.this.arn
          Subject = join("", [
            "{% ${jsonencode("[RECOVERED] ${var.failure_events.name} ")} & $period",
            " & \": published, and it was due on \" & $substring($due, 0, 10) %}",
          ])
          Message = "{% ${trimspace(local._published_text[each.key])} %}"
        }
        Retry = local._retry
        End   = true
      }
      # Sent when the bucket cannot be asked. It has no expression in it, so nothing can fail.
      Unseen = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::sns:publish"
        Arguments = {
          TopicArn = aws_sns_topic.this.arn
          Subject  = "[UNKNOWN] ${var.failure_events.name}: nobody could see if it is published"
          Message = join("\n", [
            "The daily check of ${var.failure_events.name} could not look into its bucket.",
            "A month may be missing, and nobody would be told.",
            "",
            "Where to look",
            "Files:   ${local.links.manifests[each.key]}",
            "Check:   ${local.links.missing}",
            "",
            "What happens next",
            "The check is made again tomorrow.",
            "",
            "What to do",
            "Open the last execution of the check and put right what it names.",
            "Mostly that is a policy of the bucket that refuses the check's role.",
          ])
        }
        Retry = local._retry
        End   = true
      }
    }
  })

  logging_configuration {
    include_execution_data = true
    level                  = "ERROR"
    log_destination        = "${aws_cloudwatch_log_group.states.arn}:*"
  }

  tags = var.tags

  # Its rights are tried when it is made.
  depends_on = [aws_iam_role_policy.missing]
}

################################################################################
# Once a day
################################################################################

# A group of its own, because the role's trust can be bound to a group, not to a schedule.
resource "aws_scheduler_schedule_group" "missing" {
  for_each = local._checks

  name = local.missing_name

  tags = var.tags
}

resource "aws_scheduler_schedule" "missing" {
  for_each = local._checks

  name                         = local.missing_name
  description                  = "Looks for the month of ${var.failure_events.name} that is due."
  group_name                   = aws_scheduler_schedule_group.missing[each.key].name
  kms_key_arn                  = local.kms_key_arn
  schedule_expression          = "cron(0 ${var.deadline.hour} * * ? *)"
  schedule_expression_timezone = "Etc/GMT"
  state                        = "ENABLED"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn = aws_sfn_state_machine.missing[each.key].arn
    # The time it should have been started at, however late it is. Not by jsonencode, which would
    # write the angle brackets as \u003c, and Scheduler would not know its own word.
    input    = "{\"time\":\"<aws.scheduler.scheduled-time>\"}"
    role_arn = aws_iam_role.scheduler[each.key].arn

    dead_letter_config {
      arn = aws_sqs_queue.dead_letters.arn
    }

    retry_policy {
      maximum_event_age_in_seconds = 43200
      maximum_retry_attempts       = 185
    }
  }

  depends_on = [aws_iam_role_policy.scheduler]
}
