# The same extract, with the same name, in two regions of an account, with many default tags.

variable "name" {
  description = "Name of the extract."
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

  name   = var.name
  region = "eu-central-1"
}
