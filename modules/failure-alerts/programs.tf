################################################################################
# Programs of the state machines
################################################################################

locals {
  # Each JSONata program is a separate file. The program is inserted into a JSON string of a state
  # machine's definition.
  _programs = {
    for file in fileset(path.module, "*.jsonata") :
    trimsuffix(file, ".jsonata") => trimsuffix(trimprefix(
      jsonencode(trimspace(file("${path.module}/${file}"))), "\"",
    ), "\"")
  }

  # Errors that a retry cannot fix. All other errors are retried.
  _never   = ["States.QueryEvaluationError"]
  _backoff = { BackoffRate = 2, IntervalSeconds = 5, MaxAttempts = 6 }
  _retries = {
    retry             = local._never
    retry_bucket      = concat(local._never, ["S3.NoSuchBucketException"])
    retry_conditional = concat(local._never, ["DynamoDB.ConditionalCheckFailedException"])
  }

  # Values that the templates of both state machines use, besides `config`.
  _template = merge(
    local._programs,
    { partition = local.partition },
    {
      for name, errors in local._retries : name => jsonencode([
        { ErrorEquals = errors, MaxAttempts = 0 },
        merge({ ErrorEquals = ["States.ALL"] }, local._backoff),
      ])
    },
    # Retries of a call whose result is optional. If the call fails, the mail is sent anyway.
    {
      retry_once = jsonencode([
        { ErrorEquals = ["States.ALL"], IntervalSeconds = 1, MaxAttempts = 1 },
      ])
    },
  )

  # Value of $config in the programs of both state machines. An empty string stands for null.
  _config = {
    extract          = var.failure_events.name
    incident_seconds = local._incident_seconds
    job_name         = var.failure_events.job_name
    region           = local.region
    runbook_url      = var.runbook_url == null ? "" : var.runbook_url
    table            = aws_dynamodb_table.incidents.name
  }
}

################################################################################
# Links into the console
################################################################################

locals {
  # AWS documents the console hosts of only these partitions. In any other partition, the host is
  # "console." followed by the DNS suffix of the partition.
  _console_hosts = {
    aws        = "console.aws.amazon.com"
    aws-cn     = "console.amazonaws.cn"
    aws-eusc   = "console.amazonaws-eusc.eu"
    aws-iso    = "console.c2shome.ic.gov"
    aws-iso-b  = "console.sc2shome.sgov.gov"
    aws-us-gov = "console.amazonaws-us-gov.com"
  }
  _console_host = lookup(local._console_hosts, local.partition, "console.${local.dns_suffix}")
  _console      = "https://${local.region}.${local._console_host}"
  # The console decodes the fragment of the URL twice, and reads "$" as "%".
  _log_group_encoded = replace(urlencode(urlencode(var.failure_events.log_group)), "%", "$")

  links = {
    crawler = join("", [
      "${local._console}/glue/home?region=${local.region}",
      "#/v2/data-catalog/crawlers/view/",
    ])
    execution = join("", [
      "${local._console}/states/home?region=${local.region}",
      "#/v2/executions/details/",
    ])
    log = join("", [
      "${local._console}/cloudwatch/home?region=${local.region}",
      "#logsV2:log-groups/log-group/${local._log_group_encoded}",
    ])
    manifests = {
      for key, expected in local._checks : key => join("", [
        "${local._console}/s3/buckets/${expected.bucket}",
        "?region=${local.region}&prefix=${urlencode("${expected.manifest_prefix}/")}",
      ])
    }
    missing = join("", [
      "${local._console}/states/home?region=${local.region}",
      "#/statemachines/view/${urlencode(local.missing_arn)}",
    ])
    run = join("", [
      "${local._console}/gluestudio/home?region=${local.region}",
      "#/job/${urlencode(var.failure_events.job_name)}/run/",
    ])
    secret = "${local._console}/secretsmanager/secret?region=${local.region}&name="
    workflow = join("", [
      "${local._console}/glue/home?region=${local.region}",
      "#/v2/etl-configuration/workflows/view/${urlencode(var.failure_events.workflow_name)}",
    ])
  }
}
