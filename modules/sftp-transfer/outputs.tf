################################################################################
# For failure-alerts
################################################################################

locals {
  _states_pattern = {
    source      = ["aws.states"]
    detail-type = ["Step Functions Execution Status Change"]
  }
  _push_arns = [for name in values(local.push_names) : "${local._push_arn}:${name}"]
  _check_arns = [
    for name in concat(local._receipt_names, local._check_names) : "${local._push_arn}:${name}"
  ]
  _failed = ["ABORTED", "FAILED", "TIMED_OUT"]

  _delivery_events = {
    collection = jsonencode({
      source      = [local.event_source]
      detail-type = ["File Not Collected"]
      detail      = { extract = [var.name] }
    })
    push = jsonencode(merge(local._states_pattern, {
      detail = { stateMachineArn = local._push_arns, status = local._failed }
    }))
    receipts = jsonencode(merge(local._states_pattern, {
      detail = { stateMachineArn = local._check_arns, status = local._failed }
    }))
  }
  _delivery_recoveries = {
    collection = jsonencode({
      source      = [local.event_source]
      detail-type = ["File Collected"]
      detail      = { extract = [var.name] }
    })
    push = jsonencode(merge(local._states_pattern, {
      detail = { stateMachineArn = local._push_arns, status = ["SUCCEEDED"] }
    }))
    receipts = jsonencode(merge(local._states_pattern, {
      detail = { stateMachineArn = local._check_arns, status = ["SUCCEEDED"] }
    }))
  }
  _delivery_kinds = {
    collection = length(local._dues) > 0
    push       = length(local.pushes) > 0
    receipts   = length(local._receipts) > 0
  }
}

output "delivery" {
  description = <<-EOT
    What `failure-alerts` takes: what was not delivered or collected, and what puts it right.
  EOT
  value = {
    events = {
      for kind, event in local._delivery_events : kind => event if local._delivery_kinds[kind]
    }
    push_arns = local._push_arns
    recoveries = {
      for kind, event in local._delivery_recoveries : kind => event if local._delivery_kinds[kind]
    }
    # By name, and not by what is made: the queue that lets them in is there before they are.
    rule_arns = [
      for name in concat(values(local.push_names), local._receipt_names) :
      "${local._push_rule_arn}/${name}"
    ]
  }
}

################################################################################
# Connectors
################################################################################

output "connectors" {
  description = <<-EOT
    Per key of `recipients` that are pushed to: connector to test with `test-connection`.
  EOT
  value = {
    for key, connector in aws_transfer_connector.this : key => connector.connector_id
  }
}

################################################################################
# Server
################################################################################

output "endpoint" {
  description = "Host name to give to recipients; in a VPC, one that is resolved there."
  value       = one(local.server[*].endpoint)
}

output "host_key_fingerprint" {
  description = "Fingerprint to give to recipients by another way, so that they know the server."
  value       = one(local.server[*].host_key_fingerprint)
}

output "receipts_table_name" {
  description = "Table to look into for who collected what; null where nobody collects."
  value       = one(values(aws_dynamodb_table.receipts)[*].name)
}

output "server" {
  description = "What other extracts take as their `server`, to join this one."
  value       = local.server
}

output "server_id" {
  description = "Server to look at in the console."
  value       = one(local.server[*].id)
}

################################################################################
# Users
################################################################################

output "users" {
  description = "Per key of `recipients`: the user name to give out, its role and its folder."
  value = {
    for key, user in aws_transfer_user.this : key => {
      user_name = user.user_name
      role_arn  = user.role
      prefix    = var.recipients[key].prefix
    }
  }
}
