# Two extracts share the bucket, its key, the artifacts, the SFTP server and the key of the alerts.
# The same state contains all resources that they use. None of these resources exists yet, so all
# their values are unknown at plan time.

provider "aws" {
  alias  = "eu"
  region = "eu-west-1"
}

################################################################################
# Resources of the caller
################################################################################

resource "aws_kms_key" "own" {
  provider = aws.eu
}

resource "aws_vpc" "this" {
  provider   = aws.eu
  cidr_block = "10.0.0.0/16"
}

resource "aws_subnet" "this" {
  provider          = aws.eu
  availability_zone = "eu-west-1a"
  cidr_block        = "10.0.1.0/24"
  vpc_id            = aws_vpc.this.id
}

resource "aws_route_table" "this" {
  provider = aws.eu
  vpc_id   = aws_vpc.this.id
}

resource "aws_security_group" "database" {
  provider = aws.eu
  vpc_id   = aws_vpc.this.id
}

resource "aws_eip" "office" {
  provider = aws.eu
  domain   = "vpc"
}

resource "aws_eip" "server" {
  provider = aws.eu
  domain   = "vpc"
}

resource "aws_route53_zone" "this" {
  provider = aws.eu
  name     = "example.com"
}

resource "aws_s3_bucket" "logs" {
  provider = aws.eu
}

resource "aws_sqs_queue" "pager" {
  provider = aws.eu
}

resource "aws_secretsmanager_secret" "login" {
  provider = aws.eu
}

resource "aws_iam_policy" "boundary" {
  provider = aws.eu
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "*", Resource = "*" }]
  })
}

resource "aws_iam_role" "analyst" {
  provider = aws.eu
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }
    ]
  })
}

# These resources simulate resources of other providers: a database cluster, and keys of
# tls_private_key.
resource "terraform_data" "cluster" {
  input = {
    certificate = "-----BEGIN CERTIFICATE-----"
    host        = "db.internal"
    resource_id = "cluster-ABCDEFGHIJ"
  }
}

resource "terraform_data" "public_key" {
  for_each = toset(["laptop", "server"])
  input    = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKHNsjmsIIDvvA0GzGRUS9q6o9kzzmHHDqMysfgmhuhl"
}

resource "terraform_data" "host_key" {
  input = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY="
}

resource "terraform_data" "rotation" {
  input = "arn:aws:lambda:eu-west-1:000000000000:function:rotate"
}

################################################################################
# Resources that both extracts use
################################################################################

module "bucket" {
  source    = "./modules/kms-bucket"
  for_each  = toset(["shared"])
  providers = { aws = aws.eu }

  name                     = "usage-${each.key}"
  access_logs              = { bucket = aws_s3_bucket.logs.id }
  kms_key                  = { arn = aws_kms_key.own.arn }
  permissions_boundary_arn = aws_iam_policy.boundary.arn
  prefixes                 = { loans = "loans", fees = "fees" }
  readers                  = { analyst = { prefix = "loans", principal_arn = aws_iam_role.analyst.arn } }
  replication              = { bucket_arn = aws_s3_bucket.logs.arn, kms_key_arn = aws_kms_key.own.arn }
  writers                  = { analyst = { prefix = "fees", principal_arn = aws_iam_role.analyst.arn } }
}

module "artifacts" {
  source    = "./modules/kms-bucket"
  providers = { aws = aws.eu }

  name                          = "usage-artifacts"
  additional_bucket_policy_json = module.bucket["shared"].reader_policies["loans"]
  additional_key_policy_json    = module.bucket["shared"].reader_policies["loans"]
  key_administrators            = [aws_iam_role.analyst.arn]
  key_users                     = [aws_iam_role.analyst.arn]
}

module "alerts" {
  source    = "./modules/failure-alerts"
  for_each  = { loans = module.loans, fees = module.fees }
  providers = { aws = aws.eu }

  name                     = "usage-${each.key}"
  target                   = each.value.target
  failure_events           = each.value.failure_events
  kms_key                  = { arn = aws_kms_key.own.arn }
  permissions_boundary_arn = aws_iam_policy.boundary.arn
  subscriptions            = { pager = { endpoint = aws_sqs_queue.pager.arn, protocol = "sqs" } }
}

################################################################################
# The extract of loans: it uses a password and has a crawler, endpoints and an SFTP server
################################################################################

module "loans" {
  source    = "./modules/glue-extract"
  providers = { aws = aws.eu }

  name                     = "usage-loans"
  script_path              = "etl.py"
  tables                   = ["Loans"]
  recipient_column         = "bank_name"
  kms_key_arn              = aws_kms_key.own.arn
  permissions_boundary_arn = aws_iam_policy.boundary.arn
  artifacts                = { bucket = module.artifacts.name }
  crawler                  = { catalog_kms_key_arn = aws_kms_key.own.arn }
  dead_letter_queue        = { arn = aws_sqs_queue.pager.arn, kms_key_arn = aws_kms_key.own.arn }
  rotation                 = { function_arn = terraform_data.rotation.output }
  database = {
    host               = terraform_data.cluster.output.host
    name               = "bank"
    secret_arn         = aws_secretsmanager_secret.login.arn
    secret_kms_key_arn = aws_kms_key.own.arn
    ca_certificate     = terraform_data.cluster.output.certificate
  }
  endpoints = {
    client_security_group_ids = { database = aws_security_group.database.id }
    route_table_ids           = [aws_route_table.this.id]
  }
  network = {
    vpc_id                      = aws_vpc.this.id
    subnet_id                   = aws_subnet.this.id
    availability_zone           = aws_subnet.this.availability_zone
    database_security_group_ids = { database = aws_security_group.database.id }
  }
  target = {
    bucket             = module.bucket["shared"].name
    prefix             = "loans"
    writer_policy_json = module.bucket["shared"].writer_policies["loans"]
  }
}

module "loans_server" {
  source    = "./modules/sftp-transfer"
  providers = { aws = aws.eu }

  name                     = "usage-loans"
  bucket                   = module.bucket["shared"].name
  dead_letter_queue        = { arn = aws_sqs_queue.pager.arn, kms_key_arn = aws_kms_key.own.arn }
  host_name                = { name = "sftp.example.com", hosted_zone_id = aws_route53_zone.this.zone_id }
  kms_key_arn              = aws_kms_key.own.arn
  permissions_boundary_arn = aws_iam_policy.boundary.arn
  manifest_prefix          = module.loans.target.manifest_prefix
  receipts                 = { due_day = 10 }
  endpoint = {
    allowed_cidrs  = { office = "${aws_eip.office.public_ip}/32" }
    elastic_ip_ids = [aws_eip.server.id]
    subnet_ids     = [aws_subnet.this.id]
    vpc_id         = aws_vpc.this.id
  }
  recipients = {
    first-bank = {
      prefix      = "loans/bank_name=FirstBank"
      public_keys = { for device, key in terraform_data.public_key : device => key.output }
    }
  }
}

################################################################################
# The extract of fees: it uses a token and the SFTP server of loans, and has a connector
################################################################################

module "fees" {
  source    = "./modules/glue-extract"
  providers = { aws = aws.eu }

  name             = "usage-fees"
  script_path      = "etl.py"
  tables           = ["Fees"]
  recipient_column = "bank_name"
  auth             = "iam"
  kms_key_arn      = aws_kms_key.own.arn
  artifacts        = { bucket = module.artifacts.name }
  crawler          = { enabled = false }
  database = {
    host          = terraform_data.cluster.output.host
    name          = "bank"
    resource_id   = terraform_data.cluster.output.resource_id
    verify_server = false
  }
  network = {
    vpc_id            = aws_vpc.this.id
    subnet_id         = aws_subnet.this.id
    availability_zone = aws_subnet.this.availability_zone
  }
  target = {
    bucket             = module.bucket["shared"].name
    prefix             = "fees"
    writer_policy_json = module.bucket["shared"].writer_policies["fees"]
  }
}

module "fees_users" {
  source    = "./modules/sftp-transfer"
  providers = { aws = aws.eu }

  name        = "usage-fees"
  bucket      = module.bucket["shared"].name
  kms_key_arn = aws_kms_key.own.arn
  server      = module.loans_server.server
  recipients = {
    second-bank = {
      prefix      = "fees/bank_name=SecondBank"
      public_keys = { laptop = terraform_data.public_key["laptop"].output }
    }
  }
}

module "fees_push" {
  source    = "./modules/sftp-transfer"
  providers = { aws = aws.eu }

  name            = "usage-fees"
  mode            = "connector"
  bucket          = module.bucket["shared"].name
  kms_key_arn     = aws_kms_key.own.arn
  manifest_prefix = module.fees.target.manifest_prefix
  recipients = {
    third-bank = {
      prefix = "fees/bank_name=ThirdBank"
      push = {
        url                = "sftp://${terraform_data.cluster.output.host}"
        folder             = "/incoming"
        secret_arn         = aws_secretsmanager_secret.login.arn
        secret_kms_key_arn = aws_kms_key.own.arn
        trusted_host_keys  = [terraform_data.host_key.output]
      }
    }
  }
}
