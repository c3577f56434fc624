# Plans with the real provider, without network, so that policies can be read as they will be.

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

run "recipient_sees_its_prefix_as_root" {
  command = plan

  assert {
    condition     = aws_transfer_user.this["first-bank"].home_directory_type == "LOGICAL"
    error_message = "The path in the bucket is hidden."
  }
  assert {
    condition = [
      for m in aws_transfer_user.this["first-bank"].home_directory_mappings :
      "${m.entry} ${m.target}"
    ] == ["/ /bank-loans-data/loans/bank_name=FirstBank"]
    error_message = "The only mapping is from root to the prefix."
  }
}

run "user_role_reads_one_prefix" {
  command = plan

  assert {
    condition = jsondecode(aws_iam_role_policy.recipient["first-bank"].policy) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid      = "ListFolder"
          Effect   = "Allow"
          Action   = "s3:ListBucket"
          Resource = "arn:aws:s3:::bank-loans-data"
          # With the slash: FirstBank must not list FirstBankOfNamibia.
          Condition = { StringLike = { "s3:prefix" = "loans/bank_name=FirstBank/*" } }
        },
        {
          Sid      = "ReadFolder"
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:GetObjectVersion"]
          Resource = "arn:aws:s3:::bank-loans-data/loans/bank_name=FirstBank/*"
        },
        {
          Sid       = "DecryptFiles"
          Effect    = "Allow"
          Action    = "kms:Decrypt"
          Resource  = "arn:aws:kms:eu-west-1:123456789012:key/data"
          Condition = { StringEquals = { "kms:ViaService" = "s3.eu-west-1.amazonaws.com" } }
        },
      ]
    }
    error_message = "A recipient has exactly these rights."
  }
  assert {
    condition = jsondecode(aws_iam_role.recipient["beta"].assume_role_policy).Statement == [{
      Effect    = "Allow"
      Principal = { Service = "transfer.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = "123456789012" }
        ArnLike = {
          "aws:SourceArn" = "arn:aws:transfer:eu-west-1:123456789012:user/s-0123456789abcdef0/*"
        }
      }
    }]
    error_message = "Users of other servers cannot assume the role."
  }
}

run "public_keys_are_imported_without_comments" {
  command = plan

  assert {
    condition = { for name, key in aws_transfer_ssh_key.this : name => key.body } == {
      "first-bank/laptop" = "ssh-ed25519 AAAA"
      "first-bank/office" = "ssh-rsa BBBB="
    }
    error_message = "Each device has its key."
  }
  assert {
    condition     = alltrue([for k in aws_transfer_ssh_key.this : k.user_name == "first-bank"])
    error_message = "A recipient without keys cannot log in."
  }
}

run "login_before_the_first_publication_shows_an_empty_folder" {
  command = plan

  assert {
    condition = (
      one(aws_transfer_server.this[0].s3_storage_options).directory_listing_optimization
      == "ENABLED"
    )
    error_message = "Without this setting, the root folder must exist in the bucket."
  }
}

run "wide_characters_are_question_marks_in_policies_only" {
  command = plan
  variables {
    recipients = {
      lodz    = { prefix = "loans/bank_name=KredytŁódź" }
      almaty  = { prefix = "loans/bank_name=Алматы" }
      saopaul = { prefix = "loans/bank_name=SãoPaulo.+" }
    }
  }

  assert {
    condition = {
      for user, policy in aws_iam_role_policy.recipient :
      user => jsondecode(policy.policy).Statement[1].Resource
      } == {
      lodz    = "arn:aws:s3:::bank-loans-data/loans/bank_name=Kredyt?ód?/*"
      almaty  = "arn:aws:s3:::bank-loans-data/loans/bank_name=??????/*"
      saopaul = "arn:aws:s3:::bank-loans-data/loans/bank_name=SãoPaulo.+/*"
    }
    error_message = "IAM accepts characters up to U+00FF."
  }
  assert {
    condition = (
      jsondecode(aws_iam_role_policy.recipient["lodz"].policy).Statement[0].Condition
      == { StringLike = { "s3:prefix" = "loans/bank_name=Kredyt?ód?/*" } }
    )
    error_message = "Conditions have question marks too."
  }
  assert {
    condition = (
      one(aws_transfer_user.this["lodz"].home_directory_mappings).target
      == "/bank-loans-data/loans/bank_name=KredytŁódź"
    )
    error_message = "The user's folder keeps the characters."
  }
}

run "server_is_closed_but_for_the_allow_list" {
  command = plan

  assert {
    condition = (
      aws_transfer_server.this[0].endpoint_type == "VPC"
      && aws_transfer_server.this[0].security_policy_name == "TransferSecurityPolicy-2025-03"
    )
    error_message = "A VPC endpoint with the newest ciphers is the default."
  }
  assert {
    condition = [
      for r in aws_vpc_security_group_ingress_rule.allowed :
      "${r.cidr_ipv4} ${r.from_port}-${r.to_port}"
    ] == ["203.0.113.7/32 22-22"]
    error_message = "Port 22 is open to the allow-list alone."
  }
  assert {
    condition = (
      aws_cloudwatch_log_group.this[0].retention_in_days == 365
      && aws_cloudwatch_log_group.this[0].kms_key_id == var.kms_key_arn
    )
    error_message = "Who collected what is logged for a year, encrypted."
  }
}

run "public_only_by_name" {
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
    error_message = "A public server has no security group that would seem to guard it."
  }
  assert {
    condition     = output.endpoint == "s-0123456789abcdef0.server.transfer.eu-west-1.amazonaws.com"
    error_message = "A public server answers under its own name."
  }
}

run "internet_reaches_it_by_fixed_addresses_and_the_allow_list" {
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
    error_message = "A server on the internet is still held to its allow-list."
  }
  assert {
    condition     = output.endpoint == "s-0123456789abcdef0.server.transfer.eu-west-1.amazonaws.com"
    error_message = "The VPC endpoint's name leads to addresses that the internet cannot reach."
  }
}

run "server_has_a_banner_and_a_name_of_its_own" {
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
    error_message = "A client shows the banner before it logs in."
  }
  assert {
    condition = aws_transfer_server.this[0].tags == tomap({
      Name                           = "bank-loans"
      "transfer:customHostname"      = "sftp.example.com"
      "transfer:route53HostedZoneId" = "/hostedzone/Z0123456789ABCDEFGHIJ"
    })
    error_message = "The console shows the name."
  }
  assert {
    condition = [
      for r in aws_route53_record.host_name : "${r.name} ${r.type} ${one(r.records)}"
    ] == ["sftp.example.com CNAME s-0123456789abcdef0.server.transfer.eu-west-1.amazonaws.com"]
    error_message = "The name leads to the server."
  }
  assert {
    condition     = output.endpoint == "sftp.example.com"
    error_message = "Recipients are given the name that stays."
  }
}

run "joined_server_gets_users_and_nothing_else" {
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
    error_message = "Server, network and log are those of whoever made it."
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
    error_message = "Users and their roles belong to the joined server."
  }
  assert {
    condition = (
      output.server_id == "s-fedcba9876543210f"
      && output.endpoint == "sftp.example.com"
      && output.host_key_fingerprint == "SHA256:abc"
      && output.server == var.server
    )
    error_message = "Recipients are given the joined server's name."
  }
}

run "what_is_collected_is_kept" {
  command = plan

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.collected["this"].event_pattern) == {
      source      = ["aws.transfer"]
      detail-type = ["SFTP Server File Download Completed"]
      detail      = { server-id = ["s-0123456789abcdef0"] }
    }
    error_message = "The pattern does not grow with the number of users."
  }
  assert {
    condition = jsondecode(
      aws_sfn_state_machine.receipts["this"].definition
      ).States.Begin.Assign.config.prefixes == {
      beta       = "loans/bank_name=Beta"
      first-bank = "loans/bank_name=FirstBank"
    }
    error_message = "Of a shared server only the own users' receipts are kept."
  }
  assert {
    condition = (
      aws_dynamodb_table.receipts["this"].hash_key == "recipient"
      && aws_dynamodb_table.receipts["this"].server_side_encryption[0].kms_key_arn
      == var.kms_key_arn
      && aws_dynamodb_table.receipts["this"].point_in_time_recovery[0].enabled
      && output.receipts_table_name == "bank-loans-receipts"
    )
    error_message = "Receipts are encrypted and can be restored."
  }
  assert {
    condition = {
      for s in jsondecode(aws_iam_role_policy.receipts["this"].policy).Statement :
      s.Sid => [s.Action, s.Resource, try(s.Condition, null)] if s.Sid != "WriteLogs"
      } == {
      KeepReceipts = [
        "dynamodb:PutItem",
        "arn:aws:dynamodb:eu-west-1:123456789012:table/bank-loans-receipts",
        null,
      ]
      TellOutcome = [
        "events:PutEvents", "arn:aws:events:eu-west-1:123456789012:event-bus/default",
        { StringEquals = { "events:source" = "sftp-transfer" } },
      ]
      EncryptReceipts = [
        [
          "kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt",
          "kms:GenerateDataKey*", "kms:ReEncrypt*",
        ],
        var.kms_key_arn,
        { StringEquals = { "kms:ViaService" = "dynamodb.eu-west-1.amazonaws.com" } },
      ]
    }
    error_message = "A receipt can be written, not read, changed or taken away."
  }
  assert {
    condition = (
      length(aws_scheduler_schedule.uncollected) == 0
      && length(aws_sfn_state_machine.uncollected) == 0
      && keys(output.delivery.events) == ["receipts"]
      && length(output.delivery.recipients) == 0
    )
    error_message = "Nobody is told that something was not collected, unless asked for."
  }
}

run "what_is_not_collected_by_a_day_is_told" {
  command = plan
  variables {
    receipts = { due_day = 10, due_hour = 9 }
  }

  assert {
    condition = (
      aws_scheduler_schedule.uncollected["this"].schedule_expression == "cron(0 9 * * ? *)"
      && aws_scheduler_schedule.uncollected["this"].schedule_expression_timezone == "Etc/GMT"
      && aws_scheduler_schedule.uncollected["this"].target[0].input
      == "{\"time\":\"<aws.scheduler.scheduled-time>\"}"
      && jsondecode(
        aws_sfn_state_machine.uncollected["this"].definition
      ).States.Begin.Assign.config.due == "-10T09:00:00Z"
    )
    error_message = (
      "It is looked every day at that hour, and from that day on the last month counts."
    )
  }
  assert {
    condition = {
      for s in jsondecode(aws_iam_role_policy.uncollected["this"].policy).Statement :
      s.Sid => [s.Action, s.Resource, try(s.Condition, null)]
      if contains(["SeeFiles", "AskReceipts"], s.Sid)
      } == {
      SeeFiles = [
        "s3:ListBucket", "arn:aws:s3:::bank-loans-data",
        {
          StringLike = {
            "s3:prefix" = ["loans/bank_name=Beta/*", "loans/bank_name=FirstBank/*"]
          }
        },
      ]
      AskReceipts = [
        "dynamodb:Query", "arn:aws:dynamodb:eu-west-1:123456789012:table/bank-loans-receipts", null,
      ]
    }
    error_message = "The look sees names, and opens no file."
  }
  assert {
    condition = (
      { for key, event in output.delivery.events : key => jsondecode(event).detail-type } == {
        collection = ["File Not Collected"]
        receipts   = ["Step Functions Execution Status Change"]
      }
      && jsondecode(output.delivery.events["receipts"]).detail.stateMachineArn == [
        "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans-receipts",
        "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans-uncollected",
      ]
      && jsondecode(output.delivery.recoveries["collection"]) == {
        source      = ["sftp-transfer"]
        detail-type = ["File Collected"]
        detail      = { extract = ["bank-loans"] }
      }
      && output.delivery.recipients == {
        beta       = "s3://bank-loans-data/loans/bank_name=Beta"
        first-bank = "s3://bank-loans-data/loans/bank_name=FirstBank"
      }
    )
    error_message = "The alerts are given what is not collected, what is, and a look that failed."
  }
  assert {
    condition = jsondecode(aws_iam_role_policy.due["this"].policy).Statement[0] == {
      Sid      = "StartLook"
      Effect   = "Allow"
      Action   = "states:StartExecution"
      Resource = "arn:aws:states:eu-west-1:123456789012:stateMachine:bank-loans-uncollected"
    }
    error_message = "Scheduler starts the look, and no more."
  }
}

run "prefixes_that_do_not_fit_into_one_policy_are_refused" {
  command = plan
  variables {
    receipts = { due_day = 10 }
    recipients = {
      for number in range(100, 200) :
      "recipient-${number}" => {
        prefix = "loans/${join("", [for x in range(100) : "x"])}${number}"
      }
    }
  }

  expect_failures = [aws_iam_role_policy.uncollected["this"]]
}

run "role_names_have_the_region_and_fit" {
  command = plan
  variables {
    recipients = {
      beta                                               = { prefix = "loans/bank_name=Beta" }
      first-bank-of-a-very-long-name-that-goes-on-and-on = { prefix = "loans/bank_name=First" }
    }
  }

  assert {
    condition = { for user, role in aws_iam_role.recipient : user => role.name } == {
      beta = "bank-loans-sftp-beta-eu-west-1"
      first-bank-of-a-very-long-name-that-goes-on-and-on = join("-", [
        "bank-loans-sftp-first-bank-of-a-very-long-name-that-goe",
        substr(sha1(join("-", [
          "bank-loans-sftp-first-bank-of-a-very-long-name-that-goes-on-and-on-eu-west-1",
        ])), 0, 8),
      ])
    }
    error_message = "Role names contain the region."
  }
}
