################################################################################
# Connectors
################################################################################

output "connectors" {
  description = "Per key of `recipients` that are pushed to: connector to test with `test-connection`."
  value       = { for key, connector in aws_transfer_connector.this : key => connector.connector_id }
}

output "delivery_events" {
  description = <<-EOT
    Event patterns for rules of your own: a partner did not get its file, or nothing was sent. Empty
    in mode "server".
  EOT
  value = length(local.pushes) == 0 ? {} : {
    delivery = jsonencode({
      source      = ["aws.transfer"]
      detail-type = ["SFTP Connector File Send Failed"]
      detail      = { connector-id = values(aws_transfer_connector.this)[*].connector_id }
    })
    push = jsonencode({
      source      = ["aws.states"]
      detail-type = ["Step Functions Execution Status Change"]
      detail = {
        stateMachineArn = [for name in values(local.push_names) : "${local._push_arn}:${name}"]
        status          = ["ABORTED", "FAILED", "TIMED_OUT"]
      }
    })
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
