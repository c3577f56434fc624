# Rights of a plan: to read the state and the settings of the project's own resources. A plan reads
# no delivered file, log, receipt or execution. An AWS managed policy such as ReadOnlyAccess would
# let a branch read the whole account. If a project has more resources, add the rights that a plan
# of these resources needs.

locals {
  # Names of the project's resources. A pattern has "*" only after a character that no project's
  # name can have: "loans-*" would also match the resources of a project "loans-archive".
  glue_names = {
    connection = [var.name]
    crawler    = ["${var.name}-crawler"]
    database   = [replace(var.name, "-", "_")]
    job        = [var.name]
    trigger    = ["${var.name}-crawled", "${var.name}-start"]
    workflow   = [var.name]
  }
  named = {
    cloudformation = ["stack/serverlessrepo-${var.name}-rotation/*"]
    cloudwatch = [
      for alarm in ["dead-letters", "sftp-reboot", "sftp-recover"] : "alarm:${var.name}-${alarm}"
    ]
    dynamodb = [for table in ["incidents", "receipts"] : "table/${var.name}-${table}"]
    events = [
      for rule in [
        "collection-failed", "collection-recovered", "crawler-failed", "crawler-recovered",
        "job-failed", "job-recovered", "mail-unwritten", "published", "push-failed",
        "push-recovered", "receipts", "receipts-failed", "receipts-recovered", "rotation-failed",
        "rotation-recovered", "slow-failed",
      ] : "rule/${var.name}-${rule}"
    ]
    logs = [
      for group in [
        "/aws-glue/crawlers-role/${local.role_names["crawler"]}-${var.name}",
        "/aws-glue/jobs/${var.name}/*", "/aws/ec2/${var.name}", "/aws/transfer/${var.name}",
        "/aws/vendedlogs/states/${var.name}-failures", "/aws/vendedlogs/states/${var.name}-push",
        "/aws/vendedlogs/states/${var.name}-receipts",
      ] : "log-group:${group}"
    ]
    scheduler = flatten([
      for group in [var.name, "${var.name}-missing", "${var.name}-uncollected"] :
      ["schedule/${group}/*", "schedule-group/${group}"]
    ])
    secretsmanager = ["secret:${var.name}/reader-*"]
    sns            = ["${var.name}-failures"]
    sqs            = ["${var.name}-dead-letters"]
    states = [
      for machine in ["-failures", "-missing", "-receipts", "-uncollected", "_push", "_push_*"] :
      "stateMachine:${var.name}${machine}"
    ]
  }
  # Names of the roles. A name with more than 64 characters is shortened in the same way as in the
  # modules.
  full_role_names = {
    for role in [
      "collected", "crawler", "dispatch", "failures-events", "failures-states", "job",
      "missing-schedule", "missing-states", "published", "receipts", "schedule", "sftp-instance",
      "uncollected", "uncollected-due",
    ] : role => "${var.name}-${role}-${var.region}"
  }
  role_names = {
    for role, name in local.full_role_names : role => (
      length(name) <= 64 ? name : "${substr(name, 0, 55)}-${substr(sha1(name), 0, 8)}"
    )
  }
  bucket = "${var.name}-${local.account}-${var.region}"
}

locals {
  # One statement for each kind of resource that a plan reads.
  reads = {
    Account = {
      # AWS cannot limit these actions to single resources.
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
          "${local.arn}:kms:${local.place}:key/*",
          # AWS adds the ID of a connector to the name of its log group.
          "${local.arn}:logs:${local.place}:log-group:/aws/transfer/c-*",
        ],
        [
          for type in ["connector/*", "server/*", "user/*"] :
          "${local.arn}:transfer:${local.place}:${type}"
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
        flatten([
          for type, names in local.glue_names : [
            for name in names : "${local.glue}:${type}/${name}"
          ]
        ]),
      )
    }
    Roles = {
      Action = [
        "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies",
      ]
      # The pattern with an underscore matches the roles of the recipients. No other role has an
      # underscore after the project's name.
      Resource = [
        for role in concat(values(local.role_names), ["${var.name}_*"]) :
        "${local.arn}:iam::${local.account}:role/${role}"
      ]
    }
    Buckets = {
      Action = [
        "s3:GetAccelerateConfiguration", "s3:GetBucket*", "s3:GetEncryptionConfiguration",
        "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration", "s3:ListBucket",
        "s3:ListTagsForResource",
      ]
      Resource = [for end in ["", "-artifacts"] : "${local.arn}:s3:::${local.bucket}${end}"]
    }
    # The files of the job: spec and engine. Delivered files are in another bucket.
    Artifacts = {
      Action   = ["s3:GetObject", "s3:GetObjectTagging"]
      Resource = ["${local.arn}:s3:::${local.bucket}-artifacts/artifacts/*"]
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
  # Statements that a plan needs only for an SFTP server on EC2.
  instance_reads = {
    InstanceAccount = {
      # AWS cannot limit these actions to single resources.
      Action = [
        "ec2:DescribeAddresses", "ec2:DescribeInstanceCreditSpecifications",
        "ec2:DescribeInstanceTypes", "ec2:DescribeInstances", "ec2:DescribeTags",
        "ec2:DescribeVolumes", "ssm:DescribeParameters",
      ]
      Resource = ["*"]
    }
    # User data often contains passwords. So a plan reads only the user data of the project's own
    # instance.
    InstanceAttributes = {
      Action    = ["ec2:DescribeInstanceAttribute"]
      Resource  = ["${local.arn}:ec2:${local.place}:instance/*"]
      Condition = { StringEquals = { "aws:ResourceTag/Name" = "${var.name}-sftp" } }
    }
    InstanceImage = {
      Action   = ["ssm:GetParameter"]
      Resource = ["${local.arn}:ssm:${var.region}::parameter/aws/service/ami-amazon-linux-latest/*"]
    }
    # A plan reads the values of two kinds of parameters: the fingerprint of the host key, and the
    # public keys of the recipients. The host key is in a secret. A plan reads the settings of the
    # secret, but not its value.
    InstanceNamed = {
      Action = [
        "iam:GetInstanceProfile", "secretsmanager:DescribeSecret",
        "secretsmanager:GetResourcePolicy", "ssm:GetParameter", "ssm:ListTagsForResource",
      ]
      Resource = [
        "${local.arn}:iam::${local.account}:instance-profile/${local.role_names["sftp-instance"]}",
        "${local.arn}:secretsmanager:${local.place}:secret:${var.name}/sftp-host-key-*",
        "${local.arn}:ssm:${local.place}:parameter/${var.name}/sftp/*",
      ]
    }
  }
  # Rights to decrypt. Each right is limited to the service or the secret that holds the encrypted
  # value.
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
        Resource  = ["${local.arn}:kms:${local.place}:key/*"]
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

# These rights are in a managed policy, because AWS allows at most 10,240 characters in all inline
# policies of a role:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
resource "aws_iam_policy" "plan" {
  name = "${replace(var.repository, "/", "-")}-plan"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "Named"
      Effect = "Allow"
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
      Resource = flatten([
        for service, names in local.named : [
          for name in names : "${local.arn}:${service}:${local.place}:${name}"
        ]
      ])
    }]
  })
}

resource "aws_iam_role_policy_attachment" "plan" {
  role       = aws_iam_role.github["plan"].name
  policy_arn = aws_iam_policy.plan.arn
}
