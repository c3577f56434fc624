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
  # The module has no input `push`. The runs below use this object in `recipients`, and some of them
  # change one of its values.
  push = {
    folder            = "/in"
    secret_arn        = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s"
    trusted_host_keys = ["ssh-rsa AAAA"]
    url               = "sftp://sftp.example.com"
  }
}

run "user_name_root_is_refused" {
  command = plan
  variables {
    recipients = { root = { prefix = "loans" } }
  }
  expect_failures = [var.recipients]
}

run "user_names_that_differ_only_in_case_are_refused" {
  command = plan
  variables {
    recipients = { alpha = { prefix = "loans/a" }, Alpha = { prefix = "loans/b" } }
  }
  expect_failures = [var.recipients]
}

run "user_name_too_long_for_its_state_machine_is_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    recipients = {
      "first-bank-of-a-very-long-name-that-goes-on-and-on-and-on-and-on1" = {
        prefix = "loans"
        push   = var.push
      }
    }
  }
  expect_failures = [var.recipients]
}

run "prefix_with_a_slash_is_refused" {
  command = plan
  variables {
    recipients = { first = { prefix = "/loans" } }
  }
  expect_failures = [var.recipients]
}

run "empty_prefix_is_refused" {
  command = plan
  variables {
    recipients = { first = { prefix = "" } }
  }
  expect_failures = [var.recipients]
}

run "prefix_with_a_wildcard_is_refused" {
  command = plan
  variables {
    recipients = { first = { prefix = "loans/*" } }
  }
  expect_failures = [var.recipients]
}

run "prefix_with_an_emoji_is_refused" {
  command = plan
  variables {
    recipients = { first = { prefix = "loans/bank_name=🏦" } }
  }
  expect_failures = [var.recipients]
}

run "private_key_is_refused" {
  command = plan
  variables {
    recipients = {
      first = { prefix = "a", public_keys = { pc = "-----BEGIN OPENSSH PRIVATE KEY-----" } }
    }
  }
  expect_failures = [var.recipients]
}

run "dsa_key_is_refused" {
  command = plan
  variables {
    recipients = { first = { prefix = "a", public_keys = { pc = "ssh-dss AAAAB3NzaC1kc3M=" } } }
  }
  expect_failures = [var.recipients]
}

run "public_key_in_rfc_4716_format_is_refused" {
  command = plan
  variables {
    recipients = {
      first = {
        prefix = "a"
        public_keys = {
          pc = "---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----\n"
        }
      }
    }
  }
  expect_failures = [var.recipients]
}

run "hardware_token_key_is_refused" {
  command = plan
  variables {
    recipients = {
      first = { prefix = "a", public_keys = { pc = "sk-ssh-ed25519@openssh.com AAAA" } }
    }
  }
  expect_failures = [var.recipients]
}

run "two_keys_in_one_value_are_refused" {
  command = plan
  variables {
    recipients = {
      first = { prefix = "a", public_keys = { pc = "ssh-ed25519 AAAA x\nssh-ed25519 BBBB" } }
    }
  }
  expect_failures = [var.recipients]
}

run "same_key_for_two_devices_is_refused" {
  command = plan
  variables {
    recipients = {
      first = {
        prefix      = "a"
        public_keys = { laptop = "ssh-ed25519 AAAA laptop", pc = "ssh-ed25519 AAAA pc" }
      }
    }
  }
  expect_failures = [var.recipients]
}

run "connector_recipient_without_push_is_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    recipients      = { first = { prefix = "loans" } }
  }
  expect_failures = [var.recipients]
}

run "connector_user_name_with_an_at_sign_is_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    recipients = {
      "first@example" = { prefix = "loans", push = var.push }
    }
  }
  expect_failures = [var.recipients]
}

run "push_url_with_https_is_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    recipients = {
      first = { prefix = "loans", push = merge(var.push, { url = "https://example.com" }) }
    }
  }
  expect_failures = [var.recipients]
}

run "push_without_host_keys_is_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    recipients = {
      first = { prefix = "loans", push = merge(var.push, { trusted_host_keys = [] }) }
    }
  }
  expect_failures = [var.recipients]
}

run "relative_push_folder_is_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    recipients      = { first = { prefix = "loans", push = merge(var.push, { folder = "in" }) } }
  }
  expect_failures = [var.recipients]
}

run "eleven_host_keys_are_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    recipients = {
      first = {
        prefix = "loans"
        push   = merge(var.push, { trusted_host_keys = [for n in range(11) : "ssh-rsa AAAA${n}"] })
      }
    }
  }
  expect_failures = [var.recipients]
}

run "ed25519_host_key_is_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    recipients = {
      first = {
        prefix = "loans"
        push   = merge(var.push, { trusted_host_keys = ["ssh-ed25519 AAAA"] })
      }
    }
  }
  expect_failures = [var.recipients]
}

run "host_key_named_after_a_signature_algorithm_is_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    recipients = {
      first = {
        prefix = "loans"
        push   = merge(var.push, { trusted_host_keys = ["rsa-sha2-512 AAAA"] })
      }
    }
  }
  expect_failures = [var.recipients]
}

run "host_key_after_a_host_name_is_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    recipients = {
      first = {
        prefix = "loans"
        push   = merge(var.push, { trusted_host_keys = ["sftp.example.com ssh-rsa AAAA"] })
      }
    }
  }
  expect_failures = [var.recipients]
}

run "dsa_host_key_is_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    recipients = {
      first = { prefix = "loans", push = merge(var.push, { trusted_host_keys = ["ssh-dss AAAA"] }) }
    }
  }
  expect_failures = [var.recipients]
}

run "secret_name_as_arn_is_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    recipients = {
      first = {
        prefix = "loans"
        push   = merge(var.push, { secret_arn = "aws/transfer/first-bank" })
      }
    }
  }
  expect_failures = [var.recipients]
}

run "system_account_as_user_of_an_instance_is_refused" {
  command = plan
  variables {
    mode       = "instance"
    recipients = { ec2-user = { prefix = "loans/bank_name=FirstBank" } }
  }
  expect_failures = [var.recipients]
}
