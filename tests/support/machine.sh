#!/bin/bash
# Usage: machine.sh PACKAGES FOLDER SHOWN... Starts systemd with a separate root folder. systemd sees the files of this
# machine and of PACKAGES, and its writes stay in memory. It can see the SHOWN folders, too, even if they are in /tmp or
# on another disk. The caller starts this script in separate namespaces.
set -euo pipefail

packages=$1 folder=$2
shift 2
mount --make-rprivate /
mount -t tmpfs machine "$folder"
mkdir "$folder/root" "$folder/upper" "$folder/work"
# A layer of an overlay must not contain another layer. The layer / contains PACKAGES, so copy the packages.
cp -a "$packages" "$folder/packages"
mount -t overlay overlay \
  -o "lowerdir=$folder/packages:/,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
cd "$folder/root"
mount -t proc proc proc
# The machine must not change kernel settings, because they belong to the host.
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup sys/fs/cgroup
for empty in run tmp etc/systemd/system dev; do
  mount -t tmpfs machine "$empty"
done
for shown in "$@"; do
  mkdir -p ".$shown"
  mount --bind "$shown" ".$shown"
  mount -o remount,bind,ro ".$shown"
done
for node in null zero full random urandom tty fuse; do
  touch "dev/$node"
  mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mkdir old
pivot_root . old
umount --lazy old
rmdir old
ip link set lo up
for unit in systemd-{sysctl,modules-load,remount-fs,logind,tmpfiles-setup,tmpfiles-clean}; do
  ln -s /dev/null "/etc/systemd/system/$unit.service"
done
# Create the user sshd, because the package of OpenSSH is only unpacked and its installer does not run.
id sshd >/dev/null 2>&1 || useradd --system --no-create-home --home-dir /run/sshd --shell /usr/sbin/nologin sshd
path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
exec env -i container=extracts PATH=$path /usr/lib/systemd/systemd --unit=multi-user.target --show-status=no
