################################################################################
# Receipts of downloads: recipient, file and time
################################################################################

locals {
  # This map depends on the recipients and not on the server's ID, because for_each needs keys that
  # are known at plan time. The server's ID is unknown at plan time.
  _receipts = length(local.downloaders) == 0 ? {} : { this = var.receipts }
  _dues     = { for key, receipts in local._receipts : key => receipts if receipts.due_day != null }

  receipts_name    = "${var.name}-receipts"
  uncollected_name = "${var.name}-uncollected"
  _receipt_names   = [for key in keys(local._receipts) : local.receipts_name]
  _check_names     = [for key in keys(local._dues) : local.uncollected_name]

  # Source of the events about which `failure-alerts` sends mails.
  event_source = "sftp-transfer"

  # In mode "instance", the instance starts the state machine directly, not by an event. If an event
  # started it, every role with events:PutEvents could forge receipts. In mode "server", events are
  # safe, because only AWS can send events with the source "aws.transfer".
  _collected       = local._on_instance ? {} : local._receipts
  _collected_names = [for key in keys(local._collected) : local.receipts_name]
  # The ARN is built from the name, so that a new recipient does not replace the instance.
  receipts_arn = "${local._states_arn}:${local.receipts_name}"

  # The ARN is built from the name, so that policies are known at plan time.
  _table_arn = join(":", [
    "arn", local.partition, "dynamodb", local.region, local.account_id,
    "table/${local.receipts_name}",
  ])

  _prefixes = { for user, recipient in local.downloaders : user => recipient.prefix }

  # Rights of all state machines that use the table.
  _receipt_statements = [
    {
      Sid      = "TellOutcome"
      Effect   = "Allow"
      Action   = "events:PutEvents"
      Resource = "${local._events_arn}:event-bus/default"
      Condition = {
        StringEquals = { "events:source" = local.event_source }
      }
    },
    {
      # AWS requires these rights for a table with a customer managed key.
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
    local._write_logs,
  ]
}

# Receipts are in a table, because the daily check queries them. They are not in the bucket, because
# only the job writes to the bucket.
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

  # The key is the period, path and version of the file. So a file that is read in parallel or twice
  # has one receipt: 2026-10 /year=2026/month=10/FirstBank_20261031.csv
  # 9b2cf535f27731c974343645a3985328
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
  for_each = local._collected

  name        = local.receipts_name
  description = "A recipient of ${var.name} has downloaded a file."
  state       = "ENABLED"

  event_pattern = jsonencode({
    source      = ["aws.transfer"]
    detail-type = ["SFTP Server File Download Completed"]
    # The pattern contains no user names, because 60 names would exceed the limit of 2,048
    # characters for a pattern. The state machine ignores users of other extracts that share the
    # server.
    detail = { server-id = [local.server.id] }
  })

  tags = var.tags
}

resource "aws_cloudwatch_event_target" "receipt" {
  for_each = local._collected

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

  #checkov:skip=CKV_AWS_284: it only makes two calls, so there is nothing to trace
  name     = local.receipts_name
  role_arn = aws_iam_role.receipts[each.key].arn
  type     = "STANDARD"

  definition = jsonencode(jsondecode(templatefile("${path.module}/receipts.asl.json.tftpl", {
    partition = local.partition
    receipt   = local._programs["receipt"]
    retry     = local._retry
    config = jsonencode({
      bucket   = var.bucket
      days     = var.log_retention_days
      extract  = var.name
      prefixes = local._prefixes
      source   = local.event_source
      table    = aws_dynamodb_table.receipts[each.key].name
    })
  })))

  logging_configuration {
    include_execution_data = true
    level                  = "ERROR"
    log_destination        = "${aws_cloudwatch_log_group.receipts[each.key].arn}:*"
  }

  tags = var.tags

  # AWS checks the rights of the role when it creates the state machine.
  depends_on = [aws_iam_role_policy.receipts]
}

################################################################################
# Roles for the receipts
################################################################################

resource "aws_iam_role" "collected" {
  for_each = local._collected

  name                 = local.role_names["collected"]
  description          = "Lets EventBridge start the state machine that writes receipts."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account_id }
        ArnEquals    = { "aws:SourceArn" = "${local._rule_arn}/${local.receipts_name}" }
      }
    }]
  })

  tags = var.tags
}

resource "aws_iam_role_policy" "collected" {
  for_each = local._collected

  name = "start"
  role = aws_iam_role.collected[each.key].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "StartReceipt"
      Effect   = "Allow"
      Action   = "states:StartExecution"
      Resource = local.receipts_arn
    }]
  })
}

resource "aws_iam_role" "receipts" {
  for_each = local._receipts

  name                 = local.role_names["receipts"]
  description          = "Lets the state machine write receipts and send events about them."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account_id }
        ArnEquals    = { "aws:SourceArn" = local.receipts_arn }
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
        Resource = local._table_arn
      }],
      local._receipt_statements,
    )
  })
}
