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

run "replication_copies_encrypted_files_but_no_deletions" {
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
    error_message = "Encrypted files are copied. Deletions are not copied."
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
    error_message = "The copies are in the given bucket, with the given key."
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
    error_message = "The role can copy files. It can delete files in neither bucket."
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
    error_message = "Only S3 can assume the role, and only for this account. The boundary is set."
  }
}

run "replicas_in_another_account_are_owned_by_that_account" {
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
    error_message = "The account of the second bucket owns the copies."
  }
  assert {
    condition = contains(one([
      for s in jsondecode(aws_iam_role_policy.replication[0].policy).Statement : s.Action
      if s.Sid == "WriteReplicas"
    ]), "s3:ObjectOwnerOverrideToBucketOwner")
    error_message = "The role may change the owner of the copies."
  }
}

run "replication_role_name_ends_with_the_region" {
  command = plan
  variables {
    replication = {
      bucket_arn  = "arn:aws:s3:::bank-loans-copies"
      kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/copies"
    }
  }

  assert {
    condition     = aws_iam_role.replication[0].name == "bank-loans-replication-eu-west-1"
    error_message = "The role name contains the region."
  }
}

run "replication_role_name_over_64_characters_is_shortened" {
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
    error_message = "A name over 64 characters becomes 55 characters, a hyphen and 8 SHA-1 digits."
  }
}

run "replication_with_object_lock_copies_retention" {
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
    error_message = "The role can read the retention and the legal hold of objects."
  }
}
