################################################################################
# Logs
################################################################################

# The name begins with /aws/vendedlogs/. For each log group with another name, AWS adds a statement
# to a resource policy, and the size of this policy is limited.
resource "aws_cloudwatch_log_group" "states" {
  name              = "/aws/vendedlogs/states/${var.name}-failures"
  kms_key_id        = local.kms_key_arn
  retention_in_days = var.log_retention_days

  tags = var.tags
}
