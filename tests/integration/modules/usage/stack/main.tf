# All modules with all their resources, in one module. A team with several extracts can have such a
# module.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "bucket" {
  description = "Name of the bucket. It must be unique in all regions."
  type        = string
}

variable "name" {
  description = "Name of the extract."
  type        = string
}

data "aws_region" "current" {}

locals {
  # The name of the region is the attribute `name` in version 5 of the provider and `region` in
  # version 6. The attribute `endpoint` exists in both versions.
  region = split(".", data.aws_region.current.endpoint)[1]
}

module "bucket" {
  source = "../modules/kms-bucket"

  name     = var.bucket
  prefixes = { extract = "loans" }
  replication = {
    bucket_arn  = "arn:aws:s3:::${var.bucket}-copies"
    kms_key_arn = "arn:aws:kms:ap-south-1:000000000000:key/00000000-0000-0000-0000-000000000000"
  }
}

module "artifacts" {
  source = "../modules/kms-bucket"

  name    = "${var.bucket}-artifacts"
  kms_key = { arn = module.bucket.kms_key_arn }
}

module "extract" {
  source = "../modules/glue-extract"

  name              = var.name
  script_path       = "${path.root}/etl.py"
  tables            = ["Loans"]
  recipient_column  = "bank_name"
  catch_up_schedule = "cron(0 6 2-10 * ? *)"
  dead_letter_queue = module.alerts.dead_letter_queue
  kms_key_arn       = module.bucket.kms_key_arn
  artifacts         = { bucket = module.artifacts.name }
  database          = { host = "db.internal", name = "bank", verify_server = false }
  endpoints         = { route_table_ids = ["rtb-0123456789abcdef0"] }
  job               = { delay_notification_minutes = 30 }
  rotation          = { application_version = "1.1.618" }
  secret            = {}
  network = {
    vpc_id                      = "vpc-0123456789abcdef0"
    subnet_id                   = "subnet-0123456789abcdef0"
    availability_zone           = "${local.region}a"
    database_security_group_ids = { database = "sg-0123456789abcdef0" }
  }
  target = {
    bucket             = module.bucket.name
    prefix             = "loans"
    writer_policy_json = module.bucket.writer_policies["extract"]
  }
}

module "server" {
  source = "../modules/sftp-transfer"

  name              = var.name
  bucket            = module.bucket.name
  dead_letter_queue = module.alerts.dead_letter_queue
  kms_key_arn       = module.bucket.kms_key_arn
  manifest_prefix   = module.extract.target.manifest_prefix
  receipts          = { due_day = 10 }
  endpoint = {
    vpc_id     = "vpc-0123456789abcdef0"
    subnet_ids = ["subnet-0123456789abcdef0"]
  }
  recipients = {
    first-bank = { prefix = "loans/bank_name=FirstBank" }
    karoo-bank = { prefix = "loans/bank_name=KarooBank" }
  }
}

module "connector" {
  source = "../modules/sftp-transfer"

  name              = var.name
  mode              = "connector"
  bucket            = module.bucket.name
  dead_letter_queue = module.alerts.dead_letter_queue
  kms_key_arn       = module.bucket.kms_key_arn
  manifest_prefix   = module.extract.target.manifest_prefix
  recipients = {
    kept-bank = {
      prefix = "loans/bank_name=KeptBank"
      push = {
        url               = "sftp://sftp.example.com"
        folder            = "/incoming"
        secret_arn        = "arn:aws:secretsmanager:${local.region}:000000000000:secret:kept-AbCdEf"
        trusted_host_keys = ["ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY="]
      }
    }
  }
}

module "alerts" {
  source = "../modules/failure-alerts"

  name           = var.name
  failure_events = module.extract.failure_events
  target         = module.extract.target
  delivery = {
    events          = merge(module.server.delivery.events, module.connector.delivery.events)
    push_arn_prefix = module.connector.delivery.push_arn_prefix
    recipients      = module.server.delivery.recipients
    recoveries = merge(
      module.server.delivery.recoveries, module.connector.delivery.recoveries
    )
    rule_arns = concat(module.server.delivery.rule_arns, module.connector.delivery.rule_arns)
  }
  subscriptions = { team = { endpoint = "data-team@example.com" } }
}
