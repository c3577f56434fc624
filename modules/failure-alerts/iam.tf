################################################################################
# Names
################################################################################

locals {
  # A role name is unique in the account and has at most 64 characters.
  _full_role_names = {
    for purpose in ["failures-events", "failures-states", "missing-schedule", "missing-states"] :
    purpose => "${var.name}-${purpose}-${local.region}"
  }
  role_names = {
    for purpose, full in local._full_role_names : purpose => (
      length(full) <= 64 ? full : "${substr(full, 0, 55)}-${substr(sha1(full), 0, 8)}"
    )
  }
}

################################################################################
# EventBridge
################################################################################

resource "aws_iam_role" "events" {
  name                 = local.role_names["failures-events"]
  description          = "Lets EventBridge start the state machine that writes the mails."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = local._events_trust

  tags = var.tags

  lifecycle {
    precondition {
      # IAM User Guide, "IAM and AWS STS quotas": the default maximum length of a role's trust
      # policy.
      condition = length(local._events_trust) <= 2048
      error_message = join(" ", [
        "failure_events, delivery: the trust policy of EventBridge's role names every rule and has",
        "more than the 2,048 characters that IAM accepts. Use fewer events or shorter keys.",
      ])
    }
  }
}

locals {
  _events_trust = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account_id }
        ArnEquals    = { "aws:SourceArn" = local._rule_arns }
      }
    }]
  })
}

resource "aws_iam_role_policy" "events" {
  name = "start"
  role = aws_iam_role.events.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "StartMail"
      Effect   = "Allow"
      Action   = "states:StartExecution"
      Resource = local.state_machine_arn
    }]
  })
}

################################################################################
# State machine
################################################################################

resource "aws_iam_role" "states" {
  name                 = local.role_names["failures-states"]
  description          = "Lets the state machine read Glue runs, store failures and publish mails."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account_id }
        ArnEquals    = { "aws:SourceArn" = local.state_machine_arn }
      }
    }]
  })

  tags = var.tags
}

resource "aws_iam_role_policy" "states" {
  #checkov:skip=CKV_AWS_289: the actions of log delivery do not support a resource
  #checkov:skip=CKV_AWS_290: the actions of log delivery do not support a resource
  #checkov:skip=CKV_AWS_355: the actions of log delivery do not support a resource
  name = "publish"
  role = aws_iam_role.states.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid      = "LookUpRun"
        Effect   = "Allow"
        Action   = ["glue:GetJob", "glue:GetJobRun"]
        Resource = "${local._arn.glue}:job/${var.failure_events.job_name}"
      }],
      local._memory_statements,
      local._publish_statements,
    )
  })
}

locals {
  _publish_statements = [
    {
      Sid      = "PublishMail"
      Effect   = "Allow"
      Action   = "sns:Publish"
      Resource = aws_sns_topic.this.arn
    },
    {
      Sid      = "EncryptMail"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey*"]
      Resource = local.kms_key_arn
      Condition = {
        StringEquals = { "kms:ViaService" = "sns.${local.region}.${local.dns_suffix}" }
      }
    },
    {
      # Step Functions sends logs through CloudWatch log delivery. AWS cannot limit the actions of
      # log delivery to single resources.
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
    },
  ]
}

################################################################################
# The daily check
################################################################################

resource "aws_iam_role" "scheduler" {
  for_each = local._checks

  name                 = local.role_names["missing-schedule"]
  description          = "Lets EventBridge Scheduler start the daily check."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      # EventBridge Scheduler sends the ARN of the schedule's group as the source of a request.
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = local.account_id
          "aws:SourceArn"     = local.schedule_group_arn
        }
      }
    }]
  })

  tags = var.tags
}

resource "aws_iam_role_policy" "scheduler" {
  for_each = local._checks

  name = "start"
  role = aws_iam_role.scheduler[each.key].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "StartCheck"
        Effect   = "Allow"
        Action   = "states:StartExecution"
        Resource = local.missing_arn
      },
      {
        # A schedule sends dead letters with its role, so the role needs these rights. A rule needs
        # no role to send dead letters.
        Sid      = "KeepDeadLetters"
        Effect   = "Allow"
        Action   = "sqs:SendMessage"
        Resource = aws_sqs_queue.dead_letters.arn
      },
      {
        Sid      = "EncryptDeadLetters"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource = local.kms_key_arn
        Condition = {
          StringEquals = { "kms:ViaService" = "sqs.${local.region}.${local.dns_suffix}" }
        }
      },
    ]
  })
}

resource "aws_iam_role" "missing" {
  for_each = local._checks

  name                 = local.role_names["missing-states"]
  description          = "Role of the daily check. It lists manifests and publishes mails."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account_id }
        ArnEquals    = { "aws:SourceArn" = local.missing_arn }
      }
    }]
  })

  tags = var.tags
}

resource "aws_iam_role_policy" "missing" {
  for_each = local._checks

  #checkov:skip=CKV_AWS_289: the actions of log delivery do not support a resource
  #checkov:skip=CKV_AWS_290: the actions of log delivery do not support a resource
  #checkov:skip=CKV_AWS_355: the actions of log delivery do not support a resource
  name = "look-and-publish"
  role = aws_iam_role.missing[each.key].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid      = "SeeManifests"
        Effect   = "Allow"
        Action   = "s3:ListBucket"
        Resource = "arn:${local.partition}:s3:::${each.value.bucket}"
        # IAM policies may only have characters up to U+00FF, so "?" replaces each other character.
        # In a policy, "?" matches any one character.
        Condition = {
          StringLike = {
            "s3:prefix" = join("/", [
              replace(each.value.manifest_prefix, "/[^\\x{0}-\\x{FF}]/", "?"), "*",
            ])
          }
        }
      }],
      local._memory_statements,
      local._publish_statements,
    )
  })
}
