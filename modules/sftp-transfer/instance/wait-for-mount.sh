#!/bin/bash
# Waits until the recipient's files are there.
set -euo pipefail

for _ in {1..150}; do
  if mountpoint -q "/srv/sftp/$1"; then
    exit 0
  fi
  sleep 0.2
done
echo "/srv/sftp/$1 was not mounted within 30 seconds." >&2
exit 1
