################################################################################
# Programs of the state machines
################################################################################

locals {
  # Long JSONata programs are separate files. They are inserted in JSON strings of a definition.
  _programs = {
    for file in fileset(path.module, "*.jsonata") :
    trimsuffix(file, ".jsonata") => trimsuffix(trimprefix(
      jsonencode(trimspace(file("${path.module}/${file}"))), "\"",
    ), "\"")
  }

  # A retry cannot fix these errors. It may fix all others.
  _retry = jsonencode([
    { ErrorEquals = ["States.QueryEvaluationError"], MaxAttempts = 0 },
    { ErrorEquals = ["States.ALL"], BackoffRate = 2, IntervalSeconds = 60, MaxAttempts = 6 },
  ])

  # Step Functions writes logs through log delivery, whose actions do not support a resource.
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
