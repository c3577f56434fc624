################################################################################
# Role of the instance
################################################################################

locals {
  _parameters_arn = join(":", [
    "arn", local.partition, "ssm", local.region, local.account_id,
    "parameter${local._parameters}",
  ])
  # The ARN is built from the name, so that the policy is known at plan time.
  _host_key_arn = join(":", [
    "arn", local.partition, "secretsmanager", local.region, local.account_id,
    "secret:${local._host_key_prefix}*",
  ])
  # If there are no recipients, this list is empty, because the instance then needs no rights to
  # read files and to start a state machine.
  _mounted = length(local._instance_recipients) > 0 ? [sort(keys(local._instance_recipients))] : []

  _instance_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      flatten([
        for users in local._mounted : [
          {
            Sid      = "ListFolders"
            Effect   = "Allow"
            Action   = "s3:ListBucket"
            Resource = local.bucket_arn
            Condition = {
              StringLike = { "s3:prefix" = [for user in users : "${local.patterns[user]}/*"] }
            }
          },
          {
            Sid      = "ReadFolders"
            Effect   = "Allow"
            Action   = "s3:GetObject"
            Resource = [for user in users : "${local.bucket_arn}/${local.patterns[user]}/*"]
          },
          {
            Sid      = "StartReceipt"
            Effect   = "Allow"
            Action   = "states:StartExecution"
            Resource = local.receipts_arn
          },
        ]
      ]),
      [
        {
          Sid      = "Decrypt"
          Effect   = "Allow"
          Action   = "kms:Decrypt"
          Resource = var.kms_key_arn
          Condition = {
            StringEquals = {
              "kms:ViaService" = [
                "s3.${local.region}.${local.dns_suffix}",
                "secretsmanager.${local.region}.${local.dns_suffix}",
              ]
            }
          }
        },
        {
          Sid      = "EncryptHostKey"
          Effect   = "Allow"
          Action   = "kms:GenerateDataKey"
          Resource = var.kms_key_arn
          Condition = {
            StringEquals = {
              "kms:ViaService" = "secretsmanager.${local.region}.${local.dns_suffix}"
            }
          }
        },
        {
          Sid      = "KeepHostKey"
          Effect   = "Allow"
          Action   = ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"]
          Resource = local._host_key_arn
        },
        {
          Sid      = "ShowFingerprint"
          Effect   = "Allow"
          Action   = "ssm:PutParameter"
          Resource = "${local._parameters_arn}/host-key-fingerprint"
        },
        {
          Sid      = "ReadRecipients"
          Effect   = "Allow"
          Action   = "ssm:GetParametersByPath"
          Resource = "${local._parameters_arn}/recipients"
        },
        {
          Sid      = "WriteLogs"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = "${local._log_group_arn}:*"
        },
        {
          # Rights for Session Manager. AWS's managed policy would also allow the instance to read
          # all parameters of the account.
          Sid    = "OpenSessions"
          Effect = "Allow"
          Action = [
            "ssm:UpdateInstanceInformation",
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
          ]
          Resource = "*"
        },
      ],
    )
  })
}

resource "aws_iam_role" "instance" {
  for_each = local._instance

  name                 = local.role_names["instance"]
  description          = "Lets the SFTP server of ${var.name} read its recipients' files."
  permissions_boundary = var.permissions_boundary_arn

  # The trust policy has no condition on the source, because the documentation of EC2 does not
  # describe one. Only a principal with iam:PassRole can give the role to an instance.
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ec2.${local.dns_suffix}" }
      Action    = "sts:AssumeRole"
    }]
  })

  tags = var.tags
}

resource "aws_iam_role_policy" "instance" {
  for_each = local._instance

  #checkov:skip=CKV_AWS_290: the rights of Session Manager support no resource
  #checkov:skip=CKV_AWS_355: the rights of Session Manager support no resource
  name   = "serve"
  role   = aws_iam_role.instance[each.key].name
  policy = local._instance_policy

  lifecycle {
    precondition {
      # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
      condition = length(local._instance_policy) <= 10240
      error_message = join(" ", [
        "recipients: the IAM policy of the instance lists the prefixes of all recipients. It would",
        "have ${length(local._instance_policy)} characters, but AWS accepts 10240. Shorten the",
        "prefixes, or divide the recipients between two instances.",
      ])
    }
  }
}

resource "aws_iam_instance_profile" "this" {
  for_each = local._instance

  name = local.role_names["instance"]
  role = aws_iam_role.instance[each.key].name

  tags = var.tags
}
