variable "recipients" {
  description = <<-EOT
    Recipients of files, keyed by SFTP user name.
    - `folder`             - Absolute path of the folder on the recipient's server.
    - `prefix`             - Bucket prefix that the recipient sees as `/`, without leading or
                             trailing slash.
    - `secret_arn`         - ARN of the secret with `Username` and `PrivateKey` for the recipient's
                             server.
    - `trusted_host_keys`  - Host keys of the recipient's server, in OpenSSH format, of type
                             `ssh-rsa`, `ecdsa-sha2-nistp256`, `ecdsa-sha2-nistp384` or
                             `ecdsa-sha2-nistp521`.
    - `url`                - URL of the recipient's server, for example
                             `sftp://sftp.example.com:22`.
    - `public_keys`        - (Optional) OpenSSH public keys, keyed by device name. Without keys the
                             user cannot log in.
    - `push`               - (Optional) Server to which files are sent. Required in mode
                             "connector".
    - `secret_kms_key_arn` - (Optional) ARN of the KMS key that encrypts the secret, if it is a
                             customer managed key.
  EOT
  type = map(object({
    prefix      = string
    public_keys = optional(map(string), {})
    push = optional(object({
      folder             = string
      secret_arn         = string
      trusted_host_keys  = set(string)
      url                = string
      secret_kms_key_arn = optional(string)
    }))
  }))
  default  = {}
  nullable = false

  ##############################################################################
  # User names
  ##############################################################################

  validation {
    # https://docs.aws.amazon.com/transfer/latest/userguide/create-user.html
    condition     = !contains(keys(var.recipients), "root")
    error_message = "recipients: AWS blocks the user name \"root\"; choose another one."
  }

  validation {
    # Names of IAM roles are unique regardless of case.
    condition = length(var.recipients) == length(distinct([
      for user in keys(var.recipients) : lower(user)
    ]))
    error_message = "recipients: user names must not differ only in upper and lower case."
  }

  validation {
    # Step Functions recommends these characters for the names of state machines that write logs.
    condition = var.mode != "connector" || alltrue([
      for user in keys(var.recipients) : can(regex("^[A-Za-z0-9_-]+$", user))
    ])
    error_message = join(" ", [
      "recipients: in mode \"connector\", a user name must have only letters, digits, \"-\" and",
      "\"_\", because a state machine is named after it.",
    ])
  }

  validation {
    # The name of a state machine is NAME_push_USER, and has at most 80 characters.
    condition = var.mode != "connector" || alltrue([
      for user in keys(var.recipients) : length(var.name) + length(user) <= 74
    ])
    error_message = join(" ", [
      "recipients: in mode \"connector\", name and user name must have at most 74 characters",
      "together, because a state machine is named after them.",
    ])
  }

  validation {
    # Names that useradd accepts, except the accounts that Amazon Linux 2023 already has.
    condition = var.mode != "instance" || alltrue([
      for user in keys(var.recipients) : can(regex("^[a-z][a-z0-9_-]{0,31}$", user))
      && !can(regex("^systemd-|-user$", user)) && !contains([
        "adm", "bin", "chrony", "daemon", "dbus", "ftp", "games", "halt", "libstoragemgmt", "lp",
        "mail", "nobody", "operator", "rngd", "rpc", "rpcuser", "shutdown", "sshd", "sync",
        "tcpdump", "tss",
      ], user)
    ])
    error_message = join(" ", [
      "recipients: in mode \"instance\", a user name must have 1 to 32 lowercase letters, digits,",
      "\"-\" and \"_\", begin with a letter, and not be an account of Amazon Linux such as",
      "\"bin\", \"sshd\" or \"ec2-user\".",
    ])
  }

  ##############################################################################
  # Prefixes
  ##############################################################################

  validation {
    condition = alltrue([
      for r in var.recipients :
      r.prefix != "" && !can(regex("^/|/$|[*?$[:cntrl:]]", r.prefix))
    ])
    error_message = join(" ", [
      "recipients: prefix must not start or end with a slash and must not contain \"*\", \"?\",",
      "\"$\" or control characters, for example \"loans/bank_name=FirstBank\".",
    ])
  }

  validation {
    # IAM policies cannot contain characters above U+FFFF, and AWS does not document that "?"
    # matches such a character.
    condition = alltrue([
      for r in var.recipients : !can(regex("[^\\x{0000}-\\x{FFFF}]", r.prefix))
    ])
    error_message = join(" ", [
      "recipients: prefix must not contain characters beyond U+FFFF, such as emoji, because IAM",
      "policies cannot express them.",
    ])
  }

  ##############################################################################
  # Public keys
  ##############################################################################

  validation {
    condition = alltrue(flatten([
      for r in var.recipients : [
        for key in r.public_keys : !can(regex("^\\s*---- ?BEGIN SSH2 PUBLIC KEY", key))
      ]
    ]))
    error_message = join(" ", [
      "recipients: public_keys must not hold a key in RFC 4716 format (\"---- BEGIN SSH2 PUBLIC",
      "KEY ----\"); convert it with: ssh-keygen -i -f key.pub",
    ])
  }

  validation {
    condition = alltrue(flatten([
      for r in var.recipients : [for key in r.public_keys : !can(regex("^\\s*sk-", key))]
    ]))
    error_message = join(" ", [
      "recipients: public_keys must not hold a key of a hardware token (sk-...), because AWS",
      "Transfer Family does not accept it; use an ed25519, ECDSA or RSA key.",
    ])
  }

  validation {
    condition = alltrue(flatten([
      for r in var.recipients : [
        for key in r.public_keys : can(regex(
          "^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+={0,3}( [^\n]*)?$",
          trimspace(key),
        )) || can(regex("^\\s*(---- ?BEGIN SSH2|sk-)", key))
      ]
    ]))
    error_message = join(" ", [
      "recipients: a public key must be one line in OpenSSH format of type ssh-ed25519, ssh-rsa or",
      "ecdsa-sha2-nistp256, -nistp384 or -nistp521, for example \"ssh-ed25519 AAAA... laptop\".",
    ])
  }

  validation {
    condition = alltrue([
      for r in var.recipients : length(r.public_keys) == length(distinct([
        for key in r.public_keys : join(" ", slice(split(" ", "${trimspace(key)} "), 0, 2))
      ]))
    ])
    error_message = "recipients: a recipient must not have the same public key under two devices."
  }

  ##############################################################################
  # Push
  ##############################################################################

  validation {
    condition = alltrue([
      for r in var.recipients : (r.push != null) == (var.mode == "connector")
    ])
    error_message = join(" ", [
      "recipients: in mode \"connector\", every recipient must have push; in the other modes, none",
      "may have it.",
    ])
  }

  validation {
    condition = alltrue([
      for r in var.recipients :
      can(regex("^sftp://[A-Za-z0-9.-]+(:[0-9]{1,5})?$", r.push.url)) && length(r.push.url) <= 255
      if r.push != null
    ])
    error_message = join(" ", [
      "recipients: push.url must be a host and optionally a port, in up to 255 characters, for",
      "example \"sftp://sftp.example.com:22\".",
    ])
  }

  validation {
    condition = alltrue([
      for r in var.recipients : startswith(r.push.folder, "/") if r.push != null
    ])
    error_message = "recipients: push.folder must be an absolute path, for example \"/incoming\"."
  }

  validation {
    condition = alltrue([
      for r in var.recipients : can(regex(
        "^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:", r.push.secret_arn,
      )) if r.push != null
    ])
    error_message = join(" ", [
      "recipients: push.secret_arn must be the ARN of a secret, for example",
      "\"arn:aws:secretsmanager:eu-west-1:123456789012:secret:aws/transfer/first-bank-AbCdEf\".",
    ])
  }

  ##############################################################################
  # Types of host keys: see SftpConnectorConfig, and "Security policies for SFTP connectors" in the
  # user guide
  ##############################################################################

  validation {
    condition = alltrue([
      for r in var.recipients :
      length(r.push.trusted_host_keys) >= 1 && length(r.push.trusted_host_keys) <= 10
      if r.push != null
    ])
    error_message = "recipients: push.trusted_host_keys must have 1 to 10 keys."
  }

  validation {
    condition = alltrue(flatten([
      for r in var.recipients : [
        for key in r.push.trusted_host_keys : !can(regex("^\\s*ssh-ed25519\\b", key))
      ] if r.push != null
    ]))
    error_message = join(" ", [
      "recipients: push.trusted_host_keys must not hold an ed25519 key, because connectors accept",
      "only RSA and ECDSA host keys; ask for the server's ssh-rsa or ecdsa-sha2-nistp256 key.",
    ])
  }

  validation {
    condition = alltrue(flatten([
      for r in var.recipients : [
        for key in r.push.trusted_host_keys : !can(regex("^\\s*rsa-sha2-", key))
      ] if r.push != null
    ]))
    error_message = join(" ", [
      "recipients: push.trusted_host_keys must have the type ssh-rsa for an RSA key; rsa-sha2-256",
      "and rsa-sha2-512 are signature algorithms of the same key.",
    ])
  }

  validation {
    condition = alltrue(flatten([
      for r in var.recipients : [
        for key in r.push.trusted_host_keys : !can(regex("^\\s*\\S+\\s+(ssh|ecdsa)-\\S+ AAAA", key))
      ] if r.push != null
    ]))
    error_message = join(" ", [
      "recipients: push.trusted_host_keys must begin with the key type; remove the host name that",
      "ssh-keyscan prints before it, so that \"sftp.example.com ssh-rsa AAAA...\" becomes",
      "\"ssh-rsa AAAA...\".",
    ])
  }

  validation {
    condition = alltrue(flatten([
      for r in var.recipients : [
        for key in r.push.trusted_host_keys : can(regex(
          "^(ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+={0,3}( [^\n]*)?$",
          trimspace(key),
        )) || can(regex("^\\s*(ssh-ed25519\\b|rsa-sha2-|\\S+\\s+(ssh|ecdsa)-\\S+ AAAA)", key))
      ] if r.push != null
    ]))
    error_message = join(" ", [
      "recipients: a key in push.trusted_host_keys must be one line in OpenSSH format of type",
      "ssh-rsa or ecdsa-sha2-nistp256, -nistp384 or -nistp521, for example \"ssh-rsa AAAA...\".",
    ])
  }
}
