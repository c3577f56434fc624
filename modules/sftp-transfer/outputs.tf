################################################################################
# Server
################################################################################

output "endpoint" {
  description = "Host name to give to recipients; in a VPC, one that is resolved there."
  value       = local.server.endpoint
}

output "host_key_fingerprint" {
  description = "Fingerprint to give to recipients by another way, so that they know the server."
  value       = local.server.host_key_fingerprint
}

output "server" {
  description = "What other extracts take as their `server`, to join this one."
  value       = local.server
}

output "server_id" {
  description = "Server to look at in the console."
  value       = local.server.id
}

################################################################################
# Users
################################################################################

output "users" {
  description = "Per key of `recipients`: the user name to give out, its role and its folder."
  value = {
    for key, user in aws_transfer_user.this : key => {
      user_name = user.user_name
      role_arn  = user.role
      prefix    = var.recipients[key].prefix
    }
  }
}
