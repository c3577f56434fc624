# Plans only, with the real provider and no network: policies can be read as they will be.

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

# The provider asks AWS to validate a definition that is known while planning.
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

run "name_in_capitals_is_refused" {
  command = plan
  variables {
    name = "BankLoans"
  }
  expect_failures = [var.name]
}

run "alias_for_a_key_is_refused" {
  command = plan
  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:alias/data"
  }
  expect_failures = [var.kms_key_arn]
}

run "log_retention_that_aws_does_not_know_is_refused" {
  command = plan
  variables {
    log_retention_days = 100
  }
  expect_failures = [var.log_retention_days]
}

run "unknown_endpoint_is_refused" {
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

run "address_without_a_range_is_refused" {
  command = plan
  variables {
    endpoint = { vpc_id = "v", subnet_ids = ["s"], allowed_cidrs = { office = "203.0.113.7" } }
  }
  expect_failures = [var.endpoint]
}

run "range_of_everybody_is_refused" {
  command = plan
  variables {
    endpoint = { vpc_id = "v", subnet_ids = ["s"], allowed_cidrs = { all = "0.0.0.0/0" } }
  }
  expect_failures = [var.endpoint]
}

run "half_of_everybody_is_refused" {
  command = plan
  variables {
    endpoint = { vpc_id = "v", subnet_ids = ["s"], allowed_cidrs = { half = "0.0.0.0/1" } }
  }
  expect_failures = [var.endpoint]
}

run "public_endpoint_with_an_allow_list_is_refused" {
  command = plan
  variables {
    endpoint = { type = "PUBLIC", allowed_cidrs = { office = "203.0.113.7/32" } }
  }
  expect_failures = [var.endpoint]
}

run "user_of_two_letters_is_refused" {
  command = plan
  variables {
    recipients = { ab = { prefix = "loans" } }
  }
  expect_failures = [var.recipients]
}

run "user_beginning_with_a_dot_is_refused" {
  command = plan
  variables {
    recipients = { ".first" = { prefix = "loans" } }
  }
  expect_failures = [var.recipients]
}

run "user_called_root_is_refused" {
  command = plan
  variables {
    recipients = { root = { prefix = "loans" } }
  }
  expect_failures = [var.recipients]
}

run "users_that_differ_by_case_only_are_refused" {
  command = plan
  variables {
    recipients = { alpha = { prefix = "loans/a" }, Alpha = { prefix = "loans/b" } }
  }
  expect_failures = [var.recipients]
}

run "user_too_long_for_its_state_machine_is_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    recipients = {
      "first-bank-of-a-very-long-name-that-goes-on-and-on-and-on-and-on1" = {
        prefix = "loans"
        push = {
          folder            = "/in"
          secret_arn        = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s"
          trusted_host_keys = ["ssh-rsa AAAA"]
          url               = "sftp://sftp.example.com"
        }
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

run "prefix_with_a_star_is_refused" {
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

run "prefix_below_another_recipients_prefix_is_refused" {
  command = plan
  variables {
    recipients = { all = { prefix = "loans" }, first = { prefix = "loans/bank_name=FirstBank" } }
  }
  expect_failures = [
    aws_iam_role_policy.recipient["all"], aws_iam_role_policy.recipient["first"],
  ]
}

run "one_prefix_for_two_recipients_is_refused" {
  command = plan
  variables {
    recipients = { first = { prefix = "loans/a" }, second = { prefix = "loans/a" } }
  }
  expect_failures = [
    aws_iam_role_policy.recipient["first"], aws_iam_role_policy.recipient["second"],
  ]
}

run "prefix_that_begins_like_another_is_accepted" {
  command = plan
  variables {
    recipients = {
      first   = { prefix = "loans/bank_name=FirstBank" }
      namibia = { prefix = "loans/bank_name=FirstBankOfNamibia" }
    }
  }
}

# The pattern of the first is ?ód?, which matches the second; that of the second is Lódz.
run "letters_that_make_a_policy_match_a_neighbor_are_refused" {
  command = plan
  variables {
    recipients = { lodz = { prefix = "loans/Łódź" }, plain = { prefix = "loans/Lódz" } }
  }
  expect_failures = [aws_iam_role_policy.recipient["lodz"]]
}

run "letters_that_make_a_policy_match_below_a_neighbor_are_refused" {
  command = plan
  variables {
    recipients = { lodz = { prefix = "aŁb" }, plain = { prefix = "a" } }
  }
  expect_failures = [aws_iam_role_policy.recipient["lodz"]]
}

run "letters_that_make_no_policy_match_a_neighbor_are_accepted" {
  command = plan
  variables {
    recipients = {
      gdansk = { prefix = "loans/Gdańsk.B" }
      kielce = { prefix = "loans/Łelce+C" }
      lodz   = { prefix = "loans/Łódź" }
      longer = { prefix = "loans/Łódzk" }
    }
  }
}

run "letters_that_make_a_connectors_policy_match_a_neighbor_are_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    recipients = {
      for user, prefix in { lodz = "loans/Łódź", plain = "loans/Lódz" } : user => {
        prefix                   = prefix
        push = {
          folder            = "/in"
          secret_arn        = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s"
          trusted_host_keys = ["ssh-rsa AAAA"]
          url               = "sftp://sftp.example.com"
        }
      }
    }
  }
  expect_failures = [aws_iam_role_policy.push["lodz"]]
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

run "key_in_rfc_4716_format_is_refused" {
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

run "key_of_a_hardware_token_is_refused" {
  command = plan
  variables {
    recipients = {
      first = { prefix = "a", public_keys = { pc = "sk-ssh-ed25519@openssh.com AAAA" } }
    }
  }
  expect_failures = [var.recipients]
}

run "two_keys_in_one_are_refused" {
  command = plan
  variables {
    recipients = {
      first = { prefix = "a", public_keys = { pc = "ssh-ed25519 AAAA x\nssh-ed25519 BBBB" } }
    }
  }
  expect_failures = [var.recipients]
}

run "one_key_for_two_devices_is_refused" {
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

run "ciphers_of_2018_are_refused" {
  command = plan
  variables {
    security_policy_name = "TransferSecurityPolicy-2018-11"
  }
  expect_failures = [var.security_policy_name]
}

run "address_in_place_of_an_allocation_is_refused" {
  command = plan
  variables {
    endpoint = { vpc_id = "v", subnet_ids = ["s"], elastic_ip_ids = ["203.0.113.7"] }
  }
  expect_failures = [var.endpoint]
}

run "fewer_addresses_than_subnets_are_refused" {
  command = plan
  variables {
    endpoint = { vpc_id = "v", subnet_ids = ["a", "b"], elastic_ip_ids = ["eipalloc-1"] }
  }
  expect_failures = [var.endpoint]
}

run "endpoint_of_a_joined_server_is_refused" {
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

run "banner_in_another_script_is_refused" {
  command = plan
  variables {
    banner = "Tylko dla partnerów"
  }
  expect_failures = [var.banner]
}

run "banner_of_a_joined_server_is_refused" {
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

run "host_name_with_a_dot_at_its_end_is_refused" {
  command = plan
  variables {
    host_name = { name = "sftp.example.com.", hosted_zone_id = "Z0123456789ABCDEFGHIJ" }
  }
  expect_failures = [var.host_name]
}

run "path_of_a_zone_is_refused" {
  command = plan
  variables {
    host_name = { name = "sftp.example.com", hosted_zone_id = "/hostedzone/Z0123456789" }
  }
  expect_failures = [var.host_name]
}

run "host_name_of_a_joined_server_is_refused" {
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

run "server_by_its_arn_is_refused" {
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

run "connector_that_waits_for_no_manifest_is_refused" {
  command = plan
  variables {
    mode = "connector"
  }
  expect_failures = [var.manifest_prefix]
}

run "recipient_of_a_connector_without_a_server_of_its_own_is_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    recipients      = { first = { prefix = "loans" } }
  }
  expect_failures = [var.recipients]
}

run "recipient_with_an_at_sign_is_refused_for_a_connector" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    recipients = {
      "first@example" = {
        prefix = "loans"
        push = {
          folder            = "/in"
          secret_arn        = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s"
          trusted_host_keys = ["ssh-rsa AAAA"]
          url               = "sftp://sftp.example.com"
        }
      }
    }
  }
  expect_failures = [var.recipients]
}

run "server_by_a_web_address_is_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    recipients = {
      "first" = {
        prefix = "loans"
        push = {
          folder            = "/in"
          secret_arn        = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s"
          trusted_host_keys = ["ssh-rsa AAAA"]
          url               = "https://example.com"
        }
      }
    }
  }
  expect_failures = [var.recipients]
}

run "server_that_nothing_identifies_is_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    recipients = {
      "first" = {
        prefix = "loans"
        push = {
          folder            = "/in"
          secret_arn        = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s"
          trusted_host_keys = []
          url               = "sftp://sftp.example.com"
        }
      }
    }
  }
  expect_failures = [var.recipients]
}

run "folder_from_nowhere_is_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    recipients = {
      "first" = {
        prefix = "loans"
        push = {
          folder            = "in"
          secret_arn        = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s"
          trusted_host_keys = ["ssh-rsa AAAA"]
          url               = "sftp://sftp.example.com"
        }
      }
    }
  }
  expect_failures = [var.recipients]
}

run "eleven_host_keys_are_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    recipients = {
      "first" = {
        prefix = "loans"
        push = {
          folder            = "/in"
          secret_arn        = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s"
          trusted_host_keys = [for n in range(11) : "ssh-rsa AAAA${n}"]
          url               = "sftp://sftp.example.com"
        }
      }
    }
  }
  expect_failures = [var.recipients]
}

run "host_key_of_type_ed25519_is_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    recipients = {
      "first" = {
        prefix = "loans"
        push = {
          folder            = "/in"
          secret_arn        = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s"
          trusted_host_keys = ["ssh-ed25519 AAAA"]
          url               = "sftp://sftp.example.com"
        }
      }
    }
  }
  expect_failures = [var.recipients]
}

run "host_key_named_after_a_signature_is_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    recipients = {
      "first" = {
        prefix = "loans"
        push = {
          folder            = "/in"
          secret_arn        = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s"
          trusted_host_keys = ["rsa-sha2-512 AAAA"]
          url               = "sftp://sftp.example.com"
        }
      }
    }
  }
  expect_failures = [var.recipients]
}

run "host_key_behind_a_host_name_is_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    recipients = {
      "first" = {
        prefix = "loans"
        push = {
          folder            = "/in"
          secret_arn        = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s"
          trusted_host_keys = ["sftp.example.com ssh-rsa AAAA"]
          url               = "sftp://sftp.example.com"
        }
      }
    }
  }
  expect_failures = [var.recipients]
}

run "host_key_of_type_dsa_is_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    recipients = {
      "first" = {
        prefix = "loans"
        push = {
          folder            = "/in"
          secret_arn        = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s"
          trusted_host_keys = ["ssh-dss AAAA"]
          url               = "sftp://sftp.example.com"
        }
      }
    }
  }
  expect_failures = [var.recipients]
}

run "secret_by_its_name_is_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    recipients = {
      "first" = {
        prefix = "loans"
        push = {
          folder            = "/in"
          secret_arn        = "aws/transfer/first-bank"
          trusted_host_keys = ["ssh-rsa AAAA"]
          url               = "sftp://sftp.example.com"
        }
      }
    }
  }
  expect_failures = [var.recipients]
}

run "ciphers_of_a_server_are_refused_for_a_connector" {
  command = plan
  variables {
    connector_security_policy_name = "TransferSecurityPolicy-2025-03"
  }
  expect_failures = [var.connector_security_policy_name]
}

run "receipts_due_on_a_day_that_not_every_month_has_are_refused" {
  command = plan
  variables {
    receipts = { due_day = 31 }
  }
  expect_failures = [var.receipts]
}

run "receipts_due_at_no_full_hour_are_refused" {
  command = plan
  variables {
    receipts = { due_hour = 24 }
  }
  expect_failures = [var.receipts]
}

run "receipts_due_for_what_is_sent_are_refused" {
  command = plan
  variables {
    mode            = "connector"
    manifest_prefix = "loans/_manifests"
    receipts        = { due_day = 5 }
  }
  expect_failures = [var.receipts]
}

run "queue_by_its_url_is_refused" {
  command = plan
  variables {
    dead_letter_queue = {
      arn         = "https://sqs.eu-west-1.amazonaws.com/123456789012/letters"
      kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/letters"
    }
  }
  expect_failures = [var.dead_letter_queue]
}
