################################################################################
# Programs of the state machines
################################################################################

locals {
  # Each long JSONata program is a separate file. The program is inserted into a JSON string of a
  # state machine's definition.
  _programs = {
    for file in fileset(path.module, "*.jsonata") :
    trimsuffix(file, ".jsonata") => trimsuffix(trimprefix(
      jsonencode(trimspace(file("${path.module}/${file}"))), "\"",
    ), "\"")
  }

  # Errors that a retry cannot fix. All other errors are retried.
  _retry = jsonencode([
    { ErrorEquals = ["States.QueryEvaluationError"], MaxAttempts = 0 },
    { ErrorEquals = ["States.ALL"], BackoffRate = 2, IntervalSeconds = 60, MaxAttempts = 6 },
  ])

  # Step Functions sends logs through CloudWatch log delivery. AWS cannot limit the actions of log
  # delivery to single resources.
  _write_logs = {
    Sid    = "WriteLogs"
    Effect = "Allow"
    Action = [
      "logs:CreateLogDelivery",
      "logs:DeleteLogDelivery",
      "logs:DescribeLogGroups",
      "logs:DescribeResourcePolicies",
      "logs:GetLogDelivery",
      "logs:ListLogDeliveries",
      "logs:PutResourcePolicy",
      "logs:UpdateLogDelivery",
    ]
    Resource = "*"
  }
}
