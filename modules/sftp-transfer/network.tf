################################################################################
# Network
################################################################################

resource "aws_security_group" "this" {
  #checkov:skip=CKV2_AWS_5: it is attached to the endpoint or the interface, which the check ignores
  count = local.in_vpc || local._on_instance ? 1 : 0

  name        = "${var.name}-sftp"
  description = "SFTP server ${var.name}"
  vpc_id      = var.endpoint.vpc_id

  tags = merge(var.tags, { Name = "${var.name}-sftp" })
}

resource "aws_vpc_security_group_ingress_rule" "allowed" {
  for_each = length(aws_security_group.this) > 0 ? var.endpoint.allowed_cidrs : {}

  cidr_ipv4         = each.value
  description       = "SFTP"
  from_port         = 22
  ip_protocol       = "tcp"
  security_group_id = aws_security_group.this[0].id
  to_port           = 22

  tags = var.tags
}

# The instance needs HTTPS connections to AWS services and to the package repositories of Amazon
# Linux. No rule allows other ports.
resource "aws_vpc_security_group_egress_rule" "services" {
  for_each = local._instance

  cidr_ipv4         = "0.0.0.0/0"
  description       = "AWS services and packages"
  from_port         = 443
  ip_protocol       = "tcp"
  security_group_id = aws_security_group.this[0].id
  to_port           = 443

  tags = var.tags
}
