# Roles that a project's workflows assume, each only for the jobs that need it. Apply this
# once for each repository, with credentials of the account's owner. No workflow may change
# these roles.

terraform {
  required_version = ">= 1.11, < 2.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.95, < 7.0"
    }
  }
}

variable "repository" {
  description = "Repository of the project on GitHub, as `owner/name`."
  type        = string

  validation {
    condition     = can(regex("^[\\w.-]+/[\\w.-]+$", var.repository))
    error_message = "repository: write owner/name, for example \"banking-group/bank-loans\"."
  }
}

variable "name" {
  description = "Name of the extract. It is the name of the job, and all resources begin with it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,38}[a-z0-9]$", var.name))
    error_message = "name: write the project's name, for example \"bank-loans\"."
  }
}

variable "region" {
  description = "Region of the project."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+(-[a-z]+)+-[0-9]+$", var.region))
    error_message = "region: write one region, for example \"eu-west-1\"."
  }
}

variable "state" {
  description = <<-EOT
    Object in S3 with the project's state, as in its `backend.tf`.
    - `bucket`      - Name of the bucket.
    - `key`         - Key of the object.
    - `kms_key_arn` - (Optional) ARN of the KMS key that encrypts it. If null, no KMS key.
  EOT
  type = object({
    bucket      = string
    key         = string
    kms_key_arn = optional(string)
  })

  validation {
    condition     = !can(regex("[*?]", "${var.state.bucket}${var.state.key}"))
    error_message = "state: name one object, without * and ?."
  }
}

variable "data_buckets" {
  description = "Names of buckets whose files no apply may read: at least the project's own."
  type        = list(string)

  validation {
    condition     = length(var.data_buckets) > 0
    error_message = "data_buckets: name at least the bucket of the delivered files."
  }
}

variable "apply_policy_arn" {
  description = "ARN of the policy with the rights of an apply."
  type        = string
}

variable "created_secret" {
  description = <<-EOT
    Whether `module "extract"` creates the secret of the source's login (`secret = {}`). Then every
    plan reads this secret. If false, neither plan nor apply can read any secret.
  EOT
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.created_secret || var.plan_environment != null
    error_message = "created_secret: set plan_environment, because a plan runs a branch's code."
  }
}

variable "sftp_instance" {
  description = <<-EOT
    Whether `module "sftp"` has `mode = "instance"`. Then a plan reads the settings of its instance,
    parameters and secret.
  EOT
  type        = bool
  default     = false
  nullable    = false
}

variable "plan_environment" {
  description = <<-EOT
    Environment where somebody approves a plan, as in the repository's variable
    AWS_PLAN_ENVIRONMENT. If null, the plan of a pull request gets its role without approval.
  EOT
  type        = string
  default     = null

  validation {
    condition     = var.plan_environment == null || can(regex("^[\\w.-]+$", var.plan_environment))
    error_message = "plan_environment: use letters, digits, and . _ - only."
  }
}

variable "workflow_refs" {
  description = <<-EOT
    Versions of the reusable workflows that may assume the roles: tags as `refs/tags/v1.2.0`, or
    full SHAs of commits. While a project is upgraded, name the old version and the new one.
  EOT
  type        = list(string)
  default     = ["refs/tags/v0.1.0"]
  nullable    = false

  validation {
    condition = length(var.workflow_refs) > 0 && alltrue([
      for ref in var.workflow_refs : can(regex("^(refs/tags/[\\w.-]+|[0-9a-f]{40})$", ref))
    ])
    error_message = "workflow_refs: name exact versions, for example [\"refs/tags/v1.2.0\"]."
  }
}

variable "workflows" {
  description = "Repository whose reusable workflows the project calls, as `owner/name`."
  type        = string
  default     = "terraform-aws-extracts/terraform-aws-extracts"
  nullable    = false
}

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}

locals {
  issuer  = "token.actions.githubusercontent.com"
  account = data.aws_caller_identity.this.account_id
  arn     = "arn:${data.aws_partition.this.partition}"
  place   = "${var.region}:${local.account}"
  glue    = "${local.arn}:glue:${local.place}"
  # Where the module puts a secret that it creates.
  secret = "${local.arn}:secretsmanager:${local.place}:secret:${var.name}/reader-*"

  # Three claims of GitHub's token decide who may assume a role: the audience (`aud`), the
  # repository with its branch or environment (`sub`), and the reusable workflow of the job
  # (`job_workflow_ref`). Without the last one, any workflow that somebody pushes to a branch could
  # assume the role of the plan.
  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
  trusted = {
    # A plan runs the code of a branch: providers and data sources. With plan_environment, somebody
    # approves before that code gets the role. Then a pull request alone must not be enough, because
    # a branch could delete the line `environment:` of its workflow.
    plan = {
      subjects = [
        var.plan_environment == null ? "pull_request" : "environment:${var.plan_environment}",
        "ref:refs/heads/main",
      ]
      workflows = ["extract-plan", "extract-drift"]
    }
    apply = {
      subjects  = ["environment:production"]
      workflows = ["extract-apply"]
    }
    run = {
      subjects  = ["environment:production"]
      workflows = ["extract-backfill"]
    }
  }
}

resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "github" {
  for_each = local.trusted

  name = "${replace(var.repository, "/", "-")}-${each.key}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = {
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = aws_iam_openid_connect_provider.github.arn }
      Condition = {
        StringEquals = {
          "${local.issuer}:aud" = "sts.amazonaws.com"
          "${local.issuer}:sub" = [for s in each.value.subjects : "repo:${var.repository}:${s}"]
          # A pattern for the version would also match a fork's commit, because GitHub serves such a
          # commit from this repository by its SHA.
          "${local.issuer}:job_workflow_ref" = [
            for w in setproduct(each.value.workflows, var.workflow_refs) :
            "${var.workflows}/.github/workflows/${w[0]}.yml@${w[1]}"
          ]
        }
      }
    }
  })
}

resource "aws_iam_role_policy_attachment" "apply" {
  role       = aws_iam_role.github["apply"].name
  policy_arn = var.apply_policy_arn
}

# What no apply needs, whatever its own policy allows: to read secrets and delivered files, and to
# change the roles of this configuration.
resource "aws_iam_role_policy" "apply" {
  name = "apply"
  role = aws_iam_role.github["apply"].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      merge(
        { Effect = "Deny", Action = "secretsmanager:GetSecretValue" },
        var.created_secret ? { NotResource = local.secret } : { Resource = "*" },
      ),
      { Effect = "Deny", Action = "secretsmanager:BatchGetSecretValue", Resource = "*" },
      {
        Effect   = "Deny"
        Action   = ["s3:GetObject", "s3:GetObjectVersion"]
        Resource = [for b in var.data_buckets : "${local.arn}:s3:::${b}/*"]
      },
      {
        Effect = "Deny"
        Action = "iam:*"
        Resource = concat(
          [aws_iam_openid_connect_provider.github.arn, aws_iam_policy.plan.arn],
          [for role in aws_iam_role.github : role.arn],
        )
      },
    ]
  })
}

resource "aws_iam_role_policy" "run" {
  name = "run"
  role = aws_iam_role.github["run"].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = {
      Effect   = "Allow"
      Action   = ["glue:GetJobRun", "glue:StartJobRun"]
      Resource = "${local.glue}:job/${var.name}"
    }
  })
}

output "role_arns" {
  description = "Values of the variables AWS_PLAN_ROLE_ARN, AWS_APPLY_ROLE_ARN, AWS_RUN_ROLE_ARN."
  value       = { for name, role in aws_iam_role.github : name => role.arn }
}
