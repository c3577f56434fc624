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
    error_message = "Objects are encrypted with the created KMS key and an S3 bucket key."
  }
  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "Versioning keeps replaced files."
  }
  assert {
    condition = (
      one(aws_s3_bucket_ownership_controls.this.rule).object_ownership
      == "BucketOwnerEnforced"
    )
    error_message = "ACLs are disabled."
  }
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "Public access is blocked."
  }
  assert {
    condition     = !aws_s3_bucket.this.force_destroy
    error_message = "A bucket with files cannot be destroyed."
  }
}

run "bucket_policy_denies_insecure_requests_and_allows_nothing" {
  command = plan

  assert {
    condition = alltrue([
      for s in jsondecode(aws_s3_bucket_policy.this.policy).Statement : s.Effect == "Deny"
    ])
    error_message = "Without readers and writers, the bucket policy allows nothing."
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
          "s3:x-amz-server-side-encryption-aws-kms-key-id" = join(":", [
            "arn:aws:kms:eu-west-1:123456789012", "key/own",
          ])
        }
      }
      DenyUnnamedKey = {
        Null         = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = "true" }
        StringEquals = { "s3:x-amz-server-side-encryption" = "aws:kms" }
      }
      DenyCustomerKey = {
        Null = { "s3:x-amz-server-side-encryption-customer-algorithm" = "false" }
      }
    }
    error_message = "TLS below 1.2 is denied. An upload may name only the KMS key of the bucket."
  }
  assert {
    condition = (
      length(aws_s3_bucket_policy.this.policy) + 8 * (63 - length(var.name)) + 60 < 2048
    )
    error_message = "With the longest name, the Deny statements have less than 2 KB."
  }
}

run "optional_features_are_off_by_default" {
  command = plan

  assert {
    condition = (
      length(aws_s3_bucket_logging.this) == 0
      && length(aws_s3_bucket_notification.this) == 0
      && length(aws_s3_bucket_object_lock_configuration.this) == 0
      && length(aws_s3_bucket_replication_configuration.this) == 0
      && length(aws_iam_role.replication) == 0
      && length(aws_s3_bucket_lifecycle_configuration.this.rule) == 1
      && !aws_s3_bucket.this.object_lock_enabled
    )
    error_message = "Access logs, events, lock, replication and transitions are off by default."
  }
}

run "default_prefix_of_access_logs_is_the_bucket_name" {
  command = plan
  variables {
    access_logs = { bucket = "logs-of-all" }
  }

  assert {
    condition = (
      aws_s3_bucket_logging.this[0].target_bucket == "logs-of-all"
      && aws_s3_bucket_logging.this[0].target_prefix == "bank-loans/"
    )
    error_message = "The logs have the bucket's name as prefix."
  }
}

run "events_are_sent_to_eventbridge" {
  command = plan
  variables {
    eventbridge_notifications = true
  }

  assert {
    condition     = aws_s3_bucket_notification.this[0].eventbridge
    error_message = "S3 sends events to EventBridge."
  }
}

run "object_lock_retains_versions" {
  command = plan
  variables {
    object_lock = { mode = "COMPLIANCE", years = 7 }
  }

  assert {
    condition = (
      aws_s3_bucket.this.object_lock_enabled
      && one(aws_s3_bucket_object_lock_configuration.this[0].rule).default_retention[0].mode
      == "COMPLIANCE"
      && one(aws_s3_bucket_object_lock_configuration.this[0].rule).default_retention[0].years == 7
    )
    error_message = "The bucket retains each version for seven years, in mode COMPLIANCE."
  }
}

run "transitions_are_separate_lifecycle_rules" {
  command = plan
  variables {
    transitions = {
      files    = { storage_class = "GLACIER_IR", days = 90, prefix = "loans" }
      versions = { storage_class = "DEEP_ARCHIVE", noncurrent_days = 1 }
    }
  }

  assert {
    condition = jsonencode([
      for rule in aws_s3_bucket_lifecycle_configuration.this.rule : [
        rule.id,
        coalesce(rule.filter[0].prefix, "all"),
        [for t in rule.transition : "${t.days} ${t.storage_class}"],
        [for t in rule.noncurrent_version_transition : "${t.noncurrent_days} ${t.storage_class}"],
      ]
      ]) == jsonencode([
      ["housekeeping", "all", [], []],
      ["transition-files", "loans/", ["90 GLACIER_IR"], []],
      ["transition-versions", "all", [], ["1 DEEP_ARCHIVE"]],
    ])
    error_message = "The bucket has the default lifecycle rule and one rule for each transition."
  }
}
