################################################################################
# Connectors: files are sent to the recipients' servers
################################################################################

locals {
  # The recipients to which a connector sends files. This is a map without null values, because
  # for_each needs keys that are known at plan time.
  pushes = {
    for key, recipient in var.recipients :
    key => merge(recipient.push, { prefix = recipient.prefix })
    if var.mode == "connector" && recipient.push != null
  }
  # The resources that all connectors share are created only if there are recipients.
  _pushing = length(local.pushes) > 0 ? { this = var.manifest_prefix } : {}

  _events_arn = "arn:${local.partition}:events:${local.region}:${local.account_id}"
  _rule_arn   = "${local._events_arn}:rule"
  _states_arn = "arn:${local.partition}:states:${local.region}:${local.account_id}:stateMachine"

  # `name` has no underscore. So only the state machines of this module's recipients have names that
  # begin with this prefix and an underscore.
  dispatch_name    = "${var.name}_push"
  published_name   = "${var.name}-published"
  _published_names = [for key in keys(local._pushing) : local.published_name]
  push_names       = { for key in keys(local.pushes) : key => "${local.dispatch_name}_${key}" }
}

resource "aws_transfer_connector" "this" {
  for_each = local.pushes

  access_role          = aws_iam_role.push[each.key].arn
  logging_role         = aws_iam_role.push[each.key].arn
  security_policy_name = var.connector_security_policy_name
  url                  = each.value.url

  sftp_config {
    # AWS does not accept keys with comments, so comments are removed:
    # https://docs.aws.amazon.com/transfer/latest/userguide/connector-troubleshooting.html
    trusted_host_keys = [
      for key in each.value.trusted_host_keys :
      join(" ", slice(split(" ", "${trimspace(key)} "), 0, 2))
    ]
    user_secret_id = each.value.secret_arn
  }

  tags = merge(var.tags, { Name = local.push_names[each.key] })

  depends_on = [aws_iam_role_policy.push]
}

################################################################################
# Start of a transfer when a manifest appears
################################################################################

# One rule serves all recipients, because AWS limits the number of rules per event bus.
resource "aws_cloudwatch_event_rule" "published" {
  for_each = local._pushing

  name        = local.published_name
  description = "Starts the transfer of the files when a period of ${var.name} is published."
  state       = "ENABLED"

  event_pattern = jsonencode({
    source      = ["aws.s3"]
    detail-type = ["Object Created"]
    detail = {
      bucket = { name = [var.bucket] }
      object = { key = [{ prefix = "${each.value}/" }] }
    }
  })

  tags = var.tags
}

resource "aws_cloudwatch_event_target" "dispatch" {
  for_each = local._pushing

  arn       = aws_sfn_state_machine.dispatch[each.key].arn
  role_arn  = aws_iam_role.published[each.key].arn
  rule      = aws_cloudwatch_event_rule.published[each.key].name
  target_id = "dispatch"

  dynamic "dead_letter_config" {
    for_each = local._dead_letters

    content {
      arn = dead_letter_config.value.arn
    }
  }

  depends_on = [aws_iam_role_policy.published]
}

resource "aws_sfn_state_machine" "dispatch" {
  for_each = local._pushing

  #checkov:skip=CKV_AWS_284: it starts other state machines and ends, so there is nothing to trace
  name     = local.dispatch_name
  role_arn = aws_iam_role.dispatch[each.key].arn
  type     = "STANDARD"

  definition = jsonencode(jsondecode(templatefile("${path.module}/dispatch.asl.json.tftpl", {
    partition = local.partition
    config = jsonencode({
      manifest_prefix = each.value
      recipients = [
        for key, machine in aws_sfn_state_machine.push : { name = key, machine = machine.arn }
      ]
    })
  })))

  logging_configuration {
    include_execution_data = true
    level                  = "ERROR"
    log_destination        = "${aws_cloudwatch_log_group.push[each.key].arn}:*"
  }

  tags = var.tags

  # AWS checks the rights of the role when it creates the state machine.
  depends_on = [aws_iam_role_policy.dispatch]
}

# Each recipient has its own state machine, so that an unreachable server does not delay other
# recipients.
resource "aws_sfn_state_machine" "push" {
  for_each = local.pushes

  #checkov:skip=CKV_AWS_284: it starts transfers and waits for them, so there is nothing to trace
  name     = local.push_names[each.key]
  role_arn = aws_iam_role.send[each.key].arn
  type     = "STANDARD"

  definition = jsonencode(jsondecode(templatefile("${path.module}/push.asl.json.tftpl", {
    batches   = local._programs["push-batches"]
    keys      = local._programs["push-keys"]
    outcome   = local._programs["push-outcome"]
    partition = local.partition
    retry     = local._retry
    config = jsonencode({
      attempts  = 4
      bucket    = var.bucket
      connector = aws_transfer_connector.this[each.key].connector_id
      folder    = each.value.folder
      prefix    = each.value.prefix
      recipient = each.key
    })
  })))

  logging_configuration {
    include_execution_data = true
    level                  = "ERROR"
    log_destination        = "${aws_cloudwatch_log_group.push["this"].arn}:*"
  }

  tags = var.tags

  # AWS checks the rights of the role when it creates the state machine.
  depends_on = [aws_iam_role_policy.send]
}

