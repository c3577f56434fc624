################################################################################
# Bucket policy
################################################################################

locals {
  _sse        = "s3:x-amz-server-side-encryption"
  _sse_key_id = "s3:x-amz-server-side-encryption-aws-kms-key-id"

  # What a reader and a writer of a folder do, whether their own policy or the bucket's says so.
  _read_actions      = ["s3:GetObject", "s3:GetObjectVersion"]
  _read_key_actions  = ["kms:Decrypt"]
  _write_actions     = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]
  _write_key_actions = ["kms:GenerateDataKey", "kms:Decrypt"]

  # A statement's id has letters and digits only.
  _grants = merge(
    {
      for key, reader in var.readers : "Reader${local._sids.readers[key]}" => {
        Actions = local._read_actions, Prefix = reader.prefix, Principal = reader.principal_arn
      }
    },
    {
      for key, writer in var.writers : "Writer${local._sids.writers[key]}" => {
        Actions = local._write_actions, Prefix = writer.prefix, Principal = writer.principal_arn
      }
    },
  )
  _sids = {
    for kind, named in { readers = keys(var.readers), writers = keys(var.writers) } : kind => {
      for key in named : key => replace(title(replace(key, "/[^0-9A-Za-z]+/", " ")), " ", "")
    }
  }
  _grant_statements = flatten([
    for sid, grant in local._grants : [
      {
        Sid       = "${sid}Lists"
        Effect    = "Allow"
        Principal = { AWS = grant.Principal }
        Action    = ["s3:ListBucket"]
        Resource  = local.bucket_arn
        Condition = { StringLike = { "s3:prefix" = "${grant.Prefix}/*" } }
      },
      {
        Sid       = sid
        Effect    = "Allow"
        Principal = { AWS = grant.Principal }
        Action    = grant.Actions
        Resource  = "${local.bucket_arn}/${grant.Prefix}/*"
      },
    ]
  ])

  _additional_bucket_statements = var.additional_bucket_policy_json == null ? [] : flatten([
    jsondecode(var.additional_bucket_policy_json).Statement
  ])
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
      # A client that sends no header gets the bucket's key and is let in. "...IfExists" would shut
      # it out.
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
        # "aws:kms" without a key id means the account's aws/s3 key, not the bucket's.
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
    ], local._grant_statements, local._additional_bucket_statements)
  })

  # Both calls at once make S3 refuse one of them: "a conflicting conditional operation is in
  # progress".
  depends_on = [aws_s3_bucket_public_access_block.this]
}

################################################################################
# Ready-made policies
################################################################################

locals {
  _list = {
    for key, prefix in var.prefixes : key => {
      Sid       = "ListFolder"
      Effect    = "Allow"
      Action    = "s3:ListBucket"
      Resource  = local.bucket_arn
      Condition = { StringLike = { "s3:prefix" = "${prefix}/*" } }
    }
  }

  _via_s3 = { StringEquals = { "kms:ViaService" = "s3.${local.region}.${local.dns_suffix}" } }

  # No right to delete: what is published once stays, and a restated month is a new version.
  writer_policies = {
    for key, prefix in var.prefixes : key => jsonencode({
      Version = "2012-10-17"
      Statement = [
        local._list[key],
        {
          Sid      = "WriteFolder"
          Effect   = "Allow"
          Action   = local._write_actions
          Resource = "${local.bucket_arn}/${prefix}/*"
        },
        {
          # Decrypt as well: S3 asks for it when a multipart upload is completed.
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
    for key, prefix in var.prefixes : key => jsonencode({
      Version = "2012-10-17"
      Statement = [
        local._list[key],
        {
          Sid      = "ReadFolder"
          Effect   = "Allow"
          Action   = local._read_actions
          Resource = "${local.bucket_arn}/${prefix}/*"
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
