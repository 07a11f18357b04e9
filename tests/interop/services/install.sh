#!/usr/bin/env bash
# The real systems that connectors are tested against, on a Debian machine. A part NAME alone: install.sh NAME…
# Nothing is started here: tests start what they need, on ports and in folders of their own.
set -euo pipefail
cd "$(dirname "$0")"

debian_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg -s "$package" > /dev/null 2>&1 || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  # a policy that refuses keeps the packages from starting their services on the usual ports
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

debian_packages postgresql redis-server mosquitto mariadb-server nats-server
for part in ./*/install.sh; do
  [ -e "$part" ] || continue
  "$part"
done
