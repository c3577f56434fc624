################################################################################
# Programs of the state machines
################################################################################

locals {
  # Long JSONata has files of its own; here it becomes the inside of a JSON string.
  _programs = {
    for file in fileset(path.module, "*.jsonata") :
    trimsuffix(file, ".jsonata") => trimsuffix(trimprefix(
      jsonencode(trimspace(file("${path.module}/${file}"))), "\"",
    ), "\"")
  }

  # A program that is wrong stays wrong; everything else may work a minute later.
  _retry = jsonencode([
    { ErrorEquals = ["States.QueryEvaluationError"], MaxAttempts = 0 },
    { ErrorEquals = ["States.ALL"], BackoffRate = 2, IntervalSeconds = 60, MaxAttempts = 6 },
  ])

  # Step Functions writes its logs through log delivery, whose actions know no resource.
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
