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
    error_message = "Objects are encrypted with the created key and a bucket key."
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
    error_message = "Without grants, the bucket policy allows nothing."
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
    error_message = "Old TLS and other keys are denied; a missing encryption header is not."
  }
  assert {
    condition = (
      length(aws_s3_bucket_policy.this.policy) + 8 * (63 - length(var.name)) + 60 < 2048
    )
    error_message = "With the longest name, these statements use less than 2 of 20 KB."
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

run "access_logs_have_the_prefix_of_the_bucket_name" {
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
    error_message = "No version can be deleted for seven years."
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
    error_message = "Each transition is a rule of its own, beside the housekeeping."
  }
}

run "own_key_serves_those_who_are_named" {
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
    error_message = "The key bears the alias and rotates as asked for."
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
      # A condition on the source is what breaks it.
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
    error_message = "Each is let in with just what it does, and no one twice."
  }
}

run "readers_and_writers_are_let_into_their_folder" {
  command = plan
  variables {
    readers = {
      first-bank = {
        prefix        = "loans/first"
        principal_arn = "arn:aws:iam::210987654321:role/theirs"
      }
    }
    writers = {
      job = { prefix = "loans", principal_arn = "arn:aws:iam::123456789012:role/job" }
    }
    additional_bucket_policy_json = "{\"Statement\": [{\"Sid\": \"More\", \"Effect\": \"Deny\"}]}"
  }

  assert {
    condition = [
      for s in jsondecode(aws_s3_bucket_policy.this.policy).Statement : s
      if s.Effect == "Allow" || s.Sid == "More"
      ] == [
      {
        Sid       = "ListReaderFirstBank"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::210987654321:role/theirs" }
        Action    = ["s3:ListBucket"]
        Resource  = "arn:aws:s3:::bank-loans"
        Condition = { StringLike = { "s3:prefix" = "loans/first/*" } }
      },
      {
        Sid       = "ReaderFirstBank"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::210987654321:role/theirs" }
        Action    = ["s3:GetObject", "s3:GetObjectVersion"]
        Resource  = "arn:aws:s3:::bank-loans/loans/first/*"
      },
      {
        Sid       = "ListWriterJob"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::123456789012:role/job" }
        Action    = ["s3:ListBucket"]
        Resource  = "arn:aws:s3:::bank-loans"
        Condition = { StringLike = { "s3:prefix" = "loans/*" } }
      },
      {
        Sid       = "WriterJob"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::123456789012:role/job" }
        Action    = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]
        Resource  = "arn:aws:s3:::bank-loans/loans/*"
      },
      { Sid = "More", Effect = "Deny" },
    ]
    error_message = "They get what the ready-made policies give, and what was added comes last."
  }
  assert {
    condition     = length(jsondecode(aws_s3_bucket_policy.this.policy).Statement) == 10
    error_message = "What is denied to all is denied to them too."
  }
}

run "grants_of_like_names_have_sids_of_their_own" {
  command = plan
  variables {
    readers = {
      for key in ["x", "x-list", "x-lists", "list-x", "list-reader-x"] :
      key => { prefix = "loans/${key}", principal_arn = "arn:aws:iam::123456789012:role/r" }
    }
  }

  assert {
    condition = length(distinct([
      for s in jsondecode(aws_s3_bucket_policy.this.policy).Statement : s.Sid
    ])) == 15
    error_message = "A Sid is unique in a policy."
  }
}

run "new_files_are_copied_to_another_region_under_a_key_of_that_region" {
  command = plan
  variables {
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
    replication = {
      bucket_arn  = "arn:aws:s3:::bank-loans-copies"
      kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/copies"
      prefix      = "loans"
    }
  }

  assert {
    condition = (
      one(aws_s3_bucket_replication_configuration.this[0].rule).status == "Enabled"
      && one(aws_s3_bucket_replication_configuration.this[0].rule).filter[0].prefix == "loans/"
      && one(
        aws_s3_bucket_replication_configuration.this[0].rule
      ).delete_marker_replication[0].status == "Disabled"
      && one(one(aws_s3_bucket_replication_configuration.this[0].rule)
      .source_selection_criteria[0].sse_kms_encrypted_objects).status == "Enabled"
    )
    error_message = "Encrypted files are copied too, and deleting here deletes nothing there."
  }
  assert {
    condition = (
      one(one(aws_s3_bucket_replication_configuration.this[0].rule).destination).bucket
      == "arn:aws:s3:::bank-loans-copies"
      && one(one(one(aws_s3_bucket_replication_configuration.this[0].rule).destination)
      .encryption_configuration).replica_kms_key_id
      == "arn:aws:kms:eu-central-1:123456789012:key/copies"
      && length(one(one(aws_s3_bucket_replication_configuration.this[0].rule).destination)
      .access_control_translation) == 0
    )
    error_message = "The copies lie in the named bucket, under the named key."
  }
  assert {
    condition = {
      for s in jsondecode(aws_iam_role_policy.replication[0].policy).Statement :
      s.Sid => [
        flatten([s.Action]), s.Resource, try(s.Condition.StringEquals["kms:ViaService"], null),
      ]
      } == {
      SeeBucket = [
        ["s3:GetReplicationConfiguration", "s3:ListBucket"], "arn:aws:s3:::bank-loans", null,
      ]
      ReadVersions = [
        [
          "s3:GetObjectVersionAcl", "s3:GetObjectVersionForReplication",
          "s3:GetObjectVersionTagging",
        ],
        "arn:aws:s3:::bank-loans/loans/*", null,
      ]
      DecryptVersions = [
        ["kms:Decrypt"], "arn:aws:kms:eu-west-1:123456789012:key/own", "s3.eu-west-1.amazonaws.com",
      ]
      WriteReplicas = [
        ["s3:ReplicateObject", "s3:ReplicateTags"], "arn:aws:s3:::bank-loans-copies/*", null,
      ]
      EncryptReplicas = [
        ["kms:Encrypt", "kms:GenerateDataKey"],
        "arn:aws:kms:eu-central-1:123456789012:key/copies", "s3.eu-central-1.amazonaws.com",
      ]
    }
    error_message = "The role copies, and does nothing else: it deletes neither here nor there."
  }
  assert {
    condition = (
      aws_iam_role.replication[0].permissions_boundary
      == "arn:aws:iam::123456789012:policy/boundary"
      && jsondecode(aws_iam_role.replication[0].assume_role_policy).Statement == [{
        Effect    = "Allow"
        Principal = { Service = "s3.amazonaws.com" }
        Action    = "sts:AssumeRole"
        Condition = { StringEqualsIfExists = { "aws:SourceAccount" = "123456789012" } }
      }]
    )
    error_message = "S3 alone takes the role, for this account, within its boundary."
  }
}

run "copies_in_another_account_belong_to_that_account" {
  command = plan
  variables {
    replication = {
      account_id    = "210987654321"
      bucket_arn    = "arn:aws:s3:::bank-loans-copies"
      kms_key_arn   = "arn:aws:kms:eu-central-1:210987654321:key/copies"
      storage_class = "GLACIER_IR"
    }
  }

  assert {
    condition = (
      one(one(aws_s3_bucket_replication_configuration.this[0].rule).destination).account
      == "210987654321"
      && one(one(aws_s3_bucket_replication_configuration.this[0].rule).destination).storage_class
      == "GLACIER_IR"
      && one(one(one(aws_s3_bucket_replication_configuration.this[0].rule).destination)
      .access_control_translation).owner == "Destination"
    )
    error_message = "Who owns the bucket owns the copies."
  }
  assert {
    condition = contains(one([
      for s in jsondecode(aws_iam_role_policy.replication[0].policy).Statement : s.Action
      if s.Sid == "WriteReplicas"
    ]), "s3:ObjectOwnerOverrideToBucketOwner")
    error_message = "The role may hand the copies over."
  }
}

run "role_of_replication_has_the_region_in_its_name" {
  command = plan
  variables {
    replication = {
      bucket_arn  = "arn:aws:s3:::bank-loans-copies"
      kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/copies"
    }
  }

  assert {
    condition     = aws_iam_role.replication[0].name == "bank-loans-replication-eu-west-1"
    error_message = "Two regions of one account can have a bucket each."
  }
}

run "role_of_replication_fits_a_bucket_name_of_63_characters" {
  command = plan
  variables {
    name = "bank-loans-of-the-whole-banking-group-123456789012-eu-central-1"
    replication = {
      bucket_arn  = "arn:aws:s3:::bank-loans-copies"
      kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/copies"
    }
  }

  assert {
    condition = (
      length(var.name) == 63
      && length(aws_iam_role.replication[0].name) == 64
      && aws_iam_role.replication[0].name == join("-", [
        "bank-loans-of-the-whole-banking-group-123456789012-eu-c", substr(sha1(
          "bank-loans-of-the-whole-banking-group-123456789012-eu-central-1-replication-eu-west-1"
        ), 0, 8),
      ])
    )
    error_message = "A long name is cut and ends in the beginning of its SHA-1."
  }
}

run "locked_versions_are_copied_with_their_lock" {
  command = plan
  variables {
    object_lock = { mode = "GOVERNANCE", years = 7 }
    replication = {
      bucket_arn  = "arn:aws:s3:::bank-loans-copies"
      kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/copies"
    }
  }

  assert {
    condition = one([
      for s in jsondecode(aws_iam_role_policy.replication[0].policy).Statement : s.Action
      if s.Sid == "ReadVersions"
      ]) == [
      "s3:GetObjectVersionAcl",
      "s3:GetObjectVersionForReplication",
      "s3:GetObjectVersionTagging",
      "s3:GetObjectLegalHold",
      "s3:GetObjectRetention",
    ]
    error_message = "S3 reads retention and legal hold to copy them."
  }
}

run "letters_that_iam_refuses_are_question_marks_in_every_policy" {
  command = plan
  variables {
    prefixes = { lodz = "loans/bank_name=KredytŁódź & ö" }
    readers = {
      lodz = {
        prefix        = "loans/bank_name=KredytŁódź"
        principal_arn = "arn:aws:iam::210987654321:role/collector"
      }
      wroclaw = {
        prefix        = "loans/bank_name=Wrocław"
        principal_arn = "arn:aws:iam::210987654321:role/other"
      }
    }
    replication = {
      bucket_arn  = "arn:aws:s3:::bank-loans-copies"
      kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/copies"
      prefix      = "zażółć"
    }
  }

  assert {
    condition = [
      for policy in [output.reader_policies["lodz"], output.writer_policies["lodz"]] : [
        jsondecode(policy).Statement[0].Condition.StringLike["s3:prefix"],
        jsondecode(policy).Statement[1].Resource,
      ]
      ] == [
      for policy in ["reader", "writer"] : [
        "loans/bank_name=Kredyt?ód? & ö/*",
        "arn:aws:s3:::bank-loans/loans/bank_name=Kredyt?ód? & ö/*",
      ]
    ]
    error_message = "IAM takes letters up to U+00FF."
  }
  assert {
    condition = {
      for s in jsondecode(aws_s3_bucket_policy.this.policy).Statement :
      s.Sid => s.Resource if startswith(s.Sid, "Reader")
      } == {
      ReaderLodz    = "arn:aws:s3:::bank-loans/loans/bank_name=Kredyt?ód?/*"
      ReaderWroclaw = "arn:aws:s3:::bank-loans/loans/bank_name=Wroc?aw/*"
    }
    error_message = "The bucket's policy says the same."
  }
  assert {
    condition = one([
      for s in jsondecode(aws_iam_role_policy.replication[0].policy).Statement : s.Resource
      if s.Sid == "ReadVersions"
    ]) == "arn:aws:s3:::bank-loans/za?ó??/*"
    error_message = "So does the policy of what replicates."
  }
  assert {
    condition = !anytrue([
      for policy in [
        aws_iam_role_policy.replication[0].policy,
        aws_s3_bucket_policy.this.policy,
        output.reader_policies["lodz"],
        output.writer_policies["lodz"],
      ] : can(regex("[^\\x{0}-\\x{FF}]", policy))
    ])
    error_message = "No policy holds a letter beyond U+00FF."
  }
  assert {
    condition = (
      one(aws_s3_bucket_replication_configuration.this[0].rule).filter[0].prefix == "zażółć/"
    )
    error_message = "Only policies have to do without these letters."
  }
}
