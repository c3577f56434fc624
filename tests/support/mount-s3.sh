#!/bin/bash
# Replaces Mountpoint for Amazon S3 in tests: accepts the same arguments, and mounts the bucket with rclone.
set -euo pipefail
while [[ $1 == --* ]]; do
  case $1 in
    --foreground | --read-only | --allow-other) shift ;;
    --prefix) prefix=$2; shift 2 ;;
    *) shift 2 ;;
  esac
done
authority=$AWS_CA_BUNDLE
unset AWS_CA_BUNDLE  # rclone does not accept AWS_CA_BUNDLE
exec rclone --config /dev/null mount ":s3:$1/$prefix" "$2" --s3-provider Other --s3-env-auth \
  --s3-endpoint "$AWS_ENDPOINT_URL" --s3-region eu-west-1 --ca-cert "$authority" --read-only \
  --allow-other --uid 0 --gid 0 --dir-perms 0755 --file-perms 0444 --dir-cache-time 1s --attr-timeout 1s
