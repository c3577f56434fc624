################################################################################
# Names of roles and patterns in policies
################################################################################

locals {
  # Role names are unique in an account. They contain the region, so that the same name can be used
  # in two regions. `name` has no underscore. So only roles for single recipients have names that
  # begin with NAME_sftp_, NAME_push_ or NAME_send_.
  _role_names = merge(
    { for user in keys(local.users) : "recipient/${user}" => "${var.name}_sftp_${user}" },
    { for user in keys(local.pushes) : "connector/${user}" => "${var.name}_push_${user}" },
    { for user in keys(local.pushes) : "push/${user}" => "${var.name}_send_${user}" },
    {
      collected   = "${var.name}-collected"
      dispatch    = "${var.name}-dispatch"
      due         = "${var.name}-uncollected-due"
      instance    = "${var.name}-sftp-instance"
      published   = "${var.name}-published"
      receipts    = "${var.name}-receipts"
      uncollected = "${var.name}-uncollected"
    },
  )
  _regional_role_names = {
    for key, name in local._role_names : key => "${name}-${local.region}"
  }
  # A role name has at most 64 characters.
  role_names = {
    for key, name in local._regional_role_names : key => (
      length(name) <= 64 ? name : "${substr(name, 0, 55)}-${substr(sha1(name), 0, 8)}"
    )
  }

  # IAM accepts only characters up to U+00FF in a policy, so "?" replaces all others. "?" matches
  # any one character:
  # https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html
  patterns = {
    for user, recipient in var.recipients :
    user => replace(recipient.prefix, "/[^\\x{0000}-\\x{00FF}]/", "?")
  }

  # Rights of the state machines that read manifests to find files in flat folders.
  manifest_pattern = replace(
    var.manifest_prefix == null ? "" : var.manifest_prefix, "/[^\\x{0000}-\\x{00FF}]/", "?",
  )
  _read_manifests = {
    Sid      = "ReadManifests"
    Effect   = "Allow"
    Action   = "s3:GetObject"
    Resource = "${local.bucket_arn}/${local.manifest_pattern}/*.json"
  }
  _decrypt_manifests = {
    Sid      = "DecryptManifests"
    Effect   = "Allow"
    Action   = "kms:Decrypt"
    Resource = var.kms_key_arn
    Condition = {
      StringEquals = { "kms:ViaService" = "s3.${local.region}.${local.dns_suffix}" }
    }
  }

  # `_expressions` has each recipient's pattern as a regular expression, in a list with one element
  # per character. `_lengths` has the length of each list. `_beginnings` has, for each recipient and
  # each length, the first part of the recipient's expression, cut to this length. `_beginnings` is
  # computed per length and not per pair of recipients. Otherwise a plan with many recipients would
  # be slow.
  _expressions = {
    for user, recipient in var.recipients : user => tolist([
      for character in regexall("(?s).", "${recipient.prefix}/") :
      can(regex("[^\\x{0000}-\\x{00FF}]", character))
      ? "."
      : replace(character, "/[[:punct:]]/", "\\$0")
    ])
  }
  _lengths = { for user, expression in local._expressions : user => length(expression) }
  _beginnings = {
    for user, expression in local._expressions : user => {
      for count in distinct(values(local._lengths)) :
      count => "(?s)^${join("", slice(expression, 0, min(count, local._lengths[user])))}"
    }
  }
  # For each recipient `reader`, the list of the other recipients (`owner`) whose files the role of
  # `reader` could also read.
  overlaps = {
    for reader, beginnings in local._beginnings : reader => [
      for owner, recipient in var.recipients : owner
      if owner != reader
      && can(regex(beginnings[local._lengths[owner]], "${recipient.prefix}/"))
    ]
  }
}

################################################################################
# One role per recipient
################################################################################

locals {
  _users_arn = local.server == null ? null : join(":", [
    "arn", local.partition, "transfer", local.region, local.account_id,
    "user/${local.server.id}",
  ])
}

resource "aws_iam_role" "recipient" {
  for_each = local.users

  name                 = local.role_names["recipient/${each.key}"]
  description          = "Lets the SFTP user ${each.key} download its files, and nothing else."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "transfer.amazonaws.com" }
      Action    = "sts:AssumeRole"
      # Only users of this server can assume the role. Users of a server in another account cannot
      # assume the role.
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account_id }
        ArnLike      = { "aws:SourceArn" = "${local._users_arn}/*" }
      }
    }]
  })

  tags = var.tags
}

resource "aws_iam_role_policy" "recipient" {
  for_each = local.users

  name = "collect"
  role = aws_iam_role.recipient[each.key].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "ListFolder"
        Effect   = "Allow"
        Action   = "s3:ListBucket"
        Resource = local.bucket_arn
        # Without the slash, the condition would also match prefixes with longer names, such as
        # FirstBankTwo.
        Condition = { StringLike = { "s3:prefix" = "${local.patterns[each.key]}/*" } }
      },
      {
        Sid      = "ReadFolder"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:GetObjectVersion"]
        Resource = "${local.bucket_arn}/${local.patterns[each.key]}/*"
      },
      {
        Sid      = "DecryptFiles"
        Effect   = "Allow"
        Action   = "kms:Decrypt"
        Resource = var.kms_key_arn
        Condition = {
          StringEquals = { "kms:ViaService" = "s3.${local.region}.${local.dns_suffix}" }
        }
      },
    ]
  })

  lifecycle {
    precondition {
      condition     = length(local.overlaps[each.key]) == 0
      error_message = local.overlap_messages[each.key]
    }
  }
}

locals {
  overlap_messages = {
    for reader, owners in local.overlaps : reader => join(" ", [
      "recipients: the role of \"${reader}\" could read files of \"${join("\", \"", owners)}\",",
      "because \"${local.patterns[reader]}/*\" matches below",
      "\"${join("/\", \"", [for owner in owners : var.recipients[owner].prefix])}/\". (In IAM",
      "policies \"?\" stands for every character beyond U+00FF and matches any one.) Give each",
      "recipient its own prefix; one recipient can have several public_keys.",
    ])
  }
}
