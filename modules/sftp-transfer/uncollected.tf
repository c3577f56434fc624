################################################################################
# Check for files that were not downloaded by the due day
################################################################################

locals {
  _schedule_group_arn = join(":", [
    "arn", local.partition, "scheduler", local.region, local.account_id,
    "schedule-group/${local.uncollected_name}",
  ])
}

resource "aws_sfn_state_machine" "uncollected" {
  for_each = local._dues

  #checkov:skip=CKV_AWS_284: it makes only two queries per recipient, so it needs no tracing
  name     = local.uncollected_name
  role_arn = aws_iam_role.uncollected[each.key].arn
  type     = "STANDARD"

  definition = jsonencode(jsondecode(templatefile("${path.module}/uncollected.asl.json.tftpl", {
    partition = local.partition
    period    = local._programs["uncollected-period"]
    retry     = local._retry
    start     = local._programs["uncollected-start"]
    config = jsonencode({
      bucket          = var.bucket
      due             = format("-%02dT%02d:00:00Z", each.value.due_day, each.value.due_hour)
      extract         = var.name
      manifest_prefix = var.manifest_prefix
      recipients      = [for user, prefix in local._prefixes : { name = user, prefix = prefix }]
      source          = local.event_source
      table           = aws_dynamodb_table.receipts[each.key].name
    })
  })))

  logging_configuration {
    include_execution_data = true
    level                  = "ERROR"
    log_destination        = "${aws_cloudwatch_log_group.receipts[each.key].arn}:*"
  }

  tags = var.tags

  # AWS checks the rights of the role when it creates the state machine.
  depends_on = [aws_iam_role_policy.uncollected]
}

# The schedule has its own group, because a role's trust policy can name a group, but no schedule.
resource "aws_scheduler_schedule_group" "uncollected" {
  for_each = local._dues

  name = local.uncollected_name

  tags = var.tags
}

resource "aws_scheduler_schedule" "uncollected" {
  for_each = local._dues

  #checkov:skip=CKV_AWS_297: the input is a time; with a key, the plan role would need a right to it
  name                         = local.uncollected_name
  description                  = "Checks which recipients of ${var.name} did not download a file."
  group_name                   = aws_scheduler_schedule_group.uncollected[each.key].name
  schedule_expression          = "cron(0 ${each.value.due_hour} * * ? *)"
  schedule_expression_timezone = "Etc/GMT"
  state                        = "ENABLED"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn = aws_sfn_state_machine.uncollected[each.key].arn
    # The text is written without jsonencode, because jsonencode writes angle brackets as \u003c.
    # EventBridge Scheduler does not recognize its keyword <aws.scheduler.scheduled-time> in that
    # form.
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

resource "aws_iam_role" "uncollected" {
  for_each = local._dues

  name                 = local.role_names["uncollected"]
  description          = "Role of the daily check, which lists published files and reads receipts."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account_id }
        ArnEquals    = { "aws:SourceArn" = "${local._states_arn}:${local.uncollected_name}" }
      }
    }]
  })

  tags = var.tags
}

locals {
  _uncollected_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "SeeFiles"
          Effect   = "Allow"
          Action   = "s3:ListBucket"
          Resource = local.bucket_arn
          Condition = {
            StringLike = {
              "s3:prefix" = concat(
                ["${local.manifest_pattern}/*"],
                [for user in keys(local.downloaders) : "${local.patterns[user]}/*"],
              )
            }
          }
        },
        local._read_manifests,
        local._decrypt_manifests,
        {
          Sid      = "AskReceipts"
          Effect   = "Allow"
          Action   = "dynamodb:Query"
          Resource = local._table_arn
        },
      ],
      local._receipt_statements,
    )
  })
}

resource "aws_iam_role_policy" "uncollected" {
  for_each = local._dues

  #checkov:skip=CKV_AWS_289: AWS cannot limit the rights of log delivery to single log groups
  #checkov:skip=CKV_AWS_290: AWS cannot limit the rights of log delivery to single log groups
  #checkov:skip=CKV_AWS_355: AWS cannot limit the rights of log delivery to single log groups
  name   = "look-and-tell"
  role   = aws_iam_role.uncollected[each.key].name
  policy = local._uncollected_policy

  lifecycle {
    precondition {
      # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
      condition = length(local._uncollected_policy) <= 10240
      error_message = join(" ", [
        "receipts: due_day needs an IAM policy that lists the prefixes of all recipients. It would",
        "have ${length(local._uncollected_policy)} characters, but AWS accepts 10240. Shorten the",
        "prefixes, or divide the recipients between two modules that share a server.",
      ])
    }
  }
}

resource "aws_iam_role" "due" {
  for_each = local._dues

  name                 = local.role_names["due"]
  description          = "Lets EventBridge Scheduler start the daily check."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      # EventBridge Scheduler sends the ARN of the schedule's group as the source of a request.
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
          Resource = "${local._states_arn}:${local.uncollected_name}"
        },
      ],
      flatten([
        for queue in values(local._dead_letters) : [
          {
            # A schedule sends dead letters with its role. An EventBridge rule sends dead letters
            # without a role.
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
