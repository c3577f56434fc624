#!/bin/bash
# Fetches the host key of the server. The first machine creates the key, and every later machine
# gets the same key.
set -euo pipefail
umask 077

key=/etc/sftp/host_key
if [[ -s $key ]]; then
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fetch() {
  aws secretsmanager get-secret-value --secret-id "$SFTP_HOST_KEY" \
    --query SecretString --output text
}

if ! fetch >"$work/key" 2>"$work/error"; then
  # The secret has no value yet.
  if ! grep -q ResourceNotFoundException "$work/error"; then
    cat "$work/error" >&2
    exit 1
  fi
  ssh-keygen -q -t ed25519 -N '' -C '' -f "$work/new"
  # All machines send the same token, and Secrets Manager accepts only one value per token.
  aws secretsmanager put-secret-value --secret-id "$SFTP_HOST_KEY" \
    --client-request-token "$(printf %s "$SFTP_HOST_KEY" | sha256sum | cut -c 1-64)" \
    --secret-string "file://$work/new" >/dev/null || echo "Another machine has made the key." >&2
  fetch >"$work/key"
fi

ssh-keygen -y -f "$work/key" >"$work/key.pub"
fingerprint=$(ssh-keygen -l -f "$work/key.pub" | cut -d ' ' -f 2)
aws ssm put-parameter --name "$SFTP_FINGERPRINT" --value "$fingerprint" --overwrite >/dev/null
install -m 0600 "$work/key" "$key.new"
mv "$key.new" "$key"
