################################################################################
# Roles of the connectors
################################################################################

resource "aws_iam_role" "push" {
  for_each = local.pushes

  name                 = local.role_names["connector/${each.key}"]
  description          = "Lets a connector read the files and the secret of ${each.key}."
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
          Condition = { StringLike = { "s3:prefix" = "${local.patterns[each.key]}/*" } }
        },
        {
          Sid      = "ReadFolder"
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:GetObjectVersion"]
          Resource = "${local.bucket_arn}/${local.patterns[each.key]}/*"
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

  lifecycle {
    precondition {
      condition     = length(local.overlaps[each.key]) == 0
      error_message = local.overlap_messages[each.key]
    }
  }
}

################################################################################
# Roles of the state machines that send files
################################################################################

resource "aws_iam_role" "send" {
  for_each = local.pushes

  name                 = local.role_names["push/${each.key}"]
  description          = "Lets the state machine find the files for ${each.key} and send them."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account_id }
        ArnEquals    = { "aws:SourceArn" = "${local._states_arn}:${local.push_names[each.key]}" }
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
        Condition = { StringLike = { "s3:prefix" = "${local.patterns[each.key]}/*" } }
      },
      local._read_manifests,
      local._decrypt_manifests,
      {
        Sid      = "StartTransfer"
        Effect   = "Allow"
        Action   = ["transfer:ListFileTransferResults", "transfer:StartFileTransfer"]
        Resource = aws_transfer_connector.this[each.key].arn
      },
      local._write_logs,
    ]
  })
}

resource "aws_iam_role" "dispatch" {
  for_each = local._pushing

  name                 = local.role_names["dispatch"]
  description          = "Lets a state machine start the state machines that send files."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account_id }
        ArnEquals    = { "aws:SourceArn" = "${local._states_arn}:${local.dispatch_name}" }
      }
    }]
  })

  tags = var.tags
}

resource "aws_iam_role_policy" "dispatch" {
  for_each = local._pushing

  #checkov:skip=CKV_AWS_289: the rights of log delivery exist for all groups or none
  #checkov:skip=CKV_AWS_290: the rights of log delivery exist for all groups or none
  #checkov:skip=CKV_AWS_355: the rights of log delivery exist for all groups or none
  name = "start"
  role = aws_iam_role.dispatch[each.key].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "StartPush"
        Effect = "Allow"
        Action = "states:StartExecution"
        # The resource is a pattern, because AWS limits the inline policies of a role to 10,240
        # characters, and a list of all ARNs could be longer.
        Resource = "${local._states_arn}:${local.dispatch_name}_*"
      },
      local._write_logs,
    ]
  })
}

resource "aws_iam_role" "published" {
  for_each = local._pushing

  name                 = local.role_names["published"]
  description          = "Lets EventBridge start the state machine that sends published files."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account_id }
        ArnEquals    = { "aws:SourceArn" = "${local._rule_arn}/${local.published_name}" }
      }
    }]
  })

  tags = var.tags
}

resource "aws_iam_role_policy" "published" {
  for_each = local._pushing

  name = "start"
  role = aws_iam_role.published[each.key].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "StartDispatch"
      Effect   = "Allow"
      Action   = "states:StartExecution"
      Resource = "${local._states_arn}:${local.dispatch_name}"
    }]
  })
}
