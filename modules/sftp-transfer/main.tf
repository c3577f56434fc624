data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  dns_suffix = data.aws_partition.current.dns_suffix
  partition  = data.aws_partition.current.partition
  # The region's own attribute is called `name` in provider 5 and `region` in 6; its endpoint is
  # there in both.
  region = split(".", data.aws_region.current.endpoint)[1]

  bucket_arn = "arn:${local.partition}:s3:::${var.bucket}"
  in_vpc     = var.endpoint.type == "VPC"
}

################################################################################
# Server
################################################################################

resource "aws_transfer_server" "this" {
  #checkov:skip=CKV_AWS_164: PUBLIC only when the caller writes that word; the default is a VPC endpoint
  domain                      = "S3"
  endpoint_type               = var.endpoint.type
  identity_provider_type      = "SERVICE_MANAGED"
  protocols                   = ["SFTP"]
  security_policy_name        = var.security_policy_name
  structured_log_destinations = ["${aws_cloudwatch_log_group.this.arn}:*"]

  dynamic "endpoint_details" {
    for_each = local.in_vpc ? [var.endpoint] : []

    content {
      # Without a group of our own the VPC's default group would decide who gets in.
      security_group_ids = [aws_security_group.this[0].id]
      subnet_ids         = endpoint_details.value.subnet_ids
      vpc_id             = endpoint_details.value.vpc_id
    }
  }

  tags = merge(var.tags, { Name = var.name })
}

################################################################################
# Users
################################################################################

locals {
  _keys = flatten([
    for user, recipient in var.recipients : [
      # Without the comment at its end, which is not part of a key.
      for key in recipient.public_keys : {
        user = user
        body = join(" ", slice(split(" ", trimspace(key)), 0, 2))
      }
    ]
  ])
  keys = { for k in local._keys : "${k.user}/${sha1(k.body)}" => k... }
}

resource "aws_transfer_user" "this" {
  for_each = var.recipients

  home_directory_type = "LOGICAL"
  role                = aws_iam_role.recipient[each.key].arn
  server_id           = aws_transfer_server.this.id
  user_name           = each.key

  home_directory_mappings {
    entry  = "/"
    target = "/${var.bucket}/${each.value.prefix}"
  }

  tags = var.tags
}

resource "aws_transfer_ssh_key" "this" {
  for_each = local.keys

  body      = each.value[0].body
  server_id = aws_transfer_server.this.id
  user_name = aws_transfer_user.this[each.value[0].user].user_name
}
