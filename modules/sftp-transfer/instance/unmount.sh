#!/bin/bash
# Removes the remaining mount of a recipient, and ends the sessions of its user, which would see only errors.
set -euo pipefail

while mountpoint -q "/srv/sftp/$1" || [[ $(stat "/srv/sftp/$1" 2>&1) == *"not connected"* ]]; do
  umount --lazy "/srv/sftp/$1"
done
if id "$1" >/dev/null 2>&1; then
  # It is no failure if there is no session.
  pkill -KILL -u "$1" || [[ $? == 1 ]]
fi
