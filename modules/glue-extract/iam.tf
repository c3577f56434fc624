################################################################################
# Names
################################################################################

locals {
  # Role names are unique in an account. They contain the region, so that the same extract can be
  # deployed in two regions.
  _role_names = {
    for role in ["crawler", "job", "schedule"] : role => "${var.name}-${role}-${local.region}"
  }
  # A role name has at most 64 characters, and some region names are long.
  role_names = {
    for role, name in local._role_names : role =>
    length(name) <= 64 ? name : "${substr(name, 0, 55)}-${substr(sha1(name), 0, 8)}"
  }
}

################################################################################
# Statements for the roles of the job and the crawler
################################################################################

locals {
  _arn = {
    ec2       = "arn:${local.partition}:ec2:${local.region}:${local.account_id}"
    glue      = "arn:${local.partition}:glue:${local.region}:${local.account_id}"
    login     = "arn:${local.partition}:rds-db:${local.region}:${local.account_id}:dbuser"
    logs      = "arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group"
    scheduler = "arn:${local.partition}:scheduler:${local.region}:${local.account_id}"
  }
  _artifacts_arn = "arn:${local.partition}:s3:::${var.artifacts.bucket}"
  # IAM accepts only characters up to U+00FF, so "?" replaces each other character. In a policy, "?"
  # matches any one character. The policy of kms-bucket has the same replacement.
  _target_pattern = replace(var.target.prefix, "/[^\\x{0}-\\x{FF}]/", "?")
  _target_arn     = "arn:${local.partition}:s3:::${var.target.bucket}/${local._target_pattern}"
  _subnet_arn     = "${local._arn.ec2}:subnet/${var.network.subnet_id}"

  # Patterns for the keys of published files. "*" also matches slashes, so a pattern also matches
  # keys in deeper folders. The statement DenyDeeperFolders denies writes to these folders.
  _file_patterns = contains(var.flat_recipients, "*") ? ["${local._target_arn}/*=*/*"] : concat(
    ["${local._target_arn}/*=*/year=*/month=*/*"],
    [
      for name in var.flat_recipients : join("", [
        "${local._target_arn}/${var.recipient_column}=",
        replace(replace(name, "/[^\\p{L}\\p{N}]/", ""), "/[^\\x{0}-\\x{FF}]/", "?"),
        "/*",
      ])
    ],
  )

  # Conditions that allow the use of a KMS key only through one AWS service.
  _via = {
    for service in ["s3", "secretsmanager", "sqs"] : service => {
      StringEquals = { "kms:ViaService" = "${service}.${local.region}.${local.dns_suffix}" }
    }
  }

  _assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "glue.amazonaws.com" }
      Action    = "sts:AssumeRole"
      # AWS does not document whether Glue sends the account ID. With "IfExists", the condition
      # applies only if Glue sends the ID. If Glue does not send the ID, the role is still safe,
      # because no other account can pass the role to Glue.
      Condition = { StringEqualsIfExists = { "aws:SourceAccount" = local.account_id } }
    }]
  })

  _connect = concat(
    [
      {
        Sid    = "ReadConnection"
        Effect = "Allow"
        Action = "glue:GetConnection"
        Resource = [
          "${local._arn.glue}:catalog",
          "${local._arn.glue}:connection/${local.connection_name}",
        ]
      },
    ],
    var.auth == "iam" ? [
      {
        Sid      = "LogIn"
        Effect   = "Allow"
        Action   = "rds-db:connect"
        Resource = "${local._arn.login}:${var.database.resource_id}/${local.user_name}"
      },
      ] : [
      {
        Sid      = "ReadSecret"
        Effect   = "Allow"
        Action   = "secretsmanager:GetSecretValue"
        Resource = local.secret_arn
      },
    ],
    [
      for key in local._secret_keys : {
        Sid       = "DecryptSecret"
        Effect    = "Allow"
        Action    = "kms:Decrypt"
        Resource  = key
        Condition = local._via["secretsmanager"]
      }
    ],
  )

  # For each run, Glue creates a network interface in the subnet with the role of the run, and later
  # deletes the interface.
  _network = [
    {
      Sid    = "CreateInterface"
      Effect = "Allow"
      Action = "ec2:CreateNetworkInterface"
      Resource = [
        "${local._arn.ec2}:network-interface/*",
        "${local._arn.ec2}:security-group/${aws_security_group.this.id}",
        local._subnet_arn,
      ]
    },
    {
      Sid       = "DeleteInterface"
      Effect    = "Allow"
      Action    = "ec2:DeleteNetworkInterface"
      Resource  = "${local._arn.ec2}:network-interface/*"
      Condition = { ArnEquals = { "ec2:Subnet" = local._subnet_arn } }
    },
    {
      Sid      = "TagInterface"
      Effect   = "Allow"
      Action   = ["ec2:CreateTags", "ec2:DeleteTags"]
      Resource = "${local._arn.ec2}:network-interface/*"
      Condition = {
        "ForAllValues:StringEquals" = { "aws:TagKeys" = ["aws-glue-service-resource"] }
        # A request without tag keys also meets the condition above, and would delete all tags. This
        # condition refuses such a request.
        Null = { "aws:TagKeys" = "false" }
      }
    },
    {
      # AWS cannot limit these actions to single resources.
      Sid    = "SeeNetwork"
      Effect = "Allow"
      Action = [
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeRouteTables",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcEndpoints",
      ]
      Resource = "*"
    },
    {
      Sid      = "SeeVpc"
      Effect   = "Allow"
      Action   = "ec2:DescribeVpcAttribute"
      Resource = "${local._arn.ec2}:vpc/${var.network.vpc_id}"
    },
  ]

  # The log groups exist, but Glue calls CreateLogGroup and AssociateKmsKey anyway. If such a call
  # fails, Glue writes no logs.
  _log_actions = [
    "logs:AssociateKmsKey",
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
  ]

  # Glue's guide requires that the roles may use the KMS key of encrypted logs. CloudWatch Logs adds
  # the ARN of the log group to the encryption context, so the rights are limited to these groups.
  # https://docs.aws.amazon.com/glue/latest/dg/encryption-security-configuration.html
  _log_key = {
    for kind, groups in {
      crawler = [local.crawler_log_group], job = values(local.job_log_groups)
      } : kind => [
      {
        Sid      = "EncryptLogs"
        Effect   = "Allow"
        Action   = ["kms:Decrypt*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
        Resource = var.kms_key_arn
        Condition = {
          StringEquals = {
            "kms:EncryptionContext:aws:logs:arn" = [
              for group in groups : "${local._arn.logs}:${group}"
            ]
          }
        }
      },
      {
        Sid      = "DescribeKey"
        Effect   = "Allow"
        Action   = "kms:DescribeKey"
        Resource = var.kms_key_arn
      },
    ]
  }

  # Since Glue 6.0, S3A reads the files of the job. S3A lists prefixes and requests the region of
  # the bucket.
  _list_artifacts = [
    {
      Sid       = "ListArtifacts"
      Effect    = "Allow"
      Action    = "s3:ListBucket"
      Resource  = local._artifacts_arn
      Condition = { StringLike = { "s3:prefix" = [local._artifacts, "${local._artifacts}/*"] } }
    },
    {
      Sid      = "LocateArtifacts"
      Effect   = "Allow"
      Action   = "s3:GetBucketLocation"
      Resource = local._artifacts_arn
    },
  ]

  _read_artifacts_key = {
    Sid       = "DecryptArtifacts"
    Effect    = "Allow"
    Action    = "kms:Decrypt"
    Resource  = var.kms_key_arn
    Condition = local._via["s3"]
  }
}

################################################################################
# Job
################################################################################

resource "aws_iam_role" "job" {
  name                 = local.role_names["job"]
  assume_role_policy   = local._assume_role_policy
  description          = "Job of the extract ${var.name}."
  permissions_boundary = var.permissions_boundary_arn

  tags = var.tags
}

resource "aws_iam_role_policy" "job" {
  name = "job"
  role = aws_iam_role.job.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      local._connect,
      local._network,
      local._list_artifacts,
      local._log_key["job"],
      [
        {
          Sid      = "ReadArtifacts"
          Effect   = "Allow"
          Action   = "s3:GetObject"
          Resource = "${local._artifacts_arn}/${local._artifacts}/*"
        },
        local._read_artifacts_key,
        {
          # A restatement deletes the old manifest and the files of removed recipients. The job
          # cannot delete versions of objects, so the bucket keeps the deleted files as old
          # versions.
          Sid      = "DeleteReplacedFiles"
          Effect   = "Allow"
          Action   = "s3:DeleteObject"
          Resource = "${local._target_arn}/*"
        },
        {
          # Without this statement, Glue itself could write other objects, for example shuffle files
          # with rows of all recipients. The statement limits the job to the keys of files and of
          # manifests.
          Sid    = "DenyOtherFiles"
          Effect = "Deny"
          Action = "s3:PutObject"
          NotResource = concat(
            local._file_patterns,
            ["${local._target_arn}/_manifests/*.claim", "${local._target_arn}/_manifests/*.json"],
          )
        },
        {
          # The patterns in DenyOtherFiles end with "*", which also matches keys in deeper folders.
          # Without this statement, Glue could write rows of all recipients there, and a recipient
          # could read them.
          Sid      = "DenyDeeperFolders"
          Effect   = "Deny"
          Action   = "s3:PutObject"
          Resource = [for pattern in local._file_patterns : "${pattern}/*"]
        },
        {
          # Before the engine starts, Glue can use this role to load code from S3, for example with
          # --python-virtual-env. No value of that argument prevents this. To read such code without
          # a version ID, Glue needs s3:GetObject, so this statement denies s3:GetObject. The engine
          # reads objects by version ID. It needs s3:GetObject only to copy a claim on the condition
          # that no other run has replaced the claim.
          Sid    = "DenyUnversionedReads"
          Effect = "Deny"
          Action = "s3:GetObject"
          NotResource = [
            "${local._artifacts_arn}/${local._artifacts}/*",
            "${local._target_arn}/_manifests/*.claim",
          ]
        },
        {
          # Since Glue 6.0, --python-virtual-env-storage-prefix lets Glue upload an archive of an
          # environment.
          Sid      = "DenyArchives"
          Effect   = "Deny"
          Action   = "s3:PutObject"
          Resource = ["${local._target_arn}/*.tar.gz", "${local._target_arn}/*.tgz"]
        },
        {
          # Without this statement, the policy of any other bucket in the account could give the job
          # access to that bucket. Then a run with certain arguments of Glue could load code from
          # that bucket or write to it.
          Sid    = "DenyOtherBuckets"
          Effect = "Deny"
          Action = "s3:*"
          NotResource = [
            local._artifacts_arn,
            "${local._artifacts_arn}/${local._artifacts}/*",
            "arn:${local.partition}:s3:::${var.target.bucket}",
            "${local._target_arn}/*",
          ]
        },
        {
          Sid    = "WriteLogs"
          Effect = "Allow"
          Action = local._log_actions
          Resource = flatten([
            for group in values(local.job_log_groups) :
            ["${local._arn.logs}:${group}", "${local._arn.logs}:${group}:*"]
          ])
        },
        {
          # The engine reads the settings of its own run, and refuses to run with settings that
          # differ from the job's settings.
          Sid      = "ReadOwnRuns"
          Effect   = "Allow"
          Action   = "glue:GetJobRuns"
          Resource = "${local._arn.glue}:job/${local.job_name}"
        },
        {
          Sid       = "WriteMetrics"
          Effect    = "Allow"
          Action    = "cloudwatch:PutMetricData"
          Resource  = "*"
          Condition = { StringEquals = { "cloudwatch:namespace" = "Glue" } }
        },
      ],
    )
  })
}

resource "aws_iam_role_policy" "target" {
  name   = "target"
  policy = var.target.writer_policy_json
  role   = aws_iam_role.job.name
}
