#!/bin/bash
# Mounts the prefix of one recipient as the folder that its SFTP session sees as "/".
set -euo pipefail

prefix=$(cat "/etc/sftp/prefixes/$1")
# sshd accepts a root folder only if it belongs to root and nobody else can write to it.
exec mount-s3 --foreground --read-only --allow-other --uid 0 --gid 0 \
  --dir-mode 0755 --file-mode 0444 --max-threads 4 --metadata-ttl minimal \
  --prefix "$prefix/" "$SFTP_BUCKET" "/srv/sftp/$1"
