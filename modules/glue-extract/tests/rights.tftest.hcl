# The rights of the job's role, read from the planned policies.

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

run "job_role_has_only_the_listed_rights" {
  command = plan

  assert {
    condition = {
      for s in jsondecode(aws_iam_role_policy.job.policy).Statement :
      s.Sid => [flatten([s.Action]), flatten([s.Resource])] if s.Effect == "Allow"
      } == {
      ReadConnection = [["glue:GetConnection"], [
        "arn:aws:glue:eu-west-1:123456789012:catalog",
        "arn:aws:glue:eu-west-1:123456789012:connection/bank-loans",
      ]]
      ReadSecret = [["secretsmanager:GetSecretValue"], [
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf",
      ]]
      CreateInterface = [["ec2:CreateNetworkInterface"], [
        "arn:aws:ec2:eu-west-1:123456789012:network-interface/*",
        "arn:aws:ec2:eu-west-1:123456789012:security-group/sg-extract",
        "arn:aws:ec2:eu-west-1:123456789012:subnet/subnet-1",
      ]]
      DeleteInterface = [["ec2:DeleteNetworkInterface"], [
        "arn:aws:ec2:eu-west-1:123456789012:network-interface/*",
      ]]
      TagInterface = [["ec2:CreateTags", "ec2:DeleteTags"], [
        "arn:aws:ec2:eu-west-1:123456789012:network-interface/*",
      ]]
      SeeNetwork = [[
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeRouteTables",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcEndpoints",
      ], ["*"]]
      SeeVpc = [
        ["ec2:DescribeVpcAttribute"], ["arn:aws:ec2:eu-west-1:123456789012:vpc/vpc-1"],
      ]
      ReadArtifacts = [
        ["s3:GetObject"], ["arn:aws:s3:::bank-loans-artifacts/artifacts/bank-loans/*"],
      ]
      DecryptArtifacts = [["kms:Decrypt"], [
        "arn:aws:kms:eu-west-1:123456789012:key/data",
      ]]
      ListArtifacts   = [["s3:ListBucket"], ["arn:aws:s3:::bank-loans-artifacts"]]
      LocateArtifacts = [["s3:GetBucketLocation"], ["arn:aws:s3:::bank-loans-artifacts"]]
      EncryptLogs = [
        ["kms:Decrypt*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
        ["arn:aws:kms:eu-west-1:123456789012:key/data"],
      ]
      DescribeKey         = [["kms:DescribeKey"], ["arn:aws:kms:eu-west-1:123456789012:key/data"]]
      DeleteReplacedFiles = [["s3:DeleteObject"], ["arn:aws:s3:::bank-loans-data/loans/*"]]
      WriteLogs = [[
        "logs:AssociateKmsKey",
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        ], flatten([
          for kind in ["error", "output"] : [
            for suffix in ["", ":*"] : join("", [
              "arn:aws:logs:eu-west-1:123456789012:log-group:",
              "/aws-glue/jobs/bank-loans/bank-loans-role/bank-loans-job-eu-west-1/${kind}${suffix}",
            ])
          ]
      ])]
      ReadOwnRuns = [
        ["glue:GetJobRuns"], ["arn:aws:glue:eu-west-1:123456789012:job/bank-loans"],
      ]
      WriteMetrics = [["cloudwatch:PutMetricData"], ["*"]]
    }
    error_message = "Besides the target's policy, the job's role has exactly these rights."
  }
  assert {
    condition = {
      for s in jsondecode(aws_iam_role_policy.job.policy).Statement :
      s.Sid => [s.Action, try(s.NotResource, s.Resource)] if s.Effect == "Deny"
      } == {
      DenyOtherBuckets = ["s3:*", [
        "arn:aws:s3:::bank-loans-artifacts",
        "arn:aws:s3:::bank-loans-artifacts/artifacts/bank-loans/*",
        "arn:aws:s3:::bank-loans-data",
        "arn:aws:s3:::bank-loans-data/loans/*",
      ]]
      DenyOtherFiles = ["s3:PutObject", [
        "arn:aws:s3:::bank-loans-data/loans/*=*/year=*/month=*/*",
        "arn:aws:s3:::bank-loans-data/loans/_manifests/*.claim",
        "arn:aws:s3:::bank-loans-data/loans/_manifests/*.json",
      ]]
      DenyDeeperFolders = ["s3:PutObject", [
        "arn:aws:s3:::bank-loans-data/loans/*=*/year=*/month=*/*/*",
      ]]
      DenyUnversionedReads = ["s3:GetObject", [
        "arn:aws:s3:::bank-loans-artifacts/artifacts/bank-loans/*",
        "arn:aws:s3:::bank-loans-data/loans/_manifests/*.claim",
      ]]
      DenyArchives = ["s3:PutObject", [
        "arn:aws:s3:::bank-loans-data/loans/*.tar.gz", "arn:aws:s3:::bank-loans-data/loans/*.tgz",
      ]]
    }
    error_message = "Deny statements cover all other buckets, prefixes and keys."
  }
  assert {
    condition = {
      for s in jsondecode(aws_iam_role_policy.job.policy).Statement : s.Sid => s.Condition
      if contains(keys(s), "Condition")
      } == {
      DeleteInterface = {
        ArnEquals = { "ec2:Subnet" = "arn:aws:ec2:eu-west-1:123456789012:subnet/subnet-1" }
      }
      TagInterface = {
        "ForAllValues:StringEquals" = { "aws:TagKeys" = ["aws-glue-service-resource"] }
        Null                        = { "aws:TagKeys" = "false" }
      }
      DecryptArtifacts = { StringEquals = { "kms:ViaService" = "s3.eu-west-1.amazonaws.com" } }
      WriteMetrics     = { StringEquals = { "cloudwatch:namespace" = "Glue" } }
      ListArtifacts = {
        StringLike = { "s3:prefix" = ["artifacts/bank-loans", "artifacts/bank-loans/*"] }
      }
      EncryptLogs = {
        StringEquals = {
          "kms:EncryptionContext:aws:logs:arn" = [
            for kind in ["error", "output"] : join("", [
              "arn:aws:logs:eu-west-1:123456789012:log-group:",
              "/aws-glue/jobs/bank-loans/bank-loans-role/bank-loans-job-eu-west-1/${kind}",
            ])
          ]
        }
      }
    }
    error_message = "Rights on wildcard resources have a condition."
  }
  assert {
    condition = (
      jsondecode(aws_iam_role_policy.target.policy)
      == jsondecode(var.target.writer_policy_json)
    )
    error_message = "The rights to the target are those in writer_policy_json."
  }
}

run "job_may_write_flat_files_only_for_named_recipients" {
  command = plan
  variables {
    flat_recipients = ["Łódź & Bank", "Beta"]
  }
  assert {
    condition = {
      for s in jsondecode(aws_iam_role_policy.job.policy).Statement : s.Sid => [
        for arn in try(s.NotResource, s.Resource) :
        trimprefix(arn, "arn:aws:s3:::bank-loans-data/loans/")
      ] if contains(["DenyOtherFiles", "DenyDeeperFolders"], s.Sid)
      } == {
      DenyOtherFiles = [
        "*=*/year=*/month=*/*", "bank_name=Beta/*", "bank_name=?ód?Bank/*",
        "_manifests/*.claim", "_manifests/*.json",
      ]
      DenyDeeperFolders = [
        "*=*/year=*/month=*/*/*", "bank_name=Beta/*/*", "bank_name=?ód?Bank/*/*",
      ]
    }
    error_message = "Only folders of flat recipients may have files outside of month folders."
  }
}

run "job_may_write_only_flat_files_if_all_recipients_are_flat" {
  command = plan
  variables {
    flat_recipients = ["*"]
  }
  assert {
    condition = {
      for s in jsondecode(aws_iam_role_policy.job.policy).Statement : s.Sid => [
        for arn in try(s.NotResource, s.Resource) :
        trimprefix(arn, "arn:aws:s3:::bank-loans-data/loans/")
      ] if contains(["DenyOtherFiles", "DenyDeeperFolders"], s.Sid)
      } == {
      DenyOtherFiles    = ["*=*/*", "_manifests/*.claim", "_manifests/*.json"]
      DenyDeeperFolders = ["*=*/*/*"]
    }
    error_message = "The job cannot write to a folder inside a recipient's folder."
  }
}

run "letters_that_iam_does_not_accept_become_question_marks_in_the_policy" {
  command = plan
  variables {
    target = { bucket = "bank-loans-data", prefix = "kredyty/łąka", writer_policy_json = "{}" }
  }

  assert {
    condition = toset(flatten([
      for s in jsondecode(aws_iam_role_policy.job.policy).Statement :
      [for arn in flatten([try(s.Resource, s.NotResource)]) : arn if endswith(arn, "ka/*")]
    ])) == toset(["arn:aws:s3:::bank-loans-data/kredyty/??ka/*"])
    error_message = "In the policy, \"?\" replaces a letter above U+00FF."
  }
}
