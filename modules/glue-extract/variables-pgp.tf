################################################################################
# Encryption
################################################################################

locals {
  # Version of Python in each version of Glue:
  # https://docs.aws.amazon.com/glue/latest/dg/migrating-version-60.html
  glue_pythons = { "5.1" = "3.11", "6.0" = "3.13" }
}

variable "pgp" {
  description = <<-EOT
    Encryption of the files with OpenPGP, for a spec with `encryption=Pgp()`. If null, no file is
    encrypted.
    - `public_keys`  - Public keys of the recipients in ASCII armor, keyed like `recipients` and
                       then by a name of your choice. Each text contains one key. One of
                       the recipient's keys is enough to decrypt a file.
    - `wheel_path`   - Local path of the wheel of `pysequoia` for the Python of `job.glue_version`:
                       3.13 for Glue 6.0, 3.11 for Glue 5.1. The job installs the wheel without a
                       network.
    - `wheel_sha256` - (Optional) SHA-256 of the wheel, as PyPI shows it. A plan fails if the wheel
                       has another digest.
  EOT
  type = object({
    public_keys  = map(map(string))
    wheel_path   = string
    wheel_sha256 = optional(string)
  })
  default = null

  validation {
    condition = alltrue([
      for key in keys(try(var.pgp.public_keys, {})) : contains(keys(var.recipients), key)
    ])
    error_message = "pgp: each key of the map public_keys must be a key of recipients."
  }

  validation {
    condition = try(length(var.pgp.public_keys), 1) > 0 && alltrue([
      for keys in try(values(var.pgp.public_keys), []) : length(keys) > 0
    ])
    error_message = "pgp: public_keys must not be empty, and each recipient in it needs a key."
  }

  validation {
    condition = alltrue([
      for key in try(flatten([for keys in var.pgp.public_keys : values(keys)]), []) :
      !can(regex("BEGIN PGP PRIVATE KEY", key))
    ])
    error_message = join(" ", [
      "pgp: public_keys must not have a private key. Remove it from your files, and tell the",
      "recipient that it is no longer secret.",
    ])
  }

  validation {
    condition = alltrue([
      for key in try(flatten([for keys in var.pgp.public_keys : values(keys)]), []) :
      can(regex("-----BEGIN PGP PUBLIC KEY BLOCK-----", key))
    ])
    error_message = join(" ", [
      "pgp: a public key must be text in ASCII armor, for example file(\"first-bank.asc\"), not a",
      "path.",
    ])
  }

  validation {
    condition = var.pgp == null || try(fileexists(var.pgp.wheel_path) && can(regex(
      format(
        "^pysequoia-[0-9.]+-cp%s-cp[0-9]+-manylinux.*_x86_64[.]whl$",
        replace(local.glue_pythons[var.job.glue_version], ".", "")
      ), basename(var.pgp.wheel_path)
    )), false)
    error_message = join(" ", [
      "pgp: wheel_path must be an existing wheel of pysequoia for Linux on x86_64, with cp313 in",
      "its name for Glue 6.0 and cp311 for Glue 5.1.",
    ])
  }
  validation {
    condition = try(var.pgp.wheel_sha256, null) == null || try(
      filesha256(var.pgp.wheel_path) == lower(var.pgp.wheel_sha256), false
    )
    error_message = join(" ", [
      "pgp: wheel_path must be a wheel with the SHA-256 in wheel_sha256. Download the wheel again,",
      "and compare both with PyPI.",
    ])
  }
}
