################################################################################
# Instance: OpenSSH on EC2
################################################################################

locals {
  _on_instance = var.mode == "instance"
  # This is a map, because for_each needs keys that are known at plan time.
  _instance = local._on_instance ? { this = var.instance } : {}
  _elastic  = length(var.endpoint.elastic_ip_ids) > 0 ? local._instance : {}
  _addresses = merge(
    { for key, interface in aws_network_interface.this : key => interface.private_ip },
    { for key, association in aws_eip_association.this : key => association.public_ip },
  )
  instance_address = one(values(local._addresses))
}

# This network interface stays when the instance is replaced. So the server keeps its address and
# security group.
resource "aws_network_interface" "this" {
  for_each = local._instance

  description     = "SFTP server ${var.name}"
  security_groups = [aws_security_group.this[0].id]
  subnet_id       = one(var.endpoint.subnet_ids)

  tags = merge(var.tags, { Name = "${var.name}-sftp" })
}

resource "aws_eip_association" "this" {
  for_each = local._elastic

  allocation_id        = one(var.endpoint.elastic_ip_ids)
  network_interface_id = aws_network_interface.this[each.key].id
}

data "aws_ssm_parameter" "image" {
  for_each = local._instance

  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
}

resource "aws_instance" "this" {
  for_each = local._instance

  #checkov:skip=CKV_AWS_126: the alarms need only the status checks, which basic monitoring includes
  ami                         = data.aws_ssm_parameter.image[each.key].insecure_value
  ebs_optimized               = true
  iam_instance_profile        = aws_iam_instance_profile.this[each.key].name
  instance_type               = each.value.type
  user_data_base64            = local.user_data
  user_data_replace_on_change = true

  # The default of AWS is "unlimited". With this default, additional CPU credits can cost more than
  # the instance.
  credit_specification {
    cpu_credits = "standard"
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_put_response_hop_limit = 1
    http_tokens                 = "required"
  }

  network_interface {
    device_index         = 0
    network_interface_id = aws_network_interface.this[each.key].id
  }

  root_block_device {
    encrypted   = true
    kms_key_id  = var.kms_key_arn
    volume_size = 8
    volume_type = "gp3"
  }

  tags = merge(var.tags, { Name = "${var.name}-sftp" })

  lifecycle {
    # The instance installs updates by itself. A new image must not replace the instance
    # unexpectedly.
    ignore_changes = [ami]

    precondition {
      # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html
      condition     = length(local.user_data) <= 16384 / 3 * 4
      error_message = "banner: with this banner, the user data exceeds 16 KB; shorten banner."
    }
  }

  # The programs on the instance need these resources as soon as it starts.
  depends_on = [
    aws_cloudwatch_log_group.this,
    aws_iam_role_policy.instance,
    aws_ssm_parameter.host_key_fingerprint,
    aws_ssm_parameter.recipient,
  ]
}

################################################################################
# Programs
################################################################################

locals {
  _programs_folder  = "/usr/local/libexec/sftp"
  _instance_folder  = "${path.module}/instance"
  _parameters       = "/${var.name}/sftp"
  _instance_scripts = fileset(local._instance_folder, "*.{sh,py}")
  _instance_units   = fileset(local._instance_folder, "*.{service,timer}")

  _settings = {
    AWS_DEFAULT_OUTPUT = "json"
    AWS_DEFAULT_REGION = local.region
    AWS_PAGER          = ""
    SFTP_BUCKET        = var.bucket
    SFTP_FINGERPRINT   = "${local._parameters}/host-key-fingerprint"
    SFTP_HOST_KEY      = join("", values(aws_secretsmanager_secret.host_key)[*].arn)
    SFTP_LOG_GROUP     = local.log_group_name
    SFTP_RECEIPTS      = local.receipts_arn
    SFTP_RECIPIENTS    = "${local._parameters}/recipients"
    SFTP_SERVER        = var.name
  }

  # Each file that cloud-init writes on the instance: its path, mode and content.
  instance_files = merge(
    {
      for file in local._instance_scripts : "${local._programs_folder}/${file}" => {
        mode = "0755", content = file("${local._instance_folder}/${file}")
      }
    },
    {
      for file in local._instance_units : "/etc/systemd/system/${file}" => {
        mode = "0644", content = file("${local._instance_folder}/${file}")
      }
    },
    {
      "/etc/systemd/system/sftp-updates.timer.d/window.conf" = {
        mode = "0644"
        content = templatefile("${local._instance_folder}/window.conf.tftpl", {
          day = var.instance.update_day, hour = format("%02d", var.instance.update_hour)
        })
      }
      "/etc/sftp/settings.env" = {
        mode    = "0644"
        content = join("", [for name, value in local._settings : "${name}=${value}\n"])
      }
      "/etc/sftp/sshd_config" = {
        mode = "0644"
        content = templatefile("${local._instance_folder}/sshd_config.tftpl", {
          banner = var.banner != null
        })
      }
    },
    var.banner == null ? {} : {
      "/etc/sftp/banner" = { mode = "0644", content = var.banner }
    },
  )

  cloud_config = {
    # No administrator has a key for the machine. Session Manager is the only way to log in.
    disable_root = true
    packages     = ["mount-s3"]
    runcmd       = [["${local._programs_folder}/setup.sh"]]
    ssh_pwauth   = false
    # The installation of updates needs more memory than the 512 MB of the smallest type.
    swap = { filename = "/swap", size = 1073741824, maxsize = 1073741824 }
    write_files = [
      for path, file in local.instance_files : {
        path = path, permissions = file.mode, content = file.content
      }
    ]
  }
  user_data = base64gzip("#cloud-config\n${yamlencode(local.cloud_config)}")
}

################################################################################
# Host key
################################################################################

locals {
  _host_key_prefix = "${var.name}/sftp-host-key-"
}

# The instance writes the host key to this secret at its first start, so that no Terraform state
# contains the key.
resource "aws_secretsmanager_secret" "host_key" {
  for_each = local._instance

  #checkov:skip=CKV2_AWS_57: recipients trust this key; a rotation would break every login
  # The name has a random suffix, because AWS keeps the name of a deleted secret for 30 days.
  name_prefix = local._host_key_prefix
  description = "Private host key of the SFTP server ${var.name}."
  kms_key_id  = var.kms_key_arn

  tags = var.tags
}

resource "aws_ssm_parameter" "host_key_fingerprint" {
  for_each = local._instance

  #checkov:skip=CKV2_AWS_34: a fingerprint is public
  name           = "${local._parameters}/host-key-fingerprint"
  description    = "Fingerprint of the host key of the SFTP server ${var.name}."
  insecure_value = "The instance writes it at its first start."
  type           = "String"

  tags = var.tags

  lifecycle {
    ignore_changes = [insecure_value]
  }
}

################################################################################
# Recipients
################################################################################

locals {
  _instance_recipients = {
    for user, recipient in local._on_instance ? var.recipients : {} : user => jsonencode({
      prefix = recipient.prefix
      keys = sort([
        for key in values(recipient.public_keys) :
        join(" ", slice(split(" ", "${trimspace(key)} "), 0, 2))
      ])
    })
  }
}

# The instance reads these parameters every minute, so that a new key needs no new instance.
resource "aws_ssm_parameter" "recipient" {
  for_each = local._instance_recipients

  #checkov:skip=CKV2_AWS_34: public keys are public
  name           = "${local._parameters}/recipients/${each.key}"
  description    = "Prefix and public keys of the recipient ${each.key}."
  insecure_value = each.value
  type           = "String"

  tags = var.tags

  lifecycle {
    precondition {
      condition     = length(local.overlaps[each.key]) == 0
      error_message = local.overlap_messages[each.key]
    }

    precondition {
      # https://docs.aws.amazon.com/general/latest/gr/ssm.html
      condition = length(each.value) <= 4096
      error_message = join(" ", [
        "recipients: prefix and public_keys of \"${each.key}\" have ${length(each.value)}",
        "characters, but a parameter holds 4096. Remove keys, or use ed25519 keys.",
      ])
    }
  }
}

################################################################################
# Recovery
################################################################################

locals {
  _recoveries = merge([
    for key in keys(local._instance) : {
      recover = { instance = key, metric = "StatusCheckFailed_System" }
      reboot  = { instance = key, metric = "StatusCheckFailed_Instance" }
    }
  ]...)
}

resource "aws_cloudwatch_metric_alarm" "recovery" {
  for_each = local._recoveries

  alarm_name          = "${var.name}-sftp-${each.key}"
  alarm_description   = "EC2 will ${each.key} the SFTP server ${var.name}."
  alarm_actions       = ["arn:${local.partition}:automate:${local.region}:ec2:${each.key}"]
  comparison_operator = "GreaterThanOrEqualToThreshold"
  dimensions          = { InstanceId = aws_instance.this[each.value.instance].id }
  # EC2 reboots the instance only after 5 failed minutes. If EC2 rebooted an instance that is still
  # starting, the reboots would never end.
  evaluation_periods = each.key == "reboot" ? 5 : 2
  metric_name        = each.value.metric
  namespace          = "AWS/EC2"
  period             = 60
  statistic          = "Maximum"
  threshold          = 1

  tags = var.tags
}
