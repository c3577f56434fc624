################################################################################
# For failure-alerts
################################################################################

locals {
  _states_pattern = {
    source      = ["aws.states"]
    detail-type = ["Step Functions Execution Status Change"]
  }
  # The pattern matches a prefix, so that its length does not depend on the number of recipients.
  _push_arns = length(local._pushing) > 0 ? [{ prefix = local._push_arn_prefix }] : []
  _check_arns = [
    for name in concat(local._receipt_names, local._check_names) : "${local._states_arn}:${name}"
  ]
  _failed = ["ABORTED", "FAILED", "TIMED_OUT"]

  _push_arn_prefix = "${local._states_arn}:${local.dispatch_name}"

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
    push       = length(local._pushing) > 0
    receipts   = length(local._receipts) > 0
  }
}

output "delivery" {
  description = <<-EOT
    Events that report failed and recovered deliveries, for `delivery` of `failure-alerts`.
  EOT
  value = {
    events = {
      for kind, event in local._delivery_events : kind => event if local._delivery_kinds[kind]
    }
    push_arn_prefix = one([for prefix in local._push_arns : prefix.prefix])
    recipients = {
      for user, prefix in local._prefixes : user => "s3://${var.bucket}/${prefix}"
      if local._delivery_kinds["collection"]
    }
    recoveries = {
      for kind, event in local._delivery_recoveries : kind => event if local._delivery_kinds[kind]
    }
    # These ARNs are built from names, because the queue that gets dead letters of these rules is
    # created before the rules.
    rule_arns = [
      for name in concat(local._published_names, local._collected_names) :
      "${local._rule_arn}/${name}"
    ]
  }
}

################################################################################
# Connectors
################################################################################

output "connectors" {
  description = <<-EOT
    IDs of the connectors, keyed like `recipients`, for `aws transfer test-connection`.
  EOT
  value = {
    for key, connector in aws_transfer_connector.this : key => connector.connector_id
  }
}

output "push_state_machine_arns" {
  description = <<-EOT
    ARNs of the state machines that send published files, keyed like `recipients`, for
    `extracts resend`. Empty without connectors.
  EOT
  value       = { for key, machine in aws_sfn_state_machine.push : key => machine.arn }
}

################################################################################
# Server
################################################################################

output "endpoint" {
  description = <<-EOT
    Host name of the server, for the recipients. In mode "instance" without `host_name`, it is an IP
    address.
  EOT
  value = (
    !local._on_instance ? one(local.server[*].endpoint)
    : var.host_name == null ? local.instance_address : var.host_name.name
  )
}

output "host_key_fingerprint" {
  description = <<-EOT
    Fingerprint of the server's host key, for the recipients. In mode "instance", it is null until
    the instance has started for the first time and Terraform then refreshes the state.
  EOT
  value = local._on_instance ? one([
    for key, parameter in aws_ssm_parameter.host_key_fingerprint : parameter.insecure_value
    if startswith(parameter.insecure_value, "SHA256:")
  ]) : one(local.server[*].host_key_fingerprint)
}

output "receipts_table_name" {
  description = "Name of the DynamoDB table of receipts. Null if there are no users."
  value       = one(values(aws_dynamodb_table.receipts)[*].name)
}

output "server" {
  description = <<-EOT
    The server, for the input `server` of other extracts that share it. Null in the modes
    "connector" and "instance".
  EOT
  value       = local.server
}

output "server_id" {
  description = "ID of the server. Null in the modes \"connector\" and \"instance\"."
  value       = one(local.server[*].id)
}

################################################################################
# Users
################################################################################

output "users" {
  description = <<-EOT
    SFTP user name, ARN of the IAM role, and bucket prefix of each user, keyed like `recipients`.
  EOT
  value = {
    for key, recipient in local.downloaders : key => {
      user_name = key
      role_arn = (
        local._on_instance
        ? one(values(aws_iam_role.instance)[*].arn) : aws_transfer_user.this[key].role
      )
      prefix = recipient.prefix
    }
  }
}
