#!/bin/bash
# Removes what is left of a recipient's mount, and ends its sessions: they would see only errors.
set -euo pipefail

while mountpoint -q "/srv/sftp/$1" || [[ $(stat "/srv/sftp/$1" 2>&1) == *"not connected"* ]]; do
  umount --lazy "/srv/sftp/$1"
done
if id "$1" >/dev/null 2>&1; then
  # No session is no failure.
  pkill -KILL -u "$1" || [[ $? == 1 ]]
fi
