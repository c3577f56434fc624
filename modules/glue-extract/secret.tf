################################################################################
# Secret
################################################################################

locals {
  _own_secret = var.auth == "secret" && var.secret != null
  _secret_keys = (
    local._own_secret
    ? [var.kms_key_arn]
    : [for key in [var.database.secret_kms_key_arn] : key if key != null]
  )

  secret_arn = (
    local._own_secret ? one(aws_secretsmanager_secret.this[*].arn) : var.database.secret_arn
  )
  # The user name is null if the caller's secret contains it.
  user_name = var.auth == "secret" && !local._own_secret ? null : coalesce(
    var.database.user_name, try(var.secret.user_name, null), "${replace(var.name, "-", "_")}_reader"
  )
}

resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV2_AWS_57: rotation is optional, it needs a function that reaches the source
  count = local._own_secret ? 1 : 0

  # The name has a random suffix, because the name of a deleted secret cannot be used again during
  # the recovery window.
  name_prefix             = "${var.name}/reader-"
  description             = "Login of the extract ${var.name} to its source."
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.secret.recovery_window_days

  tags = var.tags
}

# The password is ephemeral, so Terraform does not store it in a plan or in the state.
ephemeral "aws_secretsmanager_random_password" "this" {
  count = local._own_secret ? 1 : 0

  # Punctuation can break a shell command, a URL or a rotation function.
  exclude_punctuation = true
  password_length     = 40
}

resource "aws_secretsmanager_secret_version" "this" {
  count = local._own_secret ? 1 : 0

  secret_id = aws_secretsmanager_secret.this[0].id
  # Rotation functions of AWS require this format. The engine reads only the user name and the
  # password.
  secret_string_wo = jsonencode(merge(
    {
      dbname   = var.database.name
      engine   = "postgres"
      host     = coalesce(try(var.rotation.host, null), var.database.host)
      password = ephemeral.aws_secretsmanager_random_password.this[0].random_password
      port     = var.database.port
      username = local.user_name
    },
    local._superuser == null ? {} : { masterarn = local._superuser },
  ))
  secret_string_wo_version = var.secret.password_version
  # AWS deletes a version that has no staging label. Without the label MADE_BY_TERRAFORM, AWS would
  # delete this version after the second rotation. Then Terraform would overwrite the current
  # password.
  version_stages = ["AWSCURRENT", "MADE_BY_TERRAFORM"]

  lifecycle {
    ignore_changes = [version_stages] # each rotation moves the label AWSCURRENT to a new version
  }
}

################################################################################
# Rotation
################################################################################

locals {
  _application_version = try(var.rotation.application_version, null)
  _superuser           = try(var.rotation.superuser_secret_arn, null)
  _superuser_key       = try(var.rotation.superuser_secret_kms_key_arn, null)

  # Region and account in which AWS publishes its rotation functions, by partition. These values and
  # the names of the parameters are from
  # packages/aws-cdk-lib/aws-secretsmanager/lib/secret-rotation.ts of aws-cdk.
  _publishers = {
    aws        = "us-east-1:297356227824"
    aws-cn     = "cn-north-1:193023089310"
    aws-us-gov = "us-gov-west-1:023102451235"
  }
}

resource "aws_serverlessapplicationrepository_cloudformation_stack" "rotation" {
  count = local._application_version == null ? 0 : 1

  name = "${var.name}-rotation"
  application_id = join("", [
    "arn:${local.partition}:serverlessrepo:",
    "${lookup(local._publishers, local.partition, "")}:applications/",
    "SecretsManagerRDSPostgreSQLRotation${local._superuser == null ? "SingleUser" : "MultiUser"}",
  ])
  capabilities     = ["CAPABILITY_IAM", "CAPABILITY_RESOURCE_POLICY"]
  semantic_version = local._application_version

  parameters = merge(
    {
      endpoint            = "https://secretsmanager.${local.region}.${local.dns_suffix}"
      excludePunctuation  = "true"
      functionName        = "${var.name}-rotation"
      vpcSecurityGroupIds = aws_security_group.this.id
      vpcSubnetIds        = var.network.subnet_id
    },
    length(local._secret_keys) == 0 ? {} : { kmsKeyArn = one(local._secret_keys) },
    local._superuser == null ? {} : { masterSecretArn = local._superuser },
    local._superuser_key == null ? {} : { masterSecretKmsKeyArn = local._superuser_key },
  )

  tags = var.tags

  lifecycle {
    precondition {
      condition = contains(keys(local._publishers), local.partition)
      error_message = join(" ", [
        "rotation: AWS has no rotation function in the partition ${local.partition}; set",
        "function_arn instead of application_version.",
      ])
    }
  }
}

resource "aws_secretsmanager_secret_rotation" "this" {
  #checkov:skip=CKV_AWS_304: the interval is an input, by default 30 days
  count = var.rotation == null ? 0 : 1

  secret_id = local.secret_arn
  # The module does not rotate the password immediately, because the login may not exist yet. Then
  # the first rotation would fail.
  rotate_immediately = false
  rotation_lambda_arn = (
    local._application_version == null
    ? var.rotation.function_arn
    : one(
      aws_serverlessapplicationrepository_cloudformation_stack.rotation[*].outputs.RotationLambdaARN
    )
  )

  rotation_rules {
    automatically_after_days = var.rotation.days
  }

  depends_on = [aws_secretsmanager_secret_version.this]
}
