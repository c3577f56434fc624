# A minimal deployment: every month one file per region, with the sum of sales of each shop.
# Credentials and region come from the environment; `terraform.tfvars.example` shows the values.

variable "bucket" {
  description = "Name of the bucket of the files. It must be unique in the world."
  type        = string
}

variable "database" {
  description = "PostgreSQL source, and the secret with its login."
  type        = object({ host = string, name = string, secret_arn = string })
}

variable "network" {
  description = "Private subnet that reaches the source and, through NAT, the services of AWS."
  type        = object({ vpc_id = string, subnet_id = string, availability_zone = string })
}

module "bucket" {
  source = "../../modules/kms-bucket"

  name     = var.bucket
  prefixes = { sales = "sales" }
}

module "extract" {
  source = "../../modules/glue-extract"

  name             = "sales"
  script_path      = "${path.module}/etl.py"
  tables           = ["sales", "shops"]
  recipient_column = "region"
  database         = var.database
  network          = var.network
  kms_key_arn      = module.bucket.kms_key_arn
  artifacts        = { bucket = module.bucket.name }
  target = {
    bucket             = module.bucket.name
    prefix             = "sales"
    writer_policy_json = module.bucket.writer_policies["sales"]
  }
}
