################################################################################
# Bucket
################################################################################

output "arn" {
  description = "Bucket to name in policies of your own."
  value       = local.bucket_arn
  depends_on  = [aws_s3_bucket.this]
}

output "name" {
  description = <<-EOT
    Bucket to hand to the other modules; by then it is encrypted, versioned and private.
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
  description = "Key to hand to every module that works with this bucket."
  value       = local.kms_key_arn
}

################################################################################
# Ready-made policies
################################################################################

output "reader_policies" {
  description = "Per key of `prefixes`: policy for a role that may list and read that folder."
  value       = local.reader_policies
}

output "writer_policies" {
  description = <<-EOT
    Per key of `prefixes`: policy for a role that may list, read and write there, not delete.
  EOT
  value       = local.writer_policies
}

################################################################################
# Replication
################################################################################

output "replication_role_arn" {
  description = <<-EOT
    Role to let into the bucket and the key of another account; null without replication.
  EOT
  value       = one(aws_iam_role.replication[*].arn)
}
