# The same extract in two regions of an account, with many default tags. Both extracts can have the same name.

variable "name" {
  description = "Name of the extract in eu-west-1."
  type        = string
}

provider "aws" {
  region = "eu-west-1"

  default_tags {
    tags = { for number in range(11) : "tag-${number}" => "value" }
  }
}

provider "aws" {
  alias  = "central"
  region = "eu-central-1"

  default_tags {
    tags = { for number in range(45) : "tag-${number}" => "value" }
  }
}

module "west" {
  source = "./regional"

  name   = var.name
  region = "eu-west-1"
}

module "central" {
  source    = "./regional"
  providers = { aws = aws.central }

  name   = "usage"
  region = "eu-central-1"
}
