#!/bin/sh
# Runs inside a fresh debootstrap tree and makes of it what Debian's published slim image is:
# security updates in, documentation and caches out, and nothing that packages start by themselves.
set -eu
suite=$1

{
  sed "s# ${suite} # ${suite}-updates #" /etc/apt/sources.list
  sed "s#/debian ${suite} #/debian-security ${suite}-security #" /etc/apt/sources.list
} >/etc/apt/sources.list.d/updates.list

cat >/etc/apt/apt.conf.d/holdfast <<'CONF'
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::GzipIndexes "true";
CONF
cat >/etc/dpkg/dpkg.cfg.d/holdfast <<'CONF'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/man/*
force-unsafe-io
CONF
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 0755 /usr/sbin/policy-rc.d

apt-get update
DEBIAN_FRONTEND=noninteractive apt-get -y upgrade
apt-get clean
find /usr/share/doc -type f ! -name copyright -delete
find /usr/share/doc -type d -empty -delete
rm -rf /usr/share/info/* /usr/share/locale/* /usr/share/man/* \
  /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/*.log \
  /var/log/apt/* /etc/hostname /etc/resolv.conf /etc/machine-id
