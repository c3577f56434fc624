#!/bin/bash
# Sets up the SFTP server at the first start of the machine. cloud-init has written all files before.
set -euo pipefail

# Their settings and drop-in files, such as those of EC2 Instance Connect, must not open another way in.
systemctl mask --now sshd.service sshd.socket sshd-keygen.target

groupadd --force --system recipients
install -d -m 0755 /etc/sftp /etc/sftp/keys /etc/sftp/prefixes /srv/sftp
install -d -m 0700 /var/lib/sftp

# Amazon Linux 2023 stays at the release of its image, unless this variable says otherwise:
# https://docs.aws.amazon.com/linux/al2023/ug/deterministic-upgrades-usage.html
install -d /etc/dnf/vars
echo latest >/etc/dnf/vars/releasever

systemctl daemon-reload
units=(sftp-journal.service sftp-server.service sftp-recipients.timer sftp-updates.timer)
systemctl enable "${units[@]}"
systemctl start --no-block "${units[@]}"
