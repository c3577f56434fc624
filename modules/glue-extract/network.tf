################################################################################
# Network
################################################################################

resource "aws_security_group" "this" {
  #checkov:skip=CKV2_AWS_5: it is attached to the Glue connection, which this check does not know
  name        = "${var.name}-glue"
  description = "Job and crawler of the extract ${var.name}"
  vpc_id      = var.network.vpc_id

  tags = merge(var.tags, { Name = "${var.name}-glue" })
}

resource "aws_vpc_security_group_ingress_rule" "workers" {
  #checkov:skip=CKV_AWS_24: it lets in this group alone; the check sees no referenced groups
  #checkov:skip=CKV_AWS_25: it lets in this group alone; the check sees no referenced groups
  #checkov:skip=CKV_AWS_260: it lets in this group alone; the check sees no referenced groups
  description                  = "Workers of one run talk to each other, as Glue demands"
  from_port                    = 0
  ip_protocol                  = "tcp"
  referenced_security_group_id = aws_security_group.this.id
  security_group_id            = aws_security_group.this.id
  to_port                      = 65535

  tags = var.tags
}

resource "aws_vpc_security_group_egress_rule" "workers" {
  description                  = "Workers of one run talk to each other"
  from_port                    = 0
  ip_protocol                  = "tcp"
  referenced_security_group_id = aws_security_group.this.id
  security_group_id            = aws_security_group.this.id
  to_port                      = 65535

  tags = var.tags
}

# With endpoints AWS is called within the VPC, by these two rules; else NAT leads everywhere.
resource "aws_vpc_security_group_egress_rule" "aws" {
  cidr_ipv4                    = var.endpoints == null ? "0.0.0.0/0" : null
  description                  = "Secrets Manager, KMS, CloudWatch and Glue, and S3 by way of NAT"
  from_port                    = 443
  ip_protocol                  = "tcp"
  referenced_security_group_id = one(aws_security_group.endpoints[*].id)
  security_group_id            = aws_security_group.this.id
  to_port                      = 443

  tags = var.tags
}

resource "aws_vpc_security_group_egress_rule" "s3" {
  count = var.endpoints == null ? 0 : 1

  description       = "S3, by way of its endpoint"
  from_port         = 443
  ip_protocol       = "tcp"
  prefix_list_id    = aws_vpc_endpoint.s3[0].prefix_list_id
  security_group_id = aws_security_group.this.id
  to_port           = 443

  tags = var.tags
}

locals {
  # Where the source's security groups are not given, its port is open to every address.
  _database_groups = var.network.database_security_group_ids
  _anywhere        = length(local._database_groups) == 0
}

resource "aws_vpc_security_group_egress_rule" "database" {
  for_each = local._anywhere ? { anywhere = null } : local._database_groups

  cidr_ipv4                    = local._anywhere ? "0.0.0.0/0" : null
  description                  = "Source database"
  from_port                    = var.database.port
  ip_protocol                  = "tcp"
  referenced_security_group_id = each.value
  security_group_id            = aws_security_group.this.id
  to_port                      = var.database.port

  tags = var.tags
}

resource "aws_vpc_security_group_ingress_rule" "database" {
  for_each = local._database_groups

  description                  = "Job and crawler of the extract ${var.name}"
  from_port                    = var.database.port
  ip_protocol                  = "tcp"
  referenced_security_group_id = aws_security_group.this.id
  security_group_id            = each.value
  to_port                      = var.database.port

  tags = var.tags
}
