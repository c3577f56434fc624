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

run "url_as_database_host_is_refused" {
  command = plan
  variables {
    database = {
      host          = "jdbc:postgresql://db"
      name          = "bank"
      secret_arn    = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
      verify_server = false
    }
  }
  expect_failures = [var.database]
}

run "database_name_with_url_parameters_is_refused" {
  command = plan
  variables {
    database = {
      host          = "db.internal"
      name          = "bank?sslmode=disable"
      secret_arn    = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
      verify_server = false
    }
  }
  expect_failures = [var.database]
}

run "schema_with_a_wildcard_is_refused" {
  command = plan
  variables {
    database = {
      host          = "db.internal"
      name          = "bank"
      secret_arn    = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
      schema        = "pub%"
      verify_server = false
    }
  }
  expect_failures = [var.database]
}

run "port_zero_is_refused" {
  command = plan
  variables {
    database = {
      host          = "db.internal"
      name          = "bank"
      secret_arn    = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
      port          = 0
      verify_server = false
    }
  }
  expect_failures = [var.database]
}

run "source_without_a_certificate_is_refused" {
  command = plan
  variables {
    database = {
      host       = "db.internal"
      name       = "bank"
      secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
    }
  }
  expect_failures = [var.database]
}

run "certificate_with_disabled_verification_is_refused" {
  command = plan
  variables {
    database = {
      host           = "db.internal"
      name           = "bank"
      secret_arn     = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
      ca_certificate = "-----BEGIN CERTIFICATE-----"
      verify_server  = false
    }
  }
  expect_failures = [var.database]
}

run "path_as_certificate_is_refused" {
  command = plan
  variables {
    database = {
      host           = "db.internal"
      name           = "bank"
      secret_arn     = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
      ca_certificate = "certs/ca.pem"
    }
  }
  expect_failures = [var.database]
}

run "empty_list_of_tables_is_refused" {
  command = plan
  variables {
    tables = []
  }
  expect_failures = [var.tables]
}

run "table_with_a_wildcard_is_refused" {
  command = plan
  variables {
    tables = ["Loan%"]
  }
  expect_failures = [var.tables]
}

run "missing_driver_is_refused" {
  command = plan
  variables {
    crawler = { driver_jar_path = "tests/missing.jar" }
  }
  expect_failures = [var.crawler]
}

run "catalog_key_alias_is_refused" {
  command = plan
  variables {
    crawler = { catalog_kms_key_arn = "alias/catalog" }
  }
  expect_failures = [var.crawler]
}

run "catalog_key_without_a_crawler_is_refused" {
  command = plan
  variables {
    crawler = {
      catalog_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/catalog"
      enabled             = false
    }
  }
  expect_failures = [var.crawler]
}
