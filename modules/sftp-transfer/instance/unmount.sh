#!/bin/bash
# Unmounts the folder of a recipient. Ends the recipient's sessions, because they would see only errors. Also
# ends unfinished logins, because sshd may have read a public key that was removed afterwards.
set -euo pipefail

while mountpoint -q "/srv/sftp/$1" || [[ $(stat "/srv/sftp/$1" 2>&1) == *"not connected"* ]]; do
  umount --lazy "/srv/sftp/$1"
done
# Before a session starts, the processes of a connection belong to root and to sshd. Their titles
# contain the user's name before sshd reads the user's public keys: "sshd: NAME [priv]" and
# "sshd: NAME [net]". OpenSSH 9.8 and later use the names sshd-session and sshd-auth:
# https://www.openssh.com/txt/release-9.8
# A process can start a session while pkill looks for processes, so look twice. A user name has no special
# characters of regular expressions. pkill returns 1 if there is no process.
for _ in 1 2; do
  pkill -KILL -f "^sshd(-session|-auth)?: $1 \[(priv|net)\]" || [[ $? == 1 ]]
  if id "$1" >/dev/null 2>&1; then
    pkill -KILL -u "$1" || [[ $? == 1 ]]
  fi
done
