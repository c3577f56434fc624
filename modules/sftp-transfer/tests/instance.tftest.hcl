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

override_data {
  target = data.aws_ssm_parameter.image
  values = { insecure_value = "ami-0123456789abcdef0" }
}

override_resource {
  target          = aws_network_interface.this
  override_during = plan
  values          = { id = "eni-0123456789abcdef0", private_ip = "10.0.0.22" }
}

override_resource {
  target          = aws_eip_association.this
  override_during = plan
  values          = { public_ip = "203.0.113.22" }
}

override_resource {
  target          = aws_instance.this
  override_during = plan
  values          = { id = "i-0123456789abcdef0" }
}

override_resource {
  target          = aws_secretsmanager_secret.host_key
  override_during = plan
  values = {
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-loans/sftp-host-key-1-AbCdEf"
  }
}

override_resource {
  target          = aws_iam_role.instance
  override_during = plan
  values          = { arn = "arn:aws:iam::123456789012:role/bank-loans-sftp-instance-eu-west-1" }
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
  mode        = "instance"
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
  receipts        = { due_day = 10 }
  manifest_prefix = "loans/_manifests"
}

run "instance_has_encrypted_disk_and_protected_metadata" {
  command = plan

  assert {
    condition = (
      aws_instance.this["this"].instance_type == "t4g.nano"
      && aws_instance.this["this"].ami == "ami-0123456789abcdef0"
      && one(aws_instance.this["this"].root_block_device).encrypted
      && one(aws_instance.this["this"].root_block_device).kms_key_id == var.kms_key_arn
      && one(aws_instance.this["this"].root_block_device).volume_type == "gp3"
    )
    error_message = "The disk is encrypted with the KMS key of the module."
  }
  assert {
    condition = (
      one(aws_instance.this["this"].metadata_options).http_tokens == "required"
      && one(aws_instance.this["this"].metadata_options).http_put_response_hop_limit == 1
      && one(aws_instance.this["this"].credit_specification).cpu_credits == "standard"
    )
    error_message = "The instance uses only IMDSv2, and its CPU credits cause no extra costs."
  }
  assert {
    condition = (
      one(aws_instance.this["this"].network_interface[*].network_interface_id)
      == "eni-0123456789abcdef0"
      && aws_network_interface.this["this"].subnet_id == "subnet-1"
      && length(aws_eip_association.this) == 0
      && output.endpoint == "10.0.0.22"
    )
    error_message = "The instance uses the separate network interface and has no public address."
  }
  assert {
    condition = (
      length(aws_transfer_server.this) == 0 && length(aws_transfer_user.this) == 0
      && length(aws_iam_role.recipient) == 0 && output.server == null && output.server_id == null
    )
    error_message = "Mode \"instance\" creates no server of AWS Transfer Family."
  }
}

run "network_allows_only_the_allowed_cidrs" {
  command = plan

  assert {
    condition = [
      for r in aws_vpc_security_group_ingress_rule.allowed :
      "${r.cidr_ipv4} ${r.from_port}-${r.to_port}"
    ] == ["203.0.113.7/32 22-22"]
    error_message = "Port 22 is open to allowed_cidrs only."
  }
  assert {
    condition = [
      for r in aws_vpc_security_group_egress_rule.services : "${r.from_port}-${r.to_port}"
    ] == ["443-443"]
    error_message = "The instance can open HTTPS connections only."
  }
}

run "elastic_ip_and_host_name_point_to_the_instance" {
  command = plan
  variables {
    endpoint = {
      vpc_id         = "vpc-1"
      subnet_ids     = ["subnet-1"]
      elastic_ip_ids = ["eipalloc-1"]
    }
    host_name = { name = "sftp.example.com", hosted_zone_id = "Z0123456789ABCDEFGHIJ" }
  }

  assert {
    condition = (
      aws_eip_association.this["this"].allocation_id == "eipalloc-1"
      && aws_eip_association.this["this"].network_interface_id == "eni-0123456789abcdef0"
    )
    error_message = "The Elastic IP address belongs to the interface, not to the instance."
  }
  assert {
    condition = [
      for r in aws_route53_record.host_name : "${r.name} ${r.type} ${one(r.records)}"
    ] == ["sftp.example.com A 203.0.113.22"]
    error_message = "The DNS record has the public address."
  }
  assert {
    condition     = output.endpoint == "sftp.example.com"
    error_message = "The output endpoint is the host name."
  }
}

run "instance_role_reads_only_the_recipients_prefixes" {
  command = plan

  assert {
    condition = {
      for s in jsondecode(aws_iam_role_policy.instance["this"].policy).Statement :
      s.Sid => s.Resource if startswith(s.Sid, "Read") || s.Sid == "ListFolders"
      } == {
      ListFolders = "arn:aws:s3:::bank-loans-data"
      ReadFolders = [
        "arn:aws:s3:::bank-loans-data/loans/bank_name=Beta/*",
        "arn:aws:s3:::bank-loans-data/loans/bank_name=FirstBank/*",
      ]
      ReadRecipients = join(":", [
        "arn:aws:ssm:eu-west-1:123456789012", "parameter/bank-loans/sftp/recipients",
      ])
    }
    error_message = "Besides the recipients' files, the role reads only the recipients' parameters."
  }
  assert {
    condition = {
      for s in jsondecode(aws_iam_role_policy.instance["this"].policy).Statement :
      s.Action => s.Resource if contains(["StartReceipt", "TellDownload"], s.Sid)
      } == {
      "states:StartExecution" = join(":", [
        "arn:aws:states:eu-west-1:123456789012", "stateMachine:bank-loans-receipts",
      ])
    }
    error_message = "The role may start the receipts' state machine, but may not send events."
  }
}

run "role_of_an_instance_without_recipients_has_no_rights_to_bucket_and_receipts" {
  command = plan
  variables {
    recipients = {}
  }

  assert {
    condition = length([
      for s in jsondecode(aws_iam_role_policy.instance["this"].policy).Statement : s
      if strcontains(s.Sid, "Folders") || s.Sid == "StartReceipt"
    ]) == 0
    error_message = "Without recipients, the role has no rights to files or receipts."
  }
}

run "recipients_are_stored_as_parameters" {
  command = plan

  assert {
    condition = {
      for user, p in aws_ssm_parameter.recipient : p.name => jsondecode(p.insecure_value)
      } == {
      "/bank-loans/sftp/recipients/beta" = { prefix = "loans/bank_name=Beta", keys = [] }
      "/bank-loans/sftp/recipients/first-bank" = {
        prefix = "loans/bank_name=FirstBank", keys = ["ssh-ed25519 AAAA", "ssh-rsa BBBB="]
      }
    }
    error_message = "Comments of public keys are removed."
  }
  assert {
    condition = output.users["beta"] == {
      user_name = "beta"
      role_arn  = "arn:aws:iam::123456789012:role/bank-loans-sftp-instance-eu-west-1"
      prefix    = "loans/bank_name=Beta"
    }
    error_message = "The output users has the same fields as in mode \"server\"."
  }
}

run "instance_starts_the_state_machine_of_receipts_without_an_event" {
  command = plan

  assert {
    condition = (
      length(aws_cloudwatch_event_rule.collected) == 0
      && length(aws_cloudwatch_event_target.receipt) == 0
      && length(aws_iam_role.collected) == 0
      && length(output.delivery.rule_arns) == 0
    )
    error_message = "Many roles could forge an event, so no event starts the state machine."
  }
  assert {
    condition = strcontains(
      local.instance_files["/etc/sftp/settings.env"].content,
      "SFTP_RECEIPTS=arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans-receipts\n",
    )
    error_message = "The instance gets the ARN of the state machine that it starts."
  }
  assert {
    condition     = sort(keys(output.delivery.events)) == tolist(["collection", "receipts"])
    error_message = "The output delivery has the same events as in mode \"server\"."
  }
}

run "logs_are_encrypted_and_have_a_retention" {
  command = plan

  assert {
    condition = (
      aws_cloudwatch_log_group.this[0].name == "/aws/ec2/bank-loans"
      && aws_cloudwatch_log_group.this[0].kms_key_id == var.kms_key_arn
      && aws_cloudwatch_log_group.this[0].retention_in_days == 365
    )
    error_message = "Logs are encrypted, and CloudWatch Logs keeps them for a year."
  }
}

run "alarms_recover_or_reboot_the_instance" {
  command = plan

  assert {
    condition = {
      for a in aws_cloudwatch_metric_alarm.recovery : a.metric_name => one(a.alarm_actions)
      } == {
      StatusCheckFailed_Instance = "arn:aws:automate:eu-west-1:ec2:reboot"
      StatusCheckFailed_System   = "arn:aws:automate:eu-west-1:ec2:recover"
    }
    error_message = "Alarms recover or reboot the instance."
  }
}

run "instance_has_the_given_banner_and_update_window" {
  command = plan
  variables {
    banner   = "Files of Example Bank."
    instance = { update_day = "Wed", update_hour = 4 }
  }

  assert {
    condition = (
      strcontains(
        local.instance_files["/etc/systemd/system/sftp-updates.timer.d/window.conf"].content,
        "OnCalendar=Wed *-*-* 04:00:00 UTC",
      )
      && strcontains(
        local.instance_files["/etc/sftp/sshd_config"].content, "Banner /etc/sftp/banner",
      )
      && strcontains(
        local.instance_files["/etc/sftp/sshd_config"].content, "AllowAgentForwarding no\n",
      )
      && local.instance_files["/etc/sftp/banner"].content == "Files of Example Bank."
      && strcontains(
        local.instance_files["/etc/sftp/settings.env"].content, "SFTP_SERVER=bank-loans\n",
      )
    )
    error_message = "cloud-init writes all files of the instance."
  }
  assert {
    # 16 KB of user data have 21,848 characters in Base64. A third of them must remain for the
    # banner that a caller can set.
    condition     = length(local.user_data) < 14000
    error_message = "At least a third of the 16 KB of user data is left for a banner."
  }
}

run "too_many_keys_of_a_recipient_are_refused" {
  command = plan
  variables {
    recipients = {
      first-bank = {
        prefix = "loans/bank_name=FirstBank"
        public_keys = {
          for n in range(6) : n => "ssh-rsa ${n}${join("", [for i in range(700) : "A"])}"
        }
      }
    }
  }
  expect_failures = [aws_ssm_parameter.recipient]
}

run "recipient_prefix_below_another_prefix_is_refused" {
  command = plan
  variables {
    recipients = {
      first-bank = { prefix = "loans" }
      beta       = { prefix = "loans/bank_name=Beta" }
    }
  }
  expect_failures = [aws_ssm_parameter.recipient]
}
