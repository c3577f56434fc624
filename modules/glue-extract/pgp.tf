################################################################################
# Encryption
################################################################################

locals {
  _pgp_keys = var.pgp == null ? "{}" : jsonencode({
    for key, keys in var.pgp.public_keys : var.recipients[key] => keys
  })
  _pgp_arguments = var.pgp == null ? {} : {
    # The digest of the keys is an argument of the job. So nobody can change the keys without
    # changing the job.
    "--pgp-keys"        = "${local.artifacts_url}/${one(aws_s3_object.pgp_keys[*].key)}"
    "--pgp-keys-sha256" = sha256(local._pgp_keys)
  }

  _extra_modules = compact(split(
    ",", lookup(var.extra_arguments, "--additional-python-modules", "")
  ))
  # Python modules that the job installs. pysequoia must be installed, because Python cannot import
  # machine code from --extra-py-files.
  python_modules = coalescelist(
    concat(local._extra_modules, [
      for key in aws_s3_object.pgp_wheel[*].key : "${local.artifacts_url}/${key}"
    ]),
    [local._empty_url["wheel"]],
  )
}

resource "aws_s3_object" "pgp_keys" {
  count = var.pgp == null ? 0 : 1

  bucket      = var.artifacts.bucket
  content     = local._pgp_keys
  key         = "${local._artifacts}/pgp-keys.json"
  kms_key_id  = var.kms_key_arn
  source_hash = md5(local._pgp_keys)

  override_provider {
    default_tags {
      tags = {}
    }
  }
}

resource "aws_s3_object" "pgp_wheel" {
  count = var.pgp == null ? 0 : 1

  bucket      = var.artifacts.bucket
  key         = "${local._artifacts}/python/${basename(var.pgp.wheel_path)}"
  kms_key_id  = var.kms_key_arn
  source      = var.pgp.wheel_path
  source_hash = filemd5(var.pgp.wheel_path)

  override_provider {
    default_tags {
      tags = {}
    }
  }
}
