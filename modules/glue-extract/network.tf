################################################################################
# Network
################################################################################

resource "aws_security_group" "this" {
  #checkov:skip=CKV2_AWS_5: it is attached to the Glue connection, which the check does not support
  name        = "${var.name}-glue"
  description = "Job and crawler of the extract ${var.name}"
  vpc_id      = var.network.vpc_id

  tags = merge(var.tags, { Name = "${var.name}-glue" })
}

resource "aws_vpc_security_group_ingress_rule" "workers" {
  #checkov:skip=CKV_AWS_24: it admits only this group; the check ignores referenced groups
  #checkov:skip=CKV_AWS_25: it admits only this group; the check ignores referenced groups
  #checkov:skip=CKV_AWS_260: it admits only this group; the check ignores referenced groups
  description                  = "Connections between workers of a run, which Glue requires"
  from_port                    = 0
  ip_protocol                  = "tcp"
  referenced_security_group_id = aws_security_group.this.id
  security_group_id            = aws_security_group.this.id
  to_port                      = 65535

  tags = var.tags
}

resource "aws_vpc_security_group_egress_rule" "workers" {
  description                  = "Connections between workers of a run"
  from_port                    = 0
  ip_protocol                  = "tcp"
  referenced_security_group_id = aws_security_group.this.id
  security_group_id            = aws_security_group.this.id
  to_port                      = 65535

  tags = var.tags
}

# If there are VPC endpoints, the following two rules allow connections only to AWS services. If
# there are none, HTTPS connections leave the VPC through NAT.
resource "aws_vpc_security_group_egress_rule" "aws" {
  cidr_ipv4                    = var.endpoints == null ? "0.0.0.0/0" : null
  description                  = "Secrets Manager, KMS, CloudWatch and Glue, and S3 through NAT"
  from_port                    = 443
  ip_protocol                  = "tcp"
  referenced_security_group_id = one(aws_security_group.endpoints[*].id)
  security_group_id            = aws_security_group.this.id
  to_port                      = 443

  tags = var.tags
}

resource "aws_vpc_security_group_egress_rule" "s3" {
  count = var.endpoints == null ? 0 : 1

  description       = "S3 through its endpoint"
  from_port         = 443
  ip_protocol       = "tcp"
  prefix_list_id    = aws_vpc_endpoint.s3[0].prefix_list_id
  security_group_id = aws_security_group.this.id
  to_port           = 443

  tags = var.tags
}

locals {
  # If the security groups of the source are not given, the job may connect to the port of the
  # source at every address.
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
