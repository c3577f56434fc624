# Encryption of files: the job gets the recipients' public keys and the wheel of pysequoia.

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

run "pgp_keys_and_wheel_are_uploaded_and_a_run_cannot_change_them" {
  command = plan
  variables {
    recipients = { first-bank = "First Bank" }
    pgp = {
      public_keys  = { first-bank = { laptop = file("tests/first-bank.asc") } }
      wheel_path   = "tests/pysequoia-1.0-cp313-cp313-manylinux_2_17_x86_64.whl"
      wheel_sha256 = "FFD669B46A02E9D5FA71284A38244AE069C893F78EA8921D7CFAB39D576E3ADC"
    }
  }
  assert {
    condition = jsondecode(aws_s3_object.pgp_keys[0].content) == {
      "First Bank" = { laptop = file("tests/first-bank.asc") }
    }
    error_message = "The public keys are keyed by the recipients' names, as in the source."
  }
  assert {
    condition = {
      for name, value in aws_glue_job.this.non_overridable_arguments : name => value
      if can(regex("pgp|python-modules|fixed", name))
      } == {
      "--additional-python-modules" = join("/", [
        "s3://bank-loans-artifacts/artifacts/bank-loans/python",
        "pysequoia-1.0-cp313-cp313-manylinux_2_17_x86_64.whl",
      ])
      "--fixed-arguments" = join(",", [
        "output", "pgp-keys", "pgp-keys-sha256", "additional-python-modules", "extra-files",
        "extra-jars", "python-modules-installer-option", "user-jars-first",
      ])
      "--pgp-keys" = join("/", [
        "s3://bank-loans-artifacts/artifacts/bank-loans", "pgp-keys.json"
      ])
      "--pgp-keys-sha256"                 = sha256(aws_s3_object.pgp_keys[0].content)
      "--python-modules-installer-option" = "--no-index"
    }
    error_message = "A run cannot change the keys or the wheel, and pip uses no index."
  }
  assert {
    condition     = aws_s3_object.pgp_wheel[0].source_hash == filemd5(var.pgp.wheel_path)
    error_message = "A changed wheel is uploaded again."
  }
}

run "modules_of_extra_arguments_are_installed_with_the_pgp_wheel" {
  command = plan
  variables {
    recipients = { first-bank = "First Bank" }
    pgp = {
      public_keys = { first-bank = { laptop = file("tests/first-bank.asc") } }
      wheel_path  = "tests/pysequoia-1.0-cp313-cp313-manylinux_2_17_x86_64.whl"
    }
    extra_arguments = { "--additional-python-modules" = "pyyaml==6.0.2" }
  }
  assert {
    condition = (
      aws_glue_job.this.non_overridable_arguments["--additional-python-modules"]
      == "pyyaml==6.0.2,s3://bank-loans-artifacts/${aws_s3_object.pgp_wheel[0].key}"
    )
    error_message = "The job installs the modules of extra_arguments and the wheel."
  }
  assert {
    condition = (
      aws_glue_job.this.non_overridable_arguments["--python-modules-installer-option"]
      == "--disable-pip-version-check"
    )
    error_message = "pip may use the package index, because extra_arguments has Python modules."
  }
}
