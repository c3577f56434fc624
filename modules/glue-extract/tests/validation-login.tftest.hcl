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

run "secret_name_as_arn_is_refused" {
  command = plan
  variables {
    database = {
      host          = "db.internal"
      name          = "bank"
      secret_arn    = "bank"
      verify_server = false
    }
  }
  expect_failures = [var.database]
}

run "missing_secret_is_refused" {
  command = plan
  variables {
    database = { host = "db.internal", name = "bank", verify_server = false }
  }
  expect_failures = [var.auth]
}

run "two_secrets_are_refused" {
  command = plan
  variables {
    secret = {}
  }
  expect_failures = [var.auth]
}

run "rotation_without_a_function_is_refused" {
  command = plan
  variables {
    rotation = {}
  }
  expect_failures = [var.rotation]
}

run "secret_user_name_that_needs_quotes_is_refused" {
  command = plan
  variables {
    database = { host = "db.internal", name = "bank", verify_server = false }
    secret   = { user_name = "Reader" }
  }
  expect_failures = [var.secret]
}

run "password_version_zero_is_refused" {
  command = plan
  variables {
    database = { host = "db.internal", name = "bank", verify_server = false }
    secret   = { password_version = 0 }
  }
  expect_failures = [var.secret]
}

run "application_version_latest_is_refused" {
  command = plan
  variables {
    rotation = { application_version = "latest" }
  }
  expect_failures = [var.rotation]
}

run "superuser_secret_with_a_custom_function_is_refused" {
  command = plan
  variables {
    rotation = {
      function_arn         = "arn:aws:lambda:eu-west-1:123456789012:function:r"
      superuser_secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:master-AbCdEf"
    }
  }
  expect_failures = [var.rotation]
}

run "superuser_key_without_a_superuser_secret_is_refused" {
  command = plan
  variables {
    rotation = {
      application_version          = "1.1.618"
      superuser_secret_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/superuser"
    }
  }
  expect_failures = [var.rotation]
}

run "superuser_key_alias_is_refused" {
  command = plan
  variables {
    rotation = {
      application_version          = "1.1.618"
      superuser_secret_arn         = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s-AbCdE"
      superuser_secret_kms_key_arn = "alias/superuser"
    }
  }
  expect_failures = [var.rotation]
}

run "rotation_host_with_a_scheme_is_refused" {
  command = plan
  variables {
    database = { host = "db.internal", name = "bank", verify_server = false }
    secret   = {}
    rotation = { application_version = "1.1.618", host = "postgresql://db.internal" }
  }
  expect_failures = [var.rotation]
}

run "rotation_host_with_an_existing_secret_is_refused" {
  command = plan
  variables {
    rotation = { application_version = "1.1.618", host = "db.internal" }
  }
  expect_failures = [var.rotation]
}

run "rotation_at_a_reader_endpoint_is_refused" {
  command = plan
  variables {
    database = {
      host          = "bank.cluster-ro-abc.eu-west-1.rds.amazonaws.com"
      name          = "bank"
      verify_server = false
    }
    secret   = {}
    rotation = { application_version = "1.1.618" }
  }
  expect_failures = [var.rotation]
}

run "unknown_auth_is_refused" {
  command = plan
  variables {
    auth = "kerberos"
  }
  expect_failures = [var.auth]
}

run "crawler_with_iam_login_is_refused" {
  command = plan
  variables {
    auth = "iam"
    database = {
      host          = "db.internal"
      name          = "bank"
      resource_id   = "cluster-ABC123"
      verify_server = false
    }
  }
  expect_failures = [var.auth]
}

run "iam_login_without_a_resource_id_is_refused" {
  command = plan
  variables {
    auth     = "iam"
    crawler  = { enabled = false }
    database = { host = "db.internal", name = "bank", verify_server = false }
  }
  expect_failures = [var.auth]
}

run "iam_login_with_a_secret_is_refused" {
  command = plan
  variables {
    auth    = "iam"
    crawler = { enabled = false }
    database = {
      host          = "db.internal"
      name          = "bank"
      resource_id   = "cluster-ABC123"
      secret_arn    = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
      verify_server = false
    }
  }
  expect_failures = [var.auth]
}

run "iam_login_with_rotation_is_refused" {
  command = plan
  variables {
    auth    = "iam"
    crawler = { enabled = false }
    database = {
      host          = "db.internal"
      name          = "bank"
      resource_id   = "cluster-ABC123"
      verify_server = false
    }
    rotation = { function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:r" }
  }
  expect_failures = [var.auth]
}

run "database_user_name_with_a_secret_is_refused" {
  command = plan
  variables {
    database = {
      host          = "db.internal"
      name          = "bank"
      secret_arn    = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
      user_name     = "reader"
      verify_server = false
    }
  }
  expect_failures = [var.auth]
}

run "cluster_name_as_resource_id_is_refused" {
  command = plan
  variables {
    auth    = "iam"
    crawler = { enabled = false }
    database = {
      host          = "db.internal"
      name          = "bank"
      resource_id   = "bank-cluster"
      verify_server = false
    }
  }
  expect_failures = [var.database]
}

run "database_user_name_that_needs_quotes_is_refused" {
  command = plan
  variables {
    auth    = "iam"
    crawler = { enabled = false }
    database = {
      host          = "db.internal"
      name          = "bank"
      resource_id   = "cluster-ABC123"
      user_name     = "*"
      verify_server = false
    }
  }
  expect_failures = [var.database]
}
