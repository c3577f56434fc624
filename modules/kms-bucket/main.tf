data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  dns_suffix = data.aws_partition.current.dns_suffix
  partition  = data.aws_partition.current.partition
  # In version 5 of the provider, the attribute `name` has the region's name. In version 6, the
  # attribute `region` has the name. The attribute `endpoint` exists in both versions.
  region = split(".", data.aws_region.current.endpoint)[1]

  # The ARN is built from the name, so that a plan shows complete policies.
  bucket_arn = "arn:${local.partition}:s3:::${var.name}"
}

################################################################################
# Bucket
################################################################################

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18: access logs need a second bucket, which only the caller knows
  #checkov:skip=CKV_AWS_144: replication is an input, because it needs a second bucket
  #checkov:skip=CKV2_AWS_62: events are an input, because most of these buckets need none
  bucket              = var.name
  force_destroy       = var.force_destroy
  object_lock_enabled = var.object_lock != null

  tags = var.tags
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      kms_master_key_id = local.kms_key_arn
      sse_algorithm     = "aws:kms"
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket = aws_s3_bucket.this.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_object_lock_configuration" "this" {
  count = var.object_lock == null ? 0 : 1

  bucket = aws_s3_bucket.this.id

  rule {
    default_retention {
      days  = var.object_lock.days
      mode  = var.object_lock.mode
      years = var.object_lock.years
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    id     = "housekeeping"
    status = "Enabled"

    # The empty filter block is required. If it is absent, the provider reports an inconsistent
    # result.
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_version_days
    }
  }

  dynamic "rule" {
    for_each = var.transitions

    content {
      id     = "transition-${rule.key}"
      status = "Enabled"

      filter {
        prefix = rule.value.prefix == null ? null : "${rule.value.prefix}/"
      }

      dynamic "noncurrent_version_transition" {
        for_each = rule.value.noncurrent_days == null ? [] : [rule.value.noncurrent_days]

        content {
          noncurrent_days = noncurrent_version_transition.value
          storage_class   = rule.value.storage_class
        }
      }

      dynamic "transition" {
        for_each = rule.value.days == null ? [] : [rule.value.days]

        content {
          days          = transition.value
          storage_class = rule.value.storage_class
        }
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

################################################################################
# Logs and events
################################################################################

resource "aws_s3_bucket_logging" "this" {
  count = var.access_logs == null ? 0 : 1

  bucket        = aws_s3_bucket.this.id
  target_bucket = var.access_logs.bucket
  target_prefix = "${var.access_logs.prefix == null ? var.name : var.access_logs.prefix}/"
}

resource "aws_s3_bucket_notification" "this" {
  count = var.eventbridge_notifications ? 1 : 0

  bucket      = aws_s3_bucket.this.id
  eventbridge = true
}
