# These tests plan with the real AWS provider, without a network, to check complete policies.

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

override_data {
  target = data.aws_caller_identity.current
  values = { account_id = "123456789012" }
}

override_resource {
  target          = aws_transfer_server.this
  override_during = plan
  values = {
    arn      = "arn:aws:transfer:eu-west-1:123456789012:server/s-0123456789abcdef0"
    endpoint = "s-0123456789abcdef0.server.transfer.eu-west-1.amazonaws.com"
    id       = "s-0123456789abcdef0"
  }
}

override_resource {
  target          = aws_sfn_state_machine.receipts
  override_during = plan
  values = {
    arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans-receipts"
  }
}

override_resource {
  target          = aws_sfn_state_machine.uncollected
  override_during = plan
  values = {
    arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans-uncollected"
  }
}

variables {
  name        = "bank-loans"
  bucket      = "bank-loans-data"
  kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/data"
  endpoint = {
    vpc_id        = "vpc-1"
    subnet_ids    = ["subnet-1"]
    allowed_cidrs = { office = "203.0.113.7/32" }
  }
  recipients = {
    first-bank = {
      prefix      = "loans/bank_name=FirstBank"
      public_keys = { laptop = "ssh-ed25519 AAAA laptop", office = "ssh-rsa BBBB=\n" }
    }
    beta = { prefix = "loans/bank_name=Beta" }
  }
}

run "server_allows_only_the_allowed_cidrs" {
  command = plan

  assert {
    condition = (
      aws_transfer_server.this[0].endpoint_type == "VPC"
      && aws_transfer_server.this[0].security_policy_name == "TransferSecurityPolicy-2025-03"
    )
    error_message = "By default, the server has a VPC endpoint and the newest security policy."
  }
  assert {
    condition = [
      for r in aws_vpc_security_group_ingress_rule.allowed :
      "${r.cidr_ipv4} ${r.from_port}-${r.to_port}"
    ] == ["203.0.113.7/32 22-22"]
    error_message = "Port 22 is open to allowed_cidrs only."
  }
  assert {
    condition = (
      aws_cloudwatch_log_group.this[0].retention_in_days == 365
      && aws_cloudwatch_log_group.this[0].kms_key_id == var.kms_key_arn
    )
    error_message = "Logs are encrypted, and CloudWatch Logs keeps them for a year."
  }
}

run "public_endpoint_has_no_security_group" {
  command = plan
  variables {
    endpoint = { type = "PUBLIC" }
  }

  assert {
    condition = (
      aws_transfer_server.this[0].endpoint_type == "PUBLIC"
      && length(aws_transfer_server.this[0].endpoint_details) == 0
      && length(aws_security_group.this) == 0
    )
    error_message = "AWS does not support a security group for a public server."
  }
  assert {
    condition     = output.endpoint == "s-0123456789abcdef0.server.transfer.eu-west-1.amazonaws.com"
    error_message = "Clients connect to the host name that AWS assigns to the server."
  }
}

run "allowed_cidrs_apply_to_elastic_ips" {
  command = plan
  variables {
    endpoint = {
      vpc_id         = "vpc-1"
      subnet_ids     = ["subnet-1"]
      elastic_ip_ids = ["eipalloc-1"]
      allowed_cidrs  = { office = "203.0.113.7/32" }
    }
  }

  assert {
    condition = (
      one(one(aws_transfer_server.this[0].endpoint_details).address_allocation_ids) == "eipalloc-1"
      && length(aws_vpc_security_group_ingress_rule.allowed) == 1
    )
    error_message = "allowed_cidrs also apply if the server has Elastic IP addresses."
  }
  assert {
    condition     = output.endpoint == "s-0123456789abcdef0.server.transfer.eu-west-1.amazonaws.com"
    error_message = "If the server has Elastic IP addresses, clients connect to its public name."
  }
}

run "server_has_the_given_banner_and_host_name" {
  command = plan
  variables {
    banner = "Files of Example Bank. Authorized recipients only.\n"
    endpoint = {
      vpc_id         = "vpc-1"
      subnet_ids     = ["subnet-1"]
      elastic_ip_ids = ["eipalloc-1"]
    }
    host_name = { name = "sftp.example.com", hosted_zone_id = "Z0123456789ABCDEFGHIJ" }
  }

  assert {
    condition     = aws_transfer_server.this[0].pre_authentication_login_banner == var.banner
    error_message = "The server has the banner."
  }
  assert {
    condition = aws_transfer_server.this[0].tags == tomap({
      Name                           = "bank-loans"
      "transfer:customHostname"      = "sftp.example.com"
      "transfer:route53HostedZoneId" = "/hostedzone/Z0123456789ABCDEFGHIJ"
    })
    error_message = "Tags make the console show the host name."
  }
  assert {
    condition = [
      for r in aws_route53_record.host_name : "${r.name} ${r.type} ${one(r.records)}"
    ] == ["sftp.example.com CNAME s-0123456789abcdef0.server.transfer.eu-west-1.amazonaws.com"]
    error_message = "The CNAME record points to the host name that AWS assigns to the server."
  }
  assert {
    condition     = output.endpoint == "sftp.example.com"
    error_message = "The output endpoint is the host name."
  }
}

run "module_with_a_shared_server_creates_only_users" {
  command = plan
  variables {
    endpoint = {}
    server = {
      endpoint             = "sftp.example.com"
      host_key_fingerprint = "SHA256:abc"
      id                   = "s-fedcba9876543210f"
    }
  }

  assert {
    condition = (
      length(aws_transfer_server.this) == 0
      && length(aws_security_group.this) == 0
      && length(aws_vpc_security_group_ingress_rule.allowed) == 0
      && length(aws_cloudwatch_log_group.this) == 0
    )
    error_message = "If the server is shared, the module creates no server, rule or log group."
  }
  assert {
    condition = (
      alltrue([for u in aws_transfer_user.this : u.server_id == "s-fedcba9876543210f"])
      && alltrue([for k in aws_transfer_ssh_key.this : k.server_id == "s-fedcba9876543210f"])
      && jsondecode(
        aws_iam_role.recipient["beta"].assume_role_policy
      ).Statement[0].Condition.ArnLike
      == { "aws:SourceArn" = "arn:aws:transfer:eu-west-1:123456789012:user/s-fedcba9876543210f/*" }
    )
    error_message = "Users and their roles belong to the shared server."
  }
  assert {
    condition = (
      output.server_id == "s-fedcba9876543210f"
      && output.endpoint == "sftp.example.com"
      && output.host_key_fingerprint == "SHA256:abc"
      && output.server == var.server
    )
    error_message = "The outputs describe the shared server."
  }
}
