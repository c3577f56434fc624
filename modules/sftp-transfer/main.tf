data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  dns_suffix = data.aws_partition.current.dns_suffix
  partition  = data.aws_partition.current.partition
  # In version 5 of the provider, the attribute `name` has the region's name. In version 6, the
  # attribute `region` has the name. The attribute `endpoint` exists in both versions.
  region = split(".", data.aws_region.current.endpoint)[1]

  bucket_arn = "arn:${local.partition}:s3:::${var.bucket}"
  in_vpc     = local.own && var.endpoint.type == "VPC"
  own        = var.mode == "server" && var.server == null
  # Recipients that download files. In mode "connector", no recipient downloads files.
  downloaders = var.mode == "connector" ? {} : var.recipients
  # A map, because for_each needs keys that are known at plan time.
  _dead_letters = var.dead_letter_queue == null ? {} : { this = var.dead_letter_queue }

  # The SFTP server that the recipients use. Other extracts can share it.
  server = var.mode != "server" ? null : local.own ? {
    endpoint = (
      var.host_name == null ? local.aws_host_name : var.host_name.name
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

  #checkov:skip=CKV_AWS_164: PUBLIC only if the caller sets it; the default is a VPC endpoint
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
      # If the endpoint has Elastic IP addresses, clients on the internet can reach the server, but
      # only from allowed_cidrs.
      address_allocation_ids = endpoint_details.value.elastic_ip_ids
      # Without this argument, the endpoint would get the default security group of the VPC.
      security_group_ids = [aws_security_group.this[0].id]
      subnet_ids         = endpoint_details.value.subnet_ids
      vpc_id             = endpoint_details.value.vpc_id
    }
  }

  # Without this option, a recipient who logs in before the first publication gets the error "no
  # such file":
  # https://docs.aws.amazon.com/transfer/latest/userguide/implement-log-dirs.html
  s3_storage_options {
    directory_listing_optimization = "ENABLED"
  }

  tags = merge(var.tags, { Name = var.name }, local._host_name_tags)
}

################################################################################
# Host name
################################################################################

locals {
  _host_names = (
    (local.own || local._on_instance) && var.host_name != null ? { this = var.host_name } : {}
  )

  # The console shows the custom host name if the server has these tags:
  # https://docs.aws.amazon.com/transfer/latest/userguide/requirements-dns.html
  _host_name_tags = merge([
    for host_name in values(local._host_names) : {
      "transfer:customHostname"      = host_name.name
      "transfer:route53HostedZoneId" = "/hostedzone/${host_name.hosted_zone_id}"
    }
  ]...)

  # From inside the VPC, clients can connect only to the first DNS name of the VPC endpoint, which
  # AWS creates with the server. From the internet, with Elastic IP addresses or PUBLIC, clients
  # connect to the server's own name:
  # https://docs.aws.amazon.com/transfer/latest/userguide/transfer-file.html#find-vpc-endpoint
  # https://repost.aws/knowledge-center/aws-sftp-endpoint-type
  _internal = local.in_vpc && length(var.endpoint.elastic_ip_ids) == 0
  aws_host_name = !local.own ? null : (
    local._internal
    ? data.aws_vpc_endpoint.this[0].dns_entry[0].dns_name
    : aws_transfer_server.this[0].endpoint
  )
}

data "aws_vpc_endpoint" "this" {
  count = local.in_vpc ? 1 : 0

  id = aws_transfer_server.this[0].endpoint_details[0].vpc_endpoint_id
}

# This host name stays when the server is replaced. So recipients do not have to change their
# settings.
resource "aws_route53_record" "host_name" {
  for_each = local._host_names

  name    = each.value.name
  records = [local._on_instance ? local.instance_address : local.aws_host_name]
  ttl     = 300
  type    = local._on_instance ? "A" : "CNAME"
  zone_id = each.value.hosted_zone_id
}

################################################################################
# Users
################################################################################

locals {
  users = var.mode == "server" ? var.recipients : {}
  _keys = flatten([
    for user, recipient in local.users : [
      for device, key in recipient.public_keys : {
        device = device
        user   = user
        # A comment at the end is not part of a key and is removed.
        body = join(" ", slice(split(" ", "${trimspace(key)} "), 0, 2))
      }
    ]
  ])
  keys = { for key in local._keys : "${key.user}/${key.device}" => key }
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

  body      = each.value.body
  server_id = local.server.id
  user_name = aws_transfer_user.this[each.value.user].user_name
}
