################################################################################
# Bucket policy
################################################################################

locals {
  _sse        = "s3:x-amz-server-side-encryption"
  _sse_key_id = "s3:x-amz-server-side-encryption-aws-kms-key-id"

  # Rights of readers and writers of a prefix. Both the output policies and the bucket policy
  # contain these rights.
  _read_actions     = ["s3:GetObject", "s3:GetObjectVersion"]
  _read_key_actions = ["kms:Decrypt"]
  # A writer needs s3:GetObject only to copy a claim (an object with a key that ends in .claim),
  # because this request has no version ID. A writer reads all other objects by version ID. See
  # DenyUnversionedReads in glue-extract.
  _claim_actions     = ["s3:GetObject"]
  _write_actions     = ["s3:GetObjectVersion", "s3:PutObject", "s3:AbortMultipartUpload"]
  _write_key_actions = ["kms:GenerateDataKey", "kms:Decrypt"]

  # IAM accepts only characters up to U+00FF in policies (IAM User Guide, "IAM and STS quotas"). S3
  # does not document which characters a bucket policy may contain. In patterns, "?" replaces the
  # other characters, because "?" matches any one character.
  _wide_letters = "/[^\\x{0}-\\x{FF}]/"
  _prefix_patterns = {
    for key, prefix in var.prefixes : key => replace(prefix, local._wide_letters, "?")
  }

  # The ID of a statement may have letters and digits only.
  _grants = merge(
    {
      for key, reader in var.readers : "Reader${local._sids.readers[key]}" => {
        Actions   = local._read_actions
        List      = "s3:ListBucket"
        Pattern   = replace(reader.prefix, local._wide_letters, "?")
        Principal = reader.principal_arn
      }
    },
    {
      for key, writer in var.writers : "Writer${local._sids.writers[key]}" => {
        Actions   = local._write_actions
        List      = "s3:ListBucketVersions"
        Pattern   = replace(writer.prefix, local._wide_letters, "?")
        Principal = writer.principal_arn
      }
    },
  )
  _sids = {
    for kind, named in { readers = keys(var.readers), writers = keys(var.writers) } : kind => {
      for key in named : key => replace(title(replace(key, "/[^0-9A-Za-z]+/", " ")), " ", "")
    }
  }
  _grant_statements = flatten([
    for sid, grant in local._grants : concat([
      {
        # If "List" were at the end, two statements could have the same Sid: the list statement of
        # the reader "x", and the read statement of the reader "x-list".
        Sid       = "List${sid}"
        Effect    = "Allow"
        Principal = { AWS = grant.Principal }
        Action    = [grant.List]
        Resource  = local.bucket_arn
        Condition = { StringLike = { "s3:prefix" = "${grant.Pattern}/*" } }
      },
      {
        Sid       = sid
        Effect    = "Allow"
        Principal = { AWS = grant.Principal }
        Action    = grant.Actions
        Resource  = "${local.bucket_arn}/${grant.Pattern}/*"
      },
      ], grant.List == "s3:ListBucket" ? [] : [
      {
        Sid       = "Claim${sid}"
        Effect    = "Allow"
        Principal = { AWS = grant.Principal }
        Action    = local._claim_actions
        Resource  = "${local.bucket_arn}/${grant.Pattern}/*.claim"
      },
    ])
  ])

  _additional_bucket_statements = var.additional_bucket_policy_json == null ? [] : flatten([
    jsondecode(var.additional_bucket_policy_json).Statement
  ])

  _given_statements = concat(local._grant_statements, local._additional_bucket_statements)

  _folders = distinct(concat(
    values(var.prefixes), values(var.readers)[*].prefix, values(var.writers)[*].prefix,
  ))
  # Pairs of prefixes. In each pair, both prefixes are cut to the same number of levels, and the
  # first prefix has a character above U+00FF.
  _folder_pairs = [
    for pair in flatten([
      for folder in local._folders : [
        for other in local._folders : {
          folder = folder
          other  = other
          depth  = min(length(split("/", folder)), length(split("/", other)))
        }
      ] if can(regex(trim(local._wide_letters, "/"), folder))
      ]) : merge(pair, {
      folder_head = join("/", slice(split("/", pair.folder), 0, pair.depth))
      other_head  = join("/", slice(split("/", pair.other), 0, pair.depth))
    })
  ]
  _confused_folders = [
    for pair in local._folder_pairs : "\"${pair.folder}\" from \"${pair.other}\""
    if pair.folder_head != pair.other_head && can(regex(join("", ["^", replace(
      # The pattern in the policy, as an equivalent regular expression.
      replace(pair.folder_head, "/[.+()|^{}\\[\\]\\\\]/", "\\$0"), local._wide_letters, "."
    ), "$"]), pair.other_head))
  ]
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid       = "DenyWithoutTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [local.bucket_arn, "${local.bucket_arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "DenyOldTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [local.bucket_arn, "${local.bucket_arn}/*"]
        Condition = { NumericLessThan = { "s3:TlsVersion" = "1.2" } }
      },
      # This statement allows an upload without an encryption header, because S3 encrypts it with
      # the bucket's key. The operator "StringNotEqualsIfExists" would deny such an upload.
      {
        Sid       = "DenyOtherEncryption"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:PutObject"
        Resource  = "${local.bucket_arn}/*"
        Condition = {
          Null            = { (local._sse) = "false" }
          StringNotEquals = { (local._sse) = "aws:kms" }
        }
      },
      {
        Sid       = "DenyOtherKey"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:PutObject"
        Resource  = "${local.bucket_arn}/*"
        Condition = {
          Null            = { (local._sse_key_id) = "false" }
          StringNotEquals = { (local._sse_key_id) = local.kms_key_arn }
        }
      },
      {
        # For a request with "aws:kms" and no key ID, S3 would use the account's key aws/s3 instead
        # of the bucket's key.
        Sid       = "DenyUnnamedKey"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:PutObject"
        Resource  = "${local.bucket_arn}/*"
        Condition = {
          Null         = { (local._sse_key_id) = "true" }
          StringEquals = { (local._sse) = "aws:kms" }
        }
      },
      {
        # This header means SSE-C: only the client has the key, so recipients could not read the
        # file.
        Sid       = "DenyCustomerKey"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:PutObject"
        Resource  = "${local.bucket_arn}/*"
        Condition = { Null = { "${local._sse}-customer-algorithm" = "false" } }
      },
    ], local._given_statements)
  })

  lifecycle {
    precondition {
      condition = length(local._confused_folders) == 0
      error_message = join(" ", [
        "prefixes, readers, writers: a policy cannot distinguish",
        "${join(", or ", local._confused_folders)}. IAM accepts letters up to U+00FF only.",
        "The policy has \"?\", which matches any character, for other letters. Rename one folder.",
      ])
    }

    precondition {
      condition = !anytrue([
        for folder in local._folders : can(regex("[^\\x{0}-\\x{FFFF}]", folder))
      ])
      error_message = join(" ", [
        "prefixes, readers, writers: a folder has a character above U+FFFF, for example an emoji,",
        "which a policy cannot match. Rename the folder.",
      ])
    }

    precondition {
      # S3 accepts a bucket policy of at most 20 KB (S3 User Guide, "Policies and permissions in
      # Amazon S3"). The statements above have less than 2 KB. They are not measured, because the
      # ARN of the key is unknown until the key is created. The function length() counts characters,
      # not bytes. So the condition measures the Base64 text, in which 3 bytes have 4 characters.
      condition = length(base64encode(jsonencode(local._given_statements))) <= 4 * ceil(18432 / 3)
      error_message = join(" ", [
        "readers, writers, additional_bucket_policy_json: the bucket's policy has more than the",
        "20 KB that S3 accepts. Let several principals share a role, or use reader_policies.",
      ])
    }
  }

  # If two changes to a bucket run at the same time, S3 refuses one of them: "a conflicting
  # conditional operation is in progress".
  depends_on = [aws_s3_bucket_public_access_block.this]
}

################################################################################
# Ready-made policies
################################################################################

locals {
  _list = {
    for key, pattern in local._prefix_patterns : key => {
      Sid       = "ListFolder"
      Effect    = "Allow"
      Action    = "s3:ListBucket"
      Resource  = local.bucket_arn
      Condition = { StringLike = { "s3:prefix" = "${pattern}/*" } }
    }
  }

  _via_s3 = { StringEquals = { "kms:ViaService" = "s3.${local.region}.${local.dns_suffix}" } }

  # Writers have no right to delete. So published files stay, and a restatement adds new versions.
  writer_policies = {
    for key, pattern in local._prefix_patterns : key => jsonencode({
      Version = "2012-10-17"
      Statement = [
        merge(local._list[key], { Action = "s3:ListBucketVersions" }),
        {
          Sid      = "WriteFolder"
          Effect   = "Allow"
          Action   = local._write_actions
          Resource = "${local.bucket_arn}/${pattern}/*"
        },
        {
          Sid      = "CopyClaims"
          Effect   = "Allow"
          Action   = local._claim_actions
          Resource = "${local.bucket_arn}/${pattern}/*.claim"
        },
        {
          # S3 requires kms:Decrypt to complete a multipart upload.
          Sid       = "UseKey"
          Effect    = "Allow"
          Action    = local._write_key_actions
          Resource  = local.kms_key_arn
          Condition = local._via_s3
        },
      ]
    })
  }

  reader_policies = {
    for key, pattern in local._prefix_patterns : key => jsonencode({
      Version = "2012-10-17"
      Statement = [
        local._list[key],
        {
          Sid      = "ReadFolder"
          Effect   = "Allow"
          Action   = local._read_actions
          Resource = "${local.bucket_arn}/${pattern}/*"
        },
        {
          Sid       = "UseKey"
          Effect    = "Allow"
          Action    = "kms:Decrypt"
          Resource  = local.kms_key_arn
          Condition = local._via_s3
        },
      ]
    })
  }
}
