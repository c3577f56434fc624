################################################################################
# One role per recipient
################################################################################

locals {
  _users_arn = local.server == null ? null : join(":", [
    "arn", local.partition, "transfer", local.region, local.account_id,
    "user/${local.server.id}",
  ])
}

resource "aws_iam_role" "recipient" {
  for_each = local.users

  name                 = "${var.name}-sftp-${each.key}"
  description          = "Lets ${each.key} collect its files, and nothing else."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "transfer.amazonaws.com" }
      Action    = "sts:AssumeRole"
      # Only for users of this server: no other account's server can borrow the role.
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account_id }
        ArnLike      = { "aws:SourceArn" = "${local._users_arn}/*" }
      }
    }]
  })

  tags = var.tags
}

resource "aws_iam_role_policy" "recipient" {
  for_each = local.users

  name = "collect"
  role = aws_iam_role.recipient[each.key].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "ListFolder"
        Effect    = "Allow"
        Action    = "s3:ListBucket"
        Resource  = local.bucket_arn
        Condition = { StringLike = { "s3:prefix" = [each.value.prefix, "${each.value.prefix}/*"] } }
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
    ]
  })
}
