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

run "writer_policy_allows_writes_under_its_prefix_and_no_deletions" {
  command = plan

  assert {
    condition = jsondecode(output.writer_policies["loans"]) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid       = "ListFolder"
          Effect    = "Allow"
          Action    = "s3:ListBucketVersions"
          Resource  = "arn:aws:s3:::bank-loans"
          Condition = { StringLike = { "s3:prefix" = "loans/*" } }
        },
        {
          Sid      = "WriteFolder"
          Effect   = "Allow"
          Action   = ["s3:GetObjectVersion", "s3:PutObject", "s3:AbortMultipartUpload"]
          Resource = "arn:aws:s3:::bank-loans/loans/*"
        },
        {
          Sid      = "CopyClaims"
          Effect   = "Allow"
          Action   = ["s3:GetObject"]
          Resource = "arn:aws:s3:::bank-loans/loans/*.claim"
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
    error_message = "The policy of a writer has exactly the rights in this list."
  }
}

run "reader_policy_allows_reads_under_its_prefix" {
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
    error_message = "The policy of a reader has exactly the rights in this list."
  }
}

run "policies_of_bucket_and_key_allow_readers_and_writers" {
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
        Action    = ["s3:ListBucketVersions"]
        Resource  = "arn:aws:s3:::bank-loans"
        Condition = { StringLike = { "s3:prefix" = "loans/*" } }
      },
      {
        Sid       = "WriterJob"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::123456789012:role/job" }
        Action    = ["s3:GetObjectVersion", "s3:PutObject", "s3:AbortMultipartUpload"]
        Resource  = "arn:aws:s3:::bank-loans/loans/*"
      },
      {
        Sid       = "ClaimWriterJob"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::123456789012:role/job" }
        Action    = ["s3:GetObject"]
        Resource  = "arn:aws:s3:::bank-loans/loans/*.claim"
      },
      { Sid = "More", Effect = "Deny" },
    ]
    error_message = "The policy has statements for readers and writers, then the added statement."
  }
  assert {
    condition     = length(jsondecode(aws_s3_bucket_policy.this.policy).Statement) == 12
    error_message = "The bucket policy also keeps all Deny statements of the module."
  }
}

run "characters_above_u_00ff_are_question_marks_in_every_policy" {
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
    error_message = "In IAM policies, \"?\" replaces each character above U+00FF."
  }
  assert {
    condition = {
      for s in jsondecode(aws_s3_bucket_policy.this.policy).Statement :
      s.Sid => s.Resource if startswith(s.Sid, "Reader")
      } == {
      ReaderLodz    = "arn:aws:s3:::bank-loans/loans/bank_name=Kredyt?ód?/*"
      ReaderWroclaw = "arn:aws:s3:::bank-loans/loans/bank_name=Wroc?aw/*"
    }
    error_message = "In the bucket policy, \"?\" replaces each character above U+00FF."
  }
  assert {
    condition = one([
      for s in jsondecode(aws_iam_role_policy.replication[0].policy).Statement : s.Resource
      if s.Sid == "ReadVersions"
    ]) == "arn:aws:s3:::bank-loans/za?ó??/*"
    error_message = "In the replication role, \"?\" replaces each character above U+00FF."
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
    error_message = "No policy has a character above U+00FF."
  }
  assert {
    condition = (
      one(aws_s3_bucket_replication_configuration.this[0].rule).filter[0].prefix == "zażółć/"
    )
    error_message = "The filter of the replication rule keeps the characters above U+00FF."
  }
}

run "similar_keys_of_readers_have_different_sids" {
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
    ])) == 16
    error_message = "Each Sid in a policy is unique."
  }
}
