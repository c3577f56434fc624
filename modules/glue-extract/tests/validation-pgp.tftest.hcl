# These tests plan with the real AWS provider, without a network, to check complete policies.

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

override_data {
  target = data.aws_caller_identity.current
  values = { account_id = "123456789012" }
}

variables {
  name             = "bank-loans"
  kms_key_arn      = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  script_path      = "tests/etl.py"
  tables           = ["Loans", "Bank"]
  recipient_column = "bank_name"

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
    writer_policy_json = "{}"
  }
}

run "pgp_key_of_unknown_recipient_is_refused" {
  command = plan
  variables {
    recipients = { first-bank = "First Bank" }
    pgp = {
      public_keys = { second-bank = { laptop = file("tests/first-bank.asc") } }
      wheel_path  = "tests/pysequoia-1.0-cp313-cp313-manylinux_2_17_x86_64.whl"
    }
  }
  expect_failures = [var.pgp]
}

run "pgp_recipient_without_a_key_is_refused" {
  command = plan
  variables {
    recipients = { first-bank = "First Bank" }
    pgp = {
      public_keys = { first-bank = {} }
      wheel_path  = "tests/pysequoia-1.0-cp313-cp313-manylinux_2_17_x86_64.whl"
    }
  }
  expect_failures = [var.pgp]
}

run "pgp_without_recipients_is_refused" {
  command = plan
  variables {
    recipients = { first-bank = "First Bank" }
    pgp = {
      public_keys = {}
      wheel_path  = "tests/pysequoia-1.0-cp313-cp313-manylinux_2_17_x86_64.whl"
    }
  }
  expect_failures = [var.pgp]
}

run "pgp_private_key_is_refused" {
  command = plan
  variables {
    recipients = { first-bank = "First Bank" }
    pgp = {
      public_keys = { first-bank = { laptop = "-----BEGIN PGP PRIVATE KEY BLOCK-----" } }
      wheel_path  = "tests/pysequoia-1.0-cp313-cp313-manylinux_2_17_x86_64.whl"
    }
  }
  expect_failures = [var.pgp]
}

run "path_instead_of_a_pgp_key_is_refused" {
  command = plan
  variables {
    recipients = { first-bank = "First Bank" }
    pgp = {
      public_keys = { first-bank = { laptop = "tests/first-bank.asc" } }
      wheel_path  = "tests/pysequoia-1.0-cp313-cp313-manylinux_2_17_x86_64.whl"
    }
  }
  expect_failures = [var.pgp]
}

run "pgp_wheel_that_does_not_exist_is_refused" {
  command = plan
  variables {
    recipients = { first-bank = "First Bank" }
    pgp = {
      public_keys = { first-bank = { laptop = file("tests/first-bank.asc") } }
      wheel_path  = "tests/none/pysequoia-1.0-cp313-cp313-manylinux_2_17_x86_64.whl"
    }
  }
  expect_failures = [var.pgp]
}

run "pgp_file_that_is_not_a_wheel_of_pysequoia_is_refused" {
  command = plan
  variables {
    recipients = { first-bank = "First Bank" }
    pgp = {
      public_keys = { first-bank = { laptop = file("tests/first-bank.asc") } }
      wheel_path  = "tests/driver.jar"
    }
  }
  expect_failures = [var.pgp]
}

run "pgp_wheel_for_another_python_is_refused" {
  command = plan
  variables {
    recipients = { first-bank = "First Bank" }
    pgp = {
      public_keys = { first-bank = { laptop = file("tests/first-bank.asc") } }
      wheel_path  = "tests/pysequoia-1.0-cp313-cp313-manylinux_2_17_x86_64.whl"
    }
    job = { glue_version = "5.1" }
  }
  expect_failures = [var.pgp]
}

run "pgp_wheel_with_another_sha256_is_refused" {
  command = plan
  variables {
    recipients = { first-bank = "First Bank" }
    pgp = {
      public_keys  = { first-bank = { laptop = file("tests/first-bank.asc") } }
      wheel_path   = "tests/pysequoia-1.0-cp313-cp313-manylinux_2_17_x86_64.whl"
      wheel_sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
    }
  }
  expect_failures = [var.pgp]
}
