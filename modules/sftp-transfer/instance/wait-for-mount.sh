#!/bin/bash
# Waits until the bucket prefix of a recipient is mounted.
set -euo pipefail

for _ in {1..150}; do
  if mountpoint -q "/srv/sftp/$1"; then
    exit 0
  fi
  sleep 0.2
done
echo "/srv/sftp/$1 was not mounted within 30 seconds." >&2
exit 1
