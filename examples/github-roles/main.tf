# Roles that the workflows of a project assume. Each role can be assumed only by the jobs that need
# it. Apply this configuration once for each repository, with credentials of the account's owner. No
# workflow may change these roles.

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
    error_message = "repository: write owner/name without IDs, as in \"banking-group/loans\"."
  }
}

variable "repository_ids" {
  description = <<-EOT
    IDs of the repository and its owner. GitHub's token contains them if the repository was created,
    renamed or transferred after 15 July 2026, or if it uses immutable subject claims. Null for
    other repositories. `gh api repos/OWNER/NAME --jq '.owner.id, .id'` shows both IDs.
    - `owner`      - ID of the owner.
    - `repository` - ID of the repository.
  EOT
  type = object({
    owner      = string
    repository = string
  })
  default = null

  validation {
    condition = var.repository_ids == null ? true : alltrue([
      for id in values(var.repository_ids) : can(regex("^[1-9][0-9]*$", id))
    ])
    error_message = "repository_ids: write the numbers that gh api repos/OWNER/NAME shows as IDs."
  }
}

variable "default_branch" {
  description = "Default branch of the repository. The plan role trusts runs of this branch."
  type        = string
  default     = "main"
  nullable    = false

  validation {
    condition     = can(regex("^[\\w./-]+$", var.default_branch))
    error_message = "default_branch: use letters, digits, and . _ / - only."
  }
}

variable "oidc_provider_arn" {
  description = <<-EOT
    ARN of the account's identity provider for GitHub. If null, this configuration creates the
    provider. An account can have only one provider for GitHub. So write the ARN if the account
    already has a provider.
  EOT
  type        = string
  default     = null

  validation {
    condition = var.oidc_provider_arn == null || can(regex(
      "^arn:[a-z-]+:iam::[0-9]{12}:oidc-provider/token\\.actions\\.githubusercontent\\.com$",
      var.oidc_provider_arn,
    ))
    error_message = "oidc_provider_arn: write an ARN of token.actions.githubusercontent.com."
  }
}

variable "name" {
  description = <<-EOT
    Name of the extract. The job has this name, and the names of all resources begin with it.
  EOT
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
    S3 object that contains the Terraform state of the project, as in the project's `backend.tf`.
    - `bucket`      - Name of the bucket.
    - `key`         - Key of the object.
    - `kms_key_arn` - (Optional) ARN of the KMS key that encrypts the object. Null if no KMS key
                      encrypts it.
  EOT
  type = object({
    bucket      = string
    key         = string
    kms_key_arn = optional(string)
  })

  validation {
    condition     = !can(regex("[*?]", "${var.state.bucket}${var.state.key}"))
    error_message = "state: write the names of one bucket and one key, without * and ?."
  }
}

variable "data_buckets" {
  description = <<-EOT
    Names of the buckets whose files the role of the apply must not read. The list must contain the
    project's own bucket.
  EOT
  type        = list(string)

  validation {
    condition     = length(var.data_buckets) > 0
    error_message = "data_buckets: write at least the name of the bucket with the delivered files."
  }
}

variable "apply_policy_arn" {
  description = "ARN of the IAM policy that the role of the apply gets."
  type        = string
}

variable "created_secret" {
  description = <<-EOT
    Whether `module "extract"` creates the secret of the source's login (`secret = {}`). If true,
    every plan reads this secret. If false, no plan and no apply can read any secret.
  EOT
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition = !var.created_secret || var.plan_environment != null
    error_message = join(" ", [
      "created_secret: also set plan_environment, because a plan reads the secret",
      "and runs code of a branch.",
    ])
  }
}

variable "sftp_instance" {
  description = <<-EOT
    Whether `module "sftp"` has `mode = "instance"`. If true, a plan may read the settings of the
    instance and of its secret, and the values of its parameters.
  EOT
  type        = bool
  default     = false
  nullable    = false
}

variable "plan_environment" {
  description = <<-EOT
    GitHub environment in which a person approves a plan, as in the repository's variable
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
    Versions of the reusable workflows that may assume the roles: tags such as `refs/tags/v1.2.0`,
    or full SHAs of commits. During an upgrade of a project, include the old and the new version.
  EOT
  type        = list(string)
  default     = ["refs/tags/v0.1.0"]
  nullable    = false

  validation {
    condition = length(var.workflow_refs) > 0 && alltrue([
      for ref in var.workflow_refs : can(regex("^(refs/tags/[\\w.-]+|[0-9a-f]{40})$", ref))
    ])
    error_message = "workflow_refs: write exact versions, for example [\"refs/tags/v1.2.0\"]."
  }
}

variable "workflows" {
  description = "Repository of the reusable workflows that the project calls, as `owner/name`."
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
  # ARN pattern of the secret that `module "extract"` creates.
  secret = "${local.arn}:secretsmanager:${local.place}:secret:${var.name}/reader-*"

  provider_arn = coalesce(
    var.oidc_provider_arn, one(aws_iam_openid_connect_provider.github[*].arn)
  )
  # The subject of GitHub's token has one of two forms: only the names of owner and repository, or
  # also their IDs. A new repository can get the name of a deleted repository, but not its ID. All
  # tokens of a repository have the same form, so the roles trust only one form. `repository_ids`
  # selects the form.
  # https://docs.github.com/en/actions/reference/security/oidc#immutable-subject-claims
  owner_and_name = split("/", var.repository)
  subject = var.repository_ids == null ? "repo:${var.repository}" : join("", [
    "repo:${local.owner_and_name[0]}@${var.repository_ids.owner}",
    "/${local.owner_and_name[1]}@${var.repository_ids.repository}",
  ])

  # Three claims of GitHub's token decide who may assume a role: the audience (`aud`), the
  # repository with its branch or environment (`sub`), and the reusable workflow of the job
  # (`job_workflow_ref`). Without `job_workflow_ref`, any workflow that somebody pushes to a branch
  # could assume the role of the plan.
  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
  trusted = {
    # A plan runs code of the branch: providers and data sources. If plan_environment is set, a
    # person must approve before code of a pull request gets the role. In this case, the role does
    # not trust the subject "pull_request". If it did, a branch could delete the line `environment:`
    # of its workflow and get the role without approval.
    plan = {
      subjects = [
        var.plan_environment == null ? "pull_request" : "environment:${var.plan_environment}",
        "ref:refs/heads/${var.default_branch}",
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
  count = var.oidc_provider_arn == null ? 1 : 0

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
      Principal = { Federated = local.provider_arn }
      Condition = {
        StringEquals = {
          "${local.issuer}:aud" = "sts.amazonaws.com"
          "${local.issuer}:sub" = [for s in each.value.subjects : "${local.subject}:${s}"]
          # Only exact versions are trusted. A pattern would also match a commit of a fork, because
          # GitHub serves such a commit from this repository by its SHA.
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

# Rights that no apply needs: to read secrets and delivered files, and to change the roles of this
# configuration. They are denied, whatever the policy in apply_policy_arn allows.
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
          [local.provider_arn, aws_iam_policy.plan.arn],
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
  description = <<-EOT
    ARNs of the roles, for the variables AWS_PLAN_ROLE_ARN, AWS_APPLY_ROLE_ARN, AWS_RUN_ROLE_ARN.
  EOT
  value       = { for name, role in aws_iam_role.github : name => role.arn }
}
