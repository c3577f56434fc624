################################################################################
# Artifacts
################################################################################

locals {
  _artifacts      = "${var.artifacts.prefix}/${var.name}"
  artifacts_url   = "s3://${var.artifacts.bucket}"
  certificate_key = "${local._artifacts}/database-ca.pem"
  # The crawler may create folders in three folders: this folder, its parent, and the parent of its
  # parent. All three are under the extract's own prefix, so that the crawler cannot write to
  # another prefix. See crawler.tf.
  driver_folder = "${local._artifacts}/crawler/driver"
  driver_key    = "${local.driver_folder}/database-driver.jar"

  # The command `python -m tools.empty_wheel` creates this file.
  _empty_path = "${path.module}/packages/extract_without_packages-1.0-py3-none-any.whl"

  # If there is no certificate, certificate_url is null. If there is no driver, driver_url is null.
  certificate_url = (
    var.database.verify_server ? "${local.artifacts_url}/${local.certificate_key}" : null
  )
  driver_url = (
    var.crawler.driver_jar_path == null ? null : "${local.artifacts_url}/${local.driver_key}"
  )
}

# An S3 object can have only 10 tags. So the objects of this module have neither the tags of the
# module nor the default tags of the provider:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html

# Each file of the engine is one object. A zip file is not necessary, because Glue also accepts a
# list of files.
resource "aws_s3_object" "runtime" {
  for_each = fileset("${path.module}/runtime", "*.py")

  bucket      = var.artifacts.bucket
  key         = "${local._artifacts}/runtime/${each.value}"
  kms_key_id  = var.kms_key_arn
  source      = "${path.module}/runtime/${each.value}"
  source_hash = filemd5("${path.module}/runtime/${each.value}")

  override_provider {
    default_tags {
      tags = {}
    }
  }
}

# An archive without code, stored twice: with the extension .whl, and with the extension .jar. See
# _no_code_arguments in main.tf.
resource "aws_s3_object" "empty" {
  for_each = {
    jar   = "empty.jar"
    wheel = basename(local._empty_path)
  }

  bucket      = var.artifacts.bucket
  key         = "${local._artifacts}/packages/${each.value}"
  kms_key_id  = var.kms_key_arn
  source      = local._empty_path
  source_hash = filemd5(local._empty_path)

  override_provider {
    default_tags {
      tags = {}
    }
  }
}

resource "aws_s3_object" "script" {
  bucket      = var.artifacts.bucket
  key         = "${local._artifacts}/${basename(var.script_path)}"
  kms_key_id  = var.kms_key_arn
  source      = var.script_path
  source_hash = filemd5(var.script_path)

  override_provider {
    default_tags {
      tags = {}
    }
  }
}

resource "aws_s3_object" "certificate" {
  count = var.database.verify_server ? 1 : 0

  bucket = var.artifacts.bucket
  # The function sensitive() hides the certificates in a plan. A bundle of certificates has 165,000
  # characters, and other changes would be hard to find after so much text.
  content     = sensitive(var.database.ca_certificate)
  key         = local.certificate_key
  kms_key_id  = var.kms_key_arn
  source_hash = sha256(var.database.ca_certificate)

  override_provider {
    default_tags {
      tags = {}
    }
  }
}

resource "aws_s3_object" "driver" {
  count = var.crawler.driver_jar_path == null ? 0 : 1

  bucket      = var.artifacts.bucket
  key         = local.driver_key
  kms_key_id  = var.kms_key_arn
  source      = var.crawler.driver_jar_path
  source_hash = filemd5(var.crawler.driver_jar_path)

  override_provider {
    default_tags {
      tags = {}
    }
  }
}
