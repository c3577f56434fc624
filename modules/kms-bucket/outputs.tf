################################################################################
# Bucket
################################################################################

output "arn" {
  description = "ARN of the bucket, for policies."
  value       = local.bucket_arn
  depends_on  = [aws_s3_bucket.this]
}

output "name" {
  description = <<-EOT
    Name of the bucket. A resource that uses this output is created after the bucket is encrypted,
    versioned and private.
  EOT
  value       = aws_s3_bucket.this.bucket

  depends_on = [
    aws_s3_bucket_ownership_controls.this,
    aws_s3_bucket_policy.this,
    aws_s3_bucket_public_access_block.this,
    aws_s3_bucket_server_side_encryption_configuration.this,
    aws_s3_bucket_versioning.this,
  ]
}

################################################################################
# Key
################################################################################

output "kms_key_arn" {
  description = "ARN of the KMS key, for all modules that use this bucket."
  value       = local.kms_key_arn
}

################################################################################
# Ready-made policies
################################################################################

output "reader_policies" {
  description = <<-EOT
    IAM policies in JSON that allow listing and reading a prefix, keyed like `prefixes`.
  EOT
  value       = local.reader_policies
}

output "writer_policies" {
  description = <<-EOT
    IAM policies in JSON that allow listing, reading and writing a prefix, keyed like `prefixes`.
  EOT
  value       = local.writer_policies
}

################################################################################
# Replication
################################################################################

output "replication_role_arn" {
  description = <<-EOT
    ARN of the IAM role that copies files. If the second bucket belongs to another account, the
    policies of that bucket and its key must admit this role. Null without `replication`.
  EOT
  value       = one(aws_iam_role.replication[*].arn)
}
