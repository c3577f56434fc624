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
  alias                       = "china"
  region                      = "cn-north-1"
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

run "security_groups_of_source_and_extract_allow_each_other" {
  command = plan
  variables {
    network = {
      vpc_id                      = "vpc-1"
      subnet_id                   = "subnet-1"
      availability_zone           = "eu-west-1a"
      database_security_group_ids = { cluster = "sg-source" }
    }
  }

  assert {
    condition = (
      aws_vpc_security_group_egress_rule.database["cluster"].referenced_security_group_id
      == "sg-source"
      && aws_vpc_security_group_egress_rule.database["cluster"].cidr_ipv4 == null
      && aws_vpc_security_group_ingress_rule.database["cluster"].security_group_id == "sg-source"
      && aws_vpc_security_group_ingress_rule.database["cluster"].referenced_security_group_id
      == "sg-extract"
      && aws_vpc_security_group_ingress_rule.database["cluster"].from_port == 5432
    )
    error_message = "Both rules between extract and source name a security group, not addresses."
  }
  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.workers.referenced_security_group_id
      == "sg-extract"
    )
    error_message = "Glue requires that the job's security group admits connections from itself."
  }
}

run "network_with_endpoints_needs_no_internet_access" {
  command = plan
  override_resource {
    target          = aws_security_group.endpoints
    override_during = plan
    values          = { id = "sg-endpoints" }
  }
  override_resource {
    target          = aws_vpc_endpoint.s3
    override_during = plan
    values          = { prefix_list_id = "pl-s3" }
  }
  variables {
    endpoints = {
      route_table_ids           = ["rtb-1"]
      client_security_group_ids = { second = "sg-second" }
    }
    network = {
      vpc_id                      = "vpc-1"
      subnet_id                   = "subnet-1"
      availability_zone           = "eu-west-1a"
      database_security_group_ids = { cluster = "sg-source" }
    }
  }

  assert {
    condition = (
      { for service, endpoint in aws_vpc_endpoint.this : service => endpoint.service_name } == {
        for service in ["glue", "kms", "logs", "monitoring", "secretsmanager"] :
        service => "com.amazonaws.eu-west-1.${service}"
      }
      && alltrue([
        for endpoint in aws_vpc_endpoint.this : endpoint.private_dns_enabled
        && endpoint.subnet_ids == toset(["subnet-1"])
        && endpoint.security_group_ids == toset(["sg-endpoints"])
      ])
      && aws_vpc_endpoint.s3[0].service_name == "com.amazonaws.eu-west-1.s3"
      && aws_vpc_endpoint.s3[0].vpc_endpoint_type == "Gateway"
      && aws_vpc_endpoint.s3[0].route_table_ids == toset(["rtb-1"])
    )
    error_message = "S3 has a gateway endpoint. Other services have endpoints in the subnet."
  }
  assert {
    condition = (
      aws_vpc_security_group_egress_rule.aws.cidr_ipv4 == null
      && aws_vpc_security_group_egress_rule.aws.referenced_security_group_id == "sg-endpoints"
      && aws_vpc_security_group_egress_rule.database["cluster"].cidr_ipv4 == null
      && aws_vpc_security_group_egress_rule.database["cluster"].referenced_security_group_id
      == "sg-source"
      && aws_vpc_security_group_egress_rule.s3[0].prefix_list_id == "pl-s3"
    )
    error_message = "A run can connect only to the endpoints, S3 and the source."
  }
  assert {
    condition = {
      for client, rule in aws_vpc_security_group_ingress_rule.endpoints :
      client => join(" ", [
        rule.referenced_security_group_id, "${rule.from_port}-${rule.to_port}", rule.ip_protocol,
      ])
    } == { extract = "sg-extract 443-443 tcp", second = "sg-second 443-443 tcp" }
    error_message = "The endpoints admit HTTPS from the extract and the named clients."
  }
  assert {
    condition = alltrue([
      for endpoint in aws_vpc_endpoint.this :
      jsondecode(endpoint.policy).Statement[0].Condition
      == { StringEquals = { "aws:PrincipalAccount" = "123456789012" } }
    ])
    error_message = "The endpoints refuse credentials of other accounts."
  }
  assert {
    condition = [
      for statement in jsondecode(aws_vpc_endpoint.s3[0].policy).Statement :
      [statement.Sid, statement.Action, try(statement.Condition, null)]
      ] == [
      ["OwnAccount", "*", { StringEquals = { "aws:PrincipalAccount" = "123456789012" } }],
      ["ReadElsewhere", ["s3:GetObject", "s3:ListBucket"], null],
    ]
    error_message = "S3's endpoint refuses writes with credentials of other accounts."
  }
}

run "iam_login_needs_no_secrets_manager_endpoint" {
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
    endpoints = { route_table_ids = ["rtb-1"], services = ["kms", "secretsmanager"] }
  }

  assert {
    condition     = keys(aws_vpc_endpoint.this) == ["kms"]
    error_message = "Without a password, there is no endpoint for Secrets Manager."
  }
}

run "no_endpoints_are_created_by_default" {
  command = plan

  assert {
    condition = (
      length(aws_vpc_endpoint.s3) + length(aws_vpc_endpoint.this) == 0
      && length(aws_security_group.endpoints) + length(aws_vpc_security_group_egress_rule.s3) == 0
      && aws_vpc_security_group_egress_rule.aws.cidr_ipv4 == "0.0.0.0/0"
      && output.endpoint_security_group_id == null
      && aws_vpc_security_group_egress_rule.database["anywhere"].cidr_ipv4 == "0.0.0.0/0"
      && length(aws_vpc_security_group_ingress_rule.database) == 0
    )
    error_message = "Without endpoints, HTTPS and the port of the source are open to every address."
  }
}

run "endpoints_in_china_have_the_service_names_of_the_partition" {
  command = plan
  providers = {
    aws = aws.china
  }
  variables {
    endpoints = { route_table_ids = ["rtb-1"], services = ["kms", "monitoring"] }
  }

  assert {
    condition = (
      aws_vpc_endpoint.this["kms"].service_name == "com.amazonaws.cn-north-1.kms"
      && aws_vpc_endpoint.this["monitoring"].service_name
      == "cn.com.amazonaws.cn-north-1.monitoring"
      && aws_vpc_endpoint.s3[0].service_name == "com.amazonaws.cn-north-1.s3"
    )
    error_message = "In China, some service names begin with another prefix."
  }
  assert {
    condition = (
      startswith(
        output.log_links["output"],
        "https://cn-north-1.console.amazonaws.cn/cloudwatch/home?region=cn-north-1#",
      )
      && one(aws_scheduler_schedule.start.target).arn
      == "arn:aws-cn:scheduler:::aws-sdk:glue:startWorkflowRun"
    )
    error_message = "Console links and ARNs belong to the AWS partition."
  }
}
