################################################################################
# Replication
################################################################################

locals {
  _replication   = var.replication == null ? [] : [var.replication]
  _replica_owner = try(var.replication.account_id, null)
  # Prefix of the copied files, with a slash at the end. It is empty for the whole bucket.
  _replicated = try("${var.replication.prefix}/", "")

  # A role name is unique in the account and has at most 64 characters.
  _replication_role_full = "${var.name}-replication-${local.region}"
  _replication_role_name = (
    length(local._replication_role_full) <= 64 ? local._replication_role_full : join("-", [
      substr(local._replication_role_full, 0, 55), substr(sha1(local._replication_role_full), 0, 8),
    ])
  )
}

resource "aws_s3_bucket_replication_configuration" "this" {
  count = length(local._replication)

  bucket = aws_s3_bucket.this.id
  role   = aws_iam_role.replication[0].arn

  rule {
    id     = "replica"
    status = "Enabled"

    # Deletions are not copied to the second bucket.
    delete_marker_replication {
      status = "Disabled"
    }

    destination {
      account       = local._replica_owner
      bucket        = var.replication.bucket_arn
      storage_class = var.replication.storage_class

      dynamic "access_control_translation" {
        for_each = local._replica_owner == null ? [] : ["Destination"]

        content {
          owner = access_control_translation.value
        }
      }

      encryption_configuration {
        replica_kms_key_id = var.replication.kms_key_arn
      }
    }

    filter {
      prefix = local._replicated
    }

    source_selection_criteria {
      # Without this block, S3 copies no object that is encrypted with a KMS key, and reports no
      # error.
      sse_kms_encrypted_objects {
        status = "Enabled"
      }
    }
  }

  depends_on = [aws_iam_role_policy.replication, aws_s3_bucket_versioning.this]
}

resource "aws_iam_role" "replication" {
  count = length(local._replication)

  name                 = local._replication_role_name
  description          = "Copies objects of the bucket ${var.name} to another bucket."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = "sts:AssumeRole"
      # AWS does not document whether S3 sends the account ID in this request. With "IfExists", the
      # condition applies only if S3 sends the ID. If S3 does not send the ID, the role is also
      # safe, because no other account can pass the role to S3.
      Condition = { StringEqualsIfExists = { "aws:SourceAccount" = local.account_id } }
    }]
  })

  tags = var.tags
}

resource "aws_iam_role_policy" "replication" {
  count = length(local._replication)

  name = "replication"
  role = aws_iam_role.replication[0].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "SeeBucket"
        Effect   = "Allow"
        Action   = ["s3:GetReplicationConfiguration", "s3:ListBucket"]
        Resource = local.bucket_arn
      },
      {
        Sid    = "ReadVersions"
        Effect = "Allow"
        Action = concat(
          [
            "s3:GetObjectVersionAcl",
            "s3:GetObjectVersionForReplication",
            "s3:GetObjectVersionTagging",
          ],
          # Required for Object Lock: S3 User Guide, "Using S3 Object Lock with S3 Replication".
          var.object_lock == null ? [] : ["s3:GetObjectLegalHold", "s3:GetObjectRetention"],
        )
        Resource = join("", [
          "${local.bucket_arn}/", replace(local._replicated, local._wide_letters, "?"), "*",
        ])
      },
      {
        Sid       = "DecryptVersions"
        Effect    = "Allow"
        Action    = "kms:Decrypt"
        Resource  = local.kms_key_arn
        Condition = local._via_s3
      },
      {
        # The role has no right to delete objects.
        Sid    = "WriteReplicas"
        Effect = "Allow"
        Action = concat(
          ["s3:ReplicateObject", "s3:ReplicateTags"],
          local._replica_owner == null ? [] : ["s3:ObjectOwnerOverrideToBucketOwner"],
        )
        Resource = "${var.replication.bucket_arn}/*"
      },
      {
        Sid      = "EncryptReplicas"
        Effect   = "Allow"
        Action   = ["kms:Encrypt", "kms:GenerateDataKey"]
        Resource = var.replication.kms_key_arn
        Condition = {
          StringEquals = {
            "kms:ViaService" = join(".", [
              "s3", split(":", var.replication.kms_key_arn)[3], local.dns_suffix,
            ])
          }
        }
      },
    ]
  })
}
