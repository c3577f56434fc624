################################################################################
# Logs
################################################################################

locals {
  log_group_name = "/aws/${local._on_instance ? "ec2" : "transfer"}/${var.name}"
  _log_group_arn = join(":", [
    "arn", local.partition, "logs", local.region, local.account_id,
    "log-group:${local.log_group_name}",
  ])
}

# The group with logins and downloads. Structured logs of AWS Transfer Family need no role. A shared
# server writes to the log group of the module that created the server.
resource "aws_cloudwatch_log_group" "this" {
  count = local.own || local._on_instance ? 1 : 0

  name              = local.log_group_name
  kms_key_id        = var.kms_key_arn
  retention_in_days = var.log_retention_days

  tags = var.tags
}

# A connector writes to a group with this name. Without this resource, AWS would create the group
# without a retention period.
resource "aws_cloudwatch_log_group" "connector" {
  for_each = local.pushes

  name              = "/aws/transfer/${aws_transfer_connector.this[each.key].connector_id}"
  kms_key_id        = var.kms_key_arn
  retention_in_days = var.log_retention_days

  tags = var.tags
}

# The name begins with /aws/vendedlogs/. For each log group with another name, AWS adds a statement
# to a resource policy, and the size of this policy is limited.
resource "aws_cloudwatch_log_group" "push" {
  for_each = local._pushing

  name              = "/aws/vendedlogs/states/${var.name}-push"
  kms_key_id        = var.kms_key_arn
  retention_in_days = var.log_retention_days

  tags = var.tags
}

resource "aws_cloudwatch_log_group" "receipts" {
  for_each = local._receipts

  name              = "/aws/vendedlogs/states/${var.name}-receipts"
  kms_key_id        = var.kms_key_arn
  retention_in_days = var.log_retention_days

  tags = var.tags
}
