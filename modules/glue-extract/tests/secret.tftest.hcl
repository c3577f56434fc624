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
  alias                       = "government"
  region                      = "us-gov-west-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

provider "aws" {
  alias                       = "isolated"
  region                      = "us-iso-east-1"
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

run "certificate_and_kms_key_of_the_secret_add_only_their_own_rights" {
  command = plan
  variables {
    database = {
      host               = "db.internal"
      name               = "bank"
      secret_arn         = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
      secret_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/secret"
      ca_certificate     = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    }
  }

  assert {
    condition = (
      aws_glue_connection.this.connection_properties["CUSTOM_JDBC_CERT"]
      == "s3://bank-loans-artifacts/${aws_s3_object.certificate[0].key}"
    )
    error_message = "The connection has the URL of the certificate."
  }
  assert {
    condition = (
      aws_glue_connection.this.connection_properties["SKIP_CUSTOM_JDBC_CERT_VALIDATION"] == "true"
      && aws_glue_connection.this.connection_properties["JDBC_ENFORCE_SSL"] == "true"
    )
    error_message = "Glue's validation is off, because Glue accepts only one RSA certificate."
  }
  assert {
    condition = alltrue([
      for policy in [aws_iam_role_policy.job.policy, aws_iam_role_policy.crawler[0].policy] :
      contains(
        jsondecode(policy).Statement, {
          Sid      = "DecryptSecret"
          Effect   = "Allow"
          Action   = "kms:Decrypt"
          Resource = "arn:aws:kms:eu-west-1:123456789012:key/secret"
          Condition = {
            StringEquals = { "kms:ViaService" = "secretsmanager.eu-west-1.amazonaws.com" }
          }
        }
      )
    ])
    error_message = "Both roles can decrypt the secret through Secrets Manager only."
  }
  assert {
    condition = [
      for s in jsondecode(aws_iam_role_policy.crawler[0].policy).Statement : s.Resource
      if s.Sid == "ReadFiles"
    ] == [["arn:aws:s3:::bank-loans-artifacts/artifacts/bank-loans/database-ca.pem"]]
    error_message = "The crawler can read the certificate and no other object."
  }
}

run "custom_function_rotates_the_secret" {
  command = plan
  variables {
    rotation = { days = 7, function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:rotate" }
  }

  assert {
    condition = (
      aws_secretsmanager_secret_rotation.this[0].secret_id == var.database.secret_arn
      && aws_secretsmanager_secret_rotation.this[0].rotation_lambda_arn == var.rotation.function_arn
      && aws_secretsmanager_secret_rotation.this[0].rotation_rules[0].automatically_after_days == 7
      && !aws_secretsmanager_secret_rotation.this[0].rotate_immediately
      && length(aws_serverlessapplicationrepository_cloudformation_stack.rotation) == 0
    )
    error_message = "The secret is rotated every week, but not immediately."
  }
  assert {
    condition = [
      for event in [output.failure_events.events, output.failure_events.recoveries] :
      jsondecode(event["rotation"]).detail
      ] == [
      for names in [
        ["RotationAbandoned", "RotationFailed", "TestRotationFailed"],
        ["RotationSucceeded", "TestRotationSucceeded"],
        ] : {
        eventName           = names
        additionalEventData = { SecretId = [var.database.secret_arn] }
      }
    ]
    error_message = "Failed rotations are failure events. Successful rotations are recovery events."
  }
}

run "aws_function_alternates_between_two_logins" {
  command = plan
  variables {
    database = {
      host               = "db.internal"
      name               = "bank"
      secret_arn         = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
      secret_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/secret"
      verify_server      = false
    }
    rotation = {
      application_version          = "1.1.618"
      superuser_secret_arn         = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s-AbCdE"
      superuser_secret_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/superuser"
    }
  }

  assert {
    condition = (
      aws_serverlessapplicationrepository_cloudformation_stack.rotation[0].application_id
      == join("", [
        "arn:aws:serverlessrepo:us-east-1:297356227824:applications/",
        "SecretsManagerRDSPostgreSQLRotationMultiUser",
      ])
      && aws_serverlessapplicationrepository_cloudformation_stack.rotation[0].semantic_version
      == "1.1.618"
    )
    error_message = "With a superuser's secret, AWS's rotation function for two logins is used."
  }
  assert {
    condition = one(
      aws_serverlessapplicationrepository_cloudformation_stack.rotation[*].parameters
      ) == tomap({
        endpoint              = "https://secretsmanager.eu-west-1.amazonaws.com"
        excludePunctuation    = "true"
        functionName          = "bank-loans-rotation"
        kmsKeyArn             = "arn:aws:kms:eu-west-1:123456789012:key/secret"
        masterSecretArn       = var.rotation.superuser_secret_arn
        masterSecretKmsKeyArn = "arn:aws:kms:eu-west-1:123456789012:key/superuser"
        vpcSecurityGroupIds   = "sg-extract"
        vpcSubnetIds          = "subnet-1"
    })
    error_message = "The function is in the job's network. Its passwords have no punctuation."
  }
}

run "existing_secret_is_not_rotated_by_default" {
  command = plan

  assert {
    condition = (
      length(aws_secretsmanager_secret.this) == 0
      && length(aws_secretsmanager_secret_version.this) == 0
      && length(aws_secretsmanager_secret_rotation.this) == 0
      && output.secret_arn == var.database.secret_arn
      && output.user_name == null
    )
    error_message = "The module uses the existing secret and creates no secret."
  }
}

run "iam_login_uses_no_secret" {
  command = plan
  variables {
    auth    = "iam"
    crawler = { enabled = false }
    database = {
      host           = "db.internal"
      name           = "bank"
      port           = 5433
      resource_id    = "cluster-ABC123"
      ca_certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    }
  }

  assert {
    condition = {
      for k, v in aws_glue_job.this.non_overridable_arguments : k => v
      if contains(["--ca-certificate", "--connection", "--iam-user", "--jdbc-url"], k)
      } == {
      "--ca-certificate" = "s3://bank-loans-artifacts/artifacts/bank-loans/database-ca.pem"
      "--iam-user"       = "bank_loans_reader"
      "--jdbc-url"       = "jdbc:postgresql://db.internal:5433/bank"
    }
    error_message = "The job has the URL and the login as arguments, and no argument --connection."
  }
  assert {
    condition = {
      for s in jsondecode(aws_iam_role_policy.job.policy).Statement :
      s.Sid => [s.Action, s.Resource] if contains(["LogIn", "ReadSecret", "DecryptSecret"], s.Sid)
      } == {
      LogIn = [
        "rds-db:connect",
        "arn:aws:rds-db:eu-west-1:123456789012:dbuser:cluster-ABC123/bank_loans_reader",
      ]
    }
    error_message = "The job can log in only to its cluster, with its login. It can read no secret."
  }
  assert {
    condition = (
      aws_glue_connection.this.connection_type == "NETWORK"
      && aws_glue_connection.this.connection_properties == null
      && contains(aws_glue_job.this.connections, "bank-loans")
    )
    error_message = "The connection has only the network settings."
  }
  assert {
    condition = (
      output.secret_arn == null
      && output.user_name == "bank_loans_reader"
      && length(aws_secretsmanager_secret.this) == 0
    )
    error_message = "No secret is created. The output user_name is the name of the login."
  }
}

run "user_name_of_the_iam_login_is_configurable" {
  command = plan
  variables {
    auth    = "iam"
    crawler = { enabled = false }
    database = {
      host          = "db"
      name          = "bank"
      resource_id   = "cluster-ABC123"
      user_name     = "reader"
      verify_server = false
    }
  }

  assert {
    condition = (
      aws_glue_job.this.non_overridable_arguments["--iam-user"] == "reader"
      && !contains(keys(aws_glue_job.this.non_overridable_arguments), "--ca-certificate")
      && output.user_name == "reader"
    )
    error_message = "The login has the name in database.user_name."
  }
}

run "rotation_in_govcloud_uses_the_application_of_its_partition" {
  command = plan
  providers = {
    aws = aws.government
  }
  variables {
    rotation = { application_version = "1.1.397" }
  }

  assert {
    condition = (
      aws_serverlessapplicationrepository_cloudformation_stack.rotation[0].application_id
      == join("", [
        "arn:aws-us-gov:serverlessrepo:us-gov-west-1:023102451235:applications/",
        "SecretsManagerRDSPostgreSQLRotationSingleUser",
      ])
    )
    error_message = "In AWS GovCloud, the rotation function is from the partition aws-us-gov."
  }
}

run "rotation_function_of_aws_is_refused_in_a_partition_that_lacks_it" {
  command = plan
  providers = {
    aws = aws.isolated
  }
  variables {
    rotation = { application_version = "1.1.397" }
  }
  expect_failures = [aws_serverlessapplicationrepository_cloudformation_stack.rotation]
}
