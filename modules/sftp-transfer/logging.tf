################################################################################
# Logs
################################################################################

# Who came, from where, and what they collected, as JSON. Structured logs need no role.
# A joined server writes its own.
resource "aws_cloudwatch_log_group" "this" {
  count = local.own ? 1 : 0

  name              = "/aws/transfer/${var.name}"
  kms_key_id        = var.kms_key_arn
  retention_in_days = var.log_retention_days

  tags = var.tags
}
