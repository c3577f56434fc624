# The meta-arguments of a module: count, for_each and providers. The modules `counted` and `keyed`
# create extracts with the same names, but in two different regions.

provider "aws" {
  region = "eu-west-1"
}

provider "aws" {
  alias  = "central"
  region = "eu-central-1"
}

module "none" {
  source = "./stack"
  count  = 0

  name   = "none"
  bucket = "usage-none"
}

module "counted" {
  source = "./stack"
  count  = 2

  name   = "usage-${count.index}"
  bucket = "usage-west-${count.index}"
}

module "keyed" {
  source    = "./stack"
  for_each  = toset(["0", "1"])
  providers = { aws = aws.central }

  name   = "usage-${each.key}"
  bucket = "usage-central-${each.key}"
}
