################################################################################
# Memory
################################################################################

# The table has one item per open failure, so that each failure and each recovery is reported once.
# Conditional writes ensure that two events at the same time cause only one mail.
resource "aws_dynamodb_table" "incidents" {
  name         = "${var.name}-incidents"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "incident"

  attribute {
    name = "incident"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = local.kms_key_arn
  }

  ttl {
    attribute_name = "expires"
    enabled        = true
  }

  tags = var.tags
}

locals {
  # The item of a failure without a recovery is deleted after a year.
  _incident_seconds = 365 * 86400
  _memory_statements = [
    {
      Sid      = "RememberIncidents"
      Effect   = "Allow"
      Action   = ["dynamodb:DeleteItem", "dynamodb:PutItem"]
      Resource = aws_dynamodb_table.incidents.arn
    },
    {
      # DynamoDB Developer Guide, "DynamoDB encryption at rest: usage notes".
      Sid    = "EncryptMemory"
      Effect = "Allow"
      Action = [
        "kms:CreateGrant",
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:Encrypt",
        "kms:GenerateDataKey*",
        "kms:ReEncrypt*",
      ]
      Resource = local.kms_key_arn
      Condition = {
        StringEquals = { "kms:ViaService" = "dynamodb.${local.region}.${local.dns_suffix}" }
      }
    },
  ]
}
