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
    secret = "${local._console}/secretsmanager/secret?region=${local.region}&name="
    workflow = join("", [
      "${local._console}/glue/home?region=${local.region}",
      "#/v2/etl-configuration/workflows/view/${urlencode(var.failure_events.workflow_name)}",
    ])
  }

  # No ARN begins with a hyphen.
  _push_prefix = var.delivery.push_arn_prefix == null ? "-" : var.delivery.push_arn_prefix

  # The last month that was over. JSONata, as all of these, as Step Functions runs it.
  _before = <<-EOT
    $before := function($month) {
      $fromMillis($toMillis($month & "-01T00:00:00Z") - 86400000, "[Y0001]-[M01]")
    };
  EOT

  # What an event says, as facts that memory, subject and text share.
  _facts = <<-EOT
    (
      $event := $states.input;
      $detail := $event.detail;
      ${indent(2, local._before)}
      /* One line, whatever it holds: control characters, separators of lines and the marks that
         turn the direction of writing could forge lines. $trim makes every run of blanks one. */
      $line := function($value) {(
        $text := $replace($string($value) & "", /[\x00-\x1F\x7F-\x9F]+/, " ");
        $trim($replace($text, /[\u200B-\u200F\u2028-\u202E\u2066-\u2069\uFEFF]+/, " "))
      )};
      $cut := function($text, $most) {
        $length($text) > $most ? $trim($substring($text, 0, $most - 3)) & "..." : $text
      };

      $kind := $exists($detail.crawlerName) ? "crawler"
        : $event.`detail-type` = "Glue Job Run Status" ? "slow"
        : $event.source = "aws.secretsmanager" ? "rotation"
        : $event.source = "aws.states"
          ? ($substring($detail.stateMachineArn, 0, ${length(local._push_prefix)})
            = ${jsonencode(local._push_prefix)} ? "delivery" : "receipts")
        : $event.source = "sftp-transfer" ? "collection"
        : "job";
      $state := $uppercase($line(
        $kind = "slow" ? "SLOW"
        : $kind = "rotation" ? $substringAfter($detail.eventName, "Rotation")
        : $kind in ["delivery", "receipts"] ? $detail.status
        : $kind = "collection"
          ? ($event.`detail-type` = "File Collected" ? "SUCCEEDED" : "UNCOLLECTED")
        : $detail.state
      ));
      $id := $line($detail.jobRunId);
      $attempt := $contains($id, /_attempt_[0-9]+$/)
        ? $number($match($id, /_attempt_([0-9]+)$/)[0].groups[0]) : 0;
      $time := $exists($event.time) ? $toMillis($event.time) : $millis();
      $machine := $split($line($detail.executionArn), ":")[6] & "";
      $recipient := $line($detail.recipient);

      /* Glue decorates the sentence that the engine ended with: "Error Category:
         UNCLASSIFIED_ERROR; Failed Line Number: 12; SystemExit: 2026-10: permission denied ..." */
      $reported := $line(
        $kind = "crawler" or $kind = "rotation" ? $detail.errorMessage
        : $kind in ["delivery", "receipts"] ? $detail.cause
        : $kind = "collection" ? $recipient & " has not collected its file"
        : $detail.message
      );
      $reported := $replace($reported, /^Error Category: [^;]*; */, "");
      $reported := $replace($reported, /^Failed Line Number: [^;]*; */, "");
      $reported := $replace($reported, /^SystemExit: */, "");

      /* The engine's sentence begins with the period; else the run was asked for one; else it is
         the last month that was over. */
      $given := function($name) { $line($lookup($run.Arguments, $name)) };
      $asked := $given("--period") & ($given("--from") = "" ? ""
        : $given("--from") & " to " & $given("--to"));
      $asked := $contains($asked, /^[0-9]{4}-(0[1-9]|1[0-2])( to [0-9]{4}-(0[1-9]|1[0-2]))?$/)
        ? $asked : "";
      $tells_period := $contains(
        $reported, /^[0-9]{4}-(0[1-9]|1[0-2])( to [0-9]{4}-(0[1-9]|1[0-2]))?: /
      );
      $month := $fromMillis($time, "[Y0001]-[M01]");
      $input := $kind = "delivery" ? $line($detail.input) : "";
      $manifest := $match($input, /([0-9]{4}-[0-9]{2})[.]json/);
      $period := $tells_period ? $substringBefore($reported, ": ")
        : $asked != "" ? $asked
        : $kind = "collection" ? $line($detail.period)
        : $exists($manifest) ? $manifest[0].groups[0]
        : $before($month);

      $sentence := $tells_period ? $substringAfter($reported, ": ") : $reported;
      $why := $kind = "slow"
          ? "not done after " & $string($detail.notificationCondition.NotifyDelayAfter) & " minutes"
        : $sentence != "" ? $sentence
        : $state = "TIMEOUT" ? "the run took longer than its time-out allows"
        : $state = "STOPPED" ? "somebody or something stopped the run"
        : $kind = "job" or $kind = "crawler" ? "Glue gave no reason"
        : "AWS gave no reason";
      $why := $kind in ["crawler", "delivery", "receipts", "rotation"] ? $kind & ": " & $why : $why;
      $why := $cut($why, 2000);

      /* What a success puts right. One that was asked for no month is for the last one that was
         over where the extract is, which may be up to 14 hours ahead of GMT. */
      $number_of := function($month) {
        $number($substring($month, 0, 4)) * 12 + $number($substring($month, 5, 2)) - 1
      };
      $month_of := function($number) {
        $formatNumber($floor($number / 12), "0000") & "-" & $formatNumber($number % 12 + 1, "00")
      };
      $ends := [$split($asked, " to ")];
      $months := $asked = ""
          ? [$distinct([$before($fromMillis($time + 50400000, "[Y0001]-[M01]")), $before($month)])]
        : $count($ends) = 2
          ? $append([$asked], $map(
            [$number_of($ends[0])..$number_of($ends[1])], function($number) { $month_of($number) }
          ))
        : [$asked];
      $key := $kind = "slow" ? "slow " & $id
        : $kind = "rotation" ? "rotation"
        : $kind = "receipts" ? "receipts " & $machine
        : $kind = "delivery" ? "delivery " & $machine & " " & $period
        : $kind = "collection" ? "collection " & $recipient & " " & $period
        : $period;
      $dry := $given("--dry-run");

      {
        "asked": $asked,
        "attempt": $attempt,
        "dateless": $kind in ["receipts", "rotation"],
        "detail": {
          "crawler": $line($detail.crawlerName),
          "execution": $line($detail.executionArn),
          "folder": $line($detail.folder),
          "job": $line($detail.jobName),
          "log": $contains($line($detail.cloudWatchLogLink), /^https:[\/][\/][^ ]+$/)
            ? $line($detail.cloudWatchLogLink) : "",
          "machine": $machine,
          /* Nothing that a shell would read as more than a name. */
          "manifest": $match($input, /"key" *: *"([A-Za-z0-9\/_.=-]+)"/)[0].groups[0] & "",
          "recipient": $recipient,
          "secret": $line($detail.additionalEventData.SecretId),
          "state": $line($detail.state)
        },
        "id": $id,
        "key": $key,
        "keys": $kind != "job" ? [$key]
          : $dry != "" and $dry != "false" ? []
          : [$append($months, $map($months, function($month) { "missing " & $month }))],
        "kind": $kind,
        "period": $period,
        "seconds": $floor($millis() / 1000),
        "state": $state,
        "when": $fromMillis($time, "[Y0001]-[M01]-[D01] [H01]:[m01]:[s01]") & " GMT",
        "why": $why,
        /* A job that reached its time-out, or was stopped, is not tried again by Glue. */
        "will_retry": $kind = "job" and $state = "FAILED" and $exists($job.MaxRetries)
          and $attempt < $job.MaxRetries
      }
    )
  EOT

  # SNS takes fewer than 100 characters of ASCII.
  _subject = <<-EOT
    $subject := function($state, $period, $what) {(
      $text := $replace(
        "[" & $state & "] " & ${jsonencode(var.failure_events.name)}
          & ($period = "" ? ": " : " " & $period & ": ") & $what,
        /[^ -~]/, "?"
      );
      $length($text) > 99 ? $trim($substring($text, 0, 96)) & "..." : $text
    )};
  EOT

  # Where to look, the same in a failure's mail and in the one that says it is over.
  _places = <<-EOT
    $log := ${jsonencode(local.links.log)};
    $places := [
      "",
      "Where to look",
      $facts.id != ""
        ? "Run:     " & ${jsonencode(local.links.run)} & $encodeUrlComponent($facts.id)
        : $facts.detail.execution != ""
        ? "Run:     " & ${jsonencode(local.links.execution)}
          & $encodeUrlComponent($facts.detail.execution)
        : $facts.kind = "rotation"
        ? "Secret:  " & ${jsonencode(local.links.secret)}
          & $encodeUrlComponent($facts.detail.secret)
        : $facts.kind = "collection" ? "File:    " & $facts.detail.folder
        : "Chain:   " & ${jsonencode(local.links.workflow)},
      $facts.id != ""
        ? "Log:     " & $log & "$3FlogStreamNameFilter$3D" & $encodeUrlComponent($facts.id)
        : $facts.kind = "crawler"
        ? "Log:     " & ($facts.detail.log != "" ? $facts.detail.log : $log)
      %{if var.runbook_url != null},
      "Runbook: " & ${jsonencode(var.runbook_url)}%{endif}
    ];
  EOT

  _text = <<-EOT
    (
      ${indent(2, local._places)}
      $name := ${jsonencode(var.failure_events.name)};
      $machine := $facts.detail.machine;
      $source := $facts.kind = "crawler" ? "crawler " & $facts.detail.crawler
        : $facts.kind = "rotation" ? "rotation of the login " & $facts.detail.secret
        : $facts.kind = "delivery" ? "delivery by " & $facts.detail.machine
        : $facts.kind = "receipts" ? "the state machine " & $facts.detail.machine
        : $facts.kind = "collection" ? "the file of " & $facts.detail.recipient
        : "job " & $facts.detail.job;
      $ended := $facts.kind = "slow" ? " is still " & $facts.detail.state
        : $facts.kind = "collection" ? " is published and has not been collected"
        : " ended as " & $facts.state
          & ($facts.attempt > 0 ? ", tried " & $string($facts.attempt + 1) & " times" : "");
      $arguments := $contains($facts.period, " to ")
        ? "--from=" & $replace($facts.period, " to ", ",--to=")
        : "--period=" & $facts.period;
      $once := "The same is told again only after a week, and once when it is over.";

      $head := [
        $facts.kind = "rotation" ? "The login of the extract " & $name & " was not changed."
          : "The extract " & $name & (
            $facts.kind = "slow" ? " takes long."
            : $facts.kind = "delivery" ? " did not reach a recipient."
            : $facts.kind = "receipts" ? " cannot tell what was collected."
            : $facts.kind = "collection" ? " waits for a recipient."
            : " did not finish."
          ),
        "",
        "What:    " & $source & $ended,
        $facts.dateless = false ? "Period:  " & $facts.period,
        "Why:     " & $facts.why,
        "When:    " & $facts.when,
        $facts.id != "" ? "Run:     " & $facts.id
      ];
      $rest := $facts.kind = "slow" ? [
          "",
          "What happens next",
          "The run goes on until it ends or its time-out stops it. If it fails, a mail says so.",
          "",
          "What to do",
          "Nothing, unless its log shows that it does not get on or the store complains."
        ]
        : $facts.kind = "delivery" ? [
          "",
          "What happens next",
          "Nothing sends it again by itself. The month is published and stays in the bucket.",
          $once,
          "",
          "What to do",
          "Put right what stands under Why, then send it again:",
          $facts.detail.manifest = ""
            ? "Open the run above and start it anew, with the same input."
            : "aws stepfunctions start-execution --region ${local.region} --state-machine-arn "
              & "${local._arn.states}:stateMachine:" & $machine & " --input '"
              & $string({ "detail": { "object": { "key": $facts.detail.manifest } } }) & "'"
        ]
        : $facts.kind = "receipts" ? [
          "",
          "What happens next",
          "Files are there to be collected as before. Who has not collected may be told wrongly or",
          "not at all, until this is put right.",
          $once,
          "",
          "What to do",
          "Open the run above and put right what its error names."
        ]
        : $facts.kind = "collection" ? [
          "",
          "What happens next",
          "The file stays where it is. Every day it is looked whether it has been collected.",
          $once,
          "",
          "What to do",
          "Ask " & $facts.detail.recipient & " whether it can log in, and from where."
        ]
        : $facts.kind = "rotation" ? [
          "",
          "What happens next",
          "Runs go on with the login as it is. It is changed at the next scheduled rotation.",
          $once,
          "",
          "What to do",
          "Read the log of the rotation's function, put right what it names, then rotate again:",
          "aws secretsmanager rotate-secret --region ${local.region} --secret-id "
            & $facts.detail.secret
        ]
        : [
          "",
          "What happens next",
          $facts.kind = "crawler" ? "The job did not start, because it waits for the crawler."
            : "Glue does not try it again by itself.",
          ${jsonencode(local._next_run)},
          "Months that were published before are as they were.",
          $once,
          "",
          "What to do",
          "Put right what stands under Why, then start the same period again:",
          "aws glue start-job-run --region ${local.region}"
            & " --job-name ${var.failure_events.job_name} --arguments=" & $arguments,
          "What is published already is not published twice."
        ];
      $join($append($append($head, $places), $rest), "\n")
    )
  EOT

  _next_run = (
    var.failure_events.catch_up_schedule == null
    ? "Nothing runs before the next scheduled run, and that one reports the next month."
    : join(" ", [
      "The catch-up run tries a month that is just over again:",
      "${var.failure_events.catch_up_schedule}, in GMT.",
    ])
  )

  _recovered_text = <<-EOT
    (
      ${indent(2, local._places)}
      $join($append([
        "The extract " & ${jsonencode(var.failure_events.name)} & " is well again.",
        "",
        "What:    " & (
          $facts.kind = "rotation" ? "rotation of the login " & $facts.detail.secret
          : $facts.kind = "delivery" ? "delivery by " & $facts.detail.machine
          : $facts.kind = "receipts" ? "the state machine " & $facts.detail.machine
          : $facts.kind = "collection" ? "the file of " & $facts.detail.recipient
          : "job " & $facts.detail.job
        ) & ($facts.kind = "collection" ? " is collected" : " ended as " & $facts.state),
        $facts.dateless = false ? "Period:  " & $period,
        "Told:    " & $told,
        "When:    " & $facts.when,
        $facts.id != "" ? "Run:     " & $facts.id
      ], $append($places, [
        "",
        "What to do",
        "Nothing. What the earlier mail told is over."
      ])), "\n")
    )
  EOT
}

resource "aws_sfn_state_machine" "this" {
  #checkov:skip=CKV_AWS_284: a few calls in a row, so there is nothing to trace
  name     = local.state_machine_name
  role_arn = aws_iam_role.states.arn
  type     = "STANDARD"

  definition = jsonencode({
    Comment       = "Makes one readable mail out of each failure of ${var.failure_events.name}."
    QueryLanguage = "JSONata"
    StartAt       = "Begin"
    States = {
      Begin = {
        Type   = "Pass"
        Assign = { run = {}, job = {} }
        Next   = "Which"
      }
      Which = {
        Type = "Choice"
        Choices = [
          { Condition = "{% $states.input.test = true %}", Next = "TestMail" },
          { Condition = "{% $exists($states.input.detail.jobRunId) %}", Next = "Run" },
        ]
        Default = "Facts"
      }
      # What it was asked for and how often Glue tries it. Without an answer it is told anyway.
      Run = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::aws-sdk:glue:getJobRun"
        Arguments = {
          JobName = var.failure_events.job_name
          RunId   = "{% $states.input.detail.jobRunId %}"
        }
        Assign = { run = "{% $states.result.JobRun %}" }
        Output = "{% $states.input %}"
        Retry  = local._retry_once
        Catch  = local._without_an_answer
        Next   = "Job"
      }
      Job = {
        Type      = "Task"
        Resource  = "arn:${local.partition}:states:::aws-sdk:glue:getJob"
        Arguments = { JobName = var.failure_events.job_name }
        Assign    = { job = "{% $states.result.Job %}" }
        Output    = "{% $states.input %}"
        Retry     = local._retry_once
        Catch     = local._without_an_answer
        Next      = "Facts"
      }
      Facts = {
        Type   = "Pass"
        Assign = { facts = "{% ${trimspace(local._facts)} %}" }
        Next   = "IsItTold"
      }
      IsItTold = {
        Type = "Choice"
        Choices = [
          { Condition = "{% $facts.state = \"SUCCEEDED\" %}", Next = "Close" },
          { Condition = "{% $facts.will_retry %}", Next = "Silent" },
        ]
        Default = "Remember"
      }
      Silent = { Type = "Succeed" }

      # The same failure again changes nothing and is silent; of two at once one is told.
      Remember = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::dynamodb:putItem"
        Arguments = {
          TableName           = aws_dynamodb_table.incidents.name
          ConditionExpression = "attribute_not_exists(incident) OR told <> :told OR since < :old"
          ExpressionAttributeValues = {
            ":told" = { S = "{% $facts.state & \": \" & $facts.why %}" }
            ":old"  = { N = "{% $string($facts.seconds - ${7 * 86400}) %}" }
          }
          Item = {
            incident = { S = "{% $facts.key %}" }
            told     = { S = "{% $facts.state & \": \" & $facts.why %}" }
            since    = { N = "{% $string($facts.seconds) %}" }
            expires  = { N = "{% $string($facts.seconds + ${local._incident_seconds}) %}" }
          }
        }
        Retry = concat(
          [{ ErrorEquals = ["DynamoDB.ConditionalCheckFailedException"], MaxAttempts = 0 }],
          local._retry,
        )
        Catch = [
          { ErrorEquals = ["DynamoDB.ConditionalCheckFailedException"], Next = "Silent" },
          # Told twice is better than not told.
          { ErrorEquals = ["States.ALL"], Next = "Mail" },
        ]
        Next = "Mail"
      }
      Mail = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::sns:publish"
        Arguments = {
          TopicArn = aws_sns_topic.this.arn
          Subject = join("", [
            "{% (${local._subject} ",
            "$subject($facts.state, $facts.dateless ? \"\" : $facts.period, $facts.why)) %}",
          ])
          Message = "{% ${trimspace(local._text)} %}"
        }
        Retry = local._retry
        End   = true
      }

      # Taking an incident out of the memory answers whether it was there: so its end is told once.
      Close = {
        Type  = "Map"
        Items = "{% $facts.keys %}"
        ItemProcessor = {
          ProcessorConfig = { Mode = "INLINE" }
          StartAt         = "Forget"
          States = {
            Forget = {
              Type     = "Task"
              Resource = "arn:${local.partition}:states:::dynamodb:deleteItem"
              Arguments = {
                TableName    = aws_dynamodb_table.incidents.name
                Key          = { incident = { S = "{% $states.input %}" } }
                ReturnValues = "ALL_OLD"
              }
              Output = {
                key  = "{% $states.input %}"
                told = "{% $states.result.Attributes.told.S & \"\" %}"
              }
              Retry = local._retry
              End   = true
            }
          }
        }
        Assign = { closed = "{% [$states.result[told != \"\"]] %}" }
        Next   = "WasThereOne"
      }
      WasThereOne = {
        Type    = "Choice"
        Choices = [{ Condition = "{% $count($closed) > 0 %}", Next = "Over" }]
        Default = "Silent"
      }
      Over = {
        Type = "Pass"
        Assign = {
          period = join("", [
            "{% $facts.asked != \"\" ? $facts.asked : $facts.kind != \"job\" ? $facts.period",
            " : $replace($closed[0].key, \"missing \", \"\") %}",
          ])
          told = "{% $closed[0].told %}"
        }
        Next = "RecoveredMail"
      }
      RecoveredMail = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::sns:publish"
        Arguments = {
          TopicArn = aws_sns_topic.this.arn
          Subject = join("", [
            "{% (${local._subject} ",
            "$subject(\"RECOVERED\", $facts.dateless ? \"\" : $period, \"was \" & $told)) %}",
          ])
          Message = "{% ${trimspace(local._recovered_text)} %}"
        }
        Retry = local._retry
        End   = true
      }

      TestMail = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::sns:publish"
        Arguments = {
          TopicArn = aws_sns_topic.this.arn
          Subject  = "[TEST] ${var.failure_events.name}: alerts reach you"
          Message = join("\n", [
            "Somebody asked for this test. Nothing has failed.",
            "",
            "What:    the alerts of the extract ${var.failure_events.name}",
            "",
            "What to do",
            "Nothing. Whoever should have got this mail too has not confirmed its subscription.",
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
  depends_on = [aws_iam_role_policy.states]
}

locals {
  _retry = [
    { ErrorEquals = ["States.QueryEvaluationError"], MaxAttempts = 0 },
    { ErrorEquals = ["States.ALL"], BackoffRate = 2, IntervalSeconds = 5, MaxAttempts = 6 },
  ]
  # For what the mail can do without.
  _retry_once = [{ ErrorEquals = ["States.ALL"], IntervalSeconds = 1, MaxAttempts = 1 }]
  _without_an_answer = [
    { ErrorEquals = ["States.ALL"], Output = "{% $states.input %}", Next = "Facts" },
  ]
}
