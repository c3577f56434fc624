################################################################################
# Logs
################################################################################

# Who came, from where, and what they collected, as JSON. Structured logs need no role.
resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/transfer/${var.name}"
  kms_key_id        = var.kms_key_arn
  retention_in_days = var.log_retention_days

  tags = var.tags
}
