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
  in_vpc     = local.own && var.endpoint.type == "VPC"
  own        = var.mode == "server" && var.server == null
  # By a map whose keys are known while planning.
  _dead_letters = var.dead_letter_queue == null ? {} : { this = var.dead_letter_queue }

  # What recipients are told, and what other extracts take to join.
  server = var.mode == "connector" ? null : local.own ? {
    endpoint = (
      var.host_name == null ? aws_transfer_server.this[0].endpoint : var.host_name.name
    )
    host_key_fingerprint = aws_transfer_server.this[0].host_key_fingerprint
    id                   = aws_transfer_server.this[0].id
  } : var.server
}

################################################################################
# Server
################################################################################

resource "aws_transfer_server" "this" {
  count = local.own ? 1 : 0

  #checkov:skip=CKV_AWS_164: PUBLIC only when the caller writes so; the default is a VPC endpoint
  domain                          = "S3"
  endpoint_type                   = var.endpoint.type
  identity_provider_type          = "SERVICE_MANAGED"
  pre_authentication_login_banner = var.banner
  protocols                       = ["SFTP"]
  security_policy_name            = var.security_policy_name
  structured_log_destinations     = ["${aws_cloudwatch_log_group.this[0].arn}:*"]

  dynamic "endpoint_details" {
    for_each = local.in_vpc ? [var.endpoint] : []

    content {
      # With addresses it is reached from the internet, by the allow-list alone.
      address_allocation_ids = endpoint_details.value.elastic_ip_ids
      # Without a group of our own the VPC's default group would decide who gets in.
      security_group_ids = [aws_security_group.this[0].id]
      subnet_ids         = endpoint_details.value.subnet_ids
      vpc_id             = endpoint_details.value.vpc_id
    }
  }

  tags = merge(var.tags, { Name = var.name })
}

################################################################################
# A name of its own
################################################################################

locals {
  _host_names = local.own && var.host_name != null ? { this = var.host_name } : {}
}

# So that the console shows the name; tags that begin with aws: go by this resource alone.
resource "aws_transfer_tag" "host_name" {
  for_each = local._host_names

  key          = "aws:transfer:customHostname"
  resource_arn = aws_transfer_server.this[0].arn
  value        = each.value.name
}

resource "aws_transfer_tag" "hosted_zone" {
  for_each = local._host_names

  key          = "aws:transfer:route53HostedZoneId"
  resource_arn = aws_transfer_server.this[0].arn
  value        = "/hostedzone/${each.value.hosted_zone_id}"
}

# A server that is replaced keeps its name, so recipients have nothing to change.
resource "aws_route53_record" "host_name" {
  for_each = local._host_names

  name    = each.value.name
  records = [aws_transfer_server.this[0].endpoint]
  ttl     = 300
  type    = "CNAME"
  zone_id = each.value.hosted_zone_id
}

################################################################################
# Users
################################################################################

locals {
  users = var.mode == "server" ? var.recipients : {}
  _keys = flatten([
    for user, recipient in local.users : [
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
  for_each = local.users

  home_directory_type = "LOGICAL"
  role                = aws_iam_role.recipient[each.key].arn
  server_id           = local.server.id
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
  server_id = local.server.id
  user_name = aws_transfer_user.this[each.value[0].user].user_name
}
