################################################################################
# Key
################################################################################

locals {
  _logs_arn   = "arn:${local.partition}:logs:${local.region}:${local.account_id}"
  kms_key_arn = var.kms_key == null ? aws_kms_key.this[0].arn : var.kms_key.arn

  # Statements for AWS services that use the key without an IAM role.
  _key_services = [
    for service, statement in {
      glue = {
        Sid       = "GlueEncryptsInItsOwnName"
        Effect    = "Allow"
        Principal = { Service = "glue.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Condition = local._own_account
      }
      sns-from-eventbridge = {
        # Without both rights, EventBridge silently drops events. It also drops events if this
        # statement has a condition on the source.
        Sid       = "EventBridgeWritesToTopics"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
      }
      sns-from-cloudwatch = {
        # CloudWatch needs these rights, else it silently drops the message of an alarm.
        Sid       = "AlarmsWriteToTopics"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
      }
      transfer = {
        Sid       = "TransferEncryptsInItsOwnName"
        Effect    = "Allow"
        Principal = { Service = "transfer.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Condition = local._own_account
      }
    } : statement if contains(var.key_services, service)
  ]
  _own_account = { StringEquals = { "aws:SourceAccount" = local.account_id } }

  # Statements of the key policy for the principals that the variables of this module name. Other
  # roles of the account get access to the key from their IAM policies.
  _key_principals = [
    for statement in [
      {
        Sid       = "AdministratorsManageKey"
        Principal = { AWS = sort(var.key_administrators) }
        Action = [
          "kms:CancelKeyDeletion",
          "kms:Create*",
          "kms:Delete*",
          "kms:Describe*",
          "kms:Disable*",
          "kms:Enable*",
          "kms:Get*",
          "kms:List*",
          "kms:Put*",
          "kms:Revoke*",
          "kms:ScheduleKeyDeletion",
          "kms:TagResource",
          "kms:UntagResource",
          "kms:Update*",
        ]
        Condition = null
      },
      {
        Sid       = "UsersUseKey"
        Principal = { AWS = sort(var.key_users) }
        Action = [
          "kms:Decrypt",
          "kms:DescribeKey",
          "kms:Encrypt",
          "kms:GenerateDataKey*",
          "kms:ReEncrypt*",
        ]
        Condition = null
      },
      {
        Sid       = "ReadersUseKey"
        Principal = { AWS = sort(distinct(values(var.readers)[*].principal_arn)) }
        Action    = local._read_key_actions
        Condition = local._via_s3
      },
      {
        Sid       = "WritersUseKey"
        Principal = { AWS = sort(distinct(values(var.writers)[*].principal_arn)) }
        Action    = local._write_key_actions
        Condition = local._via_s3
      },
      ] : merge(
      { for key, value in statement : key => value if value != null },
      { Effect = "Allow", Resource = "*" },
    ) if length(statement.Principal.AWS) > 0
  ]

  _additional_key_statements = var.additional_key_policy_json == null ? [] : flatten([
    jsondecode(var.additional_key_policy_json).Statement
  ])

  _key_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        # Without this statement, no IAM policy applies to the key, and nobody can manage the key.
        Sid       = "AccountManagesKey"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        # CloudWatch Logs encrypts a log group as its own service principal, not as the principal
        # that writes the logs.
        Sid       = "LogsEncryptGroups"
        Effect    = "Allow"
        Principal = { Service = "logs.${local.region}.${local.dns_suffix}" }
        Action = [
          "kms:Decrypt*",
          "kms:Describe*",
          "kms:Encrypt*",
          "kms:GenerateDataKey*",
          "kms:ReEncrypt*",
        ]
        Resource = "*"
        Condition = {
          ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "${local._logs_arn}:log-group:*" }
        }
      },
    ], local._key_principals, local._key_services, local._additional_key_statements)
  })
}

resource "aws_kms_key" "this" {
  count = var.kms_key == null ? 1 : 0

  description             = "Encrypts the bucket ${var.name} and logs of other modules."
  deletion_window_in_days = var.key_deletion_window_days
  enable_key_rotation     = true
  rotation_period_in_days = var.key_rotation_days

  policy = local._key_policy

  tags = var.tags

  lifecycle {
    precondition {
      # KMS Developer Guide, "Resource quotas".
      condition = length(base64encode(local._key_policy)) <= 4 * ceil(32768 / 3)
      error_message = join(" ", [
        "key_administrators, key_users, readers, writers, additional_key_policy_json: the policy",
        "of the key exceeds 32 KB, the limit of KMS; use fewer principals.",
      ])
    }
  }
}

resource "aws_kms_alias" "this" {
  count = var.kms_key == null ? 1 : 0

  name          = "alias/${var.key_alias == null ? var.name : var.key_alias}"
  target_key_id = aws_kms_key.this[0].key_id
}
