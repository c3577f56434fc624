################################################################################
# Endpoints
################################################################################

locals {
  # The names of endpoint services begin with com.amazonaws. In China, the names of the services in
  # this list begin with cn.com.amazonaws instead.
  # https://github.com/aws/aws-cdk/blob/main/packages/aws-cdk-lib/aws-ec2/lib/vpc-endpoint.ts
  _endpoint_prefixes = {
    aws-cn = {
      for service in [
        "application-autoscaling", "athena", "autoscaling", "backup", "batch", "cloudformation",
        "ebs", "ec2", "ecr.api", "ecr.dkr", "eks", "elasticache", "elasticfilesystem",
        "execute-api", "fsx", "kinesis-streams", "lambda", "monitoring", "rds", "redshift",
        "redshift-data", "sqs", "states", "sts", "transfer", "xray",
      ] : service => "cn.com.amazonaws"
    }
  }

  # With auth = "iam", a run reads no secret, so it needs no endpoint for Secrets Manager.
  _endpoint_services = var.endpoints == null ? [] : [
    for service in var.endpoints.services : service
    if var.auth == "secret" || service != "secretsmanager"
  ]

  # This statement refuses credentials of other accounts. Without it, a person could use the
  # credentials of another account to write data into that account. The statement allows buckets of
  # every account, because all clients in the VPC use the endpoints, also for buckets of AWS. So a
  # role of this account can write to a bucket of another account if both accounts allow the write.
  _own_account = {
    Sid       = "OwnAccount"
    Effect    = "Allow"
    Principal = "*"
    Action    = "*"
    Resource  = "*"
    Condition = { StringEquals = { "aws:PrincipalAccount" = local.account_id } }
  }
}

# AWS does not charge for a gateway endpoint.
resource "aws_vpc_endpoint" "s3" {
  count = var.endpoints == null ? 0 : 1

  route_table_ids   = var.endpoints.route_table_ids
  service_name      = "com.amazonaws.${local.region}.s3"
  vpc_endpoint_type = "Gateway"
  vpc_id            = var.network.vpc_id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      local._own_account,
      {
        # Glue loads its libraries from buckets of AWS, without credentials or with credentials of
        # AWS. AWS does not document the names of these buckets.
        Sid       = "ReadElsewhere"
        Effect    = "Allow"
        Principal = "*"
        Action    = ["s3:GetObject", "s3:ListBucket"]
        Resource  = "*"
      },
    ]
  })

  tags = merge(var.tags, { Name = "${var.name}-s3" })
}

resource "aws_vpc_endpoint" "this" {
  for_each = toset(local._endpoint_services)

  # All clients in the VPC resolve the service's host name to this endpoint.
  private_dns_enabled = true
  security_group_ids  = [aws_security_group.endpoints[0].id]
  service_name = join(".", [
    try(local._endpoint_prefixes[local.partition][each.value], "com.amazonaws"),
    local.region,
    each.value,
  ])
  subnet_ids        = [var.network.subnet_id]
  vpc_endpoint_type = "Interface"
  vpc_id            = var.network.vpc_id

  policy = jsonencode({ Version = "2012-10-17", Statement = [local._own_account] })

  tags = merge(var.tags, { Name = "${var.name}-${each.value}" })
}

resource "aws_security_group" "endpoints" {
  count = var.endpoints == null ? 0 : 1

  name        = "${var.name}-endpoints"
  description = "Endpoints of the extract ${var.name}"
  vpc_id      = var.network.vpc_id

  tags = merge(var.tags, { Name = "${var.name}-endpoints" })
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  for_each = var.endpoints == null ? {} : merge(
    { extract = aws_security_group.this.id },
    var.endpoints.client_security_group_ids,
  )

  description                  = "HTTPS from clients of the endpoints"
  from_port                    = 443
  ip_protocol                  = "tcp"
  referenced_security_group_id = each.value
  security_group_id            = aws_security_group.endpoints[0].id
  to_port                      = 443

  tags = var.tags
}
