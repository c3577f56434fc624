# Rights of a plan: to read the settings of the project's own resources, and its state. It reads no
# delivered file, log, receipt or execution. A policy of AWS like ReadOnlyAccess would let a branch
# read the whole account. If a project has more resources, add what their plan reads.

locals {
  glue_names = {
    connection = var.name
    crawler    = "${var.name}-crawler"
    database   = replace(var.name, "-", "_")
    job        = var.name
    trigger    = "${var.name}-*"
    workflow   = var.name
  }
  # Statements by what they read. The names of all other resources begin with the extract's name.
  reads = {
    Account = {
      # AWS allows these for all resources or for none.
      Action = [
        "ec2:DescribeNetworkInterfaces", "ec2:DescribePrefixLists",
        "ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets",
        "ec2:DescribeVpcEndpoints", "glue:GetSecurityConfiguration", "kms:ListAliases",
        "logs:DescribeLogGroups", "serverlessrepo:GetApplication", "sns:GetSubscriptionAttributes",
        "states:ValidateStateMachineDefinition",
      ]
      Resource = ["*"]
    }
    # Settings of keys, SFTP servers and connectors. Their ARNs are unknown before the first apply.
    Generated = {
      Action = [
        "kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags",
        "logs:ListTagsForResource", "transfer:DescribeConnector", "transfer:DescribeServer",
        "transfer:DescribeUser", "transfer:ListTagsForResource",
      ]
      Resource = concat(
        [
          "${local.arn}:kms:*:${local.account}:key/*",
          # AWS names the log group of a connector after its ID.
          "${local.arn}:logs:*:${local.account}:log-group:/aws/transfer/c-*",
        ],
        [
          for type in ["connector/*", "server/*", "user/*"] :
          "${local.arn}:transfer:*:${local.account}:${type}"
        ],
      )
    }
    Glue = {
      Action = [
        "glue:GetConnection", "glue:GetCrawler", "glue:GetDatabase", "glue:GetJob", "glue:GetTags",
        "glue:GetTrigger", "glue:GetWorkflow",
      ]
      Resource = concat(
        ["${local.glue}:catalog"],
        [for type, name in local.glue_names : "${local.glue}:${type}/${name}"],
      )
    }
    Roles = {
      Action = [
        "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies",
      ]
      Resource = ["${local.arn}:iam::${local.account}:role/${var.name}-*"]
    }
    Buckets = {
      Action = [
        "s3:GetAccelerateConfiguration", "s3:GetBucket*", "s3:GetEncryptionConfiguration",
        "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration", "s3:ListBucket",
        "s3:ListTagsForResource",
      ]
      Resource = ["${local.arn}:s3:::${var.name}-${local.account}-*"]
    }
    # The programs of the job. Delivered files are in another bucket.
    Artifacts = {
      Action   = ["s3:GetObject", "s3:GetObjectTagging"]
      Resource = ["${local.arn}:s3:::${var.name}-${local.account}-*-artifacts/artifacts/*"]
    }
    Named = {
      Action = [
        "cloudformation:DescribeStacks", "cloudwatch:DescribeAlarms",
        "cloudwatch:ListTagsForResource", "dynamodb:DescribeContinuousBackups",
        "dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive", "dynamodb:ListTagsOfResource",
        "events:DescribeRule", "events:ListTagsForResource", "events:ListTargetsByRule",
        "logs:ListTagsForResource",
        "scheduler:GetSchedule", "scheduler:GetScheduleGroup", "scheduler:ListTagsForResource",
        "secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy",
        "sns:GetTopicAttributes", "sns:ListTagsForResource", "sqs:GetQueueAttributes",
        "sqs:ListQueueTags", "states:DescribeStateMachine", "states:ListStateMachineVersions",
        "states:ListTagsForResource",
      ]
      Resource = [
        for resource in [
          "cloudformation:*:${local.account}:stack/serverlessrepo-${var.name}-*",
          "cloudwatch:*:${local.account}:alarm:${var.name}-*",
          "dynamodb:*:${local.account}:table/${var.name}-*",
          "events:*:${local.account}:rule/${var.name}-*",
          "logs:*:${local.account}:log-group:*${var.name}*",
          "scheduler:*:${local.account}:schedule/${var.name}*",
          "scheduler:*:${local.account}:schedule-group/${var.name}*",
          "secretsmanager:*:${local.account}:secret:${var.name}/reader-*",
          "sns:*:${local.account}:${var.name}-*",
          "sqs:*:${local.account}:${var.name}-*",
          "states:*:${local.account}:stateMachine:${var.name}-*",
          # Machines of connectors. A name has no underscore, so they are of no other project.
          "states:*:${local.account}:stateMachine:${var.name}_push",
          "states:*:${local.account}:stateMachine:${var.name}_push_*",
        ] : "${local.arn}:${resource}"
      ]
    }
    State = {
      Action   = ["s3:GetObject"]
      Resource = ["${local.arn}:s3:::${var.state.bucket}/${var.state.key}"]
    }
    States = {
      Action   = ["s3:ListBucket"]
      Resource = ["${local.arn}:s3:::${var.state.bucket}"]
    }
  }
  # What an SFTP server on EC2 adds.
  instance_reads = {
    InstanceAccount = {
      # AWS allows these for all resources or for none.
      Action = [
        "ec2:DescribeAddresses", "ec2:DescribeInstanceCreditSpecifications",
        "ec2:DescribeInstanceTypes", "ec2:DescribeInstances", "ec2:DescribeTags",
        "ec2:DescribeVolumes", "ssm:DescribeParameters",
      ]
      Resource = ["*"]
    }
    # User data often has passwords, so only that of the project's own instance.
    InstanceAttributes = {
      Action    = ["ec2:DescribeInstanceAttribute"]
      Resource  = ["${local.arn}:ec2:*:${local.account}:instance/*"]
      Condition = { StringEquals = { "aws:ResourceTag/Name" = "${var.name}-sftp" } }
    }
    InstanceImage = {
      Action   = ["ssm:GetParameter"]
      Resource = ["${local.arn}:ssm:*::parameter/aws/service/ami-amazon-linux-latest/*"]
    }
    # The fingerprint, and the recipients' public keys. Of the host key, only its settings.
    InstanceNamed = {
      Action = [
        "iam:GetInstanceProfile", "secretsmanager:DescribeSecret",
        "secretsmanager:GetResourcePolicy", "ssm:GetParameter", "ssm:ListTagsForResource",
      ]
      Resource = [
        "${local.arn}:iam::${local.account}:instance-profile/${var.name}-*",
        "${local.arn}:secretsmanager:*:${local.account}:secret:${var.name}/sftp-host-key-*",
        "${local.arn}:ssm:*:${local.account}:parameter/${var.name}/sftp/*",
      ]
    }
  }
  # Rights for encrypted values, only through the service that keeps them.
  decrypts = concat(
    [
      for key in [var.state.kms_key_arn] : {
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = [key]
        Condition = { StringLike = { "kms:ViaService" = "s3.*" } }
      } if key != null
    ],
    [
      for secret in [local.secret] : {
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = ["${local.arn}:kms:*:${local.account}:key/*"]
        Condition = { StringLike = { "kms:EncryptionContext:SecretARN" = secret } }
      } if var.created_secret
    ],
  )
  secrets = {
    (local.secret) = "secretsmanager:GetSecretValue"
    "*"            = "secretsmanager:GetRandomPassword"
  }
}

resource "aws_iam_role_policy" "plan" {
  name = "plan"
  role = aws_iam_role.github["plan"].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [for name, read in local.reads : merge({ Sid = name, Effect = "Allow" }, read)],
      [
        for name, read in local.instance_reads : merge({ Sid = name, Effect = "Allow" }, read)
        if var.sftp_instance
      ],
      [
        for resource, action in local.secrets :
        { Effect = "Allow", Action = [action], Resource = [resource] } if var.created_secret
      ],
      local.decrypts,
    )
  })
}
