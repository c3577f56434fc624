# These tests plan with the real AWS provider, without a network, to check complete policies.

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

provider "aws" {
  alias                       = "far"
  region                      = "ap-southeast-2"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

provider "aws" {
  alias                       = "tagged"
  region                      = "eu-west-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true

  default_tags {
    tags = { for number in range(34) : "default${number}" => "x" }
  }
}

override_data {
  target = data.aws_caller_identity.current
  values = { account_id = "123456789012" }
}

override_resource {
  target          = aws_security_group.this
  override_during = plan
  values          = { id = "sg-extract" }
}

variables {
  name             = "bank-loans"
  kms_key_arn      = "arn:aws:kms:eu-west-1:123456789012:key/data"
  script_path      = "tests/etl.py"
  tables           = ["Loans", "Bank"]
  recipient_column = "bank_name"
  recipients       = { first = "First Bank, Inc.", zolw = "Żółw & Söhne 2" }

  artifacts = { bucket = "bank-loans-artifacts" }
  database = {
    host          = "db.internal"
    name          = "bank"
    secret_arn    = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
    verify_server = false
  }
  network = {
    vpc_id            = "vpc-1"
    subnet_id         = "subnet-1"
    availability_zone = "eu-west-1a"
  }
  target = {
    bucket             = "bank-loans-data"
    prefix             = "loans"
    writer_policy_json = "{\"Statement\":[],\"Version\":\"2012-10-17\"}"
  }
}

run "role_names_end_with_the_region" {
  command = plan

  assert {
    condition = (
      aws_iam_role.job.name == "bank-loans-job-eu-west-1"
      && aws_iam_role.crawler[0].name == "bank-loans-crawler-eu-west-1"
      && aws_iam_role.schedule.name == "bank-loans-schedule-eu-west-1"
    )
    error_message = "In another region, the same extract has other role names."
  }
}

run "role_name_of_64_characters_is_not_shortened" {
  command = plan
  providers = {
    aws = aws.far
  }
  variables {
    name = "a234567890123456789012345678901234567890"
  }

  assert {
    condition = (
      aws_iam_role.job.name == "${var.name}-job-ap-southeast-2"
      && aws_iam_role.schedule.name == "${var.name}-schedule-ap-southeast-2"
      && length(aws_iam_role.schedule.name) == 64
    )
    error_message = "IAM accepts role names of at most 64 characters."
  }
  assert {
    condition = (
      output.failure_events.log_group
      == "/aws-glue/jobs/${var.name}/${var.name}-role/${var.name}-job-ap-southeast-2/output"
    )
    error_message = "The log group contains the name of the role."
  }
}

run "role_name_over_64_characters_is_shortened" {
  command = plan
  override_data {
    target = data.aws_region.current
    values = { endpoint = "ec2.ap-northsouth-12.amazonaws.com" }
  }
  variables {
    name = "a234567890123456789012345678901234567890"
  }

  assert {
    condition = (
      aws_iam_role.job.name == "${var.name}-job-ap-northsouth-12"
      && aws_iam_role.schedule.name
      == "${var.name}-schedule-ap-no-${substr(sha1("${var.name}-schedule-ap-northsouth-12"), 0, 8)}"
      && length(aws_iam_role.schedule.name) == 64
    )
    error_message = "A name over 64 characters becomes 55 characters, a hyphen and 8 SHA-1 digits."
  }
}

run "uploaded_objects_have_no_tags_even_with_default_tags" {
  command = plan
  providers = {
    aws = aws.tagged
  }
  variables {
    crawler = { driver_jar_path = "tests/driver.jar" }
    database = {
      host           = "db.internal"
      name           = "bank"
      secret_arn     = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
      ca_certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    }
    tags = { for number in range(11) : "own${number}" => "x" }
  }

  assert {
    condition = alltrue([
      for object in concat(
        values(aws_s3_object.runtime),
        [aws_s3_object.script],
        aws_s3_object.certificate,
        aws_s3_object.driver,
      ) : object.tags == null
      && object.override_provider[0].default_tags[0].tags == null
    ])
    error_message = "S3 accepts at most 10 tags on an object."
  }
  assert {
    condition     = length(aws_glue_job.this.tags_all) == 45
    error_message = "Other resources have the tags of the provider and of the module."
  }
}
