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
  target          = aws_kms_key.this
  override_during = plan
  values          = { arn = "arn:aws:kms:eu-west-1:123456789012:key/own" }
}

variables {
  name     = "bank-loans"
  prefixes = { loans = "loans" }
}

run "created_key_rotates_and_allows_only_the_account_and_cloudwatch_logs" {
  command = plan

  assert {
    condition = (
      aws_kms_key.this[0].enable_key_rotation
      && aws_kms_alias.this[0].name == "alias/bank-loans"
    )
    error_message = "The key is rotated, and its alias is the bucket's name."
  }
  assert {
    condition = {
      for s in jsondecode(aws_kms_key.this[0].policy).Statement : s.Sid => s.Principal
      } == {
      AccountManagesKey = { AWS = "arn:aws:iam::123456789012:root" }
      LogsEncryptGroups = { Service = "logs.eu-west-1.amazonaws.com" }
    }
    error_message = "Only the account and CloudWatch Logs are principals of the key policy."
  }
  assert {
    condition = jsondecode(aws_kms_key.this[0].policy).Statement[1].Condition == {
      ArnLike = {
        "kms:EncryptionContext:aws:logs:arn" = "arn:aws:logs:eu-west-1:123456789012:log-group:*"
      }
    }
    error_message = "CloudWatch Logs may use the key only for groups of this account and region."
  }
}

run "existing_key_is_used_and_no_key_is_created" {
  command = plan
  variables {
    kms_key = { arn = "arn:aws:kms:eu-west-1:123456789012:key/given" }
  }

  assert {
    condition     = length(aws_kms_key.this) == 0 && length(aws_kms_alias.this) == 0
    error_message = "With kms_key, no key and no alias are created."
  }
  assert {
    condition     = output.kms_key_arn == "arn:aws:kms:eu-west-1:123456789012:key/given"
    error_message = "The output kms_key_arn is the ARN of the existing key."
  }
}

run "created_key_allows_the_given_principals_and_services" {
  command = plan
  variables {
    key_administrators         = ["arn:aws:iam::123456789012:role/security"]
    key_alias                  = "group/loans"
    key_rotation_days          = 180
    key_services               = ["glue", "sns-from-cloudwatch", "sns-from-eventbridge", "transfer"]
    key_users                  = ["arn:aws:iam::123456789012:user/auditor"]
    additional_key_policy_json = "{\"Statement\": {\"Sid\": \"More\", \"Effect\": \"Deny\"}}"
    readers = {
      first  = { prefix = "loans/first", principal_arn = "arn:aws:iam::210987654321:role/theirs" }
      second = { prefix = "loans/other", principal_arn = "arn:aws:iam::210987654321:role/theirs" }
    }
    writers = {
      job = { prefix = "loans", principal_arn = "arn:aws:iam::123456789012:role/job" }
    }
  }

  assert {
    condition = (
      aws_kms_alias.this[0].name == "alias/group/loans"
      && aws_kms_key.this[0].rotation_period_in_days == 180
    )
    error_message = "The key has the given alias, rotation and deletion window."
  }
  assert {
    condition = {
      for s in jsondecode(aws_kms_key.this[0].policy).Statement :
      s.Sid => [try(s.Principal, null), try(s.Action, null), try(s.Condition, null)]
      if !contains(["AccountManagesKey", "LogsEncryptGroups"], s.Sid)
      } == {
      AdministratorsManageKey = [{ AWS = ["arn:aws:iam::123456789012:role/security"] }, [
        "kms:CancelKeyDeletion",
        "kms:Create*",
        "kms:Delete*",
        "kms:Describe*",
        "kms:Disable*",
        "kms:Enable*",
        "kms:Get*",
        "kms:List*",
        "kms:Put*",
        "kms:Revoke*",
        "kms:ScheduleKeyDeletion",
        "kms:TagResource",
        "kms:UntagResource",
        "kms:Update*",
      ], null]
      UsersUseKey = [{ AWS = ["arn:aws:iam::123456789012:user/auditor"] }, [
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:Encrypt",
        "kms:GenerateDataKey*",
        "kms:ReEncrypt*",
      ], null]
      ReadersUseKey = [
        { AWS = ["arn:aws:iam::210987654321:role/theirs"] },
        ["kms:Decrypt"],
        { StringEquals = { "kms:ViaService" = "s3.eu-west-1.amazonaws.com" } },
      ]
      WritersUseKey = [
        { AWS = ["arn:aws:iam::123456789012:role/job"] },
        ["kms:GenerateDataKey", "kms:Decrypt"],
        { StringEquals = { "kms:ViaService" = "s3.eu-west-1.amazonaws.com" } },
      ]
      GlueEncryptsInItsOwnName = [
        { Service = "glue.amazonaws.com" },
        ["kms:Decrypt", "kms:GenerateDataKey*"],
        { StringEquals = { "aws:SourceAccount" = "123456789012" } },
      ]
      # This statement has no condition on the source, because EventBridge would drop events if the
      # statement had one.
      EventBridgeWritesToTopics = [
        { Service = "events.amazonaws.com" }, ["kms:Decrypt", "kms:GenerateDataKey*"], null,
      ]
      AlarmsWriteToTopics = [
        { Service = "cloudwatch.amazonaws.com" }, ["kms:Decrypt", "kms:GenerateDataKey*"], null,
      ]
      TransferEncryptsInItsOwnName = [
        { Service = "transfer.amazonaws.com" },
        ["kms:Decrypt", "kms:GenerateDataKey*"],
        { StringEquals = { "aws:SourceAccount" = "123456789012" } },
      ]
      More = [null, null, null]
    }
    error_message = "Each kind of principal has exactly the rights in this list, in one statement."
  }
}
