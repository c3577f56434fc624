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

override_resource {
  target          = aws_kms_key.this
  override_during = plan
  values          = { arn = "arn:aws:kms:eu-west-1:123456789012:key/own" }
}

variables {
  name     = "bank-loans"
  prefixes = { loans = "loans" }
}

run "bucket_is_encrypted_versioned_and_private" {
  command = plan

  assert {
    condition = (
      one(aws_s3_bucket_server_side_encryption_configuration.this.rule).bucket_key_enabled
      && one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule)
      .apply_server_side_encryption_by_default).sse_algorithm == "aws:kms"
      && one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule)
      .apply_server_side_encryption_by_default).kms_master_key_id == aws_kms_key.this[0].arn
    )
    error_message = "Objects are encrypted with the module's own key, by way of a bucket key."
  }
  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "A replaced file is kept."
  }
  assert {
    condition     = one(aws_s3_bucket_ownership_controls.this.rule).object_ownership == "BucketOwnerEnforced"
    error_message = "There are no access lists."
  }
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "Nothing can make the bucket public."
  }
  assert {
    condition     = !aws_s3_bucket.this.force_destroy
    error_message = "A bucket with files in it is not destroyed."
  }
}

run "policy_denies_and_allows_nothing" {
  command = plan

  assert {
    condition = alltrue([
      for s in jsondecode(aws_s3_bucket_policy.this.policy).Statement : s.Effect == "Deny"
    ])
    error_message = "Access is given by roles, not by the bucket."
  }
  assert {
    condition = {
      for s in jsondecode(aws_s3_bucket_policy.this.policy).Statement : s.Sid => s.Condition
      } == {
      DenyWithoutTls = { Bool = { "aws:SecureTransport" = "false" } }
      DenyOldTls     = { NumericLessThan = { "s3:TlsVersion" = "1.2" } }
      DenyOtherEncryption = {
        Null            = { "s3:x-amz-server-side-encryption" = "false" }
        StringNotEquals = { "s3:x-amz-server-side-encryption" = "aws:kms" }
      }
      DenyOtherKey = {
        Null = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = "false" }
        StringNotEquals = {
          "s3:x-amz-server-side-encryption-aws-kms-key-id" = "arn:aws:kms:eu-west-1:123456789012:key/own"
        }
      }
      DenyUnnamedKey = {
        Null         = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = "true" }
        StringEquals = { "s3:x-amz-server-side-encryption" = "aws:kms" }
      }
    }
    error_message = "Old TLS and foreign keys are denied; a client that sends no header is not."
  }
}

run "own_key_rotates_and_serves_the_account_and_its_logs" {
  command = plan

  assert {
    condition = (
      aws_kms_key.this[0].enable_key_rotation
      && aws_kms_alias.this[0].name == "alias/bank-loans"
    )
    error_message = "The key rotates and bears the bucket's name."
  }
  assert {
    condition = {
      for s in jsondecode(aws_kms_key.this[0].policy).Statement : s.Sid => s.Principal
      } == {
      AccountManagesKey = { AWS = "arn:aws:iam::123456789012:root" }
      LogsEncryptGroups = { Service = "logs.eu-west-1.amazonaws.com" }
    }
    error_message = "Nobody else is named in the key's policy."
  }
  assert {
    condition = jsondecode(aws_kms_key.this[0].policy).Statement[1].Condition == {
      ArnLike = {
        "kms:EncryptionContext:aws:logs:arn" = "arn:aws:logs:eu-west-1:123456789012:log-group:*"
      }
    }
    error_message = "CloudWatch Logs uses the key for groups of this account and region alone."
  }
}

run "writer_can_write_its_folder_and_delete_nothing" {
  command = plan

  assert {
    condition = jsondecode(output.writer_policies["loans"]) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid       = "ListFolder"
          Effect    = "Allow"
          Action    = "s3:ListBucket"
          Resource  = "arn:aws:s3:::bank-loans"
          Condition = { StringLike = { "s3:prefix" = "loans/*" } }
        },
        {
          Sid      = "WriteFolder"
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]
          Resource = "arn:aws:s3:::bank-loans/loans/*"
        },
        {
          Sid       = "UseKey"
          Effect    = "Allow"
          Action    = ["kms:GenerateDataKey", "kms:Decrypt"]
          Resource  = "arn:aws:kms:eu-west-1:123456789012:key/own"
          Condition = { StringEquals = { "kms:ViaService" = "s3.eu-west-1.amazonaws.com" } }
        },
      ]
    }
    error_message = "A writer has exactly these rights."
  }
}

run "reader_can_read_its_folder" {
  command = plan

  assert {
    condition = jsondecode(output.reader_policies["loans"]) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid       = "ListFolder"
          Effect    = "Allow"
          Action    = "s3:ListBucket"
          Resource  = "arn:aws:s3:::bank-loans"
          Condition = { StringLike = { "s3:prefix" = "loans/*" } }
        },
        {
          Sid      = "ReadFolder"
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:GetObjectVersion"]
          Resource = "arn:aws:s3:::bank-loans/loans/*"
        },
        {
          Sid       = "UseKey"
          Effect    = "Allow"
          Action    = "kms:Decrypt"
          Resource  = "arn:aws:kms:eu-west-1:123456789012:key/own"
          Condition = { StringEquals = { "kms:ViaService" = "s3.eu-west-1.amazonaws.com" } }
        },
      ]
    }
    error_message = "A reader has exactly these rights."
  }
}

run "given_key_is_used_and_none_is_made" {
  command = plan
  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/given"
  }

  assert {
    condition     = length(aws_kms_key.this) == 0 && length(aws_kms_alias.this) == 0
    error_message = "No second key is paid for."
  }
  assert {
    condition     = output.kms_key_arn == "arn:aws:kms:eu-west-1:123456789012:key/given"
    error_message = "The given key is handed on."
  }
}
