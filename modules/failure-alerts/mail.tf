################################################################################
# Mail
################################################################################

locals {
  state_machine_name = "${var.name}-failures"
  state_machine_arn  = "${local._arn.states}:stateMachine:${local.state_machine_name}"

  _console_hosts = {
    aws        = "console.aws.amazon.com"
    aws-cn     = "console.amazonaws.cn"
    aws-us-gov = "console.amazonaws-us-gov.com"
  }
  _console = "https://${local.region}.${local._console_hosts[local.partition]}"
  # The console wants what stands in the fragment encoded twice, with "$" for "%".
  _log_group_encoded = replace(urlencode(urlencode(var.failure_events.log_group)), "%", "$")
  links = {
    execution = join("", [
      "${local._console}/states/home?region=${local.region}",
      "#/v2/executions/details/",
    ])
    transfer = join("", [
      "${local._console}/cloudwatch/home?region=${local.region}",
      "#logsV2:log-groups/log-group/$252Faws$252Ftransfer$252F",
    ])
    log = join("", [
      "${local._console}/cloudwatch/home?region=${local.region}",
      "#logsV2:log-groups/log-group/${local._log_group_encoded}",
    ])
    manifests = {
      for key, expected in local._checks : key => join("", [
        "${local._console}/s3/buckets/${expected.bucket}",
        "?region=${local.region}&prefix=${urlencode("${expected.manifest_prefix}/")}",
      ])
    }
    missing = join("", [
      "${local._console}/states/home?region=${local.region}",
      "#/statemachines/view/${urlencode(local.missing_arn)}",
    ])
    run = join("", [
      "${local._console}/gluestudio/home?region=${local.region}",
      "#/job/${urlencode(var.failure_events.job_name)}/run/",
    ])
    workflow = join("", [
      "${local._console}/glue/home?region=${local.region}",
      "#/v2/etl-configuration/workflows/view/${urlencode(var.failure_events.workflow_name)}",
    ])
  }

  # What Glue reports, as facts that subject and text share. JSONata, as Step Functions runs it.
  _facts = <<-EOT
    $event := $states.input;
    $detail := $event.detail;
    $name := ${jsonencode(var.failure_events.name)};

    /* One line, whatever it holds: control characters, separators of lines and the marks that
       turn the direction of writing could forge lines. $trim makes every run of blanks one. */
    $line := function($value) {(
      $text := $replace($string($value) & "", /[\x00-\x1F\x7F-\x9F]+/, " ");
      $trim($replace($text, /[\u200B-\u200F\u2028-\u202E\u2066-\u2069\uFEFF]+/, " "))
    )};
    $cut := function($text, $most) {
      $length($text) > $most ? $trim($substring($text, 0, $most - 3)) & "..." : $text
    };

    $is_crawler := $exists($detail.crawlerName);
    $is_slow := $event.`detail-type` = "Glue Job Run Status";
    /* A transfer to a partner that failed, or a state machine that was to start it. */
    $is_transfer := $event.source = "aws.transfer";
    $is_push := $event.source = "aws.states";
    $is_delivery := $is_transfer or $is_push;
    $state := $uppercase($line(
      $is_transfer ? $detail.`status-code` : $is_push ? $detail.status : $detail.state
    ));
    $run := $line($detail.jobRunId);
    $time := $exists($event.time) ? $toMillis($event.time) : $millis();

    /* Glue decorates the sentence that the engine ended with: "Error Category:
       UNCLASSIFIED_ERROR; Failed Line Number: 12; SystemExit: 2026-10: permission denied ..." */
    $reported := $line(
      $is_crawler ? $detail.errorMessage
      : $is_transfer ? $detail.`failure-code` & ": " & $detail.`failure-message`
      : $is_push ? $detail.cause
      : $detail.message
    );
    $reported := $replace($reported, /^Error Category: [^;]*; */, "");
    $reported := $replace($reported, /^Failed Line Number: [^;]*; */, "");
    $reported := $replace($reported, /^SystemExit: */, "");

    /* The engine's sentence begins with the period. Without it: the last month that was over. */
    $tells_period := $contains(
      $reported, /^[0-9]{4}-(0[1-9]|1[0-2])( to [0-9]{4}-(0[1-9]|1[0-2]))?: /
    );
    $month := $fromMillis($time, "[Y0001]-[M01]");
    $folder := $match($line($detail.`file-path`), /year=([0-9]{4})[\/]month=([0-9]{2})/);
    $manifest := $match($is_push ? $line($detail.input) : "", /([0-9]{4}-[0-9]{2})[.]json/);
    $period := $tells_period ? $substringBefore($reported, ": ")
      : $exists($folder) ? $folder[0].groups[0] & "-" & $folder[0].groups[1]
      : $exists($manifest) ? $manifest[0].groups[0]
      : $fromMillis($toMillis($month & "-01T00:00:00Z") - 86400000, "[Y0001]-[M01]");
    $sentence := $tells_period ? $substringAfter($reported, ": ") : $reported;
    $why := $sentence != "" and $not($is_slow) ? $sentence
      : $is_slow
        ? "not done after " & $string($detail.notificationCondition.NotifyDelayAfter) & " minutes"
      : $state = "TIMEOUT" ? "the run took longer than its time-out allows"
      : $state = "STOPPED" ? "somebody or something stopped the run"
      : $is_delivery ? "AWS gave no reason"
      : "Glue gave no reason";
    $why := $is_crawler ? "crawler: " & $why : $is_delivery ? "delivery: " & $why : $why;
  EOT

  _subject = <<-EOT
    (
      ${indent(2, local._facts)}
      /* SNS takes fewer than 100 characters of ASCII. */
      $head := "[" & ($is_slow ? "SLOW" : $state) & "] " & $name & " " & $period & ": ";
      $cut($replace($head & $why, /[^ -~]/, "?"), 99)
    )
  EOT

  _text = <<-EOT
    (
      ${indent(2, local._facts)}
      $arguments := $contains($period, " to ")
        ? "--from=" & $replace($period, " to ", ",--to=")
        : "--period=" & $period;
      $source := $is_crawler
        ? "crawler " & $line($detail.crawlerName)
        : $is_transfer ? "delivery of " & $line($detail.`file-path`) & " to " & $line($detail.url)
        : $is_push ? "delivery by " & $line($detail.executionArn)
        : "job " & $line($detail.jobName);
      $log := ${jsonencode(local.links.log)};
      $facts := [
        "The extract " & $name & (
          $is_slow ? " takes long."
          : $is_delivery ? " did not reach a partner."
          : " did not finish."
        ),
        "",
        "What:    " & $source & ($is_slow ? " is still " : " ended as ") & $state,
        "Period:  " & $period,
        "Why:     " & $cut($why, 2000),
        "When:    " & $fromMillis($time, "[Y0001]-[M01]-[D01] [H01]:[m01]:[s01]") & " GMT",
        $run != "" ? "Run:     " & $run,
        "",
        "Where to look",
        $run != "" ? "Run:     " & ${jsonencode(local.links.run)} & $encodeUrlComponent($run)
          : $is_push ? "Run:     " & ${jsonencode(local.links.execution)}
            & $encodeUrlComponent($line($detail.executionArn))
          : "Chain:   " & ${jsonencode(local.links.workflow)},
        $is_push = false ? "Log:     " & (
          $is_transfer ? ${jsonencode(local.links.transfer)}
            & $encodeUrlComponent($line($detail.`connector-id`))
          : $run != "" ? $log & "$3FlogStreamNameFilter$3D" & $encodeUrlComponent($run)
          : $contains($line($detail.cloudWatchLogLink), /^https:[\/][\/][^ ]+$/)
          ? $line($detail.cloudWatchLogLink)
          : $log
        )
      ];
      $slow := [
        "",
        "What happens next",
        "The run goes on until it ends or its time-out stops it. If it fails, a mail says so.",
        "",
        "What to do",
        "Nothing, unless its log shows that it does not get on or the store complains."
      ];
      $failed := [
        "",
        "What happens next",
        $is_crawler ? "The job did not start, because it waits for the crawler.",
        "Unless the job is set to retry, nothing runs before the next scheduled run.",
        "That one reports the next month.",
        "Months that were published before are as they were.",
        "",
        "What to do",
        "Put right what stands under Why, then start the same period again:",
        "aws glue start-job-run --region ${local.region}"
          & " --job-name ${var.failure_events.job_name} --arguments=" & $arguments,
        "What is published already is not published twice."
      ];
      $undelivered := [
        "",
        "What happens next",
        "The month is published and stays in the bucket. Nothing sends it again by itself.",
        "",
        "What to do",
        "Put right what stands under Why, then send it again:",
        $is_push
          ? "aws stepfunctions redrive-execution --region ${local.region} --execution-arn "
            & $line($detail.executionArn)
          : "aws transfer start-file-transfer --region ${local.region} --connector-id "
            & $line($detail.`connector-id`) & " --send-file-paths " & $line($detail.`file-path`)
            & " --remote-directory-path " & $line($detail.`remote-directory-path`)
      ];
      $rest := $is_slow ? $slow : $is_delivery ? $undelivered : $failed;
      $join($append($facts, $rest), "\n")
    )
  EOT

  # Sent when the mail above cannot be put together. It has no expression in it, so nothing in it
  # can fail.
  _plain = {
    subject = "[FAILED] ${var.failure_events.name}: look at its last run"
    text = join("\n", [
      "The extract ${var.failure_events.name} did not finish.",
      "The details could not be put into this mail.",
      "",
      "Where to look",
      "Chain:   ${local.links.workflow}",
      "Log:     ${local.links.log}",
    ])
  }
}

resource "aws_sfn_state_machine" "this" {
  #checkov:skip=CKV_AWS_284: one call to one service, so there is nothing to trace
  name     = local.state_machine_name
  role_arn = aws_iam_role.states.arn
  type     = "STANDARD"

  definition = jsonencode({
    Comment       = "Makes one readable mail out of a failure of ${var.failure_events.name}."
    QueryLanguage = "JSONata"
    StartAt       = "Mail"
    States = {
      Mail = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::sns:publish"
        Arguments = {
          TopicArn = aws_sns_topic.this.arn
          Subject  = "{% ${trimspace(local._subject)} %}"
          Message  = "{% ${trimspace(local._text)} %}"
        }
        Retry = local._retry
        Catch = [{ ErrorEquals = ["States.ALL"], Next = "PlainMail" }]
        End   = true
      }
      PlainMail = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::sns:publish"
        Arguments = {
          TopicArn = aws_sns_topic.this.arn
          Subject  = local._plain.subject
          Message  = local._plain.text
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
  depends_on = [aws_iam_role_policy.states]
}

locals {
  _retry = [
    { ErrorEquals = ["States.QueryEvaluationError"], MaxAttempts = 0 },
    { ErrorEquals = ["States.ALL"], BackoffRate = 2, IntervalSeconds = 5, MaxAttempts = 6 },
  ]
}
