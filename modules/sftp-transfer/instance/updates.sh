#!/bin/bash
# Installs security updates, and restarts the machine if an update requires a restart.
set -euo pipefail

dnf --assumeyes upgrade --security
if ! dnf needs-restarting --reboothint; then
  systemctl reboot
fi
