################################################################################
# Receipts: who collected what, and when
################################################################################

locals {
  # By a map whose keys are known while planning, unlike the server's id.
  _receipts = length(local.users) == 0 ? {} : { this = var.receipts }
  _dues     = { for key, receipts in local._receipts : key => receipts if receipts.due_day != null }

  _schedule_group_arn = join(":", [
    "arn", local.partition, "scheduler", local.region, local.account_id,
    "schedule-group/${local.uncollected_name}",
  ])
  receipts_name    = "${var.name}-receipts"
  uncollected_name = "${var.name}-uncollected"
  _receipt_names   = [for key in keys(local._receipts) : local.receipts_name]
  _check_names     = [for key in keys(local._dues) : local.uncollected_name]

  _bus_arn = join(":", [
    "arn", local.partition, "events", local.region, local.account_id, "event-bus/default",
  ])
  # Whose file it is that was collected or was not; `failure-alerts` makes mails of it.
  event_source = "sftp-transfer"

  _kept_seconds = var.log_retention_days * 86400
  _prefixes     = { for user, recipient in local.users : user => recipient.prefix }
  # Where a month's files are, below a recipient's prefix.
  _month_folder = "\"/year=\" & $substring($period, 0, 4) & \"/month=\" & $substring($period, 5, 2)"

  # All that a state machine does beyond its own table or folder.
  _receipt_statements = [
    {
      Sid      = "TellOutcome"
      Effect   = "Allow"
      Action   = "events:PutEvents"
      Resource = local._bus_arn
      Condition = {
        StringEquals = { "events:source" = local.event_source }
      }
    },
    {
      # What AWS asks of whoever uses a table with a key of one's own.
      Sid    = "EncryptReceipts"
      Effect = "Allow"
      Action = [
        "kms:CreateGrant",
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:Encrypt",
        "kms:GenerateDataKey*",
        "kms:ReEncrypt*",
      ]
      Resource = var.kms_key_arn
      Condition = {
        StringEquals = { "kms:ViaService" = "dynamodb.${local.region}.${local.dns_suffix}" }
      }
    },
    {
      # Step Functions writes its log through log delivery, whose actions know no resource.
      Sid    = "WriteLogs"
      Effect = "Allow"
      Action = [
        "logs:CreateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:UpdateLogDelivery",
      ]
      Resource = "*"
    },
  ]
}

# A table and not a log, because the daily look asks it; and not the bucket, which only the job
# writes to.
resource "aws_dynamodb_table" "receipts" {
  for_each = local._receipts

  name         = local.receipts_name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "recipient"
  range_key    = "collected"

  attribute {
    name = "recipient"
    type = "S"
  }

  # The month, then when: 2026-10 2026-11-03T08:15:00Z
  attribute {
    name = "collected"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }

  ttl {
    attribute_name = "expires"
    enabled        = true
  }

  tags = var.tags
}

resource "aws_cloudwatch_event_rule" "collected" {
  for_each = local._receipts

  name        = local.receipts_name
  description = "A recipient of ${var.name} has collected a file."
  state       = "ENABLED"

  event_pattern = jsonencode({
    source      = ["aws.transfer"]
    detail-type = ["SFTP Server File Download Completed"]
    # By name too, because a server may be shared.
    detail = { server-id = [local.server.id], username = keys(local.users) }
  })

  tags = var.tags
}

resource "aws_cloudwatch_event_target" "receipt" {
  for_each = local._receipts

  arn       = aws_sfn_state_machine.receipts[each.key].arn
  role_arn  = aws_iam_role.collected[each.key].arn
  rule      = aws_cloudwatch_event_rule.collected[each.key].name
  target_id = "receipt"

  dynamic "dead_letter_config" {
    for_each = local._dead_letters

    content {
      arn = dead_letter_config.value.arn
    }
  }

  depends_on = [aws_iam_role_policy.collected]
}

resource "aws_sfn_state_machine" "receipts" {
  for_each = local._receipts

  #checkov:skip=CKV_AWS_284: two calls in a row, so there is nothing to trace
  name     = local.receipts_name
  role_arn = aws_iam_role.receipts[each.key].arn
  type     = "STANDARD"

  definition = jsonencode({
    Comment       = "Keeps who collected which file of ${var.name}, and when."
    QueryLanguage = "JSONata"
    StartAt       = "Read"
    States = {
      Read = {
        Type = "Pass"
        # .../year=2026/month=10/FirstBank_20261031.csv is of 2026-10, others are of no month.
        Assign = {
          period = join("", [
            "{% ($found := $match($states.input.detail.`file-path`, ",
            "/year=([0-9]{4})[\\/]month=([0-9]{2})/); $exists($found) ",
            "? $found[0].groups[0] & \"-\" & $found[0].groups[1] : \"other\") %}",
          ])
        }
        Next = "Keep"
      }
      Keep = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::dynamodb:putItem"
        Arguments = {
          TableName = aws_dynamodb_table.receipts[each.key].name
          Item = {
            recipient = { S = "{% $states.input.detail.username %}" }
            collected = {
              S = "{% $period & \" \" & $states.input.time & \" \" & $states.input.id %}"
            }
            file      = { S = "{% $states.input.detail.`file-path` %}" }
            bytes     = { N = "{% $string($number($states.input.detail.bytes)) %}" }
            client_ip = { S = "{% $states.input.detail.`client-ip` %}" }
            expires   = { N = "{% $string($floor($millis() / 1000) + ${local._kept_seconds}) %}" }
          }
        }
        Output = "{% $states.input %}"
        Retry  = local._push_retry
        Next   = "Tell"
      }
      Tell = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::events:putEvents"
        Arguments = {
          Entries = [{
            Source     = local.event_source
            DetailType = "File Collected"
            Detail = {
              extract   = var.name
              recipient = "{% $states.input.detail.username %}"
              period    = "{% $period %}"
              folder = join("", [
                "{% \"s3://${var.bucket}/\" & $lookup(${jsonencode(local._prefixes)}, ",
                "$states.input.detail.username) & ${local._month_folder} %}",
              ])
            }
          }]
        }
        Retry = local._push_retry
        End   = true
      }
    }
  })

  logging_configuration {
    include_execution_data = true
    level                  = "ERROR"
    log_destination        = "${aws_cloudwatch_log_group.receipts[each.key].arn}:*"
  }

  tags = var.tags

  # Its rights are tried when it is made.
  depends_on = [aws_iam_role_policy.receipts]
}

################################################################################
# Not collected by a day
################################################################################

locals {
  # Which month has to be collected: until the day it is still the one before the last.
  _collection_due = {
    for key, receipts in local._dues : key => <<-EOT
      $given := $string($states.input.time) & "";
      $time := $contains($given, /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$/)
        ? $toMillis($given) : $millis();
      $before := function($month) {
        $fromMillis($toMillis($month & "-01T00:00:00Z") - 86400000, "[Y0001]-[M01]")
      };
      $month := $fromMillis($time, "[Y0001]-[M01]");
      $due := $month & "${format("-%02dT%02d:00:00Z", receipts.due_day, receipts.due_hour)}";
      $period := $before($time >= $toMillis($due) ? $month : $before($month));
    EOT
  }
}

resource "aws_sfn_state_machine" "uncollected" {
  for_each = local._dues

  #checkov:skip=CKV_AWS_284: three questions in a row, so there is nothing to trace
  name     = local.uncollected_name
  role_arn = aws_iam_role.uncollected[each.key].arn
  type     = "STANDARD"

  definition = jsonencode({
    Comment       = "Tells who of ${var.name} has not collected the month that is due."
    QueryLanguage = "JSONata"
    StartAt       = "Due"
    States = {
      Due = {
        Type   = "Pass"
        Assign = { period = "{% (${local._collection_due[each.key]} $period) %}" }
        Next   = "Recipients"
      }
      Recipients = {
        Type  = "Map"
        Items = [for user, recipient in local.users : { name = user, prefix = recipient.prefix }]
        ItemProcessor = {
          ProcessorConfig = { Mode = "INLINE" }
          StartAt         = "Look"
          States = {
            # What is not published cannot be collected; that it is missing is told by others.
            Look = {
              Type     = "Task"
              Resource = "arn:${local.partition}:states:::aws-sdk:s3:listObjectsV2"
              Arguments = {
                Bucket  = var.bucket
                MaxKeys = 1
                Prefix  = "{% $states.input.prefix & ${local._month_folder} & \"/\" %}"
              }
              Assign = { published = "{% $exists($states.result.Contents) %}" }
              Output = "{% $states.input %}"
              Retry  = local._push_retry
              Next   = "IsItPublished"
            }
            IsItPublished = {
              Type    = "Choice"
              Choices = [{ Condition = "{% $published %}", Next = "Ask" }]
              Default = "Well"
            }
            Well = { Type = "Succeed" }
            Ask = {
              Type     = "Task"
              Resource = "arn:${local.partition}:states:::aws-sdk:dynamodb:query"
              Arguments = {
                TableName              = aws_dynamodb_table.receipts[each.key].name
                KeyConditionExpression = "recipient = :who AND begins_with(collected, :period)"
                ExpressionAttributeValues = {
                  ":who"    = { S = "{% $states.input.name %}" }
                  ":period" = { S = "{% $period & \" \" %}" }
                }
                Limit = 1
              }
              Assign = { collected = "{% $states.result.Count > 0 %}" }
              Output = "{% $states.input %}"
              Retry  = local._push_retry
              Next   = "IsItCollected"
            }
            IsItCollected = {
              Type    = "Choice"
              Choices = [{ Condition = "{% $collected %}", Next = "Well" }]
              Default = "Tell"
            }
            Tell = {
              Type     = "Task"
              Resource = "arn:${local.partition}:states:::events:putEvents"
              Arguments = {
                Entries = [{
                  Source     = local.event_source
                  DetailType = "File Not Collected"
                  Detail = {
                    extract   = var.name
                    recipient = "{% $states.input.name %}"
                    period    = "{% $period %}"
                    folder = join("", [
                      "{% \"s3://${var.bucket}/\" & $states.input.prefix",
                      " & ${local._month_folder} %}",
                    ])
                  }
                }]
              }
              Retry = local._push_retry
              End   = true
            }
          }
        }
        End = true
      }
    }
  })

  logging_configuration {
    include_execution_data = true
    level                  = "ERROR"
    log_destination        = "${aws_cloudwatch_log_group.receipts[each.key].arn}:*"
  }

  tags = var.tags

  # Its rights are tried when it is made.
  depends_on = [aws_iam_role_policy.uncollected]
}

# A group of its own, because the role's trust can be bound to a group, not to a schedule.
resource "aws_scheduler_schedule_group" "uncollected" {
  for_each = local._dues

  name = local.uncollected_name

  tags = var.tags
}

resource "aws_scheduler_schedule" "uncollected" {
  for_each = local._dues

  name                         = local.uncollected_name
  description                  = "Looks whether recipients of ${var.name} have collected."
  group_name                   = aws_scheduler_schedule_group.uncollected[each.key].name
  kms_key_arn                  = var.kms_key_arn
  schedule_expression          = "cron(0 ${each.value.due_hour} * * ? *)"
  schedule_expression_timezone = "Etc/GMT"
  state                        = "ENABLED"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn = aws_sfn_state_machine.uncollected[each.key].arn
    # Not by jsonencode, which would write the angle brackets as \u003c, and Scheduler would not
    # know its own word.
    input    = "{\"time\":\"<aws.scheduler.scheduled-time>\"}"
    role_arn = aws_iam_role.due[each.key].arn

    dynamic "dead_letter_config" {
      for_each = local._dead_letters

      content {
        arn = dead_letter_config.value.arn
      }
    }
  }

  depends_on = [aws_iam_role_policy.due]
}

################################################################################
# Roles of the receipts
################################################################################

resource "aws_iam_role" "collected" {
  for_each = local._receipts

  name                 = "${var.name}-collected"
  description          = "Lets EventBridge start the state machine that keeps receipts."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account_id }
        ArnEquals    = { "aws:SourceArn" = "${local._push_rule_arn}/${local.receipts_name}" }
      }
    }]
  })

  tags = var.tags
}

resource "aws_iam_role_policy" "collected" {
  for_each = local._receipts

  name = "start"
  role = aws_iam_role.collected[each.key].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "StartReceipt"
      Effect   = "Allow"
      Action   = "states:StartExecution"
      Resource = "${local._push_arn}:${local.receipts_name}"
    }]
  })
}

resource "aws_iam_role" "receipts" {
  for_each = local._receipts

  name                 = local.receipts_name
  description          = "Lets the state machine keep receipts and tell of them."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account_id }
        ArnEquals    = { "aws:SourceArn" = "${local._push_arn}:${local.receipts_name}" }
      }
    }]
  })

  tags = var.tags
}

resource "aws_iam_role_policy" "receipts" {
  for_each = local._receipts

  #checkov:skip=CKV_AWS_289: the rights of log delivery exist for all groups or none
  #checkov:skip=CKV_AWS_290: the rights of log delivery exist for all groups or none
  #checkov:skip=CKV_AWS_355: the rights of log delivery exist for all groups or none
  name = "keep-receipts"
  role = aws_iam_role.receipts[each.key].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid      = "KeepReceipts"
        Effect   = "Allow"
        Action   = "dynamodb:PutItem"
        Resource = aws_dynamodb_table.receipts[each.key].arn
      }],
      local._receipt_statements,
    )
  })
}

resource "aws_iam_role" "uncollected" {
  for_each = local._dues

  name                 = local.uncollected_name
  description          = "Lets the daily look see what is published and what was collected."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account_id }
        ArnEquals    = { "aws:SourceArn" = "${local._push_arn}:${local.uncollected_name}" }
      }
    }]
  })

  tags = var.tags
}

resource "aws_iam_role_policy" "uncollected" {
  for_each = local._dues

  #checkov:skip=CKV_AWS_289: the rights of log delivery exist for all groups or none
  #checkov:skip=CKV_AWS_290: the rights of log delivery exist for all groups or none
  #checkov:skip=CKV_AWS_355: the rights of log delivery exist for all groups or none
  name = "look-and-tell"
  role = aws_iam_role.uncollected[each.key].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "SeeFiles"
          Effect   = "Allow"
          Action   = "s3:ListBucket"
          Resource = local.bucket_arn
          Condition = {
            StringLike = { "s3:prefix" = [for user in local.users : "${user.prefix}/*"] }
          }
        },
        {
          Sid      = "AskReceipts"
          Effect   = "Allow"
          Action   = "dynamodb:Query"
          Resource = aws_dynamodb_table.receipts[each.key].arn
        },
      ],
      local._receipt_statements,
    )
  })
}

resource "aws_iam_role" "due" {
  for_each = local._dues

  name                 = "${local.uncollected_name}-due"
  description          = "Lets EventBridge Scheduler start the daily look."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      # Scheduler tells its group as the source, never the schedule.
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = local.account_id
          "aws:SourceArn"     = local._schedule_group_arn
        }
      }
    }]
  })

  tags = var.tags
}

resource "aws_iam_role_policy" "due" {
  for_each = local._dues

  name = "start"
  role = aws_iam_role.due[each.key].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "StartLook"
          Effect   = "Allow"
          Action   = "states:StartExecution"
          Resource = "${local._push_arn}:${local.uncollected_name}"
        },
        {
          # What the schedule hands over is encrypted too, for this schedule alone.
          Sid      = "DecryptInput"
          Effect   = "Allow"
          Action   = "kms:Decrypt"
          Resource = var.kms_key_arn
          Condition = {
            StringEquals = {
              "kms:EncryptionContext:aws:scheduler:schedule:arn" = join(":", [
                "arn", local.partition, "scheduler", local.region, local.account_id,
                "schedule/${local.uncollected_name}/${local.uncollected_name}",
              ])
            }
          }
        },
      ],
      flatten([
        for queue in values(local._dead_letters) : [
          {
            # Other than a rule, a schedule hands dead letters over in its own role.
            Sid      = "KeepDeadLetters"
            Effect   = "Allow"
            Action   = "sqs:SendMessage"
            Resource = queue.arn
          },
          {
            Sid      = "EncryptDeadLetters"
            Effect   = "Allow"
            Action   = ["kms:Decrypt", "kms:GenerateDataKey*"]
            Resource = queue.kms_key_arn
            Condition = {
              StringEquals = { "kms:ViaService" = "sqs.${local.region}.${local.dns_suffix}" }
            }
          },
        ]
      ]),
    )
  })
}
