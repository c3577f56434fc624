################################################################################
# Connectors: files are pushed, nobody has to collect them
################################################################################

locals {
  # A map of objects that are all there, so that for_each knows its keys before anything is made.
  pushes = {
    for key, recipient in var.recipients :
    key => merge(recipient.push, { prefix = recipient.prefix })
    if var.mode == "connector" && recipient.push != null
  }

  _push_arn      = "arn:${local.partition}:states:${local.region}:${local.account_id}:stateMachine"
  _push_rule_arn = "arn:${local.partition}:events:${local.region}:${local.account_id}:rule"
  push_names     = { for key in keys(local.pushes) : key => "${var.name}-push-${key}" }
}

resource "aws_transfer_connector" "this" {
  for_each = local.pushes

  access_role          = aws_iam_role.push[each.key].arn
  logging_role         = aws_iam_role.push[each.key].arn
  security_policy_name = var.connector_security_policy_name
  url                  = each.value.url

  sftp_config {
    # Without them the connector would refuse to send: AWS trusts no key at first sight.
    trusted_host_keys = each.value.trusted_host_keys
    user_secret_id    = each.value.secret_arn
  }

  tags = merge(var.tags, { Name = local.push_names[each.key] })

  depends_on = [aws_iam_role_policy.push]
}

################################################################################
# When the manifest appears
################################################################################

resource "aws_cloudwatch_event_rule" "published" {
  for_each = local.pushes

  name        = local.push_names[each.key]
  description = "A month is published: its file goes to ${each.key}."
  state       = "ENABLED"

  event_pattern = jsonencode({
    source      = ["aws.s3"]
    detail-type = ["Object Created"]
    detail = {
      bucket = { name = [var.bucket] }
      object = { key = [{ wildcard = "${var.manifest_prefix}/*.json" }] }
    }
  })

  tags = var.tags
}

resource "aws_cloudwatch_event_target" "push" {
  for_each = local.pushes

  arn       = aws_sfn_state_machine.push[each.key].arn
  role_arn  = aws_iam_role.published[0].arn
  rule      = aws_cloudwatch_event_rule.published[each.key].name
  target_id = "push"

  dynamic "dead_letter_config" {
    for_each = local._dead_letters

    content {
      arn = dead_letter_config.value.arn
    }
  }

  depends_on = [aws_iam_role_policy.published]
}

# One per recipient: a server that cannot be reached holds up no other.
resource "aws_sfn_state_machine" "push" {
  for_each = local.pushes

  #checkov:skip=CKV_AWS_284: one transfer and its outcome, so there is nothing to trace
  name     = local.push_names[each.key]
  role_arn = aws_iam_role.send[each.key].arn
  type     = "STANDARD"

  definition = jsonencode({
    Comment       = "Sends a published month's file to ${each.key}."
    QueryLanguage = "JSONata"
    StartAt       = "Begin"
    # A transfer that neither ends nor fails is told too.
    TimeoutSeconds = 21600
    States = {
      Begin = { Type = "Pass", Assign = { attempt = 0 }, Next = "Find" }
      Find = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::aws-sdk:s3:listObjectsV2"
        Arguments = {
          Bucket = var.bucket
          # loans/_manifests/2026-10.json -> loans/bank_name=FirstBank/year=2026/month=10/
          Prefix = join("", [
            "{% ($name := $substringAfter($states.input.detail.object.key, ",
            "\"${var.manifest_prefix}/\"); $period := $substringBefore($name, \".json\"); ",
            "${jsonencode("${each.value.prefix}/")} & \"year=\" & $substring($period, 0, 4)",
            " & \"/month=\" & $substring($period, 5, 2) & \"/\") %}",
          ])
        }
        Output = { paths = "{% [$states.result.Contents.(\"/${var.bucket}/\" & Key)] %}" }
        Retry  = local._push_retry
        Next   = "IsThereAny"
      }
      IsThereAny = {
        Type    = "Choice"
        Choices = [{ Condition = "{% $count($states.input.paths) > 0 %}", Next = "Send" }]
        Default = "Nothing"
      }
      Nothing = {
        Type  = "Fail"
        Error = "NothingToSend"
        Cause = "The month is published, but holds no file for ${each.key}."
      }
      # It only begins here; how it ended has to be asked.
      Send = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::aws-sdk:transfer:startFileTransfer"
        Arguments = {
          ConnectorId         = aws_transfer_connector.this[each.key].connector_id
          RemoteDirectoryPath = each.value.folder
          SendFilePaths       = "{% $states.input.paths %}"
        }
        Assign = {
          attempt  = "{% $attempt + 1 %}"
          transfer = "{% $states.result.TransferId %}"
        }
        Output = "{% $states.input %}"
        Retry  = local._push_retry
        Next   = "Wait"
      }
      Wait = { Type = "Wait", Seconds = 30, Next = "Look" }
      Look = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::aws-sdk:transfer:listFileTransferResults"
        Arguments = {
          ConnectorId = aws_transfer_connector.this[each.key].connector_id
          TransferId  = "{% $transfer %}"
        }
        Output = "{% ${trimspace(local._transfer_outcome)} %}"
        Retry  = local._push_retry
        Next   = "DidItArrive"
      }
      DidItArrive = {
        Type = "Choice"
        Choices = [
          { Condition = "{% $states.input.open > 0 %}", Next = "Wait" },
          { Condition = "{% $count($states.input.paths) = 0 %}", Next = "Arrived" },
          { Condition = "{% $attempt < ${local._push_attempts} %}", Next = "Pause" },
        ]
        Default = "DidNotArrive"
      }
      Arrived = { Type = "Succeed" }
      # 5, 15 and 45 minutes, and then only what did not arrive.
      Pause = { Type = "Wait", Seconds = "{% 100 * $power(3, $attempt) %}", Next = "Send" }
      DidNotArrive = {
        Type  = "Fail"
        Error = "DidNotArrive"
        Cause = join("", [
          "{% ${jsonencode("${each.key} did not get ")} ",
          "& $join($states.input.paths.($split($, \"/\")[-1]), \", \")",
          " & \": \" & $states.input.reason %}",
        ])
      }
    }
  })

  logging_configuration {
    include_execution_data = true
    level                  = "ERROR"
    log_destination        = "${aws_cloudwatch_log_group.push[0].arn}:*"
  }

  tags = var.tags

  # Its rights are tried when it is made.
  depends_on = [aws_iam_role_policy.send]
}

locals {
  _push_attempts    = 4
  _transfer_outcome = <<-EOT
    (
      $files := $states.result.FileTransferResults;
      $failed := $files[StatusCode = "FAILED"];
      {
        "open": $count($files[$not(StatusCode in ["COMPLETED", "FAILED"])]),
        "paths": [$failed.FilePath],
        "reason": $failed[0].FailureMessage & ""
      }
    )
  EOT
  _push_retry = [
    { ErrorEquals = ["States.QueryEvaluationError"], MaxAttempts = 0 },
    { ErrorEquals = ["States.ALL"], BackoffRate = 2, IntervalSeconds = 60, MaxAttempts = 6 },
  ]
}

################################################################################
# Roles of the push
################################################################################

resource "aws_iam_role" "push" {
  for_each = local.pushes

  name                 = "${var.name}-push-${each.key}"
  description          = "Lets the connector to ${each.key} read its files and its secret."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "transfer.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account_id }
        ArnLike = {
          "aws:SourceArn" = join(":", [
            "arn", local.partition, "transfer", local.region, local.account_id, "connector/*",
          ])
        }
      }
    }]
  })

  tags = var.tags
}

resource "aws_iam_role_policy" "push" {
  for_each = local.pushes

  name = "push"
  role = aws_iam_role.push[each.key].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "FindBucket"
          Effect   = "Allow"
          Action   = "s3:GetBucketLocation"
          Resource = local.bucket_arn
        },
        {
          Sid       = "ListFolder"
          Effect    = "Allow"
          Action    = "s3:ListBucket"
          Resource  = local.bucket_arn
          Condition = { StringLike = { "s3:prefix" = "${each.value.prefix}/*" } }
        },
        {
          Sid      = "ReadFolder"
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:GetObjectVersion"]
          Resource = "${local.bucket_arn}/${each.value.prefix}/*"
        },
        {
          Sid      = "DecryptFiles"
          Effect   = "Allow"
          Action   = "kms:Decrypt"
          Resource = var.kms_key_arn
          Condition = {
            StringEquals = { "kms:ViaService" = "s3.${local.region}.${local.dns_suffix}" }
          }
        },
        {
          Sid      = "ReadSecret"
          Effect   = "Allow"
          Action   = "secretsmanager:GetSecretValue"
          Resource = each.value.secret_arn
        },
        {
          Sid    = "WriteLogs"
          Effect = "Allow"
          Action = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
          Resource = join(":", [
            "arn", local.partition, "logs", local.region, local.account_id,
            "log-group:/aws/transfer/c-*",
          ])
        },
      ],
      each.value.secret_kms_key_arn == null ? [] : [{
        Sid      = "DecryptSecret"
        Effect   = "Allow"
        Action   = "kms:Decrypt"
        Resource = each.value.secret_kms_key_arn
        Condition = {
          StringEquals = { "kms:ViaService" = "secretsmanager.${local.region}.${local.dns_suffix}" }
        }
      }],
    )
  })
}

resource "aws_iam_role" "send" {
  for_each = local.pushes

  name                 = "${var.name}-send-${each.key}"
  description          = "Lets the state machine find the file for ${each.key} and send it."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account_id }
        ArnEquals    = { "aws:SourceArn" = "${local._push_arn}:${local.push_names[each.key]}" }
      }
    }]
  })

  tags = var.tags
}

resource "aws_iam_role_policy" "send" {
  for_each = local.pushes

  #checkov:skip=CKV_AWS_289: the rights of log delivery exist for all groups or none
  #checkov:skip=CKV_AWS_290: the rights of log delivery exist for all groups or none
  #checkov:skip=CKV_AWS_355: the rights of log delivery exist for all groups or none
  name = "send"
  role = aws_iam_role.send[each.key].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "ListFolder"
        Effect    = "Allow"
        Action    = "s3:ListBucket"
        Resource  = local.bucket_arn
        Condition = { StringLike = { "s3:prefix" = "${each.value.prefix}/*" } }
      },
      {
        Sid      = "StartTransfer"
        Effect   = "Allow"
        Action   = ["transfer:ListFileTransferResults", "transfer:StartFileTransfer"]
        Resource = aws_transfer_connector.this[each.key].arn
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
  })
}

resource "aws_iam_role" "published" {
  count = var.mode == "connector" ? 1 : 0

  name                 = "${var.name}-published"
  description          = "Lets EventBridge start the state machines that send what is published."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account_id }
        ArnEquals = {
          "aws:SourceArn" = [
            for name in values(local.push_names) : "${local._push_rule_arn}/${name}"
          ]
        }
      }
    }]
  })

  tags = var.tags
}

resource "aws_iam_role_policy" "published" {
  count = var.mode == "connector" ? 1 : 0

  name = "start"
  role = aws_iam_role.published[0].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "StartPush"
      Effect   = "Allow"
      Action   = "states:StartExecution"
      Resource = [for name in values(local.push_names) : "${local._push_arn}:${name}"]
    }]
  })
}
