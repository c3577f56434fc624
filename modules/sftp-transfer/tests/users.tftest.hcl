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

run "recipient_sees_its_prefix_as_root" {
  command = plan

  assert {
    condition     = aws_transfer_user.this["first-bank"].home_directory_type == "LOGICAL"
    error_message = "The SFTP session hides the bucket and the prefix."
  }
  assert {
    condition = [
      for m in aws_transfer_user.this["first-bank"].home_directory_mappings :
      "${m.entry} ${m.target}"
    ] == ["/ /bank-loans-data/loans/bank_name=FirstBank"]
    error_message = "The only mapping leads from the root folder to the prefix."
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
          # The pattern ends with a slash, so that the role of FirstBank cannot list the files of
          # FirstBankOfNamibia.
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
    error_message = "The role of the recipient has exactly the rights in this list."
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
    error_message = "Each device has its own public key."
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
    error_message = "The server optimizes listings, so a missing root folder causes no error."
  }
}

run "characters_above_u_00ff_become_question_marks_only_in_policies" {
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
    error_message = "In IAM policies, \"?\" replaces each character above U+00FF."
  }
  assert {
    condition = (
      jsondecode(aws_iam_role_policy.recipient["lodz"].policy).Statement[0].Condition
      == { StringLike = { "s3:prefix" = "loans/bank_name=Kredyt?ód?/*" } }
    )
    error_message = "In conditions of IAM policies, \"?\" replaces each character above U+00FF."
  }
  assert {
    condition = (
      one(aws_transfer_user.this["lodz"].home_directory_mappings).target
      == "/bank-loans-data/loans/bank_name=KredytŁódź"
    )
    error_message = "The user's folder keeps characters above U+00FF."
  }
}

run "role_names_have_the_region_and_at_most_64_characters" {
  command = plan
  variables {
    recipients = {
      beta                                               = { prefix = "loans/bank_name=Beta" }
      first-bank-of-a-very-long-name-that-goes-on-and-on = { prefix = "loans/bank_name=First" }
    }
  }

  assert {
    condition = { for user, role in aws_iam_role.recipient : user => role.name } == {
      beta = "bank-loans_sftp_beta-eu-west-1"
      first-bank-of-a-very-long-name-that-goes-on-and-on = join("-", [
        "bank-loans_sftp_first-bank-of-a-very-long-name-that-goe",
        substr(sha1(join("-", [
          "bank-loans_sftp_first-bank-of-a-very-long-name-that-goes-on-and-on-eu-west-1",
        ])), 0, 8),
      ])
    }
    error_message = "Role names contain the region."
  }
}
