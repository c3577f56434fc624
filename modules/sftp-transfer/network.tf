################################################################################
# Network
################################################################################

resource "aws_security_group" "this" {
  #checkov:skip=CKV2_AWS_5: it is attached to the server's endpoint, which the check ignores
  count = local.in_vpc ? 1 : 0

  name        = "${var.name}-sftp"
  description = "SFTP server ${var.name}"
  vpc_id      = var.endpoint.vpc_id

  tags = merge(var.tags, { Name = "${var.name}-sftp" })
}

resource "aws_vpc_security_group_ingress_rule" "allowed" {
  for_each = local.in_vpc ? var.endpoint.allowed_cidrs : {}

  cidr_ipv4         = each.value
  description       = "SFTP"
  from_port         = 22
  ip_protocol       = "tcp"
  security_group_id = aws_security_group.this[0].id
  to_port           = 22

  tags = var.tags
}
