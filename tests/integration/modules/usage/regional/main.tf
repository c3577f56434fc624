# An extract and an SFTP server in one region. Resources that the emulator creates slowly are left
# out.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "name" {
  description = "Name of the extract. It is the same in each region."
  type        = string
}

variable "region" {
  description = "Name of the region."
  type        = string
}

resource "aws_vpc" "this" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_subnet" "this" {
  availability_zone = "${var.region}a"
  cidr_block        = "10.0.1.0/24"
  vpc_id            = aws_vpc.this.id
}

resource "aws_s3_bucket" "this" {
  bucket        = "usage-artifacts-${var.region}"
  force_destroy = true
}

resource "aws_kms_key" "this" {}

module "extract" {
  source = "../modules/glue-extract"

  name             = var.name
  script_path      = "${path.root}/etl.py"
  tables           = ["Loans"]
  recipient_column = "bank_name"
  kms_key_arn      = aws_kms_key.this.arn
  artifacts        = { bucket = aws_s3_bucket.this.bucket }
  database         = { host = "db.internal", name = "bank", verify_server = false }
  secret           = {}
  network = {
    vpc_id            = aws_vpc.this.id
    subnet_id         = aws_subnet.this.id
    availability_zone = aws_subnet.this.availability_zone
  }
  target = {
    bucket = aws_s3_bucket.this.bucket
    prefix = "loans"
    writer_policy_json = jsonencode({
      Version   = "2012-10-17"
      Statement = [{ Effect = "Allow", Action = "s3:PutObject", Resource = "*" }]
    })
  }
}

module "server" {
  source = "../modules/sftp-transfer"

  name        = var.name
  bucket      = aws_s3_bucket.this.bucket
  kms_key_arn = aws_kms_key.this.arn
  endpoint    = { type = "PUBLIC" }
  recipients  = { first-bank = { prefix = "loans/bank_name=FirstBank" } }
}
