################################################################################
# Key
################################################################################

locals {
  kms_key_arn = var.kms_key == null ? aws_kms_key.this[0].arn : var.kms_key.arn
}

# Not the key of the data: the grant to EventBridge below cannot have a condition.
resource "aws_kms_key" "this" {
  count = var.kms_key == null ? 1 : 0

  description         = "Encrypts the alerts ${var.name}: topic, dead letters and logs."
  enable_key_rotation = true

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # Without this statement, IAM policies have no effect on the key, and nobody can manage it.
        Sid       = "AccountManagesKey"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        # EventBridge drops the event silently without these two rights, and with a condition on the
        # source.
        Sid       = "EventBridgeWritesDeadLetters"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
      },
      {
        # Without these rights, CloudWatch silently drops an alarm's message.
        Sid       = "AlarmsEncryptMessages"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
      },
      {
        # CloudWatch Logs encrypts a log group as its own principal, not as that of the writer.
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
          ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "${local._arn.logs}:log-group:*" }
        }
      },
    ]
  })

  tags = var.tags
}

resource "aws_kms_alias" "this" {
  count = var.kms_key == null ? 1 : 0

  name          = "alias/${var.name}-failures"
  target_key_id = aws_kms_key.this[0].key_id
}
