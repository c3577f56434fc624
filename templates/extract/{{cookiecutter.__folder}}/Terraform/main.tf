{%- import 'answers.jinja' as answers with context -%}
{%- macro source(module) %}{{ cookiecutter.__module_source | replace('MODULE', module) }}{% endmacro -%}
# {{ cookiecutter.project_slug }}: publishes the metrics of Glue/etl.py every month, in one file per {{ answers.recipient.label }}.
# All modules must have the same version.

provider "aws" {
  region = var.region
}

data "aws_caller_identity" "current" {}

data "aws_subnet" "this" {
  id = var.subnet_id
}

locals {
  name   = "{{ cookiecutter.project_slug }}"
  prefix = "{{ answers.prefix }}" # bucket prefix of the published files
{%- if cookiecutter.project_slug | length > 24 %}
  # A bucket name has at most 63 characters, including the account, the region and "-artifacts".
  short  = "${trimsuffix(substr(local.name, 0, 15), "-")}-${substr(sha1(local.name), 0, 8)}"
  bucket = "${local.short}-${data.aws_caller_identity.current.account_id}-${var.region}"
{%- else %}
  bucket = "${local.name}-${data.aws_caller_identity.current.account_id}-${var.region}"
{%- endif %}
  tags   = merge({ extract = local.name }, var.tags)
}

################################################################################
# Storage
################################################################################

# The published files, and the KMS key of the project.
module "bucket" {
  source = "{{ source('kms-bucket') }}"

  name     = local.bucket
  prefixes = { extract = local.prefix }
{%- if answers.sftp == 'none' %}
  readers  = { for key, arn in var.readers : key => { prefix = local.prefix, principal_arn = arn } }
{%- endif %}
{%- if answers.sftp == 'connector' %}

  # S3 reports the manifest of a month to EventBridge, which starts the transfer of the month.
  eventbridge_notifications = true
{%- endif %}
{%- if answers.lock %}

  # A restatement writes new object versions. The replaced versions stay locked.
  object_lock = { mode = "{{ answers.lock[0] | upper }}", {{ answers.lock[2] if answers.lock[2].endswith('s') else answers.lock[2] ~ 's' }} = {{ answers.lock[1] }} }
{%- endif %}

{% if answers.locked_for_good %}  tags = local.tags
{% else %}  force_destroy = var.force_destroy
  tags          = local.tags
{% endif -%}
}

# The job's code is in a separate bucket, so that readers of the files have no access to it.
module "artifacts" {
  source = "{{ source('kms-bucket') }}"

  name    = "${local.bucket}-artifacts"
  kms_key = { arn = module.bucket.kms_key_arn }

{% if answers.locked_for_good %}  tags = local.tags
{% else %}  force_destroy = var.force_destroy
  tags          = local.tags
{% endif -%}
}

################################################################################
# Extract
################################################################################

module "extract" {
  source = "{{ source('glue-extract') }}"

  name        = local.name
  script_path = "${path.root}/../Glue/etl.py"
  schedule    = var.schedule
  time_zone   = "{{ answers.time_zone }}" # must equal the time zone in Glue/etl.py

  # This list must contain all tables that Glue/etl.py uses, and no other tables.
  tables = [
{%- for table in answers.tables %}
    "{{ table }}",
{%- endfor %}
  ]
  recipient_column = "{{ answers.recipient.label }}"
{%- if answers.sftp != 'none' %}
  recipients       = { for key, recipient in var.recipients : key => recipient.name }
{%- endif %}

  database = merge(var.database, {
    ca_certificate = var.database.verify_server ? file(var.database.ca_certificate_file) : null
  })
  network = {
    vpc_id            = data.aws_subnet.this.vpc_id
    subnet_id         = data.aws_subnet.this.id
    availability_zone = data.aws_subnet.this.availability_zone
    database_security_group_ids = (
      var.database.security_group_id == null ? {} : { database = var.database.security_group_id }
    )
  }

  artifacts = { bucket = module.artifacts.name }
  target = {
    bucket             = module.bucket.name
    prefix             = local.prefix
    writer_policy_json = module.bucket.writer_policies["extract"]
  }
  dead_letter_queue = module.alerts.dead_letter_queue

  kms_key_arn = module.bucket.kms_key_arn
  tags        = local.tags
}
{%- if answers.sftp != 'none' %}

################################################################################
# Delivery
################################################################################

module "sftp" {
  source = "{{ source('sftp-transfer') }}"
{% if answers.sftp in ('server', 'instance') %}
  name   = local.name
{%- if answers.sftp == 'instance' %}
  mode   = "instance"
{%- endif %}
  bucket = module.bucket.name
  recipients = {
    for key, recipient in var.recipients : key => {
      prefix      = module.extract.recipients[key].prefix
      public_keys = recipient.public_keys
    }
  }
  endpoint = {
{%- if answers.sftp == 'server' %}
    type          = var.sftp.type
{%- endif %}
    vpc_id        = data.aws_subnet.this.vpc_id
    subnet_ids    = [data.aws_subnet.this.id]
    allowed_cidrs = var.sftp.allowed_cidrs
  }
{%- else %}
  name            = local.name
  mode            = "connector"
  bucket          = module.bucket.name
  manifest_prefix = module.extract.target.manifest_prefix
  recipients = {
    for key, recipient in var.recipients : key => {
      prefix = module.extract.recipients[key].prefix
      push   = recipient.server
    }
  }
{%- endif %}
  dead_letter_queue = module.alerts.dead_letter_queue

  kms_key_arn = module.bucket.kms_key_arn
  tags        = local.tags
}
{%- endif %}

################################################################################
# Alerts
################################################################################

module "alerts" {
  source = "{{ source('failure-alerts') }}"

  name           = local.name
  failure_events = module.extract.failure_events
  target         = module.extract.target
{%- if answers.sftp != 'none' %}
  delivery       = module.sftp.delivery
{%- endif %}
  deadline       = var.deadline
  subscriptions  = { for address in var.alert_emails : address => { endpoint = address } }
  tags           = local.tags
}
