################################################################################
# Memory
################################################################################

# Which failures were told and are not over: one item each, so that a failure is told once and its
# end is told once. Whether an item is there is decided by the table, also for two events at once.
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
  # What nobody ever put right is forgotten after a year.
  _incident_seconds = 365 * 86400
  _memory_statements = [
    {
      Sid      = "RememberIncidents"
      Effect   = "Allow"
      Action   = ["dynamodb:DeleteItem", "dynamodb:PutItem"]
      Resource = aws_dynamodb_table.incidents.arn
    },
    {
      # What AWS asks of whoever uses a table with a key of one's own.
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
