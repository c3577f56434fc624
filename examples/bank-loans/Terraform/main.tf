# bank-loans: publishes the metrics of Glue/etl.py every month, in one file per bank_name.
# All modules must have the same version.

provider "aws" {
  region = var.region
}

data "aws_caller_identity" "current" {}

data "aws_subnet" "this" {
  id = var.subnet_id
}

locals {
  name   = "bank-loans"
  prefix = "loans" # bucket prefix of the published files
  bucket = "${local.name}-${data.aws_caller_identity.current.account_id}-${var.region}"
  tags   = merge({ extract = local.name }, var.tags)
}

################################################################################
# Storage
################################################################################

# The published files, and the KMS key of the project.
module "bucket" {
  source = "../../../modules/kms-bucket"

  name     = local.bucket
  prefixes = { extract = local.prefix }

  force_destroy = var.force_destroy
  tags          = local.tags
}

# The job's code is in a separate bucket, so that readers of the files have no access to it.
module "artifacts" {
  source = "../../../modules/kms-bucket"

  name    = "${local.bucket}-artifacts"
  kms_key = { arn = module.bucket.kms_key_arn }

  force_destroy = var.force_destroy
  tags          = local.tags
}

################################################################################
# Extract
################################################################################

module "extract" {
  source = "../../../modules/glue-extract"

  name        = local.name
  script_path = "${path.root}/../Glue/etl.py"
  schedule    = var.schedule
  time_zone   = "Etc/GMT" # must equal the time zone in Glue/etl.py

  # This list must contain all tables that Glue/etl.py uses, and no other tables.
  tables = [
    "Loans",
    "Account",
    "Client",
    "Branch",
    "Bank",
  ]
  recipient_column = "bank_name"
  recipients       = { for key, recipient in var.recipients : key => recipient.name }

  database = merge(var.database, {
    ca_certificate = var.database.verify_server ? file(var.database.ca_certificate_file) : null
  })
  network = {
    vpc_id            = data.aws_subnet.this.vpc_id
    subnet_id         = data.aws_subnet.this.id
    availability_zone = data.aws_subnet.this.availability_zone
    database_security_group_ids = (
      var.database.security_group_id == null ? {} : { database = var.database.security_group_id }
    )
  }

  artifacts = { bucket = module.artifacts.name }
  target = {
    bucket             = module.bucket.name
    prefix             = local.prefix
    writer_policy_json = module.bucket.writer_policies["extract"]
  }
  dead_letter_queue = module.alerts.dead_letter_queue

  kms_key_arn = module.bucket.kms_key_arn
  tags        = local.tags
}

################################################################################
# Delivery
################################################################################

module "sftp" {
  source = "../../../modules/sftp-transfer"

  name   = local.name
  bucket = module.bucket.name
  recipients = {
    for key, recipient in var.recipients : key => {
      prefix      = module.extract.recipients[key].prefix
      public_keys = recipient.public_keys
    }
  }
  endpoint = {
    type          = var.sftp.type
    vpc_id        = data.aws_subnet.this.vpc_id
    subnet_ids    = [data.aws_subnet.this.id]
    allowed_cidrs = var.sftp.allowed_cidrs
  }
  dead_letter_queue = module.alerts.dead_letter_queue

  kms_key_arn = module.bucket.kms_key_arn
  tags        = local.tags
}

################################################################################
# Alerts
################################################################################

module "alerts" {
  source = "../../../modules/failure-alerts"

  name           = local.name
  failure_events = module.extract.failure_events
  target         = module.extract.target
  delivery       = module.sftp.delivery
  deadline       = var.deadline
  subscriptions  = { for address in var.alert_emails : address => { endpoint = address } }
  tags           = local.tags
}
