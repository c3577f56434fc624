#!/bin/bash
# Installs security updates, and restarts the machine if one of them needs it.
set -euo pipefail

dnf --assumeyes upgrade --security
if ! dnf needs-restarting --reboothint; then
  systemctl reboot
fi
