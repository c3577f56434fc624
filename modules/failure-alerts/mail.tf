################################################################################
# Mails about failures and recoveries
################################################################################

locals {
  state_machine_name = "${var.name}-failures"
  state_machine_arn  = "${local._arn.states}:stateMachine:${local.state_machine_name}"

  _catch_up_schedule = var.failure_events.catch_up_schedule
  _push_arn_prefix   = var.delivery.push_arn_prefix

  # Each number is the largest number of hours that a time zone of this area is ahead of GMT.
  # Terraform and JSONata do not support time zones, so one number is used for all time zones of an
  # area.
  _area_hours = {
    "Africa"    = 3
    "America"   = 0
    "Arctic"    = 2
    "Asia"      = 12
    "Atlantic"  = 1
    "Australia" = 11
    "Etc/GMT"   = 0
    "Etc/UTC"   = 0
    "Europe"    = 4
    "Indian"    = 7
    "UTC"       = 0
  }
  _time_zone = var.failure_events.time_zone
  _hours_ahead = lookup(
    local._area_hours, local._time_zone,
    lookup(local._area_hours, split("/", local._time_zone)[0], 14),
  )
}

resource "aws_sfn_state_machine" "this" {
  #checkov:skip=CKV_AWS_284: it only makes a few calls, so there is nothing to trace
  name     = local.state_machine_name
  role_arn = aws_iam_role.states.arn
  type     = "STANDARD"

  definition = jsonencode(jsondecode(templatefile(
    "${path.module}/failures.asl.json.tftpl",
    merge(local._template, {
      config = jsonencode(merge(local._config, {
        catch_up_schedule = local._catch_up_schedule == null ? "" : local._catch_up_schedule
        # Glue sends links to the console with two kinds of host names: with the region, and without
        # it.
        consoles    = ["${local._console}/", "https://${local._console_host}/"]
        hours_ahead = local._hours_ahead
        links = {
          for place in ["crawler", "execution", "log", "run", "secret", "workflow"] :
          place => local.links[place]
        }
        manifest_prefix = var.target == null ? "" : var.target.manifest_prefix
        push_arn_prefix = local._push_arn_prefix == null ? "" : local._push_arn_prefix
        recipients      = var.delivery.recipients
        state_machines  = "${local._arn.states}:stateMachine:"
        time_zone       = var.failure_events.time_zone
        topic           = aws_sns_topic.this.arn
      }))
      test_text = jsonencode(join("\n", [
        "This is a test that somebody requested. Nothing has failed.",
        "",
        "What:    the alerts of ${var.failure_events.name}",
        "",
        "What to do",
        "Nothing. A subscriber who did not get this mail must confirm the subscription first.",
      ]))
    }),
  )))

  logging_configuration {
    include_execution_data = true
    level                  = "ERROR"
    log_destination        = "${aws_cloudwatch_log_group.states.arn}:*"
  }

  tags = var.tags

  # AWS checks the rights of the role when it creates the state machine.
  depends_on = [aws_iam_role_policy.states]
}
