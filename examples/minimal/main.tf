# A minimal deployment. Every month it publishes one file per region, with the sum of sales of each
# shop. Credentials and region come from the environment. `terraform.tfvars.example` has an example
# of all values.

variable "bucket" {
  description = <<-EOT
    Name of the bucket that stores the files. No other bucket in the world may have this name.
  EOT
  type        = string
}

variable "database" {
  description = <<-EOT
    PostgreSQL source, the secret with its login, and the PEM file of its certificate authorities.
  EOT
  type = object({
    host = string, name = string, secret_arn = string, ca_certificate_file = string
  })
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
  network          = var.network
  kms_key_arn      = module.bucket.kms_key_arn
  artifacts        = { bucket = module.bucket.name }
  database = merge(var.database, {
    ca_certificate = file(var.database.ca_certificate_file)
  })
  target = {
    bucket             = module.bucket.name
    prefix             = "sales"
    writer_policy_json = module.bucket.writer_policies["sales"]
  }
}
