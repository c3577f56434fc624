#!/bin/bash
# Sets up the SFTP server at the first start of the machine, after cloud-init has written all files.
set -euo pipefail

# Turns off the SSH server of the image, because its settings can allow logins of people who are not
# recipients, for example by EC2 Instance Connect. sftp-server.service starts a separate SSH server.
systemctl mask --now sshd.service sshd.socket sshd-keygen.target

groupadd --force --system recipients
install -d -m 0755 /etc/sftp /etc/sftp/keys /etc/sftp/prefixes /srv/sftp
install -d -m 0700 /var/lib/sftp

# Without this variable, Amazon Linux 2023 installs only packages of the release of its image:
# https://docs.aws.amazon.com/linux/al2023/ug/deterministic-upgrades-usage.html
install -d /etc/dnf/vars
echo latest >/etc/dnf/vars/releasever

systemctl daemon-reload
units=(sftp-journal.service sftp-server.service sftp-recipients.timer sftp-updates.timer)
systemctl enable "${units[@]}"
systemctl start --no-block "${units[@]}"
