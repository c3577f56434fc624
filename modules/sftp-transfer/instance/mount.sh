#!/bin/bash
# Mounts the bucket prefix of one recipient. The recipient's SFTP session sees the mounted folder as
# "/".
set -euo pipefail

prefix=$(cat "/etc/sftp/prefixes/$1")
# sshd accepts a root folder only if root owns it and nobody else can write to it.
exec mount-s3 --foreground --read-only --allow-other --uid 0 --gid 0 \
  --dir-mode 0755 --file-mode 0444 --max-threads 4 --metadata-ttl minimal \
  --prefix "$prefix/" "$SFTP_BUCKET" "/srv/sftp/$1"
