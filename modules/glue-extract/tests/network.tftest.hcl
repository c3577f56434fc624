# Plans only, with the real provider and no network: policies can be read as they will be.

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
  name            = "bank-loans"
  kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/data"
  script_path     = "tests/etl.py"
  tables          = ["Loans", "Bank"]
  recipient_label = "bank_name"
  recipients      = { first = "First Bank, Inc.", zolw = "Żółw & Söhne 2" }

  artifacts = { bucket = "bank-loans-artifacts" }
  database = {
    host       = "db.internal"
    name       = "bank"
    secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bank-AbCdEf"
  }
  network = {
    vpc_id            = "vpc-1"
    subnet_id         = "subnet-1"
    availability_zone = "eu-west-1a"
  }
  output = {
    bucket             = "bank-loans-data"
    prefix             = "loans"
    writer_policy_json = "{\"Statement\":[],\"Version\":\"2012-10-17\"}"
  }
}

run "network_is_open_to_the_store_and_to_aws" {
  command = plan
  variables {
    network = {
      vpc_id                      = "vpc-1"
      subnet_id                   = "subnet-1"
      availability_zone           = "eu-west-1a"
      database_security_group_ids = { cluster = "sg-store" }
    }
  }

  assert {
    condition = (
      aws_vpc_security_group_egress_rule.database["cluster"].referenced_security_group_id
      == "sg-store"
      && aws_vpc_security_group_egress_rule.database["cluster"].cidr_ipv4 == null
      && aws_vpc_security_group_ingress_rule.database["cluster"].security_group_id == "sg-store"
      && aws_vpc_security_group_ingress_rule.database["cluster"].referenced_security_group_id
      == "sg-extract"
      && aws_vpc_security_group_ingress_rule.database["cluster"].from_port == 5432
    )
    error_message = "Given the store's group, both sides name each other and no address."
  }
  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.workers.referenced_security_group_id
      == "sg-extract"
    )
    error_message = "Glue refuses a group that does not let its own members in."
  }
}

run "with_endpoints_nothing_leaves_the_vpc" {
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
      database_security_group_ids = { cluster = "sg-store" }
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
    error_message = "What a run calls is found in its own subnet, S3 by the route table."
  }
  assert {
    condition = (
      aws_vpc_security_group_egress_rule.aws.cidr_ipv4 == null
      && aws_vpc_security_group_egress_rule.aws.referenced_security_group_id == "sg-endpoints"
      && aws_vpc_security_group_egress_rule.database["cluster"].cidr_ipv4 == null
      && aws_vpc_security_group_egress_rule.database["cluster"].referenced_security_group_id
      == "sg-store"
      && aws_vpc_security_group_egress_rule.s3[0].prefix_list_id == "pl-s3"
    )
    error_message = "The run reaches the endpoints, S3 and the store, and no other address."
  }
  assert {
    condition = {
      for client, rule in aws_vpc_security_group_ingress_rule.endpoints :
      client => join(" ", [
        rule.referenced_security_group_id, "${rule.from_port}-${rule.to_port}", rule.ip_protocol,
      ])
    } == { extract = "sg-extract 443-443 tcp", second = "sg-second 443-443 tcp" }
    error_message = "The endpoints let in those who are named, by HTTPS."
  }
  assert {
    condition = alltrue([
      for endpoint in aws_vpc_endpoint.this :
      jsondecode(endpoint.policy).Statement[0].Condition
      == { StringEquals = { "aws:PrincipalAccount" = "123456789012" } }
    ])
    error_message = "Nobody's credentials of another account work here."
  }
  assert {
    condition = [
      for statement in jsondecode(aws_vpc_endpoint.s3[0].policy).Statement :
      [statement.Sid, statement.Action, try(statement.Condition, null)]
      ] == [
      ["OwnAccount", "*", { StringEquals = { "aws:PrincipalAccount" = "123456789012" } }],
      ["ReadElsewhere", ["s3:GetObject", "s3:ListBucket"], null],
    ]
    error_message = "By S3's endpoint nothing is written with credentials of another account."
  }
}

run "with_a_token_there_is_no_endpoint_for_secrets" {
  command = plan
  variables {
    auth      = "iam"
    crawler   = { enabled = false }
    database  = { host = "db.internal", name = "bank", resource_id = "cluster-ABC123" }
    endpoints = { route_table_ids = ["rtb-1"], services = ["kms", "secretsmanager"] }
  }

  assert {
    condition     = keys(aws_vpc_endpoint.this) == ["kms"]
    error_message = "An endpoint that nobody calls is not paid for."
  }
}

run "without_endpoints_none_is_made_and_nat_leads_everywhere" {
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
    error_message = "Endpoints cost money by the hour, so they are asked for by name."
  }
}

run "endpoints_in_china_have_the_names_of_its_partition" {
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
    error_message = "Some services of AWS China have names of their own."
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
    error_message = "The console and the ARNs are those of the partition."
  }
}
