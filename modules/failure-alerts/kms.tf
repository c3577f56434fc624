################################################################################
# Key
################################################################################

locals {
  kms_key_arn = var.kms_key == null ? aws_kms_key.this[0].arn : var.kms_key.arn
}

# The alerts have their own key, because it needs a statement for EventBridge without a condition.
# The key of the published files should not have such a broad statement.
resource "aws_kms_key" "this" {
  count = var.kms_key == null ? 1 : 0

  description         = "Encrypts topic, dead letters and logs of the alerts ${var.name}."
  enable_key_rotation = true

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # Without this statement, no IAM policy applies to the key, and nobody can manage the key.
        Sid       = "AccountManagesKey"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        # EventBridge needs both rights, otherwise it silently drops events. It also drops events if
        # this statement has a condition on the source.
        Sid       = "EventBridgeWritesDeadLetters"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
      },
      {
        # CloudWatch needs these rights, else it silently drops the message of an alarm.
        Sid       = "AlarmsEncryptMessages"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
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
