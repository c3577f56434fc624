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

# The override replaces the real resource, because the provider would ask AWS to validate its
# definition.
override_resource {
  target          = aws_sfn_state_machine.receipts
  override_during = plan
  values = {
    arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans-receipts"
  }
}

variables {
  name        = "bank-loans"
  bucket      = "bank-loans-data"
  kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  endpoint    = { vpc_id = "vpc-1", subnet_ids = ["subnet-1"] }
}

run "name_with_uppercase_letters_is_refused" {
  command = plan
  variables {
    name = "BankLoans"
  }
  expect_failures = [var.name]
}

run "kms_key_alias_is_refused" {
  command = plan
  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:alias/data"
  }
  expect_failures = [var.kms_key_arn]
}

run "unlimited_log_retention_is_refused" {
  command = plan
  variables {
    log_retention_days = 0
  }
  expect_failures = [var.log_retention_days]
}

run "unknown_endpoint_type_is_refused" {
  command = plan
  variables {
    endpoint = { type = "VPC_ENDPOINT" }
  }
  expect_failures = [var.endpoint]
}

run "vpc_endpoint_without_a_vpc_is_refused" {
  command = plan
  variables {
    endpoint = { subnet_ids = ["subnet-1"] }
  }
  expect_failures = [var.endpoint]
}

run "vpc_endpoint_without_subnets_is_refused" {
  command = plan
  variables {
    endpoint = { vpc_id = "vpc-1" }
  }
  expect_failures = [var.endpoint]
}

run "address_without_a_prefix_length_is_refused" {
  command = plan
  variables {
    endpoint = { vpc_id = "v", subnet_ids = ["s"], allowed_cidrs = { office = "203.0.113.7" } }
  }
  expect_failures = [var.endpoint]
}

run "range_of_all_addresses_is_refused" {
  command = plan
  variables {
    endpoint = { vpc_id = "v", subnet_ids = ["s"], allowed_cidrs = { all = "0.0.0.0/0" } }
  }
  expect_failures = [var.endpoint]
}

run "range_wider_than_slash_8_is_refused" {
  command = plan
  variables {
    endpoint = { vpc_id = "v", subnet_ids = ["s"], allowed_cidrs = { half = "0.0.0.0/1" } }
  }
  expect_failures = [var.endpoint]
}

run "public_endpoint_with_allowed_cidrs_is_refused" {
  command = plan
  variables {
    endpoint = { type = "PUBLIC", allowed_cidrs = { office = "203.0.113.7/32" } }
  }
  expect_failures = [var.endpoint]
}

run "security_policy_of_2018_is_refused" {
  command = plan
  variables {
    security_policy_name = "TransferSecurityPolicy-2018-11"
  }
  expect_failures = [var.security_policy_name]
}

run "address_as_elastic_ip_id_is_refused" {
  command = plan
  variables {
    endpoint = { vpc_id = "v", subnet_ids = ["s"], elastic_ip_ids = ["203.0.113.7"] }
  }
  expect_failures = [var.endpoint]
}

run "fewer_elastic_ips_than_subnets_are_refused" {
  command = plan
  variables {
    endpoint = { vpc_id = "v", subnet_ids = ["a", "b"], elastic_ip_ids = ["eipalloc-1"] }
  }
  expect_failures = [var.endpoint]
}

run "endpoint_with_a_shared_server_is_refused" {
  command = plan
  variables {
    server = {
      endpoint             = "sftp.example.com"
      host_key_fingerprint = "SHA256:abc"
      id                   = "s-0123456789abcdef0"
    }
  }
  expect_failures = [var.endpoint]
}

run "banner_with_non_ascii_characters_is_refused" {
  command = plan
  variables {
    banner = "Tylko dla partnerów"
  }
  expect_failures = [var.banner]
}

run "banner_with_a_shared_server_is_refused" {
  command = plan
  variables {
    server = {
      endpoint             = "sftp.example.com"
      host_key_fingerprint = "SHA256:abc"
      id                   = "s-0123456789abcdef0"
    }
    endpoint = {}
    banner   = "Hello"
  }
  expect_failures = [var.banner]
}

run "host_name_with_a_final_dot_is_refused" {
  command = plan
  variables {
    host_name = { name = "sftp.example.com.", hosted_zone_id = "Z0123456789ABCDEFGHIJ" }
  }
  expect_failures = [var.host_name]
}

run "hosted_zone_path_is_refused" {
  command = plan
  variables {
    host_name = { name = "sftp.example.com", hosted_zone_id = "/hostedzone/Z0123456789" }
  }
  expect_failures = [var.host_name]
}

run "host_name_with_a_shared_server_is_refused" {
  command = plan
  variables {
    server = {
      endpoint             = "sftp.example.com"
      host_key_fingerprint = "SHA256:abc"
      id                   = "s-0123456789abcdef0"
    }
    endpoint  = {}
    host_name = { name = "sftp.example.com", hosted_zone_id = "Z0123456789ABCDEFGHIJ" }
  }
  expect_failures = [var.host_name]
}

run "server_arn_as_id_is_refused" {
  command = plan
  variables {
    server = {
      endpoint             = "sftp.example.com"
      host_key_fingerprint = "SHA256:abc"
      id                   = "arn:aws:transfer:eu-west-1:123456789012:server/s-0123456789abcdef0"
    }
    endpoint = {}
  }
  expect_failures = [var.server]
}

run "unknown_mode_is_refused" {
  command = plan
  variables {
    mode = "carrier"
  }
  expect_failures = [var.mode]
}

run "connector_without_manifest_prefix_is_refused" {
  command = plan
  variables {
    mode = "connector"
  }
  expect_failures = [var.manifest_prefix]
}

run "due_day_without_manifest_prefix_is_refused" {
  command = plan
  variables {
    receipts = { due_day = 10 }
  }
  expect_failures = [var.manifest_prefix]
}

run "server_security_policy_for_connectors_is_refused" {
  command = plan
  variables {
    connector_security_policy_name = "TransferSecurityPolicy-2025-03"
  }
  expect_failures = [var.connector_security_policy_name]
}

run "due_day_after_28_is_refused" {
  command = plan
  variables {
    receipts = { due_day = 31 }
  }
  expect_failures = [var.receipts]
}

run "due_hour_with_a_fraction_is_refused" {
  command = plan
  variables {
    receipts = { due_hour = 24 }
  }
  expect_failures = [var.receipts]
}

run "due_day_in_connector_mode_is_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    receipts        = { due_day = 5 }
  }
  expect_failures = [var.receipts]
}

run "instance_without_a_subnet_is_refused" {
  command = plan
  variables {
    mode     = "instance"
    endpoint = { vpc_id = "vpc-1" }
  }
  expect_failures = [var.endpoint]
}

run "instance_type_without_graviton_is_refused" {
  command = plan
  variables {
    mode     = "instance"
    instance = { type = "t3.nano" }
  }
  expect_failures = [var.instance]
}

run "update_day_with_full_name_is_refused" {
  command = plan
  variables {
    mode     = "instance"
    instance = { update_day = "Sunday" }
  }
  expect_failures = [var.instance]
}

run "update_hour_24_is_refused" {
  command = plan
  variables {
    mode     = "instance"
    instance = { update_hour = 24 }
  }
  expect_failures = [var.instance]
}

run "instance_on_a_shared_server_is_refused" {
  command = plan
  variables {
    mode     = "instance"
    endpoint = { subnet_ids = ["subnet-1"] }
    server = {
      endpoint             = "sftp.example.com"
      host_key_fingerprint = "SHA256:abc"
      id                   = "s-0123456789abcdef0"
    }
  }
  expect_failures = [var.server]
}
