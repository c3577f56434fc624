################################################################################
# EventBridge
################################################################################

resource "aws_iam_role" "events" {
  name                 = "${var.name}-failures-events"
  description          = "Lets EventBridge start the state machine that writes the mail."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
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

  tags = var.tags
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
  name                 = "${var.name}-failures-states"
  description          = "Lets the state machine look up a run, remember what it told, and publish."
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
  #checkov:skip=CKV_AWS_289: the rights of log delivery exist for all groups or none
  #checkov:skip=CKV_AWS_290: the rights of log delivery exist for all groups or none
  #checkov:skip=CKV_AWS_355: the rights of log delivery exist for all groups or none
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
      # Step Functions writes its log through log delivery, whose actions know no resource.
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

  name                 = "${var.name}-missing-schedule"
  description          = "Lets EventBridge Scheduler start the daily check."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      # Scheduler tells its group as the source, never the schedule.
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
        # Other than a rule, a schedule hands dead letters over in its own role.
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
      {
        # What the schedule hands over is encrypted too, for this schedule alone.
        Sid      = "DecryptInput"
        Effect   = "Allow"
        Action   = "kms:Decrypt"
        Resource = local.kms_key_arn
        Condition = {
          StringEquals = {
            "kms:EncryptionContext:aws:scheduler:schedule:arn" = join("", [
              "${local._arn.scheduler}:schedule/${local.missing_name}/${local.missing_name}",
            ])
          }
        }
      },
    ]
  })
}

resource "aws_iam_role" "missing" {
  for_each = local._checks

  name                 = "${var.name}-missing-states"
  description          = "Lets the daily check see which manifests are there, and publish."
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

  #checkov:skip=CKV_AWS_289: the rights of log delivery exist for all groups or none
  #checkov:skip=CKV_AWS_290: the rights of log delivery exist for all groups or none
  #checkov:skip=CKV_AWS_355: the rights of log delivery exist for all groups or none
  name = "look-and-publish"
  role = aws_iam_role.missing[each.key].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "SeeManifests"
        Effect    = "Allow"
        Action    = "s3:ListBucket"
        Resource  = "arn:${local.partition}:s3:::${each.value.bucket}"
        Condition = { StringLike = { "s3:prefix" = "${each.value.manifest_prefix}/*" } }
      }],
      local._memory_statements,
      local._publish_statements,
    )
  })
}
